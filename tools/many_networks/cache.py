"""Writes and reads a cache: the prepared images and labels of a run in one file, with the images packed as JPEG.

The file is a .npz without pickled objects. It holds ``about`` (JSON, one entry per case), ``image`` (the JPEG files one
after the other), ``length`` (bytes of each) and ``label`` (the classes of all cases one after the other).
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.files import write_atomically

MOST_ROWS = 65500
"""Rows of the highest picture that JPEG can hold."""


@dataclass(frozen=True)
class Case:
    """One prepared picture or volume.

    Attributes:
        name: of the case.
        part: the part of the split: training, validation or test.
        stratum: what the split spreads evenly, such as a stain; empty where there is none.
        chunk: which chunk of the training part the case is in; -1 in other parts and where there are no chunks.
        image: uint8 (P, x, y): the slices of a volume, the three colours of a picture, or one plane of a grey one.
        label: uint8 (z, x, y), the class of each pixel; z is 1 for a picture.
    """

    name: str
    part: str
    stratum: str
    chunk: int
    image: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class Cache:
    """The prepared cases of a run.

    Attributes:
        volumetric: whether the cases are volumes.
        in_channels: channels of an image for a network, whatever is stored of it.
        out_channels: 1 for one class, otherwise the background and the classes.
        scale: the image values that are stored as 0 and as 255.
        cases: in a fixed order.
    """

    volumetric: bool
    in_channels: int
    out_channels: int
    scale: tuple[float, float]
    cases: list[Case]

    @property
    def classes(self) -> int:
        """Return the number of classes without the background."""
        return max(1, self.out_channels - 1)


def write_cache(cache: Cache, path: Path, quality: int, colour_quality: int) -> None:
    """Write a cache, completely or not at all.

    Args:
        cache: at least one case.
        path: the .npz file; its folder is made.
        quality: of the JPEG of grey pictures and volumes, 1 to 100.
        colour_quality: of the JPEG of coloured pictures.

    Raises:
        DataError: a volume has too many rows for a JPEG.
        CheckpointError: the file cannot be written.
    """
    packed, cases = [], []
    for case in cache.cases:
        colour = len(case.image) > 1 and not cache.volumetric
        packed.append(_pack(case, colour, colour_quality if colour else quality))
        about = {"name": case.name, "part": case.part, "stratum": case.stratum, "chunk": case.chunk}
        cases.append({**about, "image": case.image.shape, "label": case.label.shape})
    about = {
        "volumetric": cache.volumetric,
        "in_channels": cache.in_channels,
        "out_channels": cache.out_channels,
        "scale": cache.scale,
        "cases": cases,
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        image=np.frombuffer(b"".join(packed), np.uint8),
        length=np.array([len(one) for one in packed], np.int64),
        label=np.concatenate([case.label.ravel() for case in cache.cases]),
    )
    write_atomically(buffer.getvalue(), path)


def read_cache(path: Path) -> Cache:
    """Read a cache.

    Raises:
        DataError: the file is missing or is no cache.
    """
    remedy = "make it, with python -m tools.many_networks.prepare"
    try:
        with np.load(path) as file:
            arrays = {key: file[key] for key in ("about", "image", "length", "label")}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as a cache: {remedy}.") from error
    about = json.loads(arrays["about"].tobytes())
    cases, image_at, label_at = [], 0, 0
    for known, length in zip(about["cases"], arrays["length"], strict=True):
        count = int(np.prod(known["label"]))
        label = arrays["label"][label_at : label_at + count].reshape(known["label"])
        image = _unpack(arrays["image"][image_at : image_at + length].tobytes(), known["image"])
        cases.append(Case(known["name"], known["part"], known["stratum"], known["chunk"], image, label))
        image_at, label_at = image_at + length, label_at + count
    low, high = about["scale"]
    return Cache(about["volumetric"], about["in_channels"], about["out_channels"], (low, high), cases)


def _pack(case: Case, colour: bool, quality: int) -> bytes:
    """Return the JPEG of a coloured picture, or of all planes of a grey one or of a volume below each other."""
    planes, width = case.image, case.image.shape[2]
    picture = planes.transpose(1, 2, 0) if colour else planes.reshape(-1, width)
    if max(picture.shape) > MOST_ROWS:
        raise DataError(
            f"{case.name} has {len(picture)} rows in all slices, and a JPEG holds {MOST_ROWS}: "
            "resample it, by data.spatial of its run."
        )
    buffer = io.BytesIO()
    # Colours at half the resolution would blur the borders of stained nuclei.
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return buffer.getvalue()


def _unpack(packed: bytes, shape: list[int]) -> np.ndarray:
    picture = np.asarray(Image.open(io.BytesIO(packed)))
    return np.ascontiguousarray(picture.transpose(2, 0, 1)) if picture.ndim == 3 else picture.reshape(shape)
