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
    "--set=architecture.node_width=[4,4]",
    "--set=architecture.cells.encoder=1",
    "--set=architecture.cells.middle=1",
    "--set=architecture.cells.decoder=1",
]
SMALL = [
    *NETWORK,
    "--set=data.augmentation=[]",
    "--set=search.strategy=differentiable",
    "--set=search.alpha_groups=stages",
    "--set=search.epochs=2",
    "--set=search.alpha_seeds=1",
    "--set=search.warmup_epochs=1",
    "--set=train.epochs=2",
    "--set=train.val_interval=1",
    "--set=search.lambda_latency=0",  # or every operation is timed first
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
