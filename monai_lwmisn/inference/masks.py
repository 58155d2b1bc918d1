"""The folder of masks, by the name that configurations of bundles give it."""

from monai_lwmisn.light.masks import MaskFolder

__all__ = ["MaskFolder"]
