"""The options of the commands that segment, as far as they are about large pictures."""

from __future__ import annotations

import argparse

__all__ = ["add_large_options", "number_from_one"]


def add_large_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of large pictures to a command."""
    parser.add_argument(
        "--plane",
        type=_plane,
        metavar="z=3,c=1",
        help="which slice (z), moment (t) or channel (c) of an OME-TIFF or OME-Zarr that has several, from 1 on",
    )
    parser.add_argument(
        "--geojson", action="store_true", help="also write each object as a polygon, NAME_objects.geojson, for QuPath"
    )
    parser.add_argument(
        "--processes",
        type=number_from_one,
        default=1,
        metavar="N",
        help="that share a large picture (default: %(default)s)",
    )


def _plane(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        axis, _, number = part.partition("=")
        if axis not in ("c", "t", "z") or not number.isdecimal() or axis in found:
            raise argparse.ArgumentTypeError("give axes and numbers, each axis once, such as z=3 or z=3,c=1")
        found[axis] = int(number)
    return found


def number_from_one(text: str) -> int:
    """Return the number that an argument gives.

    Raises:
        argparse.ArgumentTypeError: it is none, or below 1.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return int(text)
