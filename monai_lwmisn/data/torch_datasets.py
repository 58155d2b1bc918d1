"""Builds torch datasets of pictures, or of the slices of volumes, which are decoded once and then cached."""

from __future__ import annotations

import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, Dataset, MetaTensor, PersistentDataset, get_track_meta, set_track_meta
from monai.data.utils import pickle_hashing
from monai.transforms import Compose, EnsureTyped
from monai.utils import TraceKeys, ensure_tuple
from torch.utils.data import Dataset as TorchDataset

from monai_lwmisn.data.datasets.base import Item, image_name
from monai_lwmisn.data.transforms import SelectSlicesd
from monai_lwmisn.errors import ConfigError, DataError, InputWarning, explain
from monai_lwmisn.light.archives import split_member
from monai_lwmisn.light.tiff_stacks import split_page

Transforms = Sequence[Any]
"""Transforms of dictionaries. A list among them is replaced by its members, so that a configuration can join lists."""
CACHES = ("memory", "disk", "none")
_HEADERS = (".mhd", ".nhdr", ".hdr", ".img")
VOLUME_KEYS = ("image", "label", "picture", "truth")
"""The image, the label, and the copies of both on the native grid that an evaluation makes."""

# The metadata of images has these types beside tensors. All are plain data. torch has to be told so, because otherwise
# reading with weights_only=True takes every file of the disk cache for damaged and decodes its image again.
_METADATA_TYPES: list[Any] = [TraceKeys, np.ndarray, np.dtype, np.empty(0).__reduce__()[0]]
_METADATA_TYPES += {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["Float"]}
torch.serialization.add_safe_globals(_METADATA_TYPES)


class LoadingError(DataError):
    """Says that an image cannot be loaded or transformed.

    A worker process of a DataLoader passes an exception on as a new one of the same class, with the traceback as its
    message. This class keeps only the last line of the message, which is the sentence.
    """

    def __init__(self, message: str) -> None:
        sentence = message.strip().splitlines()[-1]
        super().__init__(sentence.removeprefix(f"{__name__}.{type(self).__name__}: "))


class NamingDataset(TorchDataset):
    """Wraps a dataset, so that a failing transform raises one sentence that names the image.

    Args:
        dataset: a dataset of MONAI's.
        items: the items that it was made from, in the same order.
    """

    def __init__(self, dataset: TorchDataset, items: Sequence[Item]) -> None:
        self.dataset = dataset
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        with _one_sentence(f"The image {image_name(self.items[index])} or its label"):
            return self.dataset[index]


class AugmentedDataset(TorchDataset):
    """Applies random transforms to the samples of a dataset, anew at each access.

    The transforms get plain tensors and record nothing: an augmentation is never inverted, and MONAI's record takes
    twice as much time as the transforms themselves.

    Args:
        dataset: dictionaries with channel-first tensors, best cached. Its samples are not changed.
        transform: the random transforms of training.
    """

    def __init__(self, dataset: TorchDataset, transform: Transforms | Callable[[Any], Any] = ()) -> None:
        self.dataset = dataset
        self.transform = transform if callable(transform) else Compose(list(transform))

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        # Transforms may change a tensor in place, which must not reach the cache.
        sample = {key: _plain_copy(value) for key, value in self.dataset[index].items()}
        with _untracked():
            return self.transform(sample)


class SliceDataset(AugmentedDataset):
    """Presents the slices (last axis) of volumes as a flat list of pictures.

    Args:
        volumes: dataset of dictionaries with channel-first volumes (channel, x, y, z), best cached and without random
            transforms.
        transform: the random transforms of training, applied to every slice.

    A sample is the volume's dictionary, in which one slice (channel, x, y), a plain tensor, replaces every volume. The
    index of the slice is under ``slice``.
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
    """Return a dataset whose deterministic transforms run once per image.

    Args:
        data: the items of a part of a datalist. The name gives configurations MONAI's usual ``dataset#data``.
        deterministic_transforms: loading, spatial and intensity transforms; their result is cached. They get whole
            volumes. If an item lists ``slices``, only these are kept afterwards.
        random_transforms: transforms that run anew for every sample; with ``volumetric`` on single slices.
        volumetric: whether the images are volumes; the samples are then their slices along the last axis.
        cache: ``memory`` (MONAI's CacheDataset), ``disk`` (MONAI's PersistentDataset, for later runs too) or ``none``.
        cache_dir: folder of the disk cache.
        num_workers: threads that fill the memory cache.
        progress: whether filling the memory cache shows a progress bar on a terminal.

    Raises:
        ConfigError: there is no such cache, or a disk cache has no folder.
        DataError: an image cannot be loaded or transformed. The error comes while the memory cache is filled or the
            slices of volumes are counted, otherwise when the image is accessed.
    """
    if cache not in CACHES:
        raise ConfigError(f"data.cache is {cache!r}: use one of {', '.join(CACHES)}.")
    if cache == "disk" and cache_dir is None:
        raise ConfigError("data.cache is 'disk' but cache_dir is not given: name a folder for the cached images.")
    # Slices are selected last, because intensities are scaled by the whole volume, as in inference.
    selection = SelectSlicesd(VOLUME_KEYS, allow_missing_keys=True)
    transforms = Compose([*_flat(deterministic_transforms), selection])
    if random_transforms:
        random_transforms = [*_flat(random_transforms), EnsureTyped(["image", "label"], track_meta=False)]
    items = [dict(item) for item in data]
    dataset: TorchDataset
    if cache == "memory":
        # The other dataset classes copy what they augment, and only the one slice of a volume.
        copied = volumetric or bool(random_transforms)
        with _one_sentence("An image"):
            shown = progress and sys.stderr.isatty()
            dataset = CacheDataset(items, transforms, num_workers=num_workers, progress=shown, copy_cache=not copied)
    elif cache == "disk":
        # MONAI copies files into the cache. A program that is killed then, or a full disk, leaves parts of them.
        for file in Path(str(cache_dir)).glob("*.pt"):
            if not zipfile.is_zipfile(file):
                file.unlink(missing_ok=True)
        dataset = PersistentDataset(
            items,
            transforms,
            cache_dir=cache_dir,
            hash_func=_ItemHash(items),
            hash_transform=pickle_hashing,  # other transforms need another cache
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


class _ItemHash:
    """Hashes items with the sizes and times of their files, so that a changed file is decoded again."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.hashes = {pickle_hashing(item): pickle_hashing([item, _states_of(item)]) for item in items}

    def __call__(self, item: Item) -> bytes:
        """Return the hash of an item."""
        return self.hashes[pickle_hashing(item)]


def _states_of(item: Item) -> list[tuple[str, int, int]]:
    paths = [path for key in ("image", "label") for path in ensure_tuple(item.get(key, ())) if isinstance(path, str)]
    files: list[Path] = []
    for path in paths:
        file = Path(split_page(split_member(path)[0])[0])
        # The voxels of a header are in another file of its folder.
        folder = file.parent if file.suffix.lower() in _HEADERS else file
        files += sorted(folder.rglob("*")) if folder.is_dir() else [file]
    found = ((str(file), file.stat()) for file in dict.fromkeys(files) if file.is_file())
    return [(name, state.st_size, state.st_mtime_ns) for name, state in found]


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
    """Replace the error of a transform by one sentence about ``what``, and repeat no warning of ``check_data``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)
            yield
    except Exception as error:
        # MONAI gives the error of a transform a cause. An error without a cause does not come from an image.
        if error.__cause__ is None:
            raise
        raise LoadingError(explain(error, what, "`lwmisn check-data` names what is wrong")) from error
