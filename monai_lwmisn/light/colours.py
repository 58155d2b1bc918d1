"""The colours of classes, wherever they are drawn. Needs no library."""

from __future__ import annotations

_COLOURS = ("#00c2a8", "#ffb000", "#dc267f", "#648fff", "#fe6100")
"""Colour-blind people can distinguish them too."""

__all__ = ["class_colour"]


def class_colour(value: int) -> str:
    """Return the colour of a class, as ``#rrggbb``; they repeat after the fifth.

    Args:
        value: of the class in a mask, from 1 on.
    """
    return _COLOURS[(value - 1) % len(_COLOURS)]
