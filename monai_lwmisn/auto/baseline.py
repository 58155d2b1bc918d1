"""Measures the trivial baseline: a threshold by Otsu's method on each test image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser
from monai.transforms import Compose
from skimage.filters import threshold_otsu

from monai_lwmisn.config import read_config
from monai_lwmisn.data import read_datalist


def otsu_dice(run: Path) -> list[float]:
    """Return the Dice of the foreground, all classes together, of each test image of a run.

    The side of the threshold is the one that holds the foreground of the training images better.

    Args:
        run: a run folder with its datalist.json.
    """
    load = Compose(ConfigParser(read_config(run, "evaluate")).get_parsed_content("data::loading"))
    parts = read_datalist(run / "datalist.json")

    def both(item: Any) -> np.ndarray:
        content = load({"image": item["image"], "label": item["label"]})
        image, truth = np.asarray(content["image"]).mean(axis=0), np.asarray(content["label"]).max(axis=0) > 0
        bright = image > threshold_otsu(image) if np.ptp(image) > 0 else np.zeros(image.shape, bool)
        return np.array([_dice(found, truth) for found in (bright, ~bright)])

    learned = np.mean([both(item) for item in parts["training"][:10]], axis=0)
    side = int(np.argmax(learned))
    return [float(both(item)[side]) for item in parts["test"]]


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0
