"""The costs of an architecture as a table: parameters, multiply-accumulates and measured latency of its parts.

Costs add up. The cost of a network is a fixed part (stem, alignments, head) and one number per retained operation
(paper, eq. 5 to 11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import ignite.distributed as idist
import torch
from torch import nn

from monai_lwmisn.networks import LWMISN, OPERATIONS, Architecture, Edge, Genotype
from monai_lwmisn.networks.blocks import ACTIVATION, NORMALISATION
from monai_lwmisn.networks.genotype import EDGES_PER_NODE, NODES, SHARED
from monai_lwmisn.networks.shapes import CellSite
from monai_lwmisn.networks.supernet import find_candidates, find_groups
from monai_lwmisn.profiling import IMAGE_SIZE, multiply_accumulates, parameter_count

COSTS = ("params", "macs", "latency_ms")
"""Parameters, multiply-accumulates and milliseconds per image of 256x256, in this order."""

MeasureLatency = Callable[[str, nn.Module, torch.Tensor], float]


@dataclass(frozen=True)
class CostTable:
    """Costs of the parts of an architecture.

    Attributes:
        operations: names of the candidates.
        groups: names of the groups of cells that share their edges.
        fixed: (3,), the cost of everything except the operations, in the order of ``COSTS``.
        per_operation: (3, groups, candidates), the cost of an operation on one edge of all cells of a group.
    """

    operations: tuple[str, ...]
    groups: tuple[str, ...]
    fixed: torch.Tensor
    per_operation: torch.Tensor

    def expected(self, weights: torch.Tensor) -> torch.Tensor:
        """Return the expected costs (3,) of edges with operations of ``weights`` (groups, edges, candidates)."""
        return self.fixed.to(weights) + torch.einsum("geo,cgo->c", weights, self.per_operation.to(weights))

    def of(self, edges: Mapping[str, tuple[Edge, ...]]) -> dict[str, float]:
        """Return the costs, by name, of a network with these edges by group."""
        total = self.fixed.clone()
        for group, retained in edges.items():
            for edge in retained:
                total += self.per_operation[:, self.groups.index(group), self.operations.index(edge.operation)]
        return dict(zip(COSTS, total.tolist(), strict=True))


def measure_costs(
    architecture: Architecture,
    search_space: str | Sequence[str],
    alpha_groups: str,
    latency: MeasureLatency | None = None,
    used_by: Sequence[Mapping[str, float | None]] | None = None,
) -> CostTable:
    """Count every candidate at every place of a cell and, if ``latency`` is given and used, time it.

    Args:
        architecture: the shape of the network.
        search_space, alpha_groups: as for :class:`~monai_lwmisn.networks.Supernet`.
        latency: the milliseconds of a network, by name, for an image. Without it the latencies are zero. In a group of
            processes the first one measures, and all use its result.
        used_by: weights and limits by name of the cost. Latencies are measured only if one of them has a
            ``latency_ms`` that is neither 0 nor None. None for always.

    Raises:
        ConfigError: for an unknown search space or kind of groups.
    """
    operations, groups = find_candidates(search_space), find_groups(alpha_groups)
    unused = used_by is not None and not any(values.get("latency_ms") for values in used_by)
    if unused or idist.get_rank() != 0:
        latency = None
    network = LWMISN(_without_operations(architecture)).eval()
    size = IMAGE_SIZE
    fixed = _costs("all but the operations", network, torch.rand(1, architecture.in_channels, *size), latency)
    nothing = torch.zeros(len(COSTS), dtype=torch.float64)
    known: dict[tuple[str, int, int], torch.Tensor] = {}

    def cost(name: str, site: CellSite) -> torch.Tensor:
        key = (name, site.channels, site.stride)
        if key not in known:
            operation = OPERATIONS[name](site.channels, ACTIVATION, NORMALISATION).eval()
            features = torch.rand(1, site.channels, *(-(-length // site.stride) for length in size))
            free = isinstance(operation, nn.Identity) or name == "zero"
            known[key] = nothing if free else _costs(name, operation, features, latency)
        return known[key]

    sites = network.body.sites
    per_group = [[site for site in sites if group in (SHARED, site.stage)] for group in groups]
    columns = [
        torch.stack([sum((cost(name, site) for site in members), start=nothing) for name in operations])
        for members in per_group
    ]
    per_operation = torch.stack(columns).permute(2, 0, 1).contiguous()
    if idist.get_world_size() > 1:
        fixed, per_operation = (torch.as_tensor(idist.broadcast(part)).cpu() for part in (fixed, per_operation))
    return CostTable(operations, groups, fixed, per_operation)


def _without_operations(architecture: Architecture) -> Genotype:
    """The network whose edges are all the identity: the fixed part alone."""
    identity = tuple(
        Edge(node, predecessor, "identity") for node in range(NODES) for predecessor in range(EDGES_PER_NODE)
    )
    return Genotype(architecture, {SHARED: identity})


def _costs(name: str, network: nn.Module, image: torch.Tensor, latency: MeasureLatency | None) -> torch.Tensor:
    milliseconds = 0.0 if latency is None else latency(name, network, image)
    # In double precision, counts above 2^24 stay exact.
    return torch.tensor(
        [parameter_count(network), multiply_accumulates(network, image), milliseconds], dtype=torch.float64
    )
