"""Pictures of nuclei as they are drawn for tests, and files of them."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from scipy.ndimage import gaussian_filter


def nuclei(shape: tuple[int, int], seed: int = 0, number: int | None = None) -> np.ndarray:
    """Bright discs on a dark ground, some of which touch, uint8."""
    generator = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    picture = np.zeros(shape)
    for _ in range(shape[0] * shape[1] // 900 if number is None else number):
        row, column = generator.uniform(0, shape[0]), generator.uniform(0, shape[1])
        radius, bright = generator.uniform(6, 13), generator.uniform(80, 200)
        box = tuple(slice(max(0, int(one) - 14), int(one) + 15) for one in (row, column))
        disc = (rows[box[0]] - row) ** 2 + (columns[:, box[1]] - column) ** 2 < radius**2
        picture[box][disc] = bright
    noise = generator.normal(12, 3, shape)
    return np.clip(gaussian_filter(picture, 1) + noise, 0, 255).astype(np.uint8)


def ome_zarr(path: Path, values: np.ndarray, axes: str, version: str = "0.4") -> Path:
    """An OME-Zarr picture of one level, written by zarr alone, with pixels of half a micrometre."""
    root = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    array = root.create_array(
        "s0", shape=values.shape, chunks=(1,) * (values.ndim - 2) + (100, 100), dtype=values.dtype
    )
    array[...] = values
    kinds = {"y": "space", "x": "space", "z": "space", "c": "channel", "t": "time"}
    named = [{"name": one, "type": kinds[one]} | ({"unit": "micrometer"} if one in "zyx" else {}) for one in axes]
    scale = [{"type": "scale", "scale": [0.5 if axis in "yx" else 1.0 for axis in axes]}]
    scales: dict[str, Any] = {"axes": named, "datasets": [{"path": "s0", "coordinateTransformations": scale}]}
    if version == "0.4":
        root.attrs["multiscales"] = [scales | {"version": "0.4"}]
    else:
        root.attrs["ome"] = {"version": version, "multiscales": [scales]}
    return path


def ome_tiff(path: Path, values: np.ndarray, axes: str, **options: Any) -> Path:
    """A tiled OME-TIFF with a second level."""
    plain = {"tile": (64, 64), "compression": "zlib", "photometric": "rgb" if axes.endswith("S") else "minisblack"}
    with tifffile.TiffWriter(path, ome=True, **options) as file:
        sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
        single = values.ndim - axes.endswith("S") == 2
        file.write(values, subifds=int(single), metadata={"axes": axes, **sizes}, **plain)
        if single:
            file.write(values[::2, ::2], subfiletype=1, metadata=None, **plain)
    return path


def same_partition(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two label maps have the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return all(len(np.unique(one)) == pairs.shape[1] for one in pairs) and bool(((pairs == 0).sum(axis=0) != 1).all())
