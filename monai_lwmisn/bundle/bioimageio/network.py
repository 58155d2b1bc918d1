"""What a package of BioImage.IO exports: the network, and around it all that the specification has no words for.

The input is normalised by steps of the specification. The output are probabilities, because QuPath and deepImageJ do
not know the step ``softmax``, and always of background too, because QuPath takes the most probable class.
"""

# Without `from __future__ import annotations`: TorchScript reads the types of attributes.
from itertools import combinations

import torch
from monai.networks.layers import gaussian_1d
from torch import nn

AXES = ("RL", "AP", "SI")
"""The axes of a body. A viewer shows the first of two from left to right, and the other from top to bottom."""

SHOWN = "LPI"
"""The direction of each of ``AXES`` in a viewer, from left to right or from top to bottom."""


class BrightForeground(nn.Module):
    """Inverts pictures with a bright background, see :class:`monai_lwmisn.inference.transforms.BrightForegroundd`.

    Args:
        maximum: the largest possible value.
    """

    def __init__(self, maximum: float) -> None:
        super().__init__()
        self.maximum = maximum

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Invert those images (B, C, H, W) whose median is above half of the maximum."""
        # The median is above a value where more than half of all values are. ONNX has no median.
        above = (images > self.maximum / 2).to(images.dtype).mean(dim=(1, 2, 3), keepdim=True)
        return torch.where(above > 0.5, self.maximum - images, images)


class _Planes(nn.Module):
    """Gives the logits of images (B, C, x, y), averaged over their mirror images.

    Args:
        network: gives the logits (B, classes, x, y).
        flips: the in-plane axes, see :class:`monai_lwmisn.inference.inferers.FlippingInferer`.
    """

    flips: list[list[int]]

    def __init__(self, network: nn.Module, flips: list[int]) -> None:
        super().__init__()
        self.network = network
        self.flips = [[axis + 2 for axis in some] for count in range(len(flips) + 1)
                      for some in combinations(flips, count)]  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(self.flips) == 1:
            return self.network(images)
        # One call of the network makes the exported file half as long as two.
        count = len(self.flips)
        mirrored = torch.cat([images.flip(axes) for axes in self.flips])
        logits = self.network(mirrored).unflatten(0, (count, images.shape[0]))
        return torch.stack([logits[one].flip(self.flips[one]) for one in range(count)]).mean(dim=0)


class PictureNetwork(nn.Module):
    """Maps normalised pictures (B, C, height, width) to probabilities (B, classes, height, width).

    Args:
        network: maps pictures (B, C, width, height) to logits.
        flips: the in-plane axes of the network's mirror images.
        brightness: what is done to pictures before the network.
    """

    def __init__(self, network: nn.Module, flips: list[int], brightness: nn.Module | None = None) -> None:
        super().__init__()
        self.brightness = brightness or nn.Identity()
        self.planes = _Planes(network, flips)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the probabilities."""
        logits = self.planes(self.brightness(image).transpose(2, 3)).transpose(2, 3)
        return _probabilities(logits)


class VolumeNetwork(nn.Module):
    """Maps normalised volumes (B, C, slice, height, width) to probabilities (B, classes, slice, height, width).

    Height and width are those of a viewer, see :func:`shown_plane`.

    Args:
        network: maps slices (B, slices * C, x, y) to logits.
        flips: the in-plane axes of the network's mirror images.
        orientation: of the network's volumes, as three letters; the last axis is sliced along.
        slices: that the network sees to segment one, see
            :class:`monai_lwmisn.inference.transforms.NeighbouringSlicesd`.
        smoothing: sigma in slices, see :class:`monai_lwmisn.inference.inferers.SliceSmoothingInferer`; 0 for none.
    """

    turned: list[int]
    kernel: torch.Tensor

    def __init__(
        self, network: nn.Module, flips: list[int], orientation: str, slices: int = 1, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.planes = _Planes(network, flips)
        plane = shown_plane(orientation)
        self.transposed = plane[0][0] not in orientation[0] + opposite(orientation[0])
        self.turned = [3 + place for place, (_, to) in enumerate(plane) if to not in orientation]
        self.slices, self.smoothed = slices, smoothing > 0
        kernel = gaussian_1d(torch.tensor(float(smoothing or 1)), truncated=4.0)
        self.reach = len(kernel) // 2
        self.register_buffer("kernel", kernel.reshape(1, 1, -1, 1, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the probabilities."""
        volumes = self._turn(image)
        batch, count = volumes.shape[0], volumes.shape[2]
        beyond = self.slices // 2
        padded = _repeat_ends(volumes, beyond)
        # The channels of the first slice come first, then those of the next.
        channels = torch.cat([padded[:, :, first : first + count] for first in range(self.slices)], dim=1)
        logits = self.planes(channels.transpose(1, 2).flatten(0, 1)).unflatten(0, (batch, count)).transpose(1, 2)
        if self.smoothed:
            classes = logits.shape[1]
            lines = _repeat_ends(logits, self.reach).flatten(0, 1).unsqueeze(1)
            logits = nn.functional.conv3d(lines, self.kernel).squeeze(1).unflatten(0, (batch, classes))
        return self._turn_back(_probabilities(logits))

    def _turn(self, image: torch.Tensor) -> torch.Tensor:
        """From (B, C, slice, height, width) to (B, C, slice, x, y)."""
        turned = image.flip(self.turned)
        return turned.transpose(3, 4) if self.transposed else turned

    def _turn_back(self, volumes: torch.Tensor) -> torch.Tensor:
        return (volumes.transpose(3, 4) if self.transposed else volumes).flip(self.turned)


def shown_plane(orientation: str) -> list[tuple[str, str]]:
    """Return where height and width of a slice begin and where they lead to, as a viewer shows it.

    Args:
        orientation: three letters; the last axis is sliced along.

    Example:
        >>> shown_plane("RAS")
        [('A', 'P'), ('R', 'L')]
    """
    height, width = sorted((_axis(letter) for letter in orientation[:2]), reverse=True)
    return [(opposite(SHOWN[axis]), SHOWN[axis]) for axis in (height, width)]


def _axis(letter: str) -> int:
    return next(number for number, letters in enumerate(AXES) if letter in letters)


def opposite(letter: str) -> str:
    """Return the other end of an axis of the body."""
    return AXES[_axis(letter)].replace(letter, "")


def _repeat_ends(volumes: torch.Tensor, count: int) -> torch.Tensor:
    """Repeat the first and the last slice of volumes (B, C, slice, ...)."""
    first, last = [volumes[:, :, :1]] * count, [volumes[:, :, -1:]] * count
    return torch.cat(first + [volumes] + last, dim=2)


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    """The probabilities of background and classes, also where the network has one class, without background."""
    if logits.shape[1] > 1:
        return torch.softmax(logits, dim=1)
    found = torch.sigmoid(logits)
    return torch.cat([1 - found, found], dim=1)
