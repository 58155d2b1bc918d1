"""Estimates the memory of a supernet before its first step, so that a search which does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import torch
from torch.utils.data import DataLoader

from monai_lwmisn.errors import ResourceError
from monai_lwmisn.networks import Supernet
from monai_lwmisn.networks.supernet import DRAWN, MODES

_GIB = 2**30
_PROBE = 32
_DRAWS = 5

MakeSupernet = Callable[..., Supernet]
"""Builds the supernet of a search; ``mode`` replaces the mode in which it is searched."""


def activation_bytes(make_supernet: MakeSupernet, mode: str, batch_shape: tuple[int, ...]) -> int:
    """Estimate the bytes that a supernet keeps for the backward pass of a batch.

    What autograd saves in one small forward pass is scaled by the number of pixels. Activations are proportional to
    it, and everything else is small beside them. The state of torch's random numbers is left as it was.

    Args:
        make_supernet: builds the supernet.
        mode: the mode of the supernet.
        batch_shape: (B, C, H, W) of a training batch.
    """
    state = torch.random.get_rng_state()
    supernet = make_supernet(mode=mode)
    kept: dict[int, int] = {}

    def weigh(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    batch, channels, height, width = batch_shape
    probe = torch.rand(2, channels, _PROBE, _PROBE)
    weights = {parameter.untyped_storage().data_ptr() for parameter in supernet.parameters()}
    activations = 0
    # Some modes draw other candidates every time: the largest of several draws counts.
    for _ in range(_DRAWS if mode in DRAWN else 1):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
            # The logits are held meanwhile, because torch would use a freed storage again, and it would count twice.
            logits = supernet(probe)
        activations = max(activations, sum(size for address, size in kept.items() if address not in weights))
        del logits
    torch.random.set_rng_state(state)
    return activations * batch * height * width // (2 * _PROBE**2)


def check_memory(make_supernet: MakeSupernet, mode: str, loader: DataLoader, device: torch.device) -> int:
    """Estimate the activations of a search, and refuse it if they do not fit.

    Args:
        make_supernet: builds the supernet.
        mode: the mode of the search.
        loader: the training batches, of which one is drawn.
        device: the device on which to search.

    Returns:
        The estimate in bytes.

    Raises:
        ResourceError: when they do not fit; it names a mode and a size of images that would.
    """
    batch_shape = tuple(next(iter(loader))["image"].shape)
    needed = activation_bytes(make_supernet, mode, batch_shape)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed <= free:
        return needed
    remedies = []
    for other in MODES[MODES.index(mode) + 1 :]:
        bytes_in_mode = activation_bytes(make_supernet, other, batch_shape)
        if bytes_in_mode <= free:
            remedies.append(f"search.mode={other} (about {bytes_in_mode / _GIB:.1f} GiB)")
    edge = int(batch_shape[-1] * (free / needed) ** 0.5)
    remedies.append(f"images of at most {edge} pixels a side, or a smaller search.batch_size")
    raise ResourceError(
        f"The search in mode {mode} needs about {needed / _GIB:.1f} GiB for batches of "
        f"{'x'.join(map(str, batch_shape))} and {free / _GIB:.1f} GiB are free: use {', or '.join(remedies)}."
    )
