"""What a network is: operations, cells, the U shape, the supernet and the network a genotype describes."""

from .architecture import Architecture
from .genotype import Edge, Genotype
from .lwmisn import LWMISN
from .operations import OPERATIONS, SEARCH_SPACES
from .supernet import Supernet

__all__ = ["LWMISN", "OPERATIONS", "SEARCH_SPACES", "Architecture", "Edge", "Genotype", "Supernet"]
