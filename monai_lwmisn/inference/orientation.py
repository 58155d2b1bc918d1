"""The orientation of a volume, by the name that configurations of bundles give it."""

from monai_lwmisn.light.orientation import slice_orientation

__all__ = ["slice_orientation"]
