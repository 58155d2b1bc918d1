"""The baseline networks: those of the paper's tables and light networks of today. Each has a file."""

from monai_lwmisn.studies.baselines.registry import BASELINES, Baseline, build_baseline, find_baseline

from . import (  # noqa: F401  each module registers its networks
    attention_unet,
    auto_deeplab,
    cmunext,
    ege_unet,
    fcn,
    lv_unet,
    mk_unet,
    monai_networks,
    nas_unet,
    r2_unet,
    searched,
    tiny_unet,
    unet,
    unet_plus_plus,
    unext,
)

__all__ = ["BASELINES", "Baseline", "build_baseline", "find_baseline"]
