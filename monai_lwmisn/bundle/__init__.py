"""Writes trained runs as MONAI Bundles, and checks bundles."""
