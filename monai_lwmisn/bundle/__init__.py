"""Writes finished runs as MONAI Bundles."""
