"""What a network is: operations, cells, the U shape, the supernet and the network a genotype describes."""

from monai_lwmisn.networks.architecture import Architecture
from monai_lwmisn.networks.genotype import Edge, Genotype
from monai_lwmisn.networks.lwmisn import LWMISN
from monai_lwmisn.networks.operations import OPERATIONS, SEARCH_SPACES
from monai_lwmisn.networks.supernet import Supernet

__all__ = ["LWMISN", "OPERATIONS", "SEARCH_SPACES", "Architecture", "Edge", "Genotype", "Supernet"]
