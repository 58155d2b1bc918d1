"""A table of costs by hand, for tests that need none of a true network."""

import torch

from monai_lwmisn.networks import SEARCH_SPACES
from monai_lwmisn.search import CostTable

SPACE = SEARCH_SPACES["lwmisn"]
PARAMS = {
    "separable_conv_3x3": 2880.0,
    "dilated_conv_3x3": 1440.0,
    "ghost_conv_3x3": 720.0,
    "selective_kernel_conv_3x3": 2320.0,
    "shuffle_group_conv_3x3": 296.0,
}


def made_table(groups: tuple[str, ...] = ("all",)) -> CostTable:
    """Parameters as in table 1, a thousand multiply-accumulates to each, and a millisecond per operation that runs."""
    params = torch.tensor([PARAMS.get(name, 0.0) for name in SPACE], dtype=torch.float64)
    time = torch.tensor([float(name not in ("identity", "zero")) for name in SPACE], dtype=torch.float64)
    costs = torch.stack([params, 1e3 * params, time])
    fixed = torch.tensor([1000, 5e5, 3], dtype=torch.float64)
    return CostTable(SPACE, groups, fixed, costs[:, None].repeat(1, len(groups), 1))
