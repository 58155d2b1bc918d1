"""Will the supernet fit? Its activations are estimated before the first step, so that a run is refused, not killed."""

from __future__ import annotations

from typing import Any

import psutil
import torch

from monai_lwmisn.errors import ResourceError
from monai_lwmisn.networks import Supernet
from monai_lwmisn.networks.supernet import MODES

_GIB = 2**30
_PROBE = 32
_DRAWS = 5


def activation_bytes(settings: dict[str, Any], batch_shape: tuple[int, ...]) -> int:
    """Bytes that the supernet keeps for the backward pass of a batch.

    What autograd saves is weighed in one small forward pass and scaled by the number of voxels: activations are
    proportional to it, and all else is small beside them.

    Args:
        settings: arguments of :class:`~monai_lwmisn.networks.supernet.Supernet`.
        batch_shape: (B, C, ...) of a training batch.
    """
    state = torch.random.get_rng_state()
    supernet = Supernet(**settings)
    kept: dict[int, int] = {}

    def weigh(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    spatial_dims = len(batch_shape) - 2
    probe = torch.rand(2, batch_shape[1], *[_PROBE] * spatial_dims)
    weights = {parameter.untyped_storage().data_ptr() for parameter in supernet.parameters()}
    activations = 0
    # Mode "single" draws other candidates every time: the heaviest of a few draws counts.
    for _ in range(_DRAWS if settings.get("mode") == "single" else 1):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(weigh, lambda tensor: tensor):
            # Held until weighed: freed storages would be handed out, and counted, twice.
            logits = supernet(probe)
        activations = max(activations, sum(size for address, size in kept.items() if address not in weights))
        del logits
    torch.random.set_rng_state(state)
    voxels = torch.Size((batch_shape[0], *batch_shape[2:])).numel()
    return activations * voxels // (2 * _PROBE**spatial_dims)


def check_memory(settings: dict[str, Any], batch_shape: tuple[int, ...], device: torch.device) -> int:
    """Estimate a run's activations and refuse it where they do not fit.

    Returns:
        The estimate in bytes.

    Raises:
        ResourceError: naming the mode or the size that would fit.
    """
    needed = activation_bytes(settings, batch_shape)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    if needed <= free:
        return needed
    remedies = []
    for mode in MODES[MODES.index(settings["mode"]) + 1 :]:
        bytes_in_mode = activation_bytes({**settings, "mode": mode}, batch_shape)
        if bytes_in_mode <= free:
            remedies.append(f"search_mode={mode} (about {bytes_in_mode / _GIB:.1f} GiB)")
    edge = batch_shape[-1] * (free / needed) ** (1 / (len(batch_shape) - 2))
    remedies.append(f"images of at most {int(edge)} voxels a side, or a smaller search_batch_size")
    raise ResourceError(
        f"The search in mode {settings['mode']} needs about {needed / _GIB:.1f} GiB for batches of "
        f"{'x'.join(map(str, batch_shape))} and {free / _GIB:.1f} GiB are free: use {', or '.join(remedies)}."
    )
