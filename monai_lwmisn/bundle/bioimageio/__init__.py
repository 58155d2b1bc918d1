"""Writes packages of BioImage.IO, which Fiji, QuPath, ilastik and other programs of microscopy open."""
