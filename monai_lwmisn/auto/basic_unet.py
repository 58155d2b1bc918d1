"""Trains MONAI's BasicUNet on the same images for the same time, to compare with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from monai_lwmisn.config import execute, read_configs, write_configs
from monai_lwmisn.files import read_json

LEARNING_RATE = 0.001
"""That of Adam, as in MONAI's tutorials."""

EPOCHS = 100_000
"""More than any time is enough for; the time ends the training."""

__all__ = ["train_basic_unet"]


def train_basic_unet(run: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """Train a BasicUNet of MONAI's default widths with Adam at a constant rate, and measure it on the test part.

    It has the images, augmentation, crops, batches and loss of the other run, and keeps its best weights on the
    validation part, as that run does.

    Args:
        run: the finished run to compare with.
        folder: the run folder to make; where an earlier call was interrupted it goes on.
        seconds: time of the training.

    Returns:
        The content of metrics.json.
    """
    configs = {stage: config for stage, config in read_configs(run).items() if stage in ("train", "evaluate")}
    network = {
        "_target_": "BasicUNet",
        "spatial_dims": 2,
        "in_channels": "@data::in_channels",
        "out_channels": "@data::out_channels",
    }
    for config in configs.values():
        config |= {"bundle_root": str(folder.absolute()), "network_def": network}
        config["neighbours"]["slices"] = 1
    train, evaluate = configs["train"], configs["evaluate"]
    train["cache_dir"] = str((run / "cache").absolute())
    train["train"] |= {"start": None, "epochs": EPOCHS, "ema_decay": 0.0, "recalibration_batches": 0}
    train["train"] |= {"optimizer": "Adam", "learning_rate": LEARNING_RATE, "weight_decay": 0.0}
    train["lr_scheduler"] = {
        "_target_": "torch.optim.lr_scheduler.ConstantLR",
        "optimizer": "@optimizer",
        "factor": 1.0,
    }
    budget = {"_target_": "monai_lwmisn.engines.stopping.TimeBudget", "seconds": seconds, "folder": "@output_dir"}
    train["train"]["handlers"].insert(0, budget)
    evaluate["evaluate"]["costs"] = False
    write_configs(folder, configs)
    shutil.copyfile(run / "datalist.json", folder / "datalist.json")
    execute(folder / "configs" / "train.json", resume=(folder / "train" / "checkpoint.pt").is_file())
    execute(folder / "configs" / "evaluate.json")
    return read_json(folder / "evaluation" / "metrics.json")
