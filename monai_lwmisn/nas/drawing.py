"""Draws whole networks: the shape, the blocks and the edges of the cells. Each choice is a parameter of Optuna's.

A parameter exists only where its choice is to be made: a network of three levels has no width of a fifth.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import optuna
import torch
from torch import nn

from monai_lwmisn.errors import BudgetError
from monai_lwmisn.nas.derivation import Edges
from monai_lwmisn.networks import LWMISN, Architecture, Edge, Genotype
from monai_lwmisn.networks.architecture import SKIPS
from monai_lwmisn.networks.genotype import EDGES_PER_NODE, INPUTS, NODES, PARAMETER_FREE
from monai_lwmisn.networks.supernet import find_candidates, find_groups
from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates, parameter_count

# Optuna logs every trial, and calls half of its samplers' options experimental.
optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

ATTEMPTS = 10_000
"""Draws of a network before a budget is given up."""

STEMS = {"1": (1, True), "2": (2, True), "4": (4, True), "4 without details": (4, False)}
"""Stem strides, with and without the path of details, which only a stride of 4 has."""

LEAST_LEVELS, MOST_LEVELS = 3, 6
WIDTHS = (4, 6, 8, 12, 16, 24, 32, 48, 64)
MOST_GROWTH = 2
"""Steps in ``WIDTHS`` from one level to the next coarser one."""

PLACES = ("conv", "conv conv", "cell", "cell cell")
"""The blocks of one place. The finest of the encoder may have none, because the stem comes before it."""

Measure = Callable[[Genotype], Mapping[str, float]]
"""Returns costs of a network by name, such as its measured time."""


def suggest_genotype(
    trial: optuna.Trial,
    *,
    search_space: str | Sequence[str],
    alpha_groups: str,
    in_channels: int,
    out_channels: int,
    slices: Sequence[int] = (1,),
) -> Genotype:
    """Let an Optuna trial choose a network.

    Args:
        trial: makes each choice: at random, or by what earlier trials showed.
        search_space, alpha_groups: as for :class:`~monai_lwmisn.networks.Supernet`. Zero is never chosen.
        in_channels: channels of an image.
        out_channels: channels of the logits.
        slices: numbers of neighbouring slices among which is chosen.

    Raises:
        ConfigError: for an unknown search space or kind of groups.
    """
    operations = find_candidates(search_space, without_zero=True)
    groups = find_groups(alpha_groups)
    architecture = suggest_architecture(trial, in_channels, out_channels, slices)
    edges = {group: _suggest_cell(trial, group, operations) for group in groups} if architecture.has_cells else {}
    return Genotype(architecture, edges)


def suggest_architecture(
    trial: optuna.Trial, in_channels: int, out_channels: int, slices: Sequence[int] = (1,)
) -> Architecture:
    """Let an Optuna trial choose a U shape.

    Widths never fall from a level to the next coarser one. Encoder and decoder have widths of their own.
    """
    stem_stride, details = STEMS[trial.suggest_categorical("stem", list(STEMS))]
    steps = trial.suggest_int("levels", LEAST_LEVELS, MOST_LEVELS) - 1
    blocks = {
        "encoder": tuple(_suggest_place(trial, f"encoder_{level}", may_be_empty=level == 0) for level in range(steps)),
        "middle": (_suggest_place(trial, "middle"),),
        "decoder": tuple(_suggest_place(trial, f"decoder_{level}") for level in range(steps)),
    }
    return Architecture(
        cells={"encoder": steps, "middle": 1, "decoder": steps},
        node_width=_suggest_widths(trial, "width", steps + 1),
        decoder_width=_suggest_widths(trial, "decoder_width", steps),
        stem_stride=stem_stride,
        details=details,
        blocks=blocks,
        skip=tuple(trial.suggest_categorical(f"skip_{level}", list(SKIPS)) for level in range(steps)),
        slices=trial.suggest_categorical("slices", list(slices)) if len(slices) > 1 else slices[0],
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
    slices: Sequence[int] = (1,),
    max_parameter_free: int | None = None,
    measure: Measure | None = None,
) -> Genotype:
    """Draw a network that keeps a budget, each choice uniformly.

    Args:
        seed: the same seed draws the same network, if ``measure`` measures the same.
        search_space, alpha_groups, in_channels, out_channels, slices: see :func:`suggest_genotype`.
        budget: limits by name of the cost; None for no limit. Networks that do not keep it are drawn again.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        measure: measures the costs of ``budget`` that are not counted here (``params`` and ``macs`` are). It is called
            only for networks that keep the counted limits.

    Raises:
        BudgetError: when no network that keeps the budget was drawn.
        ConfigError: for an unknown search space or kind of groups.
    """
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    for _ in range(ATTEMPTS):
        genotype = suggest_genotype(
            study.ask(),
            search_space=search_space,
            alpha_groups=alpha_groups,
            in_channels=in_channels,
            out_channels=out_channels,
            slices=slices,
        )
        if not learns_enough(genotype.edges, max_parameter_free) or not keeps(counted_costs(genotype, budget), budget):
            continue
        if measure is None or keeps(measure(genotype), budget):
            return genotype
    raise BudgetError(f"None of {ATTEMPTS} random networks keeps the budget: widen it.")


def draw_cells(seed: int, groups: Sequence[str], operations: Sequence[str]) -> Iterator[Edges]:
    """Draw a cell for each group, again and again: any two predecessors of a node, and any operation but Zero."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    names = [name for name in operations if name != "zero"]
    while True:
        trial = study.ask()
        yield {group: _suggest_cell(trial, group, names) for group in groups}


def widened(genotype: Genotype) -> Genotype | None:
    """Return a network with the next larger width at each level of encoder and decoder; None if all are the largest."""

    def wider(widths: Sequence[int]) -> tuple[int, ...]:
        return tuple(min((each for each in WIDTHS if each > width), default=width) for width in widths)

    own = genotype.architecture
    decoder_width = None if own.decoder_width is None else wider(own.decoder_width)
    architecture = replace(own, node_width=wider(own.node_width), decoder_width=decoder_width)
    return None if architecture == own else replace(genotype, architecture=architecture)


def learns_enough(edges: Mapping[str, Sequence[Edge]], max_parameter_free: int | None) -> bool:
    """Whether no cell has more than ``max_parameter_free`` operations without parameters."""
    free = [sum(edge.operation in PARAMETER_FREE for edge in cell) for cell in edges.values()]
    return max_parameter_free is None or max(free, default=0) <= max_parameter_free


def keeps(costs: Mapping[str, float], budget: Mapping[str, float | None]) -> bool:
    """Whether costs, by name, are within the limits that a budget has for them."""
    return excess(costs, budget) <= 0


def excess(costs: Mapping[str, float], budget: Mapping[str, float | None]) -> float:
    """By which part of its limit the worst of the costs is over it; below 0 where all are within."""
    limits = {name: limit for name in costs if (limit := budget.get(name)) is not None}
    return max((costs[name] / limit - 1 for name, limit in limits.items()), default=-1.0)


def counted_costs(genotype: Genotype, budget: Mapping[str, float | None]) -> dict[str, float]:
    """The ``params`` and ``macs`` of a network, for an image of 256x256; of one with too many ``params`` only these."""
    with torch.device("meta"):
        network = LWMISN(genotype).eval()
        image = torch.empty(1, genotype.architecture.input_channels, *IMAGE_SIZE)
    costs: dict[str, float] = {"params": parameter_count(network)}
    if not keeps(costs, budget):
        return costs
    for module in [*network.modules()]:
        for name, part in module.named_children():
            if isinstance(part, nn.BatchNorm2d):  # they are not counted, and take most of the time of counting
                setattr(module, name, nn.Identity())
    return costs | {"macs": multiply_accumulates(network, image)}


def _suggest_cell(trial: optuna.Trial, group: str, operations: Sequence[str]) -> tuple[Edge, ...]:
    edges = []
    for node in range(NODES):
        name = f"cell_{group}_node_{node}"
        pairs = {" and ".join(map(str, pair)): pair for pair in combinations(range(INPUTS + node), EDGES_PER_NODE)}
        for number, predecessor in enumerate(pairs[trial.suggest_categorical(f"{name}_inputs", list(pairs))]):
            operation = trial.suggest_categorical(f"{name}_operation_{number}", list(operations))
            edges.append(Edge(node, predecessor, operation))
    return tuple(edges)


def _suggest_place(trial: optuna.Trial, name: str, may_be_empty: bool = False) -> tuple[str, ...]:
    return tuple(trial.suggest_categorical(name, [*([""] if may_be_empty else []), *PLACES]).split())


def _suggest_widths(trial: optuna.Trial, name: str, levels: int) -> tuple[int, ...]:
    position = WIDTHS.index(trial.suggest_categorical(name, list(WIDTHS)))
    widths = [WIDTHS[position]]
    for level in range(1, levels):
        position = min(position + trial.suggest_int(f"{name}_growth_{level}", 0, MOST_GROWTH), len(WIDTHS) - 1)
        widths.append(WIDTHS[position])
    return tuple(widths)
