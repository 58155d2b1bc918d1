"""How the threads of torch wait for each other."""

from __future__ import annotations

import os


def sleep_early() -> None:
    """Let threads that wait for others sleep soon instead of spinning; to be called before torch is imported.

    GNU's OpenMP, with which torch computes on Linux, spins for a long time after each of the many small operations of
    a light network. Beside one busy program on two cores, epochs of a search took 135 to 163 s so, and take 6 to 11 s
    as set here; alone, 2.6 s instead of 2.4. Twenty pictures were segmented in 8.2 s instead of 10.8; alone, in 6.7
    instead of 6.3. One inference takes up to a quarter longer, so commands that measure times leave it as it is. What
    the user has set is kept.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
