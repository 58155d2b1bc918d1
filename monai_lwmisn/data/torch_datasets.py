"""Datasets: images, or the slices of volumes, decoded once and then served from a cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, Dataset, MetaTensor, PersistentDataset, get_track_meta, set_track_meta
from monai.data.utils import pickle_hashing
from monai.transforms import Compose, EnsureTyped
from monai.utils import TraceKeys
from torch.utils.data import Dataset as TorchDataset

from monai_lwmisn.data.datasets.base import Item
from monai_lwmisn.data.transforms import SelectSlicesd
from monai_lwmisn.errors import ConfigError, DataError, explain

Transforms = Sequence[Any]
"""Transforms of dictionaries; a list among them stands for its members, so that a configuration joins lists."""
CACHES = ("memory", "disk", "none")
VOLUME_KEYS = ("image", "label", "picture", "truth")
"""The image and the label, and their copies on the native grid that an evaluation takes."""

# What the metadata of images is made of beside tensors. All plain data, so the disk cache can be read with
# weights_only=True, which otherwise takes each of its files for damaged and decodes again.
_METADATA_TYPES: list[Any] = [TraceKeys, np.ndarray, np.dtype, np.empty(0).__reduce__()[0]]
_METADATA_TYPES += {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["Float"]}
torch.serialization.add_safe_globals(_METADATA_TYPES)


class LoadingError(DataError):
    """An image that cannot be loaded or transformed.

    A worker of a DataLoader hands an exception on as a new one of its class, with its traceback for a message. Of that
    only the last line is kept, which is the sentence.
    """

    def __init__(self, message: str) -> None:
        sentence = message.strip().splitlines()[-1]
        super().__init__(sentence.removeprefix(f"{__name__}.{type(self).__name__}: "))


class NamingDataset(TorchDataset):
    """A dataset whose transforms fail with one sentence that names the image.

    Args:
        dataset: one of MONAI's.
        items: what it is made from.
    """

    def __init__(self, dataset: TorchDataset, items: Sequence[Item]) -> None:
        self.dataset = dataset
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        with _one_sentence(f"The image {self.items[index]['image']} or its label"):
            return self.dataset[index]


class AugmentedDataset(TorchDataset):
    """Samples with their random transforms, anew each time.

    The transforms see plain tensors and keep no record of themselves: nobody inverts an augmentation, and MONAI's
    record costs twice as much time as the transforms do.

    Args:
        dataset: dictionaries with channel-first tensors; best a cached one. Its samples are not changed.
        transform: the random transforms of training.
    """

    def __init__(self, dataset: TorchDataset, transform: Transforms | Callable[[Any], Any] = ()) -> None:
        self.dataset = dataset
        self.transform = transform if callable(transform) else Compose(list(transform))

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        # The cache must stay as it is whatever the random transforms do: hence the copy.
        sample = {key: _plain_copy(value) for key, value in self.dataset[index].items()}
        with _untracked():
            return self.transform(sample)


class SliceDataset(AugmentedDataset):
    """The slices (last axis) of volumes as a flat list of pictures.

    Args:
        volumes: dataset of dictionaries with channel-first volumes (channel, x, y, z); best a cached one without
            random transforms.
        transform: applied to every slice; the random transforms of training.

    A sample is the volume's dictionary with every volume replaced by one slice (channel, x, y), a plain tensor, and
    the slice's number under ``slice``.
    """

    def __init__(self, volumes: TorchDataset, transform: Transforms | Callable[[Any], Any] = ()) -> None:
        super().__init__(volumes, transform)
        depths = [int(volumes[index]["image"].shape[-1]) for index in range(len(volumes))]  # type: ignore[arg-type]
        self.positions = [(volume, index) for volume, depth in enumerate(depths) for index in range(depth)]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: int) -> dict[str, Any]:
        volume_index, slice_index = self.positions[position]
        sample: dict[str, Any] = {"slice": slice_index}
        for key, value in self.dataset[volume_index].items():
            if isinstance(value, torch.Tensor) and value.ndim == 4:
                sample[key] = _plain_copy(value[..., slice_index])
            elif key != "slices":
                sample[key] = value
        with _untracked():
            return self.transform(sample)


def build_dataset(
    data: Sequence[Item],
    deterministic_transforms: Transforms,
    random_transforms: Transforms = (),
    volumetric: bool = False,
    cache: str = "memory",
    cache_dir: str | Path | None = None,
    num_workers: int = 2,
    progress: bool = True,
) -> TorchDataset:
    """A dataset whose deterministic transforms run once per image.

    Args:
        data: the items of a part of a datalist (named so that a configuration has MONAI's usual ``dataset#data``).
        deterministic_transforms: loading, spatial and intensity transforms; their result is cached. They see volumes
            whole; of items with ``slices`` only these are kept afterwards.
        random_transforms: run anew for every sample drawn; on single slices where ``volumetric``.
        volumetric: the images are volumes, the samples their slices along the last axis.
        cache: ``memory`` (MONAI's CacheDataset), ``disk`` (PersistentDataset, kept for later runs) or ``none``.
        cache_dir: the folder of the disk cache.
        num_workers: threads that fill the memory cache.
        progress: whether filling the memory cache shows a progress bar.

    Raises:
        ConfigError: no such cache, or a disk cache without a folder.
        DataError: an image cannot be loaded or transformed: while the memory cache is filled or the slices of volumes
            are counted, otherwise when it is asked for.
    """
    if cache not in CACHES:
        raise ConfigError(f"cache is {cache!r}; give one of {', '.join(CACHES)}.")
    if cache == "disk" and cache_dir is None:
        raise ConfigError("cache is 'disk' but cache_dir is not given; name a folder for the cached images.")
    # Last, because intensities are scaled by the whole volume, in training as where the network is used.
    selection = SelectSlicesd(VOLUME_KEYS, allow_missing_keys=True)
    transforms = Compose([*_flat(deterministic_transforms), selection])
    if random_transforms:
        random_transforms = [*_flat(random_transforms), EnsureTyped(["image", "label"], track_meta=False)]
    items = [dict(item) for item in data]
    dataset: TorchDataset
    if cache == "memory":
        # What is augmented is copied there, of a volume the one slice.
        copied = volumetric or bool(random_transforms)
        with _one_sentence("An image"):
            dataset = CacheDataset(items, transforms, num_workers=num_workers, progress=progress, copy_cache=not copied)
    elif cache == "disk":
        dataset = PersistentDataset(
            items,
            transforms,
            cache_dir=cache_dir,
            hash_transform=pickle_hashing,  # other transforms, another cache
            track_meta=True,
            weights_only=True,
        )
    else:
        dataset = Dataset(items, transforms)
    if volumetric:
        return SliceDataset(NamingDataset(dataset, items), random_transforms)
    if random_transforms:
        dataset = AugmentedDataset(dataset, random_transforms)
    return NamingDataset(dataset, items)


def _plain_copy(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return (value.as_tensor() if isinstance(value, MetaTensor) else value).clone()


@contextmanager
def _untracked() -> Iterator[None]:
    tracked = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(tracked)


def _flat(transforms: Transforms) -> list[Callable[[Any], Any]]:
    return [one for entry in transforms for one in (entry if isinstance(entry, (list, tuple)) else [entry])]


@contextmanager
def _one_sentence(what: str) -> Iterator[None]:
    """Raise the error of a transform again as one sentence."""
    try:
        yield
    except Exception as error:
        # MONAI raises the error of a transform from its cause. An error without a cause is no image's fault.
        if error.__cause__ is None:
            raise
        raise LoadingError(explain(error, what, "`lwmisn check-data` names what is wrong")) from error
