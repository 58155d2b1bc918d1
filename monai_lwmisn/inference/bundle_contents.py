"""Refuses configurations of bundles that would run anything but the steps of a segmentation.

MONAI's configurations are programs: they name functions to call and hold expressions to evaluate. A bundle comes from
elsewhere, so that only names and expressions that `lwmisn bundle` writes are taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from monai_lwmisn.errors import ConfigError

_NAMES = """
    Activationsd AdjustContrastd AsDiscreted BorderPadd CastToTyped CenterScaleCropd CenterSpatialCropd
    ClipIntensityPercentilesd Compose ConcatItemsd CopyItemsd CropForegroundd DeleteItemsd DistanceTransformEDTd
    DivisiblePadd EnsureChannelFirstd EnsureTyped FillHolesd Flipd ForegroundMaskd GaussianSharpend GaussianSmoothd
    HistogramNormalized Identityd KeepLargestConnectedComponentd LabelFilterd LoadImaged MapLabelValued MaskIntensityd
    MedianSmoothd NormalizeIntensityd Orientationd RemoveSmallObjectsd RepeatChanneld ResizeWithPadOrCropd Resized
    Rotate90d Rotated SavitzkyGolaySmoothd ScaleIntensityRangePercentilesd ScaleIntensityRanged ScaleIntensityd
    SelectItemsd ShiftIntensityd Spacingd SpatialCropd SpatialPadd SqueezeDimd StdShiftIntensityd ThresholdIntensityd
    Transposed Zoomd
"""
TRANSFORMS = frozenset(_NAMES.split())
"""MONAI's transforms that only compute. Those that call functions, write files or wait are not among them."""

TARGETS = TRANSFORMS | {
    "DataLoader",
    "Dataset",
    *(
        f"monai_lwmisn.inference.{name}"
        for name in (
            "evaluator.MaskEvaluator",
            "inferers.build_inferer",
            "inputs.Inputs",
            "instances.SeparateInstancesd",
            "masks.MaskFolder",
            "orientation.slice_orientation",
            "postprocessing.OfClassesd",
            "postprocessing.mask_postprocessing",
            "readers.PictureReader",
            "readers.VolumeReader",
            "runtimes.find_device",
            "runtimes.place_network",
            "transforms.AcquisitionAxisd",
            "transforms.BrightForegroundd",
            "transforms.CheckImaged",
            "transforms.CurvatureFlowd",
            "transforms.NeighbouringSlicesd",
        )
    ),
    "monai_lwmisn.networks.Genotype.load",
    "monai_lwmisn.networks.LWMISN",
    "monai_lwmisn.networks.weights.load_weights",
}
"""What an inference configuration may call."""

EXPRESSIONS = frozenset(
    {
        "$import os",
        "$import sys",
        "$@bundle_root + '/data'",
        "$@bundle_root + '/segmentations'",
        "$@bundle_root + '/genotype.json'",
        "$@bundle_root + '/models/model.pt'",
        "$@bundle_root + '/models/model.onnx'",
        "$@data::loading + @data::spatial + @data::intensity",  # of bundles that are older than neighbouring slices
        "$@data::loading + @data::spatial + @data::intensity + [@neighbours]",
        "$@genotype.architecture.slices",
        "$@genotype.architecture.input_channels",
        "$@mixed_precision and @torch_device.type == 'cuda'",
        "$sys.path.append(os.path.abspath(@bundle_root))",
        "$@evaluator.run()",
    }
)
"""The expressions of an inference configuration."""

_KEYS = ("_target_", "_disabled_", "_desc_")
"""MONAI's keys with a meaning that may be used."""

_MODES = ("default", "callable")
"""The third of MONAI starts a debugger."""

__all__ = ["EXPRESSIONS", "TARGETS", "TRANSFORMS", "check_contents", "entries_of"]


def check_contents(
    config: Mapping[str, Any],
    file: object,
    targets: Collection[str] = TARGETS,
    expressions: Collection[str] = EXPRESSIONS,
) -> None:
    """Refuse a configuration that calls or evaluates anything else.

    Args:
        config: the content of a JSON file.
        file: its path, for messages.
        targets: the classes and functions that it may call.
        expressions: the texts with ``$`` or ``%`` in front that it may have. References, ``@``, are free.

    Raises:
        ConfigError: it has another; the sentence says which.
    """
    for key, value in entries_of(config):
        if key == "_target_":
            refused = not isinstance(value, str) or value not in targets
        elif key.startswith("_") and key.endswith("_") and key != "_meta_":
            refused = value not in _MODES if key == "_mode_" else key not in _KEYS
        else:
            # MONAI imports a reader that is given as a text.
            refused = isinstance(value, str) and (key == "reader" or _is_evaluated(value)) and value not in expressions
        if refused:
            raise ConfigError(
                f"{file} would run {_shortened(value)}, which no bundle of this release does: use it with "
                "`python -m monai.bundle run` if you trust its author."
            )


def entries_of(config: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Return all keys of a configuration with their values. The values in a list have the key of the list."""
    if key:
        yield key, config
    items = config.items() if isinstance(config, Mapping) else ()
    for name, value in items:
        yield from entries_of(value, str(name))
    for value in config if isinstance(config, list) else ():
        yield from entries_of(value, key or "item")


def _is_evaluated(text: str) -> bool:
    return text.startswith(("$", "%"))


def _shortened(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= 100 else f"{text[:100]}...")
