"""Run folders with made data and a small hand-written genotype, ready to be trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_lwmisn.config import CONFIGS, load_preset
from monai_lwmisn.data import read_dataset, split_datalist, write_datalist
from tests.networks.small import small_genotype

PHANTOMS = {
    "nuclei": "nuclei_phantom",
    "liver_ct": "ct_phantom",
    "prostate_mr": "mr_phantom",
    "hippocampus_mr": "msd_phantom",
}

QUICK = {
    "train_epochs": 2,
    "train_batch_size": 4,
    "train_warmup_epochs": 1,
    "val_interval": 1,
    "recalibration_batches": 1,
    "ema_decay": 0.9,
    "device": "cpu",
}

# The crops of the preset are larger than the made images.
FLIP = {"_target_": "RandFlipd", "keys": ["image", "label"], "prob": 0.5, "spatial_axis": 0}


@pytest.fixture
def make_run(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Makes a run folder as a search leaves it: configurations, datalist, genotype."""

    def make(name: str = "run", preset: str = "nuclei", variant: str = "light", **settings: Any) -> Path:
        run = tmp_path / name
        (run / "configs").mkdir(parents=True)
        values = load_preset(preset, variant)
        if preset == "nuclei":
            values["augmentation"] = [FLIP]
        for workflow in ("train", "evaluate"):
            config = ConfigParser.load_config_file(CONFIGS / f"{workflow}.json")
            config = {**config, **values, **QUICK, **settings, "bundle_root": str(run)}
            ConfigParser.export_config_file(config, run / "configs" / f"{workflow}.json", indent=2)
        items = read_dataset(values["layout"], request.getfixturevalue(PHANTOMS[preset]))
        write_datalist(split_datalist(items, test_fraction=0.34, validation_fraction=0.34), run / "datalist.json")
        small_genotype(values["in_channels"], values["out_channels"]).save(run / "genotype.json")
        return run

    return make
