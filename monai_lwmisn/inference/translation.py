"""Translates the transforms of a bundle to what its ``model_full.onnx`` and :mod:`monai_lwmisn.light` do.

A transform that has no translation is refused, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from monai.transforms import RemoveSmallObjects

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.light.normalisation import Invert, Range, Standard, Step

OWN = "monai_lwmisn.inference."
LINEAR = ("linear", "bilinear", "trilinear")

__all__ = ["translate_intensity", "translate_postprocessing", "translate_spatial"]


class _Options:
    """The options of a transform that have not been looked at."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.name = str(entry["_target_"])
        self._left = {
            key: value for key, value in entry.items() if key not in ("_target_", "keys", "allow_missing_keys")
        }

    def take(self, key: str, default: Any = None) -> Any:
        """Return an option, and note that it has been looked at."""
        return self._left.pop(key, default)

    def only(self, key: str, *values: Any) -> None:
        """Refuse an option that has another value than some; the first is the default."""
        found = self.take(key, values[0])
        if found not in values:
            raise self.refused(f"with {key} = {found!r}")

    def done(self) -> None:
        """Refuse options that have not been looked at."""
        if self._left:
            raise self.refused(f"with {', '.join(self._left)}")

    def refused(self, how: str = "") -> ConfigError:
        """The error for a transform that has no translation."""
        return ConfigError(
            f"{self.name}{' ' + how if how else ''} cannot be part of an ONNX file: change the preset, or use the "
            "bundle with torch."
        )


def translate_intensity(entries: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The steps of ``data.intensity``.

    Raises:
        ConfigError: a transform, or an option of it, has no translation.
    """
    steps = []
    for entry in entries:
        options = _Options(entry)
        if options.name not in _INTENSITY:
            raise options.refused()
        step = _INTENSITY[options.name](options)
        options.done()
        if step is not None:
            steps.append(step)
    return steps


def translate_spatial(
    entries: Sequence[Mapping[str, Any]], volumetric: bool
) -> tuple[list[float] | None, int | list[int] | None]:
    """The spacing and the size of ``data.spatial``, see :class:`monai_lwmisn.light.facts.Facts`.

    Raises:
        ConfigError: see :func:`translate_intensity`; or there are several such transforms.
    """
    resample: list[float] | None = None
    resize: int | list[int] | None = None
    for entry in entries:
        options = _Options(entry)
        mode = options.take("mode", "area" if options.name == "Resized" else "bilinear")
        if (mode if isinstance(mode, str) else mode[0]) not in LINEAR:
            raise options.refused(f"with mode = {mode!r}")
        options.only("align_corners", None, False)
        if resize is not None or (options.name == "Spacingd" and resample is not None):
            raise options.refused("after another change of the grid")
        if options.name == "Resized":
            resize = _size(options, volumetric)
        elif options.name == "Spacingd" and volumetric:
            resample = _spacing(options)
        else:
            raise options.refused()
        options.done()
    return resample, resize


def translate_postprocessing(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps of ``inference.postprocessing``, see :mod:`monai_lwmisn.light.postprocessing`.

    Raises:
        ConfigError: see :func:`translate_intensity`.
    """
    return [_postprocessing_step(_Options(entry)) for entry in entries]


def _postprocessing_step(options: _Options) -> dict[str, Any]:
    if options.name == "FillHolesd":
        step = {
            "step": "fill_holes",
            "classes": _classes(options),
            "connectivity": options.take("connectivity"),
        }
    elif options.name == "RemoveSmallObjectsd":
        options.only("by_measure", False)
        options.only("pixdim", None)
        step = {
            "step": "remove_small",
            "most": options.take("min_size", 64) - (0 if _removes_regions_of_the_size() else 1),
            "connectivity": options.take("connectivity", 1),
            "each_value": options.take("independent_channels", True),
        }
    elif options.name == "KeepLargestConnectedComponentd":
        options.only("is_onehot", None, False)
        step = {
            "step": "keep_largest",
            "classes": _classes(options),
            "each_class": options.take("independent", True),
            "connectivity": options.take("connectivity"),
            "number": options.take("num_components", 1),
        }
    elif options.name == f"{OWN}postprocessing.OfClassesd":
        inner = _postprocessing_step(_Options(options.take("transform")))
        step = {"step": "of_classes", "classes": list(options.take("classes")), "of": inner}
    else:
        raise options.refused()
    options.done()
    return step


def _classes(options: _Options) -> list[int] | None:
    found = options.take("applied_labels")
    return None if found is None else [int(value) for value in (found if isinstance(found, Sequence) else [found])]


@cache
def _removes_regions_of_the_size() -> bool:
    """Whether MONAI removes regions of ``min_size`` itself, which depends on the release of scikit-image."""
    region = torch.tensor([[1, 1, 0]])[None]
    return not RemoveSmallObjects(min_size=2, independent_channels=False)(region).any()


def _window(options: _Options) -> Range:
    low, high = float(options.take("a_min")), float(options.take("a_max"))
    options.only("dtype", None, "float32")
    b_min, b_max = _end(options, "b_min"), _end(options, "b_max")
    return Range(low, high, b_min=b_min, b_max=b_max, clip=options.take("clip", False))


def _end(options: _Options, key: str) -> float | None:
    value = options.take(key)
    return None if value is None else float(value)


def _percentiles(options: _Options) -> Range:
    lower, upper = float(options.take("lower")), float(options.take("upper"))
    b_min, b_max = _end(options, "b_min"), _end(options, "b_max")
    if options.take("relative", False) and b_min is not None and b_max is not None:
        b_min, b_max = (b_min + (b_max - b_min) * percent / 100 for percent in (lower, upper))
    options.only("dtype", None, "float32")
    return Range(
        lower=lower,
        upper=upper,
        b_min=b_min,
        b_max=b_max,
        clip=options.take("clip", False),
        channel_wise=options.take("channel_wise", False),
    )


def _extremes(options: _Options) -> Range:
    least, most = options.take("minv", 0.0), options.take("maxv", 1.0)
    options.only("factor", None)
    options.only("dtype", None, "float32")
    if least is None and most is None:
        raise options.refused("without minv and maxv")
    flat = 1.0 if least is None else float(least)
    ends = (None, None) if least is None or most is None else (float(least), float(most))
    return Range(b_min=ends[0], b_max=ends[1], channel_wise=options.take("channel_wise", False), flat_factor=flat)


def _standard(options: _Options) -> Standard:
    channel_wise = options.take("channel_wise", False)
    options.only("dtype", None, "float32")
    given: list[tuple[float, ...] | None] = []
    for key in ("subtrahend", "divisor"):
        value = options.take(key)
        several = isinstance(value, Sequence)
        if value is not None and several != channel_wise:
            raise options.refused(f"with {key} = {value!r}")
        given.append(None if value is None else tuple(map(float, value if several else [value])))
    return Standard(given[0], given[1], options.take("nonzero", False), channel_wise)


def _invert(options: _Options) -> Invert:
    return Invert(float(options.take("maximum", 1.0)))


def _nothing(options: _Options) -> None:
    options.only("dtype", "float32")


_INTENSITY: dict[str, Callable[[_Options], Step | None]] = {
    "CastToTyped": _nothing,
    "EnsureTyped": _nothing,
    "Identityd": _nothing,
    "NormalizeIntensityd": _standard,
    "ScaleIntensityRangePercentilesd": _percentiles,
    "ScaleIntensityRanged": _window,
    "ScaleIntensityd": _extremes,
    f"{OWN}transforms.BrightForegroundd": _invert,
}


def _size(options: _Options, volumetric: bool) -> int | list[int]:
    size = options.take("spatial_size")
    options.only("anti_aliasing", False)
    options.only("dtype", "float32")
    if options.take("size_mode", "all") == "longest":
        if volumetric:
            raise options.refused("with size_mode = 'longest'")
        return int(size)
    sizes = [int(length) for length in (size if isinstance(size, Sequence) else [size])]
    if len(sizes) != (3 if volumetric else 2) or (volumetric and sizes[2] != -1):
        raise options.refused(f"with spatial_size = {size!r}")
    return sizes[:2]


def _spacing(options: _Options) -> list[float]:
    pixdim = options.take("pixdim")
    if not isinstance(pixdim, Sequence) or len(pixdim) != 3 or float(pixdim[2]) > 0:
        raise options.refused(f"with pixdim = {pixdim!r}")
    options.only("padding_mode", "border")
    options.only("diagonal", False)
    options.only("scale_extent", False)
    options.only("recompute_affine", False)
    options.only("dtype", "float64", "float32")
    return [max(float(length), 0.0) for length in pixdim]
