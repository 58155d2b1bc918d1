"""Segments pictures that do not fit into memory: OME-TIFF, BigTIFF and OME-Zarr, region by region.

:mod:`.segment` is the way of one picture; the network comes from outside, as any :class:`.job.PartPredictor`.
"""
