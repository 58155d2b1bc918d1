"""Drawings of the cells of a genotype."""
