"""The search: what architectures cost, what alpha is steered by, and how a genotype is read off it."""

from .architecture_step import ArchitectureStep
from .budget import check_budget, derive_within
from .costs import COSTS, CostTable, measure_costs
from .discretise import derive
from .genotype_watch import GenotypeWatch
from .measure import LatencyTable, true_costs
from .memory import activation_bytes, check_memory
from .objective import CostObjective
from .random_architecture import draw_edges

__all__ = [
    "COSTS",
    "ArchitectureStep",
    "CostObjective",
    "CostTable",
    "GenotypeWatch",
    "LatencyTable",
    "activation_bytes",
    "check_budget",
    "check_memory",
    "derive",
    "derive_within",
    "draw_edges",
    "measure_costs",
    "true_costs",
]
