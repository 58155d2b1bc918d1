"""`lwmisn` called as a user calls it, and settings with which a search is small enough for a test."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from monai_lwmisn import cli

# A search small enough for a test: cells of four channels per node, two epochs, whole images of 64x64.
NETWORK = [
    "--set=node_width=[4,4]",
    "--set=encoder_cells=1",
    "--set=middle_cells=1",
    "--set=decoder_cells=1",
]
SMALL = [
    *NETWORK,
    "--set=augmentation=[]",
    "--set=search_epochs=2",
    "--set=search_warmup_epochs=1",
    "--set=train_epochs=2",
    "--set=val_interval=1",
    "--set=lambda_latency=0",  # or every operation is timed first
    "--set=device=cpu",
]


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


def lwmisn(*arguments: object) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


def process(command: Sequence[object]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def is_one_sentence(text: str) -> bool:
    return text.startswith("lwmisn: ") and text.count("\n") == 1 and "Traceback" not in text
