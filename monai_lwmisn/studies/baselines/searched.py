"""The baselines that the paper searched itself, with the cells that our search found for them on DSB2018.

These are for showing and counting. A comparison searches them on its own data.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from torch import nn

from monai_lwmisn.networks.genotype import Genotype
from monai_lwmisn.networks.lwmisn import LWMISN
from monai_lwmisn.studies.baselines.registry import baseline


def _build(name: str, in_channels: int, out_channels: int) -> nn.Module:
    genotype = Genotype.load(str(files("monai_lwmisn.studies") / "genotypes" / f"{name}.json"))
    architecture = replace(genotype.architecture, in_channels=in_channels, out_channels=out_channels)
    return LWMISN(replace(genotype, architecture=architecture))


@baseline(
    "darts_based",
    source="the paper's tables name it; read as DARTS's operations (ICLR 2019) in the U shape, without cost terms",
    licence="Apache-2.0 (ours)",
    multiple=1,
)
def darts_based(in_channels: int, out_channels: int) -> nn.Module:
    """The U shape with DARTS's operations, searched without a cost term; (B, in_channels, H, W) to logits."""
    return _build("darts_based", in_channels, out_channels)


@baseline(
    "contrast",
    source="figure 6 of the paper: its operations in a shape like that of DARTS",
    licence="Apache-2.0 (ours)",
    multiple=1,
)
def contrast(in_channels: int, out_channels: int) -> nn.Module:
    """The light operations in a chain of cells with two reductions and no decoder (table 5).

    It maps (B, in_channels, H, W) to logits of that size, as every baseline does.
    """
    return _build("contrast", in_channels, out_channels)
