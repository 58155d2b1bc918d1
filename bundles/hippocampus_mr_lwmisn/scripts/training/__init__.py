"""Retraining of the network a genotype describes, and its evaluation."""
