"""Trains on a quarter and on half of the cases, which tells what more labels would likely bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from monai_lwmisn.config import read_config
from monai_lwmisn.data import read_datalist, write_datalist
from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.rollback import find_state
from monai_lwmisn.run import evaluate, search, train
from monai_lwmisn.training.epochs_done import read_epochs_done

SHARES = {"quarter": 0.25, "half": 0.5}
"""Of the cases of the training part."""

FEWEST = 4
"""Cases of the training part below which a quarter of them teaches nothing."""

__all__ = ["SHARES", "cases_of", "train_on_share"]


def cases_of(run: Path) -> list[str]:
    """Return the independent cases of the training part of a run, each once."""
    return list(dict.fromkeys(map(_case, read_datalist(run / "datalist.json")["training"])))


def train_on_share(run: Path, folder: Path, share: float, preset: str, data: Path) -> dict[str, Any]:
    """Train the network of a run with the same steps on some of its training cases, and measure it on its test part.

    Args:
        run: the finished run.
        folder: the run folder to make; where an earlier call was interrupted it goes on.
        share: of the training cases, drawn by the seed of the split.
        preset: the name or file of that of the run.
        data: the data set.

    Returns:
        The content of metrics.json, with ``training_cases``.
    """
    config = read_config(run, "train")
    settings = {f"train.{name}": config["train"][name] for name in ("warmup_epochs", "ema_decay")}
    # The steps are those of the run, so that fewer labels are the only difference.
    settings |= {f"train.{name}": round(config["train"][name] / share) for name in ("epochs", "val_interval")}
    if not (folder / "genotype.json").exists():
        given = {"search.strategy": "given", "search.genotype": str((run / "genotype.json").absolute())}
        fold = {} if config["data"]["folds"] is None else {"data.fold": config["data"]["fold"]}
        search(folder, preset=preset, data=data, settings={**given, **fold})
    datalist, cases = read_datalist(run / "datalist.json"), cases_of(run)
    count = max(1, round(share * len(cases)))
    kept = set(np.random.default_rng(config["data"]["seed"]).permutation(cases)[:count].tolist())
    part = [item for item in datalist["training"] if _case(item) in kept]
    done = read_epochs_done(folder)
    if done is None or not done.is_finished:
        write_datalist({**datalist, "training": part}, folder / "datalist.json")
        train(folder, settings=settings, resume=find_state(folder, "train") is not None)
    metrics = evaluate(folder, settings={"evaluate.costs": False})
    return {**metrics, "training_cases": count}


def _case(item: Item) -> str:
    return str(item.get("group", item["case"]))
