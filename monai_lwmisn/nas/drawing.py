"""Draws whole networks at random: the shape, the blocks and the edges of the cells, inside a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas.derivation import Edges
from monai_lwmisn.networks import LWMISN, Architecture, Edge, Genotype
from monai_lwmisn.networks.architecture import SKIPS
from monai_lwmisn.networks.genotype import EDGES_PER_NODE, INPUTS, NODES, PARAMETER_FREE
from monai_lwmisn.networks.supernet import find_candidates, find_groups
from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates, parameter_count

ATTEMPTS = 10_000
"""Draws of a network before a budget is given up."""

STEMS = ((1, True), (2, True), (4, True), (4, False))
"""Stem strides, with and without the path of details, which only a stride of 4 has."""

LEVELS = (3, 4, 5, 6)
WIDTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
MOST_BLOCKS = 2
"""Blocks in one place, which are of one kind."""

Measure = Callable[[Genotype], Mapping[str, float]]
"""Returns costs of a network by name, such as its measured time."""


def draw_architecture(random: np.random.Generator, in_channels: int, out_channels: int) -> Architecture:
    """Draw a U shape.

    Stem, number of levels and skip are uniform, and so is the share of places that have cells, so that networks of
    dense convolutions alone are drawn too. A place has one or two blocks; the finest of the encoder may have none,
    because the stem comes before it. The widths of the encoder and, apart from them, of the decoder are uniform and
    then sorted, so that they never fall from a level to the next coarser one.
    """
    stem_stride, details = STEMS[random.integers(len(STEMS))]
    steps = int(random.choice(LEVELS)) - 1
    share = random.random()
    first, *others = (_draw_place(random, share, least=int(place > 0)) for place in range(2 * steps + 1))
    blocks = {
        "encoder": (first, *others[: steps - 1]),
        "middle": (others[steps - 1],),
        "decoder": tuple(others[steps:]),
    }
    return Architecture(
        cells={"encoder": steps, "middle": 1, "decoder": steps},
        node_width=_draw_widths(random, steps + 1),
        decoder_width=_draw_widths(random, steps),
        stem_stride=stem_stride,
        details=details,
        blocks=blocks,
        skip=str(random.choice(SKIPS)),
        in_channels=in_channels,
        out_channels=out_channels,
    )


def draw_genotype(
    seed: int,
    *,
    search_space: str | Sequence[str],
    alpha_groups: str,
    budget: Mapping[str, float | None],
    in_channels: int,
    out_channels: int,
    max_parameter_free: int | None = None,
    measure: Measure | None = None,
) -> Genotype:
    """Draw a network that keeps a budget: its shape by :func:`draw_architecture`, its cells uniformly.

    Args:
        seed: the same seed draws the same network, if ``measure`` measures the same.
        search_space, alpha_groups: as for :class:`~monai_lwmisn.networks.Supernet`.
        budget: limits by name of the cost; None for no limit. Networks that do not keep it are drawn again.
        in_channels: channels of an image.
        out_channels: channels of the logits.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        measure: measures the costs of ``budget`` that are not counted here (``params`` and ``macs`` are). It is called
            only for networks that keep the counted limits.

    Raises:
        BudgetError: when no network that keeps the budget was drawn.
        ConfigError: for an unknown search space or kind of groups.
    """
    random = np.random.default_rng(seed)
    operations, groups = find_candidates(search_space), find_groups(alpha_groups)
    for _ in range(ATTEMPTS):
        architecture = draw_architecture(random, in_channels, out_channels)
        edges = draw_cells(random, groups, operations, max_parameter_free)
        if edges is None:
            continue
        genotype = Genotype(architecture, edges if architecture.has_cells else {})
        if keeps(_count(genotype), budget) and (measure is None or keeps(measure(genotype), budget)):
            return genotype
    raise BudgetError(f"None of {ATTEMPTS} random networks keeps the budget: widen it.")


def draw_cells(
    random: np.random.Generator, groups: Sequence[str], operations: Sequence[str], max_parameter_free: int | None
) -> Edges | None:
    """Draw a cell for each group uniformly: two different predecessors for each node, and any operation but Zero.

    Returns None for a cell with more than ``max_parameter_free`` operations without parameters.
    """
    names = [name for name in operations if name != "zero"]
    edges = {group: _draw_cell(random, names) for group in groups}
    free = max(sum(edge.operation in PARAMETER_FREE for edge in cell) for cell in edges.values())
    return None if max_parameter_free is not None and free > max_parameter_free else edges


def keeps(costs: Mapping[str, float], budget: Mapping[str, float | None]) -> bool:
    """Whether costs, by name, are within the limits that a budget has for them."""
    limits = {name: budget.get(name) for name in costs}
    return all(limit is None or costs[name] <= limit for name, limit in limits.items())


def _count(genotype: Genotype) -> dict[str, float]:
    with torch.device("meta"):
        network = LWMISN(genotype)
        image = torch.empty(1, genotype.architecture.in_channels, *IMAGE_SIZE)
    return {"params": parameter_count(network), "macs": multiply_accumulates(network, image)}


def _draw_cell(random: np.random.Generator, operations: list[str]) -> tuple[Edge, ...]:
    return tuple(
        Edge(node, int(predecessor), str(random.choice(operations)))
        for node in range(NODES)
        for predecessor in sorted(random.choice(INPUTS + node, EDGES_PER_NODE, replace=False))
    )


def _draw_place(random: np.random.Generator, share: float, least: int) -> tuple[str, ...]:
    return ("cell" if random.random() < share else "conv",) * int(random.integers(least, MOST_BLOCKS + 1))


def _draw_widths(random: np.random.Generator, levels: int) -> tuple[int, ...]:
    return tuple(sorted(int(width) for width in random.choice(WIDTHS, levels)))
