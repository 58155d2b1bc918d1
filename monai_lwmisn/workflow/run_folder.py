"""Start, resume and repeat the steps of a run in its folder: what may be overwritten, what is kept, what is removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import ConfigError

from .config import execute, override, read_config, read_configs, resolve, write_configs
from .progress import read_history


def search(
    run: Path,
    *,
    preset: str | None = None,
    variant: str = "light",
    data: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    resume: bool = False,
) -> None:
    """Search a network, or go on with a search that was interrupted.

    Args:
        run: the run folder, to be made; with ``resume`` the one to go on in.
        preset: see :func:`monai_lwmisn.workflow.config.load_preset`; taken from the run with ``resume``.
        variant: ``light`` or ``paper``.
        data: the data set, a folder or a zip; with ``resume`` only if it has moved.
        overrides: values of the configuration by key.
        resume: go on from the checkpoint in ``run``.

    Raises:
        ConfigError: when ``run`` is occupied, or with ``resume`` has nothing to resume, or a setting is wrong.
    """
    if resume:
        _check_resumable(run, "search")
        configs = override(read_configs(run), overrides or {})
    else:
        if _is_first_process() and run.exists() and (not run.is_dir() or any(run.iterdir())):
            raise ConfigError(f"{run} is not empty: give a new --out, or add --resume to go on with the search in it.")
        if preset is None or data is None:
            raise ConfigError("A new search needs both --preset and --data; only --resume takes them from the run.")
        configs = resolve(preset, variant, overrides)
    places = {"bundle_root": str(run.absolute())} | ({} if data is None else {"dataset_dir": str(data.absolute())})
    configs = {workflow: {**config, **places} for workflow, config in configs.items()}
    with _removed_unless_begun(run / "search", [] if resume else [run]), _written(run, configs) as folder:
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
    made = [] if resume else [run / "train", run / "models"]
    with _removed_unless_begun(run / "train", made), _written(run, configs) as folder:
        execute(folder / "configs" / "train.json", bundle_root=str(run.absolute()), resume=resume)


@contextmanager
def _written(run: Path, configs: Mapping[str, Mapping[str, Any]]) -> Iterator[Path]:
    """The folder with the configurations: the run's, written by the first process, or a copy for each of the others."""
    if _is_first_process():
        write_configs(run, configs)
        yield run
        return
    with tempfile.TemporaryDirectory() as folder:
        write_configs(Path(folder), configs)
        yield Path(folder)


@contextmanager
def _removed_unless_begun(stage: Path, made: list[Path]) -> Iterator[None]:
    """Remove what a failed stage made, unless there is something to resume from.

    That is an epoch that was finished or, after an interruption, the checkpoint of the state before the first.
    """
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt) and (stage / "checkpoint.pt").exists()
        if _is_first_process() and not (interrupted or read_history(stage / "history.jsonl")):
            for folder in made:
                shutil.rmtree(folder, ignore_errors=True)
        raise


def _is_first_process() -> bool:
    # torchrun's variable: the processes have not joined yet, and only one of them may touch the folder.
    return int(os.environ.get("RANK", 0)) == 0


def _check_resumable(run: Path, stage: str) -> None:
    read_config(run, stage)
    if not (run / stage / "checkpoint.pt").exists():
        raise ConfigError(f"{run} has no {stage}/checkpoint.pt to resume from: leave --resume out.")
