"""How each data set format is checked and loaded in these tests."""

from pathlib import Path
from typing import Any

from monai.transforms import Compose

from monai_lwmisn.config import resolve
from monai_lwmisn.data import DataReport, check_data
from monai_lwmisn.data.datasets.base import Item

PRESETS = {"dsb2018": "nuclei", "chaos_ct": "liver_ct", "promise12": "prostate_mr", "msd": "hippocampus_mr"}
"""The preset of each format; ``folder`` stands for volumes with one class."""


def check(dataset: str, path: Path, **changed: Any) -> DataReport:
    """Check a data set as the preset of its format does, or that given, with some settings changed."""
    data = resolve(changed.pop("preset", PRESETS.get(dataset, "liver_ct")))["evaluate"]["data"]
    return check_data(dataset, path, {**data, **changed}, progress=False)


def load(dataset: str, item: Item, preset: str | None = None) -> dict[str, Any]:
    """Load image and label as every stage of a run does."""
    from monai.bundle import ConfigParser

    parser = ConfigParser(resolve(preset or PRESETS[dataset])["train"])
    return Compose(parser.get_parsed_content("data::loading"))(item)
