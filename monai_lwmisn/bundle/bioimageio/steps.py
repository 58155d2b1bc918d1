"""Says the preparation of images in steps of BioImage.IO's specification, or refuses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai_lwmisn.bundle.bioimageio.network import BrightForeground
from monai_lwmisn.errors import ConfigError

Step = dict[str, Any]
"""A step of the specification: ``id`` and ``kwargs``."""


def preparation(
    intensity: Sequence[Mapping[str, Any]], space: Sequence[str], name: object
) -> tuple[list[Step], BrightForeground | None]:
    """Return the steps of the specification, and what is left for the network to do.

    Args:
        intensity: the transforms of the values, as configurations of MONAI's classes.
        space: the names of the axes other than batch and channel.
        name: of the bundle, for messages.

    Raises:
        ConfigError: the specification has no word for one of them.
    """
    steps: list[Step] = []
    inverted: BrightForeground | None = None
    for transform in intensity:
        kind = transform["_target_"].rpartition(".")[2]
        arguments = {key: value for key, value in transform.items() if key not in ("_target_", "keys")}
        try:
            if inverted is not None:
                raise ValueError
            if kind == "BrightForegroundd":
                inverted = BrightForeground(arguments.pop("maximum", 1.0), **arguments)
            else:
                steps += STEPS[kind](space, **arguments)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{name} prepares images with {kind} ({_listed(arguments)}), which the specification of BioImage.IO "
                "cannot say here: share it as a standalone bundle."
            ) from error
    return steps, inverted


def _window(
    space: Sequence[str], a_min: float, a_max: float, b_min: float, b_max: float, clip: bool = False
) -> list[Step]:
    """ScaleIntensityRanged. Pictures of more than 8 bits are brought to 255 before it, which no step can say."""
    if "z" not in space:
        raise ValueError
    gain = (b_max - b_min) / (a_max - a_min)
    return [_linear(gain, b_min - a_min * gain), *_clip(clip, b_min, b_max)]


def _percentiles(
    space: Sequence[str],
    lower: float,
    upper: float,
    b_min: float,
    b_max: float,
    clip: bool = False,
    channel_wise: bool = False,
) -> list[Step]:
    """ScaleIntensityRangePercentilesd."""
    percentiles = {"min_percentile": float(lower), "max_percentile": float(upper)}
    steps: list[Step] = [{"id": "scale_range", "kwargs": {"axes": _axes(space, channel_wise), **percentiles}}]
    if (b_min, b_max) != (0, 1):
        steps.append(_linear(b_max - b_min, b_min))
    return [*steps, *_clip(clip, b_min, b_max)]


def _standard(space: Sequence[str], channel_wise: bool = False, nonzero: bool = False) -> list[Step]:
    """NormalizeIntensityd."""
    if nonzero:
        raise ValueError
    return [{"id": "zero_mean_unit_variance", "kwargs": {"axes": _axes(space, channel_wise)}}]


STEPS: dict[str, Callable[..., list[Step]]] = {
    "NormalizeIntensityd": _standard,
    "ScaleIntensityRanged": _window,
    "ScaleIntensityRangePercentilesd": _percentiles,
}
"""What makes steps of MONAI's transforms, by their names. An argument that it does not know is refused."""


def _axes(space: Sequence[str], channel_wise: bool) -> list[str]:
    return [*space] if channel_wise else ["channel", *space]


def _linear(gain: float, offset: float) -> Step:
    return {"id": "scale_linear", "kwargs": {"gain": float(gain), "offset": float(offset)}}


def _clip(clip: bool, low: float, high: float) -> list[Step]:
    return [{"id": "clip", "kwargs": {"min": float(low), "max": float(high)}}] if clip else []


def _listed(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in arguments.items()) or "no arguments"
