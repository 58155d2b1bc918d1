"""`lwmisn`: each command reads arguments, calls one function and prints what it gives."""

from monai_lwmisn.cli.program import main

__all__ = ["main"]
