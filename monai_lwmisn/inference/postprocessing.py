"""From logits on the network's grid to a mask on the grid of the file."""

from __future__ import annotations

from collections.abc import Callable

from monai.transforms import Activationsd, AsDiscreted, Compose, Invertd, InvertibleTransform

__all__ = ["most_probable", "native_mask", "native_probabilities"]


def native_mask(preprocessing: Compose, out_channels: int) -> list[Callable]:
    """
    The transforms that make ``pred``, the logits (out_channels, ...), a label map (1, ...) on the grid of the file.

    Args:
        preprocessing: all that was done to ``image``; what changed its grid is undone.
        out_channels: 1 for one class, otherwise background and classes.
    """
    return [*native_probabilities(preprocessing, out_channels), most_probable(out_channels)]


def native_probabilities(preprocessing: Compose, out_channels: int) -> list[Callable]:
    """
    The transforms that make ``pred``, the logits, probabilities (out_channels, ...) on the grid of the file.

    Logits, not classes, are brought back, so that borders are not blocky.

    Args:
        preprocessing: all that was done to ``image``; what changed its grid is undone.
        out_channels: 1 for one class, otherwise background and classes.
    """
    single = out_channels == 1
    transforms: list[Callable] = [Activationsd("pred", sigmoid=single, softmax=not single)]
    if any(isinstance(transform, InvertibleTransform) for transform in preprocessing.flatten().transforms):
        transforms.insert(0, Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False, device=None))
    return transforms


def most_probable(out_channels: int, key: str = "pred") -> Callable:
    """
    The transform that makes probabilities (out_channels, ...) a label map (1, ...).

    Args:
        out_channels: 1 for one class, which takes a probability of at least 0.5, otherwise background and classes, of
            which the most probable one counts.
        key: of the probabilities.
    """
    return AsDiscreted(key, threshold=0.5) if out_channels == 1 else AsDiscreted(key, argmax=True)
