"""Writes what was seen of data, and what was decided, as a page in words (Markdown)."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from monai_lwmisn.errors import counted

if TYPE_CHECKING:
    from monai_lwmisn.auto.decisions import Decision
    from monai_lwmisn.auto.fingerprint import Fingerprint

WIDTH = 100


def fingerprint_text(fingerprint: Fingerprint) -> str:
    """Return the page about a data set: a sentence that sums it up, then a line for each subject."""
    lines = [f"# {fingerprint.path}", "", *textwrap.wrap(summary(fingerprint), WIDTH), ""]
    for point in points(fingerprint):
        lines += textwrap.wrap(point, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
    return "\n".join(lines) + "\n"


def decisions_text(decisions: Sequence[Decision]) -> str:
    """Return the decisions as a list, each with its value and its reason."""
    lines = ["## What is decided", ""]
    for decision in decisions:
        point = f"`{decision.key}` = {value_text(decision.value)}: {decision.reason}"
        lines += textwrap.wrap(point, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
    return "\n".join(lines) + "\n"


def summary(fingerprint: Fingerprint) -> str:
    """Return the sentence that sums a data set up."""
    classes = counted(len(fingerprint.classes), "class", "classes")
    if not fingerprint.volumetric:
        colour = "in colour" if fingerprint.coloured > 0.5 else "partly in colour" if fingerprint.coloured else "grey"
        size = _extent(fingerprint.size["least"], fingerprint.size["most"])
        kind = "objects to be told apart" if fingerprint.instances else classes
        files = f", {fingerprint.channel_files} files each" if fingerprint.channel_files > 1 else ""
        pictures = counted(fingerprint.images, "picture")
        return f"{pictures} ({colour}{files}), {kind}, {size} pixels, {fingerprint.stored_type}."
    channels = counted(fingerprint.channels, "channel")
    spacing = _extent(fingerprint.spacing_mm["median"], fingerprint.spacing_mm["median"])
    cut = ("sagittally", "coronally", "axially")[fingerprint.slice_axis]
    volumes = counted(fingerprint.images, "volume")
    return f"{volumes} of {fingerprint.modality}, {classes}, {channels}, {spacing} mm; sliced {cut}."


def points(data: Fingerprint) -> list[str]:
    """Return what is known of a data set beyond its summary, a sentence or two for each subject."""
    found = [f"Read as the format {data.dataset}."]
    given = f" Given parts: {', '.join(f'{part} {count}' for part, count in data.given.items())}." if data.given else ""
    found.append(f"Independent cases: {data.cases} of {counted(data.images, 'image')}.{given}")
    found += [f"{sentence[0].upper()}{sentence[1:]}." for sentence in data.grouping]
    if data.strata:
        found.append(f"Kinds: {', '.join(f'{name} {count}' for name, count in data.strata.items())}.")
    size, median = _extent(data.size["least"], data.size["most"]), _extent(data.size["median"], data.size["median"])
    found.append(f"Size: {size}, median {median}.")
    if data.volumetric:
        spacing = data.spacing_mm
        found.append(
            f"Spacing: {_extent(spacing['least'], spacing['most'])} mm; the largest is {data.anisotropy:.1f} times the "
            f"smallest. Slices: {data.slices}, with foreground {data.slices_with_foreground}."
        )
    grey = not data.volumetric and not data.coloured and data.channel_files == 1
    for number, (values, inside) in enumerate(zip(data.values, data.foreground_values, strict=True), start=1):
        channel = f"Values of channel {number}" if len(data.values) > 1 and not grey else "Values"
        read = "" if data.volumetric or data.stored_type == "uint8" else ", brought to 0 to 255 for each picture"
        found.append(
            f"{channel} ({data.stored_type} in the files{read}): {values['0.5']:g} to {values['99.5']:g}, median "
            f"{values['50']:g}; in the foreground {inside['0.5']:g} to {inside['99.5']:g}, median {inside['50']:g}."
        )
        if grey:
            break
    found += [_of_class(facts) for facts in data.classes]
    found += [f"No mirror images: {reason}." for reason in data.sides.values()]
    found += [f"Warning: {warning}" for warning in data.warnings]
    return found


def _of_class(facts: Any) -> str:
    pieces = "one piece" if facts.single > 0.95 else counted(round(facts.pieces), "piece") + " in the median"
    thin = ", thin" if facts.width < 4 else ""
    return (
        f"{facts.name} (value {facts.value}): in {_percent(facts.images)} of the images, {_percent(facts.share)} of "
        f"all and {_percent(facts.share_of_foreground)} of the foreground; {pieces}, {facts.width:.1f} wide{thin}."
    )


def _extent(least: Sequence[float], most: Sequence[float]) -> str:
    return "x".join(f"{low:g}" if low == high else f"{low:g}-{high:g}" for low, high in zip(least, most, strict=True))


def value_text(value: Any) -> str:
    """Return the value of a setting, short."""
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        return ", ".join(entry["_target_"].rpartition(".")[2] for entry in value)
    return json.dumps(value)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share > 0.1 else f"{100 * share:.2g} %"
