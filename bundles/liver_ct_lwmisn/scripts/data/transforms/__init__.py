"""Dictionary transforms that MONAI does not have, in MONAI's style."""

from scripts.data.transforms.geometry import CopyGeometryd

from scripts.data.transforms.slices import SelectSlicesd

__all__ = ['CopyGeometryd', 'SelectSlicesd']
