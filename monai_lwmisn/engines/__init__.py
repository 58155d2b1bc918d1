"""What search and training share: checkpoints, randomness, progress, configuration."""
