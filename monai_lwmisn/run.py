"""The three stages of a run in its folder: search, train, evaluate."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from monai_lwmisn.config import (
    execute,
    load_preset,
    override,
    override_stage,
    read_config,
    read_configs,
    resolve,
    write_configs,
)
from monai_lwmisn.data.relocation import relocate_datalist
from monai_lwmisn.errors import ConfigError, FigureWarning, InputWarning
from monai_lwmisn.locks import LOCK, check_unwritten, is_empty, only_writer
from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.rollback import find_state, remove, restore_on_failure

PathLike = str | os.PathLike[str]

SPLIT_SETTINGS = tuple(
    f"data.{name}"
    for name in (
        "dataset",
        "split_by",
        "test_fraction",
        "validation_fraction",
        "folds",
        "fold",
        "seed",
        "label_names",
        "group_by",
    )
)
"""The settings that the datalist of a run is made with."""


def search(
    run: PathLike,
    *,
    preset: str | None = None,
    variant: str | None = None,
    data: PathLike | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
) -> Genotype:
    """Search a network on a data set, or resume a search that was interrupted.

    Args:
        run: the run folder to be made; with ``resume`` the one to resume.
        preset: see :func:`monai_lwmisn.config.load_preset`; with ``resume`` the run's, or left out.
        variant: ``light`` (the default) or ``paper``; with ``resume`` the run's, or left out.
        data: the data set as downloaded; with ``resume`` only if it has moved.
        settings: values by dotted key, such as ``{"search.epochs": 10}``, of this and the later stages; see
            docs/settings.md.
        resume: resume from the checkpoint in ``run``.

    Returns:
        The genotype that was found; it is also in ``run/genotype.json``.

    Raises:
        ConfigError: ``run`` is not empty; or with ``resume`` has nothing to resume or was begun with another preset,
            variant or strategy; or a setting is wrong.
        DataError: the data cannot be used, or have moved and a file is missing.
        BudgetError: no network keeps the budget.
    """
    run, settings = Path(run), settings or {}
    if resume:
        _check_resumable(run, "search")
    elif preset is None or data is None:
        raise ConfigError("A new search needs both --preset and --data; only --resume takes them from the run.")
    places = {"bundle_root": str(run.absolute())} | ({} if data is None else {"dataset_dir": os.path.abspath(data)})
    configs: dict[str, Any] = {} if resume else resolve_for(data, str(preset), variant or "light", settings)
    configs.pop("inference", None)  # it is made from that of the evaluation when a bundle is written
    with _writing(run) as killed:
        if killed and not resume:
            resume = _can_go_on(run, "search", {stage: {**config, **places} for stage, config in configs.items()})
            if not resume:
                _clear_unbegun(run)
        if resume:
            before = read_configs(run)
            settings = {key: value for key, value in settings.items() if not _is_derived(key, value)}
            _check_same_kind(run, before["search"], preset, variant, settings)
            _check_split(run, before["search"]["data"], settings)
            configs = override(before, settings)
        elif _is_first_process() and not is_empty(run):
            raise ConfigError(f"{run} is not empty: give a new --out, or add --resume to resume the search in it.")
        configs = {stage: {**config, **places} for stage, config in configs.items()}
        with _stage(run, "search", configs, made=[] if resume else [run]) as folder:
            datalist = run / "datalist.json"
            if resume and data is not None and _is_first_process() and datalist.exists():
                relocate_datalist(datalist, before["search"]["dataset_dir"], data)
            execute(folder / "configs" / "search.json", resume=resume)
    return Genotype.load(run / "genotype.json")


def train(run: PathLike, *, settings: Mapping[str, Any] | None = None, resume: bool = False) -> Path:
    """Train the network that a search found, or resume a training that was interrupted.

    The steps of the post-processing that are used are then chosen on the validation part, unless the network has
    learned from it.

    Args:
        run: a run folder with a genotype.json.
        settings: values by dotted key, such as ``{"train.epochs": 10}``; they are kept in the run.
        resume: resume from the checkpoint in ``run``.

    Returns:
        The file of the weights.

    Raises:
        ConfigError: ``run`` is no run, its search is not finished, or it was trained before, or with ``resume`` has
            nothing to resume; or the training does not use a setting.
        TrainingError: the loss is not finite.
    """
    run = Path(run)
    configs = override_stage(read_configs(run), "train", settings or {})
    with _writing(run) as killed:
        if not (run / "genotype.json").exists() and find_state(run, "search") is not None:
            raise ConfigError(
                f"The search in {run} is not finished: finish it first, with lwmisn search --out {run} --resume."
            )
        resume = resume or (killed and _can_go_on(run, "train", configs))
        if resume:
            _check_resumable(run, "train")
        elif (run / "train" / "checkpoint.pt").exists():
            raise ConfigError(
                f"{run} has been trained: add --resume to continue, or remove {run / 'train'} to start again."
            )
        with _stage(run, "train", configs, made=[] if resume else [run / "train", run / "models"]) as folder:
            execute(folder / "configs" / "train.json", bundle_root=str(run.absolute()), resume=resume)
            if _is_first_process():
                execute(folder / "configs" / "evaluate.json", run_id="choose", bundle_root=str(run.absolute()))
    return run / "models" / "model.pt"


def evaluate(
    run: PathLike, *, data: PathLike | None = None, split: str = "test", settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Measure a trained network: its accuracy on images, and what it costs.

    ``metrics.json`` and ``overlays.png`` are written to the folder that :func:`evaluation_folder` gives.

    Args:
        run: a run folder or a bundle, with ``configs/evaluate.json``, ``genotype.json`` and ``models/model.pt``.
        data: another data set in the same format, all of which is measured.
        split: ``test``, ``validation``, ``training`` or ``all`` of the run's own data.
        settings: values by dotted key for this evaluation only.

    Returns:
        The content of metrics.json: ``mean``, ``cases`` and, besides, ``params``, ``macs``, ``latency_ms`` and
        ``peak_memory_mb`` of the network. A training that is not finished is also said as :class:`FigureWarning`.

    Raises:
        ConfigError: ``run`` is no such folder or is being trained, the evaluation does not use a setting, or a split of
            other data is asked for.
        GenotypeError, CheckpointError, DataError: one of its files, or the data, cannot be used.
    """
    run = Path(run).absolute()
    settings = dict(settings or {})
    config = read_config(run, "evaluate")
    override_stage({"evaluate": config}, "evaluate", settings)
    if data is None and not config["dataset_dir"] and (run / "configs" / "metadata.json").is_file():
        raise ConfigError(f"{run} is a bundle, which holds no images: give those to measure it on as --data.")
    if data is not None and split != "test":
        raise ConfigError(f"{data} has no part '{split}', it is measured whole: leave --split or --data out.")
    check_unwritten(run)
    from monai_lwmisn.training.epochs_done import read_epochs_done  # it imports ignite, which search and train do later

    training = read_epochs_done(run)
    if training is not None and not training.is_finished:
        remedy = f"lwmisn train {run} --resume finishes it"
        warnings.warn(f"{training.sentence()} The figures are of these weights: {remedy}.", FigureWarning, stacklevel=2)
    output = evaluation_folder(run, data=data, split=split)
    # What is asked for is not chosen.
    places: dict[str, Any] = {"choice_file": None} if "inference.postprocessing" in settings else {}
    settings |= {"evaluate.split": split, "evaluate.other_data": None if data is None else os.path.abspath(data)}
    with only_writer(output):
        execute(
            run / "configs" / "evaluate.json",
            bundle_root=str(run),
            output_dir=str(output),
            **places,
            **{key.replace(".", "::"): value for key, value in settings.items()},
        )
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


def resolve_for(
    data: PathLike | None, preset: str, variant: str, overrides: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the configuration of each stage for a data set, with what it derives, which is said as InputWarning.

    Args:
        data: the folder or zip of the data set.
        preset: see :func:`monai_lwmisn.config.load_preset`.
        variant: see there.
        overrides: values by dotted key.

    Raises:
        ConfigError, BudgetError: see :func:`monai_lwmisn.config.resolve`.
        DataError: see :func:`monai_lwmisn.data.derived_settings.derive_settings`.
    """
    from monai_lwmisn.data.derived_settings import derive_settings  # it imports torch, which a help does without

    configs = resolve(preset, variant, overrides)
    derived = derive_settings(configs["evaluate"]["data"], str(data))
    if not derived:
        return configs
    for key, value in derived.items():
        warnings.warn(f"{key} is {json.dumps(value)}, as the data have it.", InputWarning, stacklevel=2)
    return resolve(preset, variant, {**overrides, **derived})


def evaluation_folder(run: PathLike, *, data: PathLike | None = None, split: str = "test") -> Path:
    """Return the folder that an evaluation is written to.

    It is ``evaluation`` in the run for the test part. Other images get a folder of their own in it, named after the
    part, or ``other-`` and the name of the data set.
    """
    folder = Path(run) / "evaluation"
    if data is not None:
        return folder / f"other-{Path(data).resolve().name}"
    return folder if split == "test" else folder / split


@contextmanager
def _writing(run: Path) -> Iterator[bool]:
    """Be the only writer of a run, see :func:`only_writer`; of several processes the first is, and none tells kills."""
    with only_writer(run) if _is_first_process() else nullcontext(False) as killed:
        yield killed and int(os.environ.get("WORLD_SIZE", 1)) == 1


def _can_go_on(run: Path, stage: str, configs: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a run has a checkpoint of a stage, and these configurations."""
    try:
        alike = read_configs(run) == json.loads(json.dumps(configs))
    except ConfigError:
        return False
    return alike and find_state(run, stage) is not None


def _clear_unbegun(run: Path) -> None:
    """Remove what a killed search left before its first checkpoint; nothing where there is anything else."""
    left = [path for path in run.iterdir() if path.name != LOCK]
    known = {"configs", "datalist.json", "genotype.json", "search", "cache"}
    if {path.name.removesuffix(".partial") for path in left} <= known and find_state(run, "search") is None:
        remove(left)


@contextmanager
def _stage(run: Path, stage: str, configs: Mapping[str, Mapping[str, Any]], made: list[Path]) -> Iterator[Path]:
    """Give the folder with the configurations: the first process writes the run's, each of the others a copy."""
    if _is_first_process():
        with restore_on_failure(run, stage, made):
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
    if find_state(run, stage) is None:
        raise ConfigError(f"{run} has no {stage}/checkpoint.pt to resume from: leave --resume out.")


def _check_same_kind(
    run: Path, config: Mapping[str, Any], preset: str | None, variant: str | None, settings: Mapping[str, Any]
) -> None:
    """Refuse to resume with a preset, variant or strategy that the run was not begun with."""
    begun = {**config, "strategy": config["search"]["strategy"]}
    asked = {"variant": variant, "strategy": settings.get("search.strategy")}
    if preset is not None:
        asked["preset"] = load_preset(preset, variant or config.get("variant", "light")).get("preset")
    for name, value in asked.items():
        if value is not None and value != begun.get(name):
            raise ConfigError(
                f"{run} was begun with the {name} '{begun.get(name)}', not '{value}': "
                f"leave --{name} out to resume it, or give a new --out."
            )


def _is_derived(key: str, value: Any) -> bool:
    """Return whether a setting was left to the data, from which the run has it."""
    return value is None and key in ("data.in_channels", "data.label_names")


def _check_split(run: Path, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse settings that would change the parts of a run whose images were dealt out."""
    if (run / "datalist.json").exists():
        for key in SPLIT_SETTINGS:
            if key in settings and settings[key] != data.get(key.removeprefix("data.")):
                raise ConfigError(f"{key} was used when the images were dealt out: start a new search to change it.")
