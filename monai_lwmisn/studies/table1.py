"""Table 1 of the paper: the counted cost of each candidate operation, beside the published figures."""

from __future__ import annotations

from typing import TypedDict

import torch

from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION
from monai_lwmisn.networks.genotype import PARAMETER_FREE
from monai_lwmisn.networks.operations import OPERATIONS
from monai_lwmisn.profiling import multiply_accumulates, parameter_count

CHANNELS = 32
SIZE = (32, 32)

# Published figures as (parameters, multiply-accumulates). The paper gives thousands and millions; its dash is a zero.
PUBLISHED_LWMISN: dict[str, tuple[int, int]] = {
    "identity": (0, 0),
    "separable_conv_3x3": (2810, 2_680_000),
    "dilated_conv_3x3": (1410, 1_340_000),
    "ghost_conv_3x3": (740, 670_000),
    "selective_kernel_conv_3x3": (2440, 650_000),
    "shuffle_group_conv_3x3": (300, 200_000),
    "max_pool_3x3": (0, 0),
    "zero": (0, 0),
}
PUBLISHED_LWMISN_MEAN = (1540, 1_110_000)
PUBLISHED_DARTS: dict[str, tuple[int, int]] = {
    "separable_conv_5x5": (2810, 2_680_000),
    "separable_conv_3x3": (3860, 3_070_000),
    "dilated_conv_3x3": (1410, 1_340_000),
    "dilated_conv_5x5": (1930, 1_640_000),
}
PUBLISHED_DARTS_MEAN = (2500, 2_180_000)


class OperationCost(TypedDict):
    """One row of the table: parameters and multiply-accumulates as plain numbers."""

    name: str
    params: float
    macs: float
    paper_params: float
    paper_macs: float


def table1() -> list[OperationCost]:
    """Count every operation at 32 channels on a 32x32 input with stride 1 (paper, section 2.1, equations 1 and 2).

    Returns:
        The eight operations and the ``mean`` of those with parameters, then DARTS's operations with parameters and
        their mean. The names of the latter begin with ``darts``.
    """
    ours = [_row(name, name, published) for name, published in PUBLISHED_LWMISN.items()]
    darts = [_row(f"darts {name}", name, published) for name, published in PUBLISHED_DARTS.items()]
    learned = [row for row in ours if row["name"] not in PARAMETER_FREE]
    ours.append(_mean("mean", learned, PUBLISHED_LWMISN_MEAN))
    return [*ours, *darts, _mean("darts mean", darts, PUBLISHED_DARTS_MEAN)]


def format_table1(rows: list[OperationCost]) -> str:
    """Format the rows: thousands of parameters, millions of multiply-accumulates, deviation in percent."""
    head = f"{'operation':<32}{'params (k)':>12}{'paper':>8}{'':>8}{'MACs (M)':>12}{'paper':>8}"
    lines = [head, "-" * (len(head) + 8)]
    for row in rows:
        params = f"{row['params'] / 1e3:>12.3f}{row['paper_params'] / 1e3:>8.2f}"
        macs = f"{row['macs'] / 1e6:>12.3f}{row['paper_macs'] / 1e6:>8.2f}"
        lines.append(
            f"{row['name']:<32}{params}{_deviation(row['params'], row['paper_params'])}"
            f"{macs}{_deviation(row['macs'], row['paper_macs'])}"
        )
    return "\n".join(lines)


def _row(name: str, operation: str, published: tuple[int, int]) -> OperationCost:
    module = OPERATIONS[operation](CHANNELS, ACTIVATION, NORMALISATION)
    return {
        "name": name,
        "params": parameter_count(module),
        "macs": multiply_accumulates(module, torch.zeros(1, CHANNELS, *SIZE)),
        "paper_params": published[0],
        "paper_macs": published[1],
    }


def _mean(name: str, rows: list[OperationCost], published: tuple[int, int]) -> OperationCost:
    return {
        "name": name,
        "params": sum(row["params"] for row in rows) / len(rows),
        "macs": sum(row["macs"] for row in rows) / len(rows),
        "paper_params": published[0],
        "paper_macs": published[1],
    }


def _deviation(ours: float, paper: float) -> str:
    return f"{100 * (ours / paper - 1):>+7.1f}%" if paper else " " * 8
