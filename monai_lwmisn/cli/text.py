"""Formats measurements as text for the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai_lwmisn.networks import Genotype
from monai_lwmisn.networks.architecture import STAGES
from monai_lwmisn.networks.genotype import INPUTS
from monai_lwmisn.profiling import IMAGE_SIZE

MEANINGS = {
    "dsc": "Dice of an image (1 is perfect)",
    "miou": "intersection over union of an image (1 is perfect)",
    "dsc_256": "Dice at 256x256 pixels, without post-processing",
    "miou_256": "intersection over union at 256x256 pixels, without post-processing",
    "dsc_3d": "Dice of a volume (1 is perfect)",
    "hd95": "95 % Hausdorff distance in mm (0 is perfect)",
    "surface_dice": "share of the surface within the tolerance (1 is perfect)",
    "f1_50": "objects found: F1 at an IoU of 0.5 (1 is perfect)",
    "aji": "aggregated Jaccard index of objects (1 is perfect)",
}
"""Explanation of each metric, for readers of the screen."""


def format_network(report: Mapping[str, Any]) -> str:
    """Return the result of :func:`monai_lwmisn.profiling.network_report` as text, with units and all edges."""
    genotype = Genotype.from_dict(report["genotype"])
    architecture = genotype.architecture
    size = "x".join(str(length) for length in IMAGE_SIZE)
    lines = [
        f"parameters            {report['params'] / 1e6:.4f} M",
        f"multiply-accumulates  {report['macs'] / 1e9:.4f} G   for one {architecture.in_channels}x{size} image",
        f"latency               {report['latency_ms']:.2f} ms  on this CPU, torch, channels last",
        f"peak memory           {report['peak_memory_mb']:.1f} MB  activations of one inference",
        f"cells                 {' + '.join(f'{architecture.cells[stage]} {stage}' for stage in STAGES)}",
        f"channels of a node    {', '.join(str(width) for width in architecture.node_width)}  by level, finest first",
        f"stem stride           {architecture.stem_stride}",
        f"channels in, out      {architecture.in_channels}, {architecture.out_channels}",
    ]
    for group, edges in genotype.edges.items():
        lines.append(f"edges ({group})")
        lines += [f"  {_source(edge.predecessor):>8} -> node {edge.node}   {edge.operation}" for edge in edges]
    return "\n".join(lines)


def format_metrics(metrics: Mapping[str, Any]) -> str:
    """Return the means and the costs of :func:`monai_lwmisn.run.evaluate` as text, one mean per line."""
    width = max(len(name) for name in metrics["mean"])
    lines = [
        f"{name:<{width}}  {_number(value):<6}  {MEANINGS.get(name, '')}".rstrip()
        for name, value in metrics["mean"].items()
    ]
    lines.append(
        f"means of the part {metrics['split']}: images {metrics['counts']['images']}, cases {len(metrics['cases'])}"
    )
    lines.append(
        f"{metrics['params'] / 1e6:.4f} M parameters, {metrics['macs'] / 1e9:.4f} G multiply-accumulates, "
        f"{metrics['latency_ms']:.2f} ms and {metrics['peak_memory_mb']:.1f} MB per image"
    )
    return "\n".join(lines)


def _source(predecessor: int) -> str:
    if predecessor < INPUTS:
        return f"c_(k-{INPUTS - predecessor})"
    return f"node {predecessor - INPUTS}"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def format_choice(choice: Mapping[str, Any]) -> str:
    """Return a sentence about the chosen post-processing, by the content of its file."""
    used = ", ".join(one["name"] + (f" ({', '.join(one['of'])})" if one["of"] else "") for one in choice["chosen"])
    score = choice["score"][0].upper() + choice["score"][1:]
    images = f"{choice['images']} image{'s' if choice['images'] != 1 else ''}"
    return (
        f"Post-processing, chosen on the validation part ({images}): {used or 'none'}. {score} "
        f"{choice['chosen_score']:.4f}; with {', '.join(choice['steps'])} {choice['all_score']:.4f}; with none "
        f"{choice['none_score']:.4f}."
    )
