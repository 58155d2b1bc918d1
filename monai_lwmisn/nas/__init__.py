"""The search: costs of architectures, the objective of alpha, the trainer, and how a genotype is derived."""

from monai_lwmisn.nas.budget import check_budget, derive_within
from monai_lwmisn.nas.costs import COSTS, CostTable, measure_costs
from monai_lwmisn.nas.derivation import derive
from monai_lwmisn.nas.early_stop import EarlyStop
from monai_lwmisn.nas.evolution import Evolution
from monai_lwmisn.nas.latency import LatencyTable, true_costs
from monai_lwmisn.nas.memory import activation_bytes, check_memory
from monai_lwmisn.nas.objective import CostObjective
from monai_lwmisn.nas.short_training import ShortTraining
from monai_lwmisn.nas.strategies import draw_edges, given_genotype, random_genotype
from monai_lwmisn.nas.trainer import SearchTrainer, find_warmup

__all__ = [
    "COSTS",
    "CostObjective",
    "CostTable",
    "EarlyStop",
    "Evolution",
    "LatencyTable",
    "SearchTrainer",
    "ShortTraining",
    "activation_bytes",
    "check_budget",
    "check_memory",
    "derive",
    "derive_within",
    "draw_edges",
    "find_warmup",
    "given_genotype",
    "measure_costs",
    "random_genotype",
    "true_costs",
]
