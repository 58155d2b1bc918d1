"""A table of costs by hand, for tests that need none of a true network, and alpha to derive from."""

import torch

from monai_lwmisn.nas import CostTable
from monai_lwmisn.nas.derivation import Edges
from monai_lwmisn.networks import SEARCH_SPACES, Architecture, Genotype
from monai_lwmisn.networks.genotype import PARAMETER_FREE

SPACE = SEARCH_SPACES["lwmisn"]
PARAMS = {
    "separable_conv_3x3": 2880.0,
    "dilated_conv_3x3": 1440.0,
    "ghost_conv_3x3": 720.0,
    "selective_kernel_conv_3x3": 2320.0,
    "shuffle_group_conv_3x3": 296.0,
}
# Eight edges of the cheapest operation, of the cheapest that learns, and of the dearest.
LEAST, LEAST_LEARNING, MOST = 1000, 1000 + 6 * 296, 1000 + 8 * 2880


def made_table(groups: tuple[str, ...] = ("all",)) -> CostTable:
    """Parameters as in table 1, a thousand multiply-accumulates to each, and a millisecond per operation that runs."""
    params = torch.tensor([PARAMS.get(name, 0.0) for name in SPACE], dtype=torch.float64)
    time = torch.tensor([float(name not in ("identity", "zero")) for name in SPACE], dtype=torch.float64)
    costs = torch.stack([params, 1e3 * params, time])
    fixed = torch.tensor([1000, 5e5, 3], dtype=torch.float64)
    return CostTable(SPACE, groups, fixed, costs[:, None].repeat(1, len(groups), 1))


def probabilities(seed: int, groups: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(torch.randn(groups, 14, len(SPACE), generator=generator), dim=-1)


def free_edges(edges: Edges) -> int:
    return max(sum(edge.operation in PARAMETER_FREE for edge in cell) for cell in edges.values())


def is_network(edges: Edges) -> bool:
    """Whether a genotype takes these edges; it raises where not."""
    cells = {"encoder": 1, "middle": 0, "decoder": 1}
    Genotype(Architecture(cells=cells, node_width=(2, 2), in_channels=1, out_channels=1), edges)
    return True
