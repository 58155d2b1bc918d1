"""A run folder as `lwmisn search` leaves it, with a small network."""

from pathlib import Path

from monai_lwmisn.config import resolve, write_configs
from monai_lwmisn.data import read_dataset, split_datalist, write_datalist
from tests.networks.small import small_genotype


def make_run(run: Path, preset: str, data: Path, slices: int = 1) -> Path:
    """Write the configurations, the datalist, whose test images are missing, and the genotype."""
    configs = resolve(preset)
    stages = ("search", "train", "evaluate")
    write_configs(run, {stage: {**configs[stage], "bundle_root": str(run)} for stage in stages})
    settings = configs["train"]["data"]
    items = read_dataset(settings["dataset"], data)
    datalist = split_datalist(items, test_fraction=0.25, validation_fraction=0.34)
    datalist["test"] = [{**item, "image": "missing.png", "label": "missing.png"} for item in datalist["test"]]
    write_datalist(datalist, run / "datalist.json")
    small_genotype(settings["in_channels"], settings["out_channels"], slices=slices).save(run / "genotype.json")
    return run
