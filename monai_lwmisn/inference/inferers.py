"""Brings images and volumes of any size through a 2D network, to logits on the same grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Any, cast

import torch
from monai.data.utils import dense_patch_slices
from monai.inferers import Inferer, SimpleInferer, SliceInferer, SlidingWindowInferer
from monai.networks.layers import gaussian_1d, separable_filtering
from monai.utils import convert_to_dst_type, convert_to_tensor

from monai_lwmisn.errors import ConfigError
from monai_lwmisn.light.windows import aligned_window

__all__ = ["FlippingInferer", "ProgressInferer", "SliceSmoothingInferer", "build_inferer"]


class FlippingInferer(Inferer):
    """Averages the logits over flips of the input, flipped back (test-time augmentation).

    Args:
        inferer: computes the logits of one flip.
        axes: the in-plane axes that are flipped, 0, 1 or both; each doubles the work.

    Raises:
        ConfigError: there is no such axis.
    """

    def __init__(self, inferer: Inferer, axes: Sequence[int]) -> None:
        super().__init__()
        self.inferer = inferer
        # Axes of (B, C, H, W[, D]).
        self.flips = [tuple(axis + 2 for axis in chosen) for chosen in _subsets(axes)]

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Map images (B, C, H, W[, D]) to logits of that size."""
        logits = [self.inferer(inputs.flip(flip), network, *args, **kwargs).flip(flip) for flip in self.flips]
        return torch.stack(logits).mean(dim=0)


class SliceSmoothingInferer(Inferer):
    """Smooths the logits of volumes along the slices, since the network sees each slice by itself.

    Args:
        inferer: computes the logits of a volume.
        sigma: of the Gaussian, in slices.

    Raises:
        ConfigError: sigma is not above zero.
    """

    def __init__(self, inferer: Inferer, sigma: float) -> None:
        super().__init__()
        if not sigma > 0:
            raise ConfigError(f"slice_smoothing is {sigma}: give a number of slices above 0, or 0 for none.")
        self.inferer = inferer
        alone = torch.ones(1)
        self.kernels = [alone, alone, gaussian_1d(torch.tensor(float(sigma)), truncated=4.0)]

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Map volumes (B, C, H, W, D) to logits of that size."""
        logits = self.inferer(inputs, network, *args, **kwargs)
        return separable_filtering(logits, [kernel.to(logits) for kernel in self.kernels], mode="replicate")


class ProgressInferer(Inferer):
    """Reports after every batch how many slices, windows or pictures of the input are done.

    Args:
        inferer: does the work.
        progress: called with the number done and the number of all.
        count: gives the number of all in an input (B, C, ...).
        repeats: times that each goes through the network.
    """

    def __init__(
        self,
        inferer: Inferer,
        progress: Callable[[int, int], None],
        count: Callable[[torch.Tensor], int],
        repeats: int = 1,
    ) -> None:
        super().__init__()
        self.inferer, self.progress, self.count, self.repeats = inferer, progress, count, repeats

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Run the inferer."""
        done, total = 0, self.count(inputs)

        def counted(batch: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            nonlocal done
            logits = network(batch, *args, **kwargs)
            done += len(batch)
            self.progress(min(done // self.repeats, total), total)
            return logits

        return self.inferer(inputs, counted, *args, **kwargs)


class _WindowInferer(Inferer):
    """Takes windows of an image, and an image that is smaller than a window whole. MONAI would pad it.

    Args:
        roi: size in pixels of a window.
        batch_size: windows that go through the network together.
        overlap: share of a window that overlaps the next one.
    """

    def __init__(self, roi: Sequence[int], batch_size: int, overlap: float) -> None:
        super().__init__()
        self.roi, self.batch_size, self.overlap = roi, batch_size, overlap

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Map images (B, C, H, W) to logits of that size."""
        axes = _axes(inputs, self.roi, self.overlap)
        window = [side for side, _ in axes]
        if window == list(inputs.shape[2:4]):
            return network(inputs, *args, **kwargs)
        # MONAI takes the step between windows as a share of their side, and rounds down.
        overlaps = [max(0.0, 1 - (step + 0.5) / side) for side, step in axes]
        inferer = SlidingWindowInferer(window, self.batch_size, overlaps, mode="gaussian")
        return cast(torch.Tensor, inferer(inputs, network, *args, **kwargs))


class _PlainTensorInferer(Inferer):
    """Gives the network plain tensors. MONAI would carry the metadata of images through every layer."""

    def __init__(self, inferer: Inferer) -> None:
        super().__init__()
        self.inferer = inferer

    def __call__(
        self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        logits = self.inferer(convert_to_tensor(inputs), network, *args, **kwargs)
        return convert_to_dst_type(logits, inputs, dtype=torch.float32)[0]


def build_inferer(
    volumetric: bool = False,
    roi: Sequence[int] | None = None,
    batch_size: int = 8,
    overlap: float = 0.25,
    flips: Sequence[int] = (),
    slice_smoothing: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> Inferer:
    """The inferer of a 2D network.

    Args:
        volumetric: the inputs are volumes (B, C, H, W, D), taken slice by slice along the last axis.
        roi: in-plane size in pixels of a sliding window; None takes images and slices whole. Images that are smaller
            are not padded.
        batch_size: slices or windows that go through the network together.
        overlap: share of a window that overlaps the next one.
        flips: in-plane axes to average over flips of, see :class:`FlippingInferer`.
        slice_smoothing: sigma in slices of the smoothing of a volume's logits, see :class:`SliceSmoothingInferer`;
            0 for none.
        progress: called after each batch with the number of slices or windows of an input that are done, and of all.
    """
    inferer: Inferer
    if volumetric:
        inferer = SliceInferer(
            spatial_dim=2, roi_size=tuple(roi or (-1, -1)), sw_batch_size=batch_size, overlap=overlap if roi else 0.0
        )
    elif roi:
        inferer = _WindowInferer(roi, batch_size, overlap)
    else:
        inferer = SimpleInferer()
    if flips:
        inferer = FlippingInferer(inferer, flips)
    if volumetric and slice_smoothing:
        inferer = SliceSmoothingInferer(inferer, slice_smoothing)
    if progress is not None:
        inferer = ProgressInferer(inferer, progress, partial(_count, volumetric, roi, overlap), 2 ** len(flips))
    return _PlainTensorInferer(inferer)


def _count(volumetric: bool, roi: Sequence[int] | None, overlap: float, inputs: torch.Tensor) -> int:
    """The number of slices or windows of an input (B, C, H, W[, D])."""
    count = len(inputs) * (inputs.shape[-1] if volumetric else 1)
    if roi:
        moves = [(side, max(1, int(side * (1 - overlap)))) for side in roi] if volumetric else None
        sides, steps = zip(*(moves or _axes(inputs, roi, overlap)), strict=True)
        extent = [max(length, side) for length, side in zip(inputs.shape[2:4], sides, strict=True)]
        count *= len(dense_patch_slices(extent, sides, steps))
    return count


def _subsets(axes: Sequence[int]) -> list[tuple[int, ...]]:
    if not isinstance(axes, Sequence) or not set(axes) <= {0, 1} or len(set(axes)) < len(axes):
        raise ConfigError(f"test_time_flips is {axes!r}: give a list of in-plane axes, [0], [1], [0, 1] or none, [].")
    return [chosen for count in range(len(axes) + 1) for chosen in combinations(axes, count)]


def _axes(inputs: torch.Tensor, roi: Sequence[int], overlap: float) -> list[tuple[int, int]]:
    """The side of the windows of images (B, C, H, W), and the step between them, of each axis."""
    return [aligned_window(length, side, overlap) for length, side in zip(inputs.shape[2:4], roi, strict=True)]
