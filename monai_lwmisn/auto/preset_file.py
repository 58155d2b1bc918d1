"""Writes a preset with a comment above every setting: its meaning, and why it has its value."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from monai_lwmisn.auto.decisions import Decision
from monai_lwmisn.files import write_atomically
from monai_lwmisn.settings import SECTIONS, all_settings

WIDTH = 100
INDENT = "    "

SECTION_WORDS = {
    "data": "How images and labels are read and prepared.",
    "architecture": "The shape of the network; the search chooses its operations.",
    "search": "How the network is searched for.",
    "train": "How the network is trained.",
    "inference": "How images are segmented.",
    "evaluate": "How segmentations are measured.",
}

TRANSFORM_WORDS = {
    "BrightForegroundd": "Inverts images with a bright background.",
    "FillHolesd": "Fills holes.",
    "KeepLargestConnectedComponentd": "Keeps the largest region of each class.",
    "NormalizeIntensityd": "Makes the mean 0 and the deviation 1.",
    "RandAdjustContrastd": "Changes the contrast.",
    "RandAffined": "Turns, scales and shifts a little.",
    "RandFlipd": "Mirrors along an axis.",
    "RandGaussianNoised": "Adds noise.",
    "RandGaussianSmoothd": "Blurs.",
    "RandRotate90d": "Turns by 90 degrees.",
    "RandScaleIntensityd": "Makes brighter or darker by a factor.",
    "RandShiftIntensityd": "Makes brighter or darker by a sum.",
    "RandSpatialCropd": "Cuts out a part.",
    "RandZoomd": "Makes larger or smaller.",
    "RemoveSmallObjectsd": "Removes small regions.",
    "Resized": "Gives another size in pixels.",
    "ResizeWithPadOrCropd": "Pads or cuts to one size.",
    "ScaleIntensityRanged": "Brings values between a_min and a_max to 0 and 1.",
    "ScaleIntensityRangePercentilesd": "Brings values between two percentiles to 0 and 1.",
    "Spacingd": "Gives another voxel spacing in mm; a number below 0 keeps that of the image.",
    "SpatialPadd": "Pads to a size.",
}
"""What the transforms do that :mod:`monai_lwmisn.auto.rules` decides on."""


def write_preset(decisions: Sequence[Decision], path: str | os.PathLike[str], about: str) -> None:
    """Write decisions as a preset that ``load_preset`` reads.

    Args:
        decisions: settings, each at most once.
        path: the file.
        about: a sentence about the data.

    Raises:
        CheckpointError: the file cannot be written.
    """
    write_atomically(preset_text(decisions, about).encode(), path)


def preset_text(decisions: Sequence[Decision], about: str) -> str:
    """Return decisions as JSON with comments."""
    lines = ["{"]
    lines += _comment("A preset made from data. Change any value; docs/settings.md has all settings.", 1)
    lines.append(f'{INDENT}"comment": {json.dumps(about)},')
    sections = [name for name in SECTIONS if any(decision.key.startswith(f"{name}.") for decision in decisions)]
    for number, name in enumerate(sections, start=1):
        own = [decision for decision in decisions if decision.key.startswith(f"{name}.")]
        lines += ["", *_comment(SECTION_WORDS[name], 1), f"{INDENT}{json.dumps(name)}: {{"]
        for place, decision in enumerate(own, start=1):
            meaning = all_settings()[decision.key].meaning
            lines += _comment(f"{meaning[0].upper()}{meaning[1:]}. {decision.reason}", 2)
            value = _value(decision.value)
            value[0] = f"{2 * INDENT}{json.dumps(decision.key.partition('.')[2])}: {value[0]}"
            lines += [*value[:-1], value[-1] + ("," if place < len(own) else "")]
        lines.append(INDENT + ("}," if number < len(sections) else "}"))
    return "\n".join([*lines, "}"]) + "\n"


def _value(value: Any) -> list[str]:
    """A value as lines: a list of transforms has a line for each, with a comment above it."""
    if not (isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)):
        return [json.dumps(value)]
    lines = ["["]
    for place, entry in enumerate(value, start=1):
        lines += _comment(TRANSFORM_WORDS[entry["_target_"].rpartition(".")[2]], 3)
        lines.append(f"{3 * INDENT}{json.dumps(entry)}" + ("," if place < len(value) else ""))
    return [*lines, f"{2 * INDENT}]"]


def _comment(text: str, level: int) -> Iterable[str]:
    start = f"{level * INDENT}// "
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False)
