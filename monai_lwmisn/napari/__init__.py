"""The plug-in for napari: segments the chosen layer with a bundle. napari and Qt are imported by ``widget`` alone."""
