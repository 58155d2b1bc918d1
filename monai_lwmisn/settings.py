"""The settings a user changes most, for --help: what they mean, in which unit, and the default that the files have.

It reads the files by itself, because :mod:`.config` needs torch and a help should answer at once.
"""

from __future__ import annotations

import json
from pathlib import Path

from monai_lwmisn.files import read_json

CONFIGS = Path(__file__).parent / "configs"
EXAMPLE = "nuclei_light"
"""The preset whose defaults are shown."""

MEANINGS: dict[str, dict[str, str]] = {
    "search": {
        "search_epochs": "epochs",
        "search_warmup_epochs": "epochs before alpha is learned",
        "search_batch_size": "images or slices",
        "search_learning_rate": "of the weights (SGD)",
        "search_alpha_learning_rate": "of alpha (Adam)",
        "search_mode": "full, partial or single: what of the supernet runs",
        "node_width": "channels of a node, by level, finest first",
        "encoder_cells": "cells; decoder_cells as many, middle_cells any",
        "stem_stride": "pixels; 1, 2 or 4",
        "budget_params": "parameters, at most",
        "budget_macs": "multiply-accumulates per 256x256 image, at most",
        "budget_latency_ms": "ms per 256x256 image, at most",
        "max_parameter_free": "edges of a cell without weights, at most",
        "test_fraction": "share of all cases",
        "validation_fraction": "share of the cases that are not for the test",
        "seed": "the same seed gives the same result where lambda_latency is 0: times vary",
        "num_workers": "processes that load data",
        "device": "auto, cpu or cuda",
    },
    "train": {
        "train_epochs": "epochs",
        "train_parts": "parts to learn from; add validation for a last training that chooses nothing",
        "train_warmup_epochs": "epochs over which the learning rate rises",
        "train_batch_size": "images or slices",
        "train_optimizer": "AdamW, Adam, SGD or another of torch.optim",
        "train_learning_rate": "at its highest",
        "train_weight_decay": "of the optimizer",
        "ema_decay": "share of the average that a step keeps; 0: none",
        "val_interval": "epochs from one validation to the next",
        "seed": "the same seed gives the same result",
        "num_workers": "processes that load data",
        "device": "auto, cpu or cuda",
    },
    "evaluate": {
        "test_time_flips": "[0], [1] or [0, 1]: mean over images mirrored along these in-plane axes; [] is without",
        "slice_smoothing": "slices; sigma of the smoothing of a volume's logits along its slices; 0: none",
        "inference_batch_size": "slices or windows at a time",
        "empty_images": "rule for images without foreground",
        "surface_tolerance_mm": "mm; of the surface Dice",
        "num_workers": "processes that load data",
        "device": "auto, cpu or cuda",
    },
}
"""By workflow and key, the unit or meaning of its value."""


def describe_settings(workflow: str) -> str:
    """A table of the most used keys of a workflow, with units and defaults."""
    values = {**read_json(CONFIGS / f"{workflow}.json"), **read_json(CONFIGS / "presets" / f"{EXAMPLE}.json")}
    meanings = MEANINGS[workflow]
    defaults = {key: _as_text(values[key]) for key in meanings}
    key_width = max(map(len, meanings))
    default_width = max(map(len, defaults.values()))
    lines = [f"  {key:<{key_width}}  {defaults[key]:<{default_width}}  {meaning}" for key, meaning in meanings.items()]
    head = f"most used keys of --set, with their defaults in the preset {EXAMPLE.replace('_', ', variant ')}:"
    return "\n".join([head, *lines, f"all keys: RUN/configs/{workflow}.json of a run"])


def _as_text(value: object) -> str:
    """A value as one writes it after --set; an expression as what it computes."""
    if isinstance(value, str):
        return value.removeprefix("$").replace("@torch_device.type == 'cuda'", "cuda")
    return json.dumps(value, separators=(",", ":"))
