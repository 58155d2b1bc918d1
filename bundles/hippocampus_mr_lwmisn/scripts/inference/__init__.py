"""From a volume or picture on disk to a mask on the same grid, slice by slice; what bundles carry in their scripts."""
