"""Provides `lwmisn`, whose commands read arguments, call one function and print its result."""

from monai_lwmisn.cli.program import main

__all__ = ["main"]
