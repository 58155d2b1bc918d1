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

WITHOUT_OPERATIONS = "all but the operations"
"""The name of the part that has the stem, the alignments and the head."""

Parts = Mapping[str, tuple[nn.Module, torch.Tensor]]
"""The parts of an architecture by name and size, each with an input."""

MeasureLatencies = Callable[[Parts], Mapping[str, float]]


@dataclass(frozen=True)
class CostTable:
    """Costs of the parts of an architecture.

    Attributes:
        operations: names of the candidates.
        groups: names of the groups of cells that share their edges.
        fixed: (3,), the cost of everything except the operations, in the order of ``COSTS``.
        per_operation: (3, groups, candidates), the cost of an operation on one edge of all cells of a group.
        by_counts: whether the milliseconds are computed from multiply-accumulates, because they could not be measured.
    """

    operations: tuple[str, ...]
    groups: tuple[str, ...]
    fixed: torch.Tensor
    per_operation: torch.Tensor
    by_counts: bool = False

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
    latency: MeasureLatencies | None = None,
    used_by: Sequence[Mapping[str, float | None]] | None = None,
) -> CostTable:
    """Count every candidate at every place of a cell and, if ``latency`` is given and used, time it.

    Args:
        architecture: the shape of the network.
        search_space, alpha_groups: as for :class:`~monai_lwmisn.networks.Supernet`.
        latency: the milliseconds of each part for its input. Without it the latencies are zero. In a group of processes
            the first one measures, and all use its result.
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
    whole = torch.rand(1, architecture.input_channels, *IMAGE_SIZE)
    parts: dict[str, tuple[nn.Module, torch.Tensor]] = {_key(WITHOUT_OPERATIONS, whole): (network, whole)}

    def key_of(name: str, site: CellSite) -> str:
        features = torch.rand(1, site.channels, *(-(-length // site.stride) for length in IMAGE_SIZE))
        key = _key(name, features)
        if key not in parts:
            parts[key] = (OPERATIONS[name](site.channels, ACTIVATION, NORMALISATION).eval(), features)
        return key

    sites = network.body.sites
    keys = [
        [[key_of(name, site) for site in sites if group in (SHARED, site.stage)] for name in operations]
        for group in groups
    ]
    timed = {key: part for key, part in parts.items() if not _is_free(key, part[0])}
    milliseconds = {} if latency is None else latency(timed)
    # In double precision, counts above 2^24 stay exact.
    nothing = torch.zeros(len(COSTS), dtype=torch.float64)
    costs = dict.fromkeys(parts, nothing) | {
        key: torch.tensor(
            [parameter_count(part), multiply_accumulates(part, features), milliseconds.get(key, 0.0)],
            dtype=torch.float64,
        )
        for key, (part, features) in timed.items()
    }
    fixed = costs[_key(WITHOUT_OPERATIONS, whole)]
    columns = [
        torch.stack([sum((costs[key] for key in members), start=nothing) for members in group]) for group in keys
    ]
    per_operation = torch.stack(columns).permute(2, 0, 1).contiguous()
    if idist.get_world_size() > 1:
        fixed, per_operation = (torch.as_tensor(idist.broadcast(part)).cpu() for part in (fixed, per_operation))
    return CostTable(operations, groups, fixed, per_operation, getattr(latency, "by", None) == "counts")


def _without_operations(architecture: Architecture) -> Genotype:
    """The network whose edges are all the identity: the fixed part alone."""
    identity = tuple(
        Edge(node, predecessor, "identity") for node in range(NODES) for predecessor in range(EDGES_PER_NODE)
    )
    return Genotype(architecture, {SHARED: identity})


def _key(name: str, image: torch.Tensor) -> str:
    return f"{name} {'x'.join(map(str, image.shape[1:]))}"


def _is_free(key: str, part: nn.Module) -> bool:
    return isinstance(part, nn.Identity) or key.startswith("zero ")
