"""Start and resume the steps of a run in its folder; what survives one that fails is in :mod:`.rollback`."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monai_lwmisn.config import execute, load_preset, override, read_config, read_configs, resolve, write_configs
from monai_lwmisn.data.relocation import relocate_datalist
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.rollback import undone_unless_begun


def search(
    run: Path,
    *,
    preset: str | None = None,
    variant: str | None = None,
    data: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    resume: bool = False,
) -> None:
    """Search a network, or go on with a search that was interrupted.

    Args:
        run: the run folder, to be made; with ``resume`` the one to go on in.
        preset: see :func:`monai_lwmisn.config.load_preset`; with ``resume`` the run's, or left out.
        variant: ``light`` (None: the same) or ``paper``; with ``resume`` the run's, or left out.
        data: the data set as downloaded; needed with ``resume`` only if it has moved.
        overrides: values of the configuration by key.
        resume: go on from the checkpoint in ``run``.

    Raises:
        ConfigError: when ``run`` is occupied, or with ``resume`` has nothing to resume or was begun with another
            preset, variant or strategy, or a setting is wrong.
        DataError: when the data set has moved and a file of the run is missing in it.
    """
    overrides = overrides or {}
    if resume:
        _check_resumable(run, "search")
        before = read_configs(run)
        _check_same_kind(run, before["search"], preset, variant, overrides)
        configs = override(before, overrides)
    else:
        if _is_first_process() and run.exists() and (not run.is_dir() or any(run.iterdir())):
            raise ConfigError(f"{run} is not empty: give a new --out, or add --resume to go on with the search in it.")
        if preset is None or data is None:
            raise ConfigError("A new search needs both --preset and --data; only --resume takes them from the run.")
        configs = resolve(preset, variant or "light", overrides)
    places = {"bundle_root": str(run.absolute())} | ({} if data is None else {"dataset_dir": os.path.abspath(data)})
    configs = {workflow: {**config, **places} for workflow, config in configs.items()}
    with _stage(run, "search", configs, made=[] if resume else [run]) as folder:
        datalist = run / "datalist.json"
        if resume and data is not None and _is_first_process() and datalist.exists():
            relocate_datalist(datalist, before["search"]["dataset_dir"], data)
        execute(folder / "configs" / "search.json", resume=resume)


def train(run: Path, *, overrides: Mapping[str, Any] | None = None, resume: bool = False) -> None:
    """Train the network that a search found, or go on with a training that was interrupted.

    Args:
        run: a run folder with a genotype.json.
        overrides: values of the configuration by key; they are kept in the run.
        resume: go on from the checkpoint in ``run``.

    Raises:
        ConfigError: when ``run`` is no run, was trained before, or with ``resume`` has nothing to resume.
    """
    configs = override(read_configs(run), overrides or {})
    if resume:
        _check_resumable(run, "train")
    elif (run / "train" / "checkpoint.pt").exists():
        raise ConfigError(f"{run} has been trained: add --resume to go on, or remove {run / 'train'} to start again.")
    with _stage(run, "train", configs, made=[] if resume else [run / "train", run / "models"]) as folder:
        execute(folder / "configs" / "train.json", bundle_root=str(run.absolute()), resume=resume)


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


@contextmanager
def _stage(run: Path, stage: str, configs: Mapping[str, Mapping[str, Any]], made: list[Path]) -> Iterator[Path]:
    """The folder with the configurations: the run's, written by the first process, or a copy for each of the others."""
    if _is_first_process():
        with undone_unless_begun(run, stage, made):
            write_configs(run, configs)
            yield run
        return
    with tempfile.TemporaryDirectory() as folder:
        write_configs(Path(folder), configs)
        yield Path(folder)


def _is_first_process() -> bool:
    # torchrun's variable: the processes have not joined yet, and only one of them may touch the folder.
    return int(os.environ.get("RANK", 0)) == 0


def _check_resumable(run: Path, stage: str) -> None:
    read_config(run, stage)
    if not (run / stage / "checkpoint.pt").exists():
        raise ConfigError(f"{run} has no {stage}/checkpoint.pt to resume from: leave --resume out.")


def _check_same_kind(
    run: Path, config: Mapping[str, Any], preset: str | None, variant: str | None, overrides: Mapping[str, Any]
) -> None:
    """Refuse to resume with a preset, variant or strategy that the run was not begun with."""
    asked = {"variant": variant, "strategy": overrides.get("strategy")}
    if preset is not None:
        asked["preset"] = load_preset(preset, variant or config.get("variant", "light")).get("preset")
    for name, value in asked.items():
        if value is not None and value != config.get(name):
            raise ConfigError(
                f"{run} was begun with the {name} '{config.get(name)}', not '{value}': "
                f"leave --{name} out to resume it, or give a new --out."
            )
