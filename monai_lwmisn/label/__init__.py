"""Serves bundles with MONAI Label: masks, images worth labelling, and training on what is labelled."""
