"""The networks of the paper's tables and the light ones of today, that ours is compared with; one file each."""

from monai_lwmisn.studies.baselines.registry import BASELINES, Baseline, build_baseline, find_baseline

from . import (  # noqa: F401  each registers what it defines
    attention_unet,
    auto_deeplab,
    cmunext,
    ege_unet,
    fcn,
    monai_networks,
    nas_unet,
    r2_unet,
    searched,
    unet,
    unet_plus_plus,
    unext,
)

__all__ = ["BASELINES", "Baseline", "build_baseline", "find_baseline"]
