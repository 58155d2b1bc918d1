"""Run folders with made data and a small hand-written genotype, ready to be trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn.config import resolve, write_configs
from monai_lwmisn.data import read_dataset, split_datalist, write_datalist
from tests.networks.small import small_genotype

PHANTOMS = {
    "nuclei": "nuclei_phantom",
    "liver_ct": "ct_phantom",
    "prostate_mr": "mr_phantom",
    "hippocampus_mr": "msd_phantom",
}

QUICK = {
    "train.epochs": 2,
    "train.batch_size": 4,
    "train.warmup_epochs": 1,
    "train.val_interval": 1,
    "train.recalibration_batches": 1,
    "train.ema_decay": 0.9,
    "device": "cpu",
}

# The crops of the preset are larger than the made images.
FLIP = {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0}


@pytest.fixture
def make_run(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Makes a run folder as a search leaves it: configurations, datalist, genotype."""

    def make(
        name: str = "run", preset: str = "nuclei", variant: str = "light", settings: dict[str, Any] | None = None
    ) -> Path:
        run = tmp_path / name
        flips = {"data.augmentation": [FLIP]} if preset == "nuclei" else {}
        configs = resolve(preset, variant, {**flips, **QUICK, **(settings or {})})
        stages = ("search", "train", "evaluate")
        write_configs(run, {stage: {**configs[stage], "bundle_root": str(run)} for stage in stages})
        data = configs["train"]["data"]
        items = read_dataset(data["dataset"], request.getfixturevalue(PHANTOMS[preset]))
        write_datalist(split_datalist(items, test_fraction=0.34, validation_fraction=0.34), run / "datalist.json")
        small_genotype(data["in_channels"], data["out_channels"]).save(run / "genotype.json")
        return run

    return make
