"""Reads every input of the table in tests/inputs, and writes docs/results/inputs.md and .json: what came of each.

python -m tools.write_inputs
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.inputs.outcomes import (
    DATA_SETS,
    OF_VOLUMES,
    REFUSED,
    REMARK,
    RIGHT,
    ROWS,
    Outcome,
    bundle_for,
    data_set_outcome,
    outcome,
)

PAGE = Path(__file__).parent.parent / "docs" / "results" / "inputs.md"
WRONG, ABSENT = "WRONG", "absent"
COLUMNS = (RIGHT, REMARK, REFUSED, WRONG, ABSENT)


def main() -> None:
    """Write the page."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        predictors = {volumetric: bundle_for(Path(place), volumetric) for volumetric in (False, True)}
        for row in ROWS:
            found.append(
                (row.kind, row.name, *_come_of(partial(outcome, row, predictor=predictors[row.kind in OF_VOLUMES])))
            )
        for data_set in DATA_SETS:
            found.append(("data set", data_set.name, *_come_of(partial(_check, data_set))))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    rows = [dict(zip(("format", "input", "outcome", "said"), row, strict=True)) for row in found]
    PAGE.with_suffix(".json").write_text(json.dumps({"commit": commit, "inputs": rows}, indent=1) + "\n")
    PAGE.write_text(_page(commit, found))
    print(_summary(found))


def _come_of(do: Callable[[Path], Outcome]) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as place:
        try:
            result, said = do(Path(place))
        except pytest.skip.Exception as reason:
            result, said = ABSENT, str(reason)
        except Exception as error:
            result, said = WRONG, f"{type(error).__name__}: {error}".splitlines()[0]
    return result, said.replace(f"{place}/", "").replace(place, "FOLDER")


def _check(data_set: Any, folder: Path) -> Outcome:
    out, err = io.StringIO(), io.StringIO()

    def capture() -> tuple[str, str]:
        said = out.getvalue(), err.getvalue()
        for stream in (out, err):
            stream.seek(0)
            stream.truncate()
        return said

    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return data_set_outcome(data_set, folder, capture)


def _summary(found: list[tuple[str, ...]]) -> str:
    counts = Counter((kind, result) for kind, _, result, _ in found)
    kinds = dict.fromkeys(kind for kind, *_ in found)
    lines = [f"| format | inputs | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for kind in kinds:
        row = [counts[kind, column] for column in COLUMNS]
        lines.append(f"| {kind} | {sum(row)} | {' | '.join(map(str, row))} |")
    total = [sum(counts[kind, column] for kind in kinds) for column in COLUMNS]
    return "\n".join([*lines, f"| all | {sum(total)} | {' | '.join(map(str, total))} |"])


def _page(commit: str, found: list[tuple[str, ...]]) -> str:
    rows = [f"| {kind} | {name} | {result} | {said.replace('|', '/')} |" for kind, name, result, said in found]
    return "\n".join(
        [
            "# What comes of each input",
            "",
            f"Written by `python -m tools.write_inputs` at commit {commit}.",
            "",
            _summary(found),
            "",
            "| format | input | outcome | what is said |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
