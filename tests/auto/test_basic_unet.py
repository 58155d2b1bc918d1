"""MONAI's BasicUNet has the images of a run, the time that it is given, and its own weights."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.networks.nets import BasicUNet

from monai_lwmisn.auto.basic_unet import train_basic_unet
from monai_lwmisn.config import read_config
from monai_lwmisn.data import read_datalist
from monai_lwmisn.engines.history import read_history


def test_it_is_trained_on_the_same_images_until_its_time_is_up(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "basic_unet"
    metrics = train_basic_unet(small_run, folder, seconds=0.1)
    assert len(read_history(folder / "train" / "history.jsonl")) == 1
    assert read_datalist(folder / "datalist.json") == read_datalist(small_run / "datalist.json")
    assert len(metrics["cases"]) == len(read_datalist(small_run / "datalist.json")["test"])
    weights = torch.load(folder / "models" / "model.pt", weights_only=True)
    assert {*weights} == {*BasicUNet(2, 3, 1).state_dict()}
    ours, other = read_config(small_run, "train"), read_config(folder, "train")
    assert other["data"] == ours["data"] and other["loss"] == ours["loss"]
    assert train_basic_unet(small_run, folder, seconds=0.1)["mean"] == metrics["mean"]  # its time is up
