"""Draws whole networks at random: the shape, the blocks and the edges of the cells, inside a budget.

The shapes are those that a search of shapes may try, see :func:`draw_architecture`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas.strategies import ATTEMPTS, draw_cell
from monai_lwmisn.networks import LWMISN, Architecture, Genotype
from monai_lwmisn.networks.architecture import SKIPS, STAGES
from monai_lwmisn.networks.supernet import find_candidates
from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates, parameter_count

STEMS = ((1, True), (2, True), (4, True), (4, False))
"""Stem strides, with and without the path of details, which only a stride of 4 has."""

LEVELS = (3, 4, 5, 6)
WIDTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
PLACES = (("conv",), ("conv", "conv"), ("cell",), ("cell", "cell"))
"""What may stand in one place: a kind of block, once or twice."""

Measure = Callable[[Genotype], Mapping[str, float]]
"""Returns costs of a network by name, such as its measured time."""


def draw_architecture(random: np.random.Generator, in_channels: int, out_channels: int) -> Architecture:
    """Draw a U shape.

    Stem, number of levels and skip are uniform. So are the blocks of each place; the finest level of the encoder may
    have none, because the stem comes before it. The widths of the encoder and, apart from them, of the decoder are
    uniform too and then sorted, so that they never fall from a level to the next coarser one.
    """
    stem_stride, details = STEMS[random.integers(len(STEMS))]
    steps = int(random.choice(LEVELS)) - 1
    first: tuple[tuple[str, ...], ...] = ((), *PLACES)
    blocks = {
        "encoder": (_one_of(random, first), *(_one_of(random, PLACES) for _ in range(steps - 1))),
        "middle": (_one_of(random, PLACES),),
        "decoder": tuple(_one_of(random, PLACES) for _ in range(steps)),
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
    budget: Mapping[str, float | None],
    in_channels: int,
    out_channels: int,
    measure: Measure | None = None,
) -> Genotype:
    """Draw a network that keeps a budget: its shape by :func:`draw_architecture`, its cells uniformly.

    Args:
        seed: the same seed draws the same network, if ``measure`` measures the same.
        search_space: a search space by name, or the names of its operations.
        budget: limits by name of the cost; None for no limit. Networks that do not keep it are drawn again.
        in_channels: channels of an image.
        out_channels: channels of the logits.
        measure: measures the costs of ``budget`` that are not counted here (``params`` and ``macs`` are). It is called
            only for networks that keep the counted limits.

    Raises:
        BudgetError: when no network that keeps the budget was drawn.
        ConfigError: for an unknown search space.
    """
    random = np.random.default_rng(seed)
    operations = [name for name in find_candidates(search_space) if name != "zero"]
    limits = {name: limit for name, limit in budget.items() if limit is not None}
    for _ in range(ATTEMPTS):
        architecture = draw_architecture(random, in_channels, out_channels)
        edges = {stage: draw_cell(random, operations) for stage in STAGES}
        genotype = Genotype(architecture, edges if architecture.has_cells else {})
        if _keeps(_count(genotype), limits) and (measure is None or _keeps(measure(genotype), limits)):
            return genotype
    raise BudgetError(f"None of {ATTEMPTS} random networks keeps the budget: widen it.")


def _count(genotype: Genotype) -> dict[str, float]:
    with torch.device("meta"):
        network = LWMISN(genotype)
        image = torch.empty(1, genotype.architecture.in_channels, *IMAGE_SIZE)
    return {"params": parameter_count(network), "macs": multiply_accumulates(network, image)}


def _keeps(costs: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    return all(cost <= limits[name] for name, cost in costs.items() if name in limits)


def _one_of(random: np.random.Generator, choices: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return choices[int(random.integers(len(choices)))]


def _draw_widths(random: np.random.Generator, levels: int) -> tuple[int, ...]:
    return tuple(sorted(int(width) for width in random.choice(WIDTHS, levels)))
