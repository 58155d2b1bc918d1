"""Chooses how the values of images are brought to one scale."""

from __future__ import annotations

from typing import Any

from monai_lwmisn.auto.fingerprint import Fingerprint

Steps = list[dict[str, Any]]

KEPT = 0.1
"""Share of the smallest class that may be cut off with the brightest values."""


def choose_intensity(data: Fingerprint) -> tuple[Steps, str]:
    """Return the transforms for the images of a fingerprint, and why, as a sentence."""
    if data.modality == "CT":
        return _of_ct(data)
    return _of_mr(data) if data.volumetric else _of_pictures(data)


def _of_ct(data: Fingerprint) -> tuple[Steps, str]:
    inside = data.foreground_values[0]
    margin = 0.3 * max(inside["99.5"] - inside["0.5"], 50.0)
    low, high = (5.0 * round(value / 5) for value in (inside["0.5"] - margin, inside["99.5"] + margin))
    window = {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": low, "a_max": high, "b_min": 0.0,
              "b_max": 1.0, "clip": True}  # fmt: skip
    found = f"{inside['0.5']:.0f} to {inside['99.5']:.0f} HU"
    return [window], f"The classes have {found} (percentiles 0.5 and 99.5); the window goes beyond by 30 % of that."


def _of_mr(data: Fingerprint) -> tuple[Steps, str]:
    masked = data.empty > 0.3
    steps: Steps = []
    reason = "Values of MR have no unit: each volume and channel gets mean 0 and deviation 1"
    if data.outliers > 2:
        steps.append({"_target_": "ScaleIntensityRangePercentilesd", "keys": "image", "lower": 0.5, "upper": 99.5,
                      "b_min": 0.0, "b_max": 1.0, "clip": True, "channel_wise": True})  # fmt: skip
        reason += f", after outliers are cut (the range is {data.outliers:.1f} times that of 99 % of the values)"
    steps.append({"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True, "nonzero": masked})
    return steps, reason + (f", without the {100 * data.empty:.0f} % that are empty." if masked else ".")


def _of_pictures(data: Fingerprint) -> tuple[Steps, str]:
    # Small bright objects must not be cut off with the outliers.
    tail = round(min(0.1, KEPT * 100 * min(facts.share for facts in data.classes)), 4)
    scale = {"_target_": "ScaleIntensityRangePercentilesd", "keys": "image", "lower": tail, "upper": 100 - tail,
             "b_min": 0.0, "b_max": 1.0, "clip": True}  # fmt: skip
    reason = f"The brightness of pictures differs by a factor of {data.spread:.1f}: each is scaled by its percentiles."
    mixed = 0.03 < data.bright_background < 0.97 and abs(data.bright_background - data.dark_foreground) < 0.1
    if not mixed:
        return [scale], reason
    turn = {"_target_": "monai_lwmisn.inference.transforms.BrightForegroundd", "keys": "image"}
    reason += (
        f" {100 * data.bright_background:.0f} % have dark objects on a bright background, the others the reverse: the "
        "former are inverted."
    )
    return [scale, turn], reason
