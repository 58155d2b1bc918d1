"""The table of the baseline networks: their costs and sources."""

from __future__ import annotations

from typing import TypedDict

import torch

from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates, parameter_count
from monai_lwmisn.studies.baselines import BASELINES
from monai_lwmisn.studies.baselines.thop_counts import thop_macs

IN_CHANNELS, OUT_CHANNELS = 3, 1


class BaselineRow(TypedDict):
    """One network: parameters, and multiply-accumulates of one 3x256x256 image, as plain numbers."""

    name: str
    source: str
    params: int
    macs: int
    macs_thop: int
    licence: str


def baseline_rows() -> list[BaselineRow]:
    """Count the costs of every baseline for one 3x256x256 image and one class.

    Returns:
        One row per network, sorted by parameters. ``macs`` is the true count. ``macs_thop`` is the count of the tool
        thop, which the paper's tables very probably show.
    """
    image = torch.zeros(1, IN_CHANNELS, *IMAGE_SIZE, device="meta")
    rows: list[BaselineRow] = []
    for baseline in BASELINES.values():
        with torch.device("meta"):
            network = baseline.build(IN_CHANNELS, OUT_CHANNELS)
        rows.append(
            {
                "name": baseline.name,
                "source": baseline.source,
                "params": parameter_count(network),
                "macs": multiply_accumulates(network, image),
                "macs_thop": thop_macs(network, image),
                "licence": baseline.licence,
            }
        )
    return sorted(rows, key=lambda row: row["params"])


def format_baselines(rows: list[BaselineRow]) -> str:
    """Format the rows: millions of parameters, GMac for one 3x256x256 image."""
    wide = max(len(row["licence"]) for row in rows) + 2
    lines = [f"{'network':<16}{'params (M)':>12}{'GMac':>9}{'by thop':>9}  {'licence of its code':<{wide}}source"]
    for row in rows:
        counts = f"{row['params'] / 1e6:>12.3f}{row['macs'] / 1e9:>9.3f}{row['macs_thop'] / 1e9:>9.3f}"
        lines.append(f"{row['name']:<16}{counts}  {row['licence']:<{wide}}{row['source']}")
    note = (
        "GMac: multiply-accumulates of one 3x256x256 image. By thop: the count of the tool thop, which the paper's "
        "tables very probably show."
    )
    return "\n".join([*lines, note])
