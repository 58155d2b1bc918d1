"""What a network is: operations, cells, the U shape, the supernet and the network a genotype describes."""

from .architecture import Architecture

from .genotype import Edge, Genotype

from .lwmisn import LWMISN

from .operations import OPERATIONS, SEARCH_SPACES

__all__ = ['Architecture', 'Edge', 'Genotype', 'LWMISN', 'OPERATIONS', 'SEARCH_SPACES']
