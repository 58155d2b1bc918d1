"""The rivals that the paper searched itself, with the cells that our own search found for them on DSB2018.

A comparison searches them anew on the data at hand; these are for looking at and for counting.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from torch import nn

from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.networks.lwmisn import LWMISN
from monai_lwmisn.studies.baselines.registry import baseline


def _with_known_cells(name: str, in_channels: int, out_channels: int) -> nn.Module:
    found = Genotype.load(str(files("monai_lwmisn.studies") / "genotypes" / f"{name}.json"))
    architecture = replace(found.architecture, in_channels=in_channels, out_channels=out_channels)
    return LWMISN(replace(found, architecture=architecture))


@baseline(
    "darts_based",
    source="the paper's tables name it; read as DARTS's operations (ICLR 2019) in the U shape, without cost terms",
    licence="Apache-2.0 (ours)",
    multiple=1,
    spatial_dims=(2,),
)
def darts_based(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """The U shape with DARTS's operations, searched without a cost term; it maps (B, in_channels, ...) to logits."""
    return _with_known_cells("darts_based", in_channels, out_channels)


@baseline(
    "contrast",
    source="figure 6 of the paper: its operations in a shape like that of DARTS",
    licence="Apache-2.0 (ours)",
    multiple=1,
    spatial_dims=(2,),
)
def contrast(spatial_dims: int, in_channels: int, out_channels: int) -> nn.Module:
    """The light operations in a chain of cells with two reductions and no way back up (table 5).

    It maps (B, in_channels, ...) to logits of that size, as every baseline does.
    """
    return _with_known_cells("contrast", in_channels, out_channels)
