"""Measures the pace of a training on a user's own images, and estimates hours and memory before the start."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import torch
from monai.bundle import ConfigParser

from monai_lwmisn.config import read_config
from monai_lwmisn.data import read_datalist, write_datalist
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.errors import FigureWarning, InputWarning
from monai_lwmisn.run import search

STEPS, SECONDS = 6, 20.0
"""Steps that are timed, and the time after which no further one is begun."""

OTHER_IMAGES = 2
"""Images that the validation is timed on."""

SLOWER_SEARCH, EPOCHS_OF_TRIAL = 2.5, 7.0
"""Time of a step of a differentiable search by that of a training; epochs that a trial takes in the mean."""

FORWARD = 0.35
"""Time of a step without gradients by that of one with."""

FIXED = 25.0
"""Seconds of an evaluation for the costs of the network and its pictures."""


@dataclass(frozen=True)
class Pace:
    """What was timed.

    Attributes:
        step: seconds of a step of the training.
        image: seconds of an image or volume in the validation.
        load: seconds in which an image or volume is loaded and prepared.
        cached: bytes that one takes in memory.
        base: bytes that the program takes beside them.
        samples: images or slices of each part.
        items: images or volumes of each part.
    """

    step: float
    image: float
    load: float
    cached: float
    base: float
    samples: dict[str, int]
    items: dict[str, int]

    def per_step(self, preset: Mapping[str, Any]) -> float:
        """Seconds of a step with its share of the validations.

        Args:
            preset: settings with the interval and the batch size.
        """
        train = preset["train"]
        return self.step + self._validation(train) / (train["val_interval"] * self._steps(train))

    def _steps(self, train: Mapping[str, Any]) -> int:
        return max(1, self.samples["training"] // train["batch_size"])

    def _validation(self, train: Mapping[str, Any]) -> float:
        recalibration = min(train.get("recalibration_batches", 20), self._steps(train)) * FORWARD * self.step
        return self.items["validation"] * self.image + recalibration

    def search_seconds(self, preset: Mapping[str, Any]) -> float:
        """Seconds of the search."""
        wanted, steps = preset["search"], self._steps(preset["train"]) * self.step
        if wanted["strategy"] == "given":
            return 0.0
        loading = self.load * (self.items["training"] + self.items["validation"])
        if wanted["strategy"] == "evolve":
            return loading + wanted["trials"] * EPOCHS_OF_TRIAL * steps
        return loading + wanted["epochs"] * wanted.get("alpha_seeds", 2) * SLOWER_SEARCH * steps

    def training_seconds(self, preset: Mapping[str, Any]) -> float:
        """Seconds of the training and evaluation of one network."""
        train, flips = preset["train"], 2 ** len(preset["inference"]["test_time_flips"])
        learning = train["epochs"] * self._steps(train) * self.per_step(preset)
        measured = (self.items["validation"] + self.items["test"]) * (self.image * flips + 2 * self.load)
        return learning + measured + self.load * (self.items["training"] + self.items["validation"]) + FIXED

    @property
    def memory(self) -> float:
        """Bytes at the peak."""
        return self.base + self.cached * (self.items["training"] + self.items["validation"])


def measure_pace(folder: Path, preset: Path, data: Path, genotype: Path | None) -> Pace:
    """Time some steps of a training, and the validation, on the first images.

    Args:
        folder: to work in; it is removed.
        preset: the preset.
        data: the data set.
        genotype: the network; None for a random one of the shape in the preset.
    """
    shutil.rmtree(folder, ignore_errors=True)
    settings: dict[str, Any] = {"search.strategy": "random", "data.num_workers": 0, "train.start": None}
    settings |= {f"search.{name}": None for name in ("budget_params", "budget_macs", "budget_latency_ms")}
    if genotype is not None:
        settings |= {"search.strategy": "given", "search.genotype": str(genotype)}
    try:
        with warnings.catch_warnings():  # the run itself says them
            for category in (InputWarning, FigureWarning):
                warnings.simplefilter("ignore", category)
            search(folder, preset=str(preset), data=data, settings=settings)
        config = read_config(folder, "train")
        parser = ConfigParser(config)
        if not (folder / "datalist.json").exists():
            parser.get_parsed_content("datalist")
        whole = read_datalist(folder / "datalist.json")
        items = {part: len(whole[part]) for part in PARTS}
        batch = config["train"]["batch_size"]
        few = {"training": 2 if config["data"]["volumetric"] else 2 * batch, "validation": OTHER_IMAGES}
        write_datalist(
            {**whole, **{part: whole[part][: few.get(part, len(whole[part]))] for part in PARTS}},
            folder / "datalist.json",
        )
        times, slices = _time(ConfigParser(config), batch)
        samples = (
            {part: round(count * slices) for part, count in items.items()} if config["data"]["volumetric"] else items
        )
        return Pace(**times, samples=samples, items=items)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _time(parser: ConfigParser, batch: int) -> tuple[dict[str, float], float]:
    """Return the timed figures of :class:`Pace`, and how many images or slices of a case are trained on."""
    began = time.perf_counter()
    dataset = parser.get_parsed_content("train#dataset")
    validation = parser.get_parsed_content("validate#dataset")
    loaded = time.perf_counter() - began
    loader = parser.get_parsed_content("train#dataloader")
    network, loss = parser.get_parsed_content("network"), parser.get_parsed_content("loss")
    optimizer, device = parser.get_parsed_content("optimizer"), parser.get_parsed_content("torch_device")
    base = psutil.Process().memory_info().rss
    network.train()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    batches: Iterator[Any] = chain.from_iterable(repeat(loader))
    while len(times) < STEPS and time.perf_counter() < end:
        start = time.perf_counter()
        images = next(batches)
        optimizer.zero_grad()
        loss(network(images["image"].to(device)), images["label"].to(device)).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        # A batch of fewer images than the training's takes less.
        times.append((time.perf_counter() - start) * batch / len(images["image"]))
    start = time.perf_counter()
    parser.get_parsed_content("validate#evaluator").run()
    image = (time.perf_counter() - start) / len(validation)
    source = dataset.dataset
    cached = sum(value.nbytes for value in source[0].values() if isinstance(value, torch.Tensor))
    timed = {
        "step": median(times[1:] or times),
        "image": image,
        "load": loaded / (len(source) + len(validation)),
        "cached": float(cached),
        "base": float(max(base, psutil.Process().memory_info().rss)),
    }
    return timed, len(dataset) / len(source)


def estimate(pace: Pace, preset: Mapping[str, Any], networks: int) -> dict[str, Any]:
    """Return the content of estimate.json.

    Args:
        pace: what was timed.
        preset: the settings.
        networks: how many are trained.
    """
    searched, trained = pace.search_seconds(preset), networks * pace.training_seconds(preset)
    steps = networks * preset["train"]["epochs"] * max(1, pace.samples["training"] // preset["train"]["batch_size"])
    return {
        "seconds": round(searched + trained, 1),
        "search_seconds": round(searched, 1),
        "training_seconds": round(trained, 1),
        "memory_gib": round(pace.memory / 2**30, 2),
        "steps": steps,
        "pace": dataclasses.asdict(pace),
    }


def duration(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
