"""Measure a trained network: its accuracy on images, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.workflow.config import execute, override, read_config


def evaluate(
    run: Path, *, data: Path | None = None, split: str = "test", overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run the evaluation of a run or bundle.

    ``metrics.json`` and ``overlays.png`` are written to the folder that :func:`evaluation_folder` gives.

    Args:
        run: a folder with ``configs/evaluate.json``, ``genotype.json`` and ``models/model.pt``.
        data: another data set in the same layout, all of which is measured.
        split: ``test``, ``validation``, ``training`` or ``all`` of the run's own data.
        overrides: values of the configuration by key, for this time only.

    Returns:
        What metrics.json holds: ``mean``, ``cases`` and, besides, ``params``, ``macs``, ``latency_ms`` and
        ``peak_memory_mb`` of the network.

    Raises:
        ConfigError: when ``run`` is not such a folder, a setting is wrong, or a split of other data is asked for.
        GenotypeError, CheckpointError, DataError: when one of its files, or the data, cannot be used.
    """
    override({"evaluate": read_config(run, "evaluate")}, overrides or {})
    if data is not None and split != "test":
        raise ConfigError(
            f"{data} has no part '{split}', all of another data set is measured: leave --split or --data out."
        )
    output = evaluation_folder(run.absolute(), data=data, split=split)
    execute(
        run / "configs" / "evaluate.json",
        **{
            "bundle_root": str(run.absolute()),
            "output_dir": str(output),
            "evaluate_split": split,
            "evaluate_data": None if data is None else str(data.absolute()),
            **(overrides or {}),
        },
    )
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


def evaluation_folder(run: Path, *, data: Path | None = None, split: str = "test") -> Path:
    """Where the evaluation is written: ``evaluation`` in the folder for the test part.

    Other images get a folder of their own in it, named after the part, or ``other-`` and the name of the data set.
    """
    if data is not None:
        return run / "evaluation" / f"other-{data.resolve().name}"
    return run / "evaluation" if split == "test" else run / "evaluation" / split
