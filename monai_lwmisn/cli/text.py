"""Formats measurements as text for the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai_lwmisn.errors import counted
from monai_lwmisn.networks import Architecture, Genotype
from monai_lwmisn.networks.architecture import STAGES
from monai_lwmisn.networks.genotype import INPUTS
from monai_lwmisn.profiling import IMAGE_SIZE, format_latency
from monai_lwmisn.training.epochs_done import EpochsDone
from monai_lwmisn.training.metric_words import metric_remarks, metric_rows

SIZE = "x".join(str(length) for length in IMAGE_SIZE)


def format_network(report: Mapping[str, Any]) -> str:
    """Return the result of :func:`monai_lwmisn.profiling.network_report` as text, with units and all edges."""
    genotype = Genotype.from_dict(report["genotype"])
    architecture = genotype.architecture
    lines = [
        f"parameters            {report['params'] / 1e6:.4f} M",
        f"multiply-accumulates  {report['macs'] / 1e9:.4f} G   for one {architecture.input_channels}x{SIZE} image",
        f"latency               {format_latency(report)}  on this CPU, torch, channels last",
        f"peak memory           {report['peak_memory_mb']:.1f} MB  activations of one inference",
        f"cells                 {' + '.join(f'{architecture.cells_of(stage)} {stage}' for stage in STAGES)}",
        *_blocks(architecture),
        f"channels of a node    {_list(architecture.node_width)}  by level, finest first",
        f"stem stride           {architecture.stem_stride}",
        f"channels in, out      {architecture.in_channels}, {architecture.out_channels}",
    ]
    for group, edges in genotype.edges.items():
        lines.append(f"edges ({group})")
        lines += [f"  {_source(edge.predecessor):>8} -> node {edge.node}   {edge.operation}" for edge in edges]
    return "\n".join(lines)


def _blocks(architecture: Architecture) -> list[str]:
    """Lines about what differs from a U shape of cells alone."""
    lines = []
    if architecture.blocks is not None:
        for stage in STAGES:
            places = "; ".join(" ".join(place) or "none" for place in architecture.blocks_of(stage))
            lines.append(f"{f'blocks of {stage}':<22}{places}  by level, finest first")
    if architecture.decoder_width is not None:
        lines.append(f"channels in decoder   {_list(architecture.decoder_width)}  by level, finest first")
    if architecture.slices > 1:
        lines.append(f"slices seen           {architecture.slices}  the middle one is segmented")
    if not architecture.details:
        lines.append("path of details       none")
    if architecture.skip != "concatenate":
        lines.append(f"skips                 {_list(architecture.skips)}  by level, finest first")
    return lines


def format_metrics(metrics: Mapping[str, Any]) -> str:
    """Return the means and the costs of :func:`monai_lwmisn.run.evaluate` as text, one mean per line."""
    volumetric = "slices" in metrics["cases"][0]
    rows = [(f"    {row.name}" if row.of_class else row.name, row.value) for row in metric_rows(metrics, volumetric)]
    width = max(len(name) for name, _ in rows)
    training = EpochsDone(**metrics["training"]) if "training" in metrics else None
    lines = [training.sentence()] if training is not None and training.done < training.asked else []
    lines += [f"{name:<{width}}  {value}" for name, value in rows]
    lines += metric_remarks(metrics, volumetric)
    counts = metrics["counts"]
    lines.append(
        f"Means of the part {metrics['split']}: images {counts['images']}, cases {counts['cases']}. Dice, intersection "
        "over union and F1 are from 0 to 1, and 1 is perfect."
    )
    if "params" in metrics:
        lines.append(
            f"{metrics['params'] / 1e6:.4f} M parameters, {metrics['macs'] / 1e9:.4f} G multiply-accumulates, "
            f"{metrics['peak_memory_mb']:.1f} MB for an image of {SIZE}\nLatency: {format_latency(metrics)}"
        )
    return "\n".join(lines)


def _list(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))


def _source(predecessor: int) -> str:
    if predecessor < INPUTS:
        return f"c_(k-{INPUTS - predecessor})"
    return f"node {predecessor - INPUTS}"


def format_choice(choice: Mapping[str, Any]) -> str:
    """Return a sentence about the chosen post-processing, by the content of its file."""
    used = ", ".join(one["name"] + (f" ({', '.join(one['of'])})" if one["of"] else "") for one in choice["chosen"])
    every = ", ".join(choice["steps"])
    others = {every: choice["all_score"], "none": choice["none_score"]}
    others.pop(used or "none", None)
    beside = "; ".join(f"{name}: {score:.4f}" for name, score in others.items())
    score = choice["score"][0].upper() + choice["score"][1:]
    images = counted(choice["images"], "image")
    return (
        f"Post-processing chosen on the validation part ({images}): {used or 'none'}. {score} "
        f"{choice['chosen_score']:.4f} ({beside})."
    )
