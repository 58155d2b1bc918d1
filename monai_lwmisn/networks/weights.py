"""Reads and writes weights: a file is written completely or not at all, and read without executing code."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_lwmisn.errors import CheckpointError
from monai_lwmisn.files import write_atomically

__all__ = ["load_checkpoint", "load_weights", "save_atomically"]


def save_atomically(state: Any, path: str | os.PathLike) -> None:
    """
    Write with ``torch.save`` by way of :func:`monai_lwmisn.files.write_atomically`.

    Args:
        state: tensors and plain values in dictionaries and lists, so that it loads with ``weights_only=True``.
        path: the file; its folder is made.

    Raises:
        CheckpointError: when the file cannot be written.
    """
    # Serialised in memory first: a full disk then shows as an OSError of one write, not as a half-closed archive.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(buffer.getvalue(), path)


def load_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """
    Read a dictionary written by :func:`save_atomically`, tensors on the CPU, without executing any code in it.

    Raises:
        CheckpointError: when the file is missing or truncated, or holds no dictionary of tensors and plain values.
    """
    try:
        _check_sizes(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{path} does not exist: "
            + _remedy(path, "train first, and use --resume only for a run that was begun before")
        ) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a checkpoint of tensors and plain values, so it is not read: use a file written by lwmisn."
        ) from error
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is truncated or not a checkpoint: "
            + _remedy(path, "train again without --resume, or restore the file")
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} does not hold a dictionary: use a file written by lwmisn.")
    return state


def load_weights(network: nn.Module, path: str | os.PathLike) -> nn.Module:
    """
    Load a state_dict from a file into a network, and return the network.

    Raises:
        CheckpointError: when the file cannot be read, or holds the weights of another network or such that are NaN or
            infinite.
    """
    state = load_checkpoint(path)
    try:
        network.load_state_dict(state)
    except Exception as error:  # a file may hold tensors of any kind, which torch refuses in as many ways
        raise CheckpointError(
            f"{path} does not hold the weights of this genotype: train the genotype, or give the file's own genotype."
        ) from error
    if not all(value.isfinite().all() for value in network.state_dict().values()):
        remedy = _remedy(path, "train again, or restore the file")
        raise CheckpointError(f"{path} holds weights that are NaN or infinite: {remedy}")
    return network


def _remedy(path: str | os.PathLike, of_run: str) -> str:
    """Return the end of a sentence: what can be done about a file of a run, or of a bundle, which is not trained."""
    in_bundle = (Path(path).absolute().parent.parent / "configs" / "metadata.json").is_file()
    return "copy the bundle again." if in_bundle else f"{of_run}."


def _check_sizes(path: str | os.PathLike) -> None:
    """Refuse a file that would take more memory than it has bytes. torch packs nothing."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > os.path.getsize(path):
        raise pickle.UnpicklingError("packed")
