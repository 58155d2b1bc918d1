"""Regions of pictures, compared with the arrays that tifffile and zarr were given."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.light.large import sources
from monai_lwmisn.light.large.sources import is_large, open_source
from tests.light.large.pictures import ome_tiff, ome_zarr

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (230, 170), np.uint8)
COLOURS = GENERATOR.integers(0, 256, (230, 170, 3), np.uint8)
STACK = GENERATOR.integers(0, 4096, (2, 3, 230, 170), np.uint16)
REGION = (slice(50, 200), slice(100, 170))


def png(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: ome_tiff(folder / "a.ome.tif", GREY, "YX"), GREY[..., None]),
        (lambda folder: ome_tiff(folder / "a.tif", COLOURS, "YXS", bigtiff=True), COLOURS),
        (lambda folder: ome_tiff(folder / "a.tif", STACK[0, :1], "CYX"), STACK[0, 0][..., None]),
        (lambda folder: ome_zarr(folder / "a.zarr", GREY, "yx"), GREY[..., None]),
        (lambda folder: ome_zarr(folder / "a.zarr", GREY[None, None, None], "tczyx", "0.5"), GREY[..., None]),
        (lambda folder: ome_zarr(folder / "a.zarr", np.moveaxis(COLOURS, -1, 0), "cyx"), COLOURS),
        (lambda folder: png(folder / "a.png", COLOURS), COLOURS),
    ],
    ids=["OME-TIFF", "BigTIFF", "one channel", "OME-Zarr 0.4", "OME-Zarr 0.5", "colours", "PNG"],
)
def test_a_region_has_the_values_that_were_written(make: Any, expected: np.ndarray, tmp_path: Path) -> None:
    source = open_source(make(tmp_path))
    assert source.shape == expected.shape[:2] and source.channels == expected.shape[2]
    np.testing.assert_array_equal(source[REGION], expected[REGION])
    source.close()


def test_a_plane_is_chosen_by_name_and_the_size_of_pixels_is_read(tmp_path: Path) -> None:
    for file in (
        ome_tiff(tmp_path / "a.ome.tif", STACK, "CZYX"),
        ome_zarr(tmp_path / "a.zarr", STACK, "czyx"),
    ):
        with pytest.raises(DataError, match="2 places along its axis c.*--plane c=NUMBER"):
            open_source(file)
        with pytest.raises(DataError, match="3 places along its axis z.*--plane z=NUMBER"):
            open_source(file, {"c": 2})
        with pytest.raises(ConfigError, match="1 to 3 along its axis z, not 4"):
            open_source(file, {"c": 2, "z": 4})
        with pytest.raises(ConfigError, match="no axis t to choose from"):
            open_source(file, {"t": 1})
        source = open_source(file, {"c": 2, "z": 3})
        np.testing.assert_array_equal(source[REGION], STACK[1, 2][REGION][..., None])
        assert source.pixel == (0.5, 0.5)


def test_what_is_no_picture_has_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ome_tiff(tmp_path / "a.ome.tif", GREY, "YX")
    (tmp_path / "short.tif").write_bytes(file.read_bytes()[:20000])
    with pytest.raises(DataError, match="cannot be read"):
        open_source(tmp_path / "short.tif")
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    with pytest.raises(DataError, match="is no OME-Zarr picture"):
        open_source(tmp_path / "b.zarr")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ConfigError, match=r"read by region, needs zarr: pip install zarr \(the extra large\)"):
        open_source(file)


def test_a_picture_is_large_by_its_pixels_or_its_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ome_tiff(tmp_path / "a.ome.tif", GREY, "YX")
    assert not is_large(file) and is_large(ome_zarr(tmp_path / "a.zarr", GREY, "yx"))
    monkeypatch.setattr(sources, "LARGEST_WHOLE", GREY.size - 1)
    assert is_large(file) and not is_large(png(tmp_path / "a.png", GREY))
