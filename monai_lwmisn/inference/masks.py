"""From logits on the network's grid to a mask on the grid of the file."""

from __future__ import annotations

from collections.abc import Callable

from monai.transforms import Activationsd, AsDiscreted, Compose, Invertd

__all__ = ["native_mask"]


def native_mask(preprocessing: Compose, out_channels: int) -> list[Callable]:
    """
    The transforms that make ``pred``, the logits (out_channels, ...), a label map (1, ...) on the grid of the file.

    Logits, not classes, are brought back, so that borders are not blocky.

    Args:
        preprocessing: all that was done to ``image``; what changed its grid is undone.
        out_channels: 1 for one class (probability of at least 0.5), otherwise background and classes (the most
            probable one).
    """
    single = out_channels == 1
    return [
        Invertd("pred", preprocessing, orig_keys="image", nearest_interp=False),
        Activationsd("pred", sigmoid=single, softmax=not single),
        AsDiscreted("pred", threshold=0.5) if single else AsDiscreted("pred", argmax=True),
    ]
