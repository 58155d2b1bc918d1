"""The strategies besides the differentiable search: a random genotype, and a genotype that is given.

A random genotype from the same search space is the control that any search has to beat.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice

from monai_lwmisn.errors import BudgetError, ConfigError
from monai_lwmisn.nas.budget import check_budget
from monai_lwmisn.nas.costs import CostTable, measure_costs
from monai_lwmisn.nas.derivation import Edges, Measure
from monai_lwmisn.nas.drawing import ATTEMPTS, draw_cells, draw_genotype, keeps, learns_enough
from monai_lwmisn.nas.latency import LatencyTable, measure_network, true_costs
from monai_lwmisn.networks import Architecture, Genotype

SHAPES = ("given", "drawn")


def random_genotype(
    genotype_file: str | os.PathLike[str],
    architecture: Architecture,
    *,
    search_space: str | Sequence[str],
    alpha_groups: str,
    budget: Mapping[str, float | None],
    latency_table: LatencyTable,
    max_parameter_free: int | None = None,
    shape: str = "given",
    slices: Sequence[int] = (1,),
    seed: int = 0,
) -> None:
    """Write a random genotype of a search space that keeps the budget.

    Args:
        genotype_file: the file to write.
        architecture: the shape of the network, if it is given; otherwise its channels alone are used.
        search_space, alpha_groups: as for :class:`~monai_lwmisn.networks.Supernet`.
        budget: limits by name of the cost.
        latency_table: measures operations, where the budget limits the latency.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        shape: ``given`` draws the cells of ``architecture``, ``drawn`` the shape too, by
            :func:`~monai_lwmisn.nas.drawing.draw_genotype`.
        slices: see there.
        seed: the same seed draws the same genotype, if no latency is limited.

    Raises:
        BudgetError: when no genotype keeps the budget, or none was drawn that does.
        ConfigError: for another ``shape``, or where the given one has no cells.
    """
    if shape not in SHAPES:
        raise ConfigError(f"search.shape is {shape!r}: use one of {', '.join(SHAPES)}.")
    if shape == "drawn":
        timed = budget.get("latency_ms") is not None
        draw_genotype(
            seed,
            search_space=search_space,
            alpha_groups=alpha_groups,
            budget=budget,
            in_channels=architecture.in_channels,
            out_channels=architecture.out_channels,
            slices=slices,
            max_parameter_free=max_parameter_free,
            measure=partial(measure_network, runtime=latency_table.runtime) if timed else None,
        ).save(genotype_file)
        return
    if not architecture.has_cells:
        raise ConfigError(
            "The architecture has dense convolutions alone, so there are no cells to draw: add --set "
            "search.shape=drawn, or search with --strategy evolve, which both draw whole networks."
        )
    table = measure_costs(architecture, search_space, alpha_groups, latency_table, used_by=[budget])
    measure = true_costs(architecture, budget, latency_table.runtime)
    edges = draw_edges(table, seed, budget, max_parameter_free=max_parameter_free, measure=measure)
    Genotype(architecture, edges).save(genotype_file)


def given_genotype(
    genotype_file: str | os.PathLike[str],
    source: str | os.PathLike[str] | None,
    in_channels: int,
    out_channels: int,
    volumetric: bool,
) -> None:
    """Copy a genotype from a file into a run.

    Args:
        genotype_file: the file to write.
        source: the file to read.
        in_channels: channels of the images of the run.
        out_channels: channels of the logits that the run needs.
        volumetric: whether the images are volumes.

    Raises:
        ConfigError: when no file is given.
        GenotypeError: when the file holds no genotype, or one that cannot take such images.
    """
    if not source:
        raise ConfigError("search.strategy is 'given' and search.genotype names no file: set search.genotype.")
    Genotype.load(source).for_images(in_channels, out_channels, volumetric).save(genotype_file)


def draw_edges(
    table: CostTable,
    seed: int,
    budget: Mapping[str, float | None],
    *,
    max_parameter_free: int | None = None,
    measure: Measure | None = None,
) -> Edges:
    """Draw edges uniformly: two different predecessors for each node, and any operation but Zero for each.

    Args:
        table: the candidates and groups, and their costs.
        seed: the same seed draws the same edges.
        budget: limits by name of the cost. Edges that do not keep it are drawn again.
        max_parameter_free: see :func:`~monai_lwmisn.nas.derivation.derive`.
        measure: the true costs of edges, see :func:`~monai_lwmisn.nas.latency.true_costs`.

    Raises:
        BudgetError: when no edges keep the budget, or none were drawn that do.
    """
    check_budget(table, budget, max_parameter_free)
    for edges in islice(draw_cells(seed, table.groups, table.operations), ATTEMPTS):
        within = learns_enough(edges, max_parameter_free) and keeps(table.of(edges), budget)
        if within and (measure is None or keeps(measure(edges), budget)):
            return edges
    raise BudgetError(
        f"None of {ATTEMPTS} random networks keeps the budget: widen it, or search with --strategy differentiable."
    )
