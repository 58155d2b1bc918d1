"""Dictionary transforms that MONAI does not have, in MONAI's style."""

from scripts.data.transforms.slices import SelectSlicesd

__all__ = ['SelectSlicesd']
