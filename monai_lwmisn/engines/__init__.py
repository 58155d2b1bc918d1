"""Holds what the loops of search and training share: seeds, checkpoints, history, processes, loaders, loss."""
