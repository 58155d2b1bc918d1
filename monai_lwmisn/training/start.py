"""Lets a training begin with the weights of another network."""

from __future__ import annotations

import os

from monai.networks.utils import copy_model_state
from torch import nn

from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.networks.weights import load_checkpoint

__all__ = ["begin_with"]


def begin_with(network: nn.Module, file: str | os.PathLike[str] | None) -> nn.Module:
    """Return a network with all weights of a file that fit it. Its first and last layers may be of another width.

    Args:
        network: it is changed.
        file: a ``models/model.pt`` of a run or bundle; None changes nothing.

    Raises:
        CheckpointError: the file cannot be read, or most of its weights are of another network.
    """
    if file is None:
        return network
    _, taken, left = copy_model_state(network, load_checkpoint(file))
    if len(taken) <= len(left):
        raise CheckpointError(f"{file} holds weights of another network: give those of the run's genotype.")
    return network
