"""MONAI Label: a server that runs bundles, offers the images worth labelling, and learns from what is labelled."""
