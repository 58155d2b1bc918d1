"""Provides dictionary transforms that MONAI lacks, in MONAI's style."""

from monai_lwmisn.data.transforms.denoising import CurvatureFlowd
from monai_lwmisn.data.transforms.geometry import CopyGeometryd
from monai_lwmisn.data.transforms.polarity import BrightForegroundd
from monai_lwmisn.data.transforms.slices import SelectSlicesd

__all__ = ["BrightForegroundd", "CopyGeometryd", "CurvatureFlowd", "SelectSlicesd"]
