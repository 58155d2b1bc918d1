"""The search: what architectures cost, what alpha is steered by, and how a genotype is read off it."""

from monai_lwmisn.nas.architecture_step import ArchitectureStep
from monai_lwmisn.nas.budget import check_budget, derive_within
from monai_lwmisn.nas.costs import COSTS, CostTable, measure_costs
from monai_lwmisn.nas.derivation import derive
from monai_lwmisn.nas.genotype_watch import GenotypeWatch
from monai_lwmisn.nas.latency import LatencyTable, true_costs
from monai_lwmisn.nas.memory import activation_bytes, check_memory
from monai_lwmisn.nas.objective import CostObjective
from monai_lwmisn.nas.random_search import draw_edges

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
