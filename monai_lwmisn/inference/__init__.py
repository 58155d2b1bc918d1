"""From an image on disk or in memory to a mask on its own grid, with the bundle that holds the network."""
