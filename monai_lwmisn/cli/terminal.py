"""Prints for the user, and keeps waiting threads from slowing down other programs."""

from __future__ import annotations

import os


def say(text: str) -> None:
    """Print a text; in a run of several processes only the first process prints."""
    if int(os.environ.get("RANK", 0)) == 0:
        print(text, flush=True)


def sleep_early() -> None:
    """Let waiting threads of torch sleep soon; call it before torch is imported.

    torch computes on Linux with GNU's OpenMP, whose threads by default spin for a long time after each of the many
    small operations of a light network. Beside other programs on the same cores, spinning makes an epoch many times
    slower:

        measured on 2 cores              spinning      sleeping early
        epoch of a search, beside work   135 to 163 s  6 to 11 s
        epoch of a search, alone         2.4 s         2.6 s
        20 pictures, beside work         10.8 s        8.2 s
        20 pictures, alone               6.3 s         6.7 s

    One inference takes up to a quarter longer, so commands that measure times do not call this function. A value that
    the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
