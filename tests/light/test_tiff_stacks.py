"""The pages of a TIFF are read as the pictures that were written."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.labels import read_label
from monai_lwmisn.light.pictures import decode_picture
from monai_lwmisn.light.tiff_stacks import page_path, pages_of, split_page

STACK = np.random.default_rng(0).integers(0, 256, (4, 20, 30), np.uint8)


def by_pillow(path: Path) -> None:
    first, *others = [Image.fromarray(page) for page in STACK]
    first.save(path, save_all=True, append_images=others)


def one_by_one(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        for page in STACK:
            file.write(page, contiguous=False, compression="zlib")


@pytest.mark.parametrize(
    "write",
    [
        by_pillow,
        one_by_one,
        lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"),
        lambda path: tifffile.imwrite(path, STACK, imagej=True, metadata={"axes": "ZYX"}),
        lambda path: tifffile.imwrite(path, STACK, bigtiff=True, photometric="minisblack"),
    ],
)
def test_each_page_comes_back(tmp_path: Path, write) -> None:
    path = tmp_path / "stack.tif"
    write(path)
    assert pages_of(str(path)) == 4
    for number, page in enumerate(STACK, start=1):
        name = page_path(str(path), number)
        assert split_page(name) == (str(path), number)
        np.testing.assert_array_equal(decode_picture(name), np.repeat(page[..., None], 3, axis=2))
        np.testing.assert_array_equal(read_label([name])[0].T, page)


def test_pages_of_16_bits_and_in_colour(tmp_path: Path) -> None:
    deep = STACK.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="minisblack")
    tifffile.imwrite(tmp_path / "rgb.tif", np.stack([STACK] * 3, axis=-1), photometric="rgb")
    found = decode_picture(page_path(str(tmp_path / "deep.tif"), 2))
    np.testing.assert_allclose(found[..., 0], deep[1] * (255 / deep[1].max()), rtol=1e-6)
    np.testing.assert_array_equal(decode_picture(page_path(str(tmp_path / "rgb.tif"), 3))[..., 1], STACK[2])


def test_what_is_no_stack_has_one_page(tmp_path: Path) -> None:
    Image.fromarray(STACK[0]).save(tmp_path / "one.tif")
    (tmp_path / "damaged.tif").write_bytes(b"II*\0 nothing")
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(STACK[0], subifds=1)
        file.write(STACK[0, ::2, ::2], subfiletype=1)
    for name in ("one.tif", "damaged.tif", "pyramid.tif", "missing.tif", "a.png"):
        assert pages_of(str(tmp_path / name)) == 1
    with pytest.raises(DataError, match="cannot be read"):
        decode_picture(page_path(str(tmp_path / "one.tif"), 2))
