"""What commands say on the terminal."""

from __future__ import annotations

import os


def say(text: str) -> None:
    """Print, in a run of several processes only from the first."""
    if int(os.environ.get("RANK", 0)) == 0:
        print(text, flush=True)
