"""Pictures keep their grey values whatever their depth."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from monai.transforms import LoadImage
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.readers import PictureReader
from monai_lwmisn.light.pictures import convert_picture, decode_picture


def ramp(dtype: type, highest: float, lowest: float = 0) -> np.ndarray:
    return np.linspace(lowest, highest, 600).reshape(20, 30).astype(dtype)


@pytest.mark.parametrize(
    ("grey", "mode", "suffix"),
    [
        (ramp(np.uint16, 65535), "I;16", ".png"),
        (ramp(np.uint16, 4095), "I;16", ".tif"),  # a camera of 12 bits
        (ramp(">u2", 4095), "I;16B", ".tif"),  # type: ignore[arg-type]
        (ramp(np.int32, 100_000), "I", ".tif"),
        (ramp(np.int32, 500, -700), "I", ".tif"),
        (ramp(np.float32, 1), "F", ".tif"),
        (ramp(np.float32, 3000), "F", ".tif"),
    ],
)
def test_pictures_of_more_than_8_bits_keep_their_relative_values(
    tmp_path: Path, grey: np.ndarray, mode: str, suffix: str
) -> None:
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(grey).save(path)
    with Image.open(path) as file:
        assert file.mode == mode
    values = decode_picture(str(path))
    assert values.dtype == np.float32 and values.shape == (20, 30, 3)
    expected = np.interp(grey, (min(grey.min(), 0), grey.max()), (0, 255))
    np.testing.assert_allclose(values, np.repeat(expected[..., None], 3, axis=2), atol=1e-3)
    image = LoadImage(reader=PictureReader(), ensure_channel_first=True)(path)
    np.testing.assert_array_equal(np.asarray(image), values.transpose(2, 1, 0))


def test_8_bits_in_a_deeper_file_stay_as_they_are(tmp_path: Path) -> None:
    grey = ramp(np.uint16, 180)
    Image.fromarray(grey).save(tmp_path / "shallow.png")
    np.testing.assert_array_equal(decode_picture(str(tmp_path / "shallow.png"))[..., 1], grey)
    for value in (0, -5):
        Image.fromarray(np.full((4, 5), value, np.int32)).save(tmp_path / "flat.tif")
        assert not decode_picture(str(tmp_path / "flat.tif")).any()


def test_values_that_are_no_numbers_are_left_to_the_check(tmp_path: Path) -> None:
    for value in (np.nan, np.inf):
        grey = ramp(np.float32, 1000)
        grey[2, 3] = value
        Image.fromarray(grey).save(tmp_path / "bad.tif")
        assert not np.isfinite(decode_picture(str(tmp_path / "bad.tif"))).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
def test_pictures_of_8_bits_are_those_of_pillow(tmp_path: Path, mode: str) -> None:
    colors = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    colors.convert(mode).save(tmp_path / "p.tif")
    values = decode_picture(str(tmp_path / "p.tif"))
    assert values.dtype == np.uint8
    with Image.open(tmp_path / "p.tif") as file:
        np.testing.assert_array_equal(values, np.asarray(file.convert("RGB")))


def png_of_size(width: int, height: int) -> bytes:
    """A grey PNG with its header and a first line of pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(width + 1)))):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def test_pictures_of_200_megapixels_are_read_and_bombs_are_not(tmp_path: Path) -> None:
    for width in (17_000, 60_000):
        (tmp_path / "large.png").write_bytes(png_of_size(width, width))
        with pytest.raises(DataError, match=r"large\.png has more than 268 million pixels: cut it into tiles"):
            decode_picture(tmp_path / "large.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Image.open(io.BytesIO(png_of_size(14_143, 14_143))).size == (14_143, 14_143)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    Image.fromarray(ramp(np.uint8, 200)).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    for broken in (b"no picture", *(content[:length] for length in (0, 20, 35, 60))):
        (tmp_path / "broken.png").write_bytes(broken)
        with pytest.raises(DataError, match=r"broken\.png .*download it again") as error:
            decode_picture(str(tmp_path / "broken.png"))
        assert "object at" not in str(error.value)


def test_a_tiff_of_more_channels_than_colours_is_refused(tmp_path: Path) -> None:
    channels = np.zeros((20, 30, 5), np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(channels, isVector=True), str(tmp_path / "spectral.tif"))
    with pytest.raises(DataError, match="spectral.tif has 5 channels"):
        decode_picture(str(tmp_path / "spectral.tif"))


def test_a_tiff_of_several_pages_is_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(ramp(np.uint8, 200 + page)) for page in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="stack.tif has 3 pages"):
        decode_picture(str(tmp_path / "stack.tif"))


@pytest.mark.parametrize(
    ("picture", "suffix"),
    [
        (ramp(np.uint8, 200), ".png"),
        (ramp(np.uint16, 65535), ".png"),
        (ramp(np.uint16, 4095), ".tif"),
        (ramp(np.uint16, 180), ".tif"),
        (ramp(np.int32, 500, -700), ".tif"),
        (ramp(np.float32, 0.7), ".tif"),
        (np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8), ".png"),
        (np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8), ".png"),
        (ramp(np.uint8, 1).astype(bool), ".png"),
    ],
)
def test_an_array_is_what_its_file_would_be(tmp_path: Path, picture: np.ndarray, suffix: str) -> None:
    Image.fromarray(picture).save(tmp_path / f"p{suffix}")
    np.testing.assert_array_equal(convert_picture(picture), decode_picture(str(tmp_path / f"p{suffix}")))


def test_colours_of_16_bits_become_those_of_8() -> None:
    eight = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(convert_picture(eight.astype(np.uint16) * 257), eight)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (np.zeros((4, 5, 3), np.complex64), "a has values of the type complex64"),
        (np.zeros((4, 5, 2), np.uint8), "a has the shape 4x5x2"),
        (np.zeros((2, 4, 5, 3), np.uint8), "a has the shape 2x4x5x3"),
    ],
)
def test_arrays_that_are_no_picture_are_refused(picture: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        convert_picture(picture, "a")
