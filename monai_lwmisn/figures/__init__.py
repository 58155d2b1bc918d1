"""Drawings of the network of a genotype."""
