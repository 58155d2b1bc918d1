"""Trains the network that a genotype describes, and evaluates it."""
