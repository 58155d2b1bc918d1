"""Pictures have the values that are in their files: whatever the depth, the layout, the compression, the colours."""

from __future__ import annotations

import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from skimage.measure import label

from monai_lwmisn.errors import DataError, InputWarning
from monai_lwmisn.light.picture_files import read_picture_file
from monai_lwmisn.light.pictures import convert_picture, decode_picture

GREY = np.random.default_rng(0).integers(100, 4000, (20, 30)).astype(np.uint16)
COLOUR = np.random.default_rng(1).integers(100, 4000, (20, 30, 3)).astype(np.uint16)


def shown(values: np.ndarray, white: float | None = None) -> np.ndarray:
    """What the values are on a scale to 255, by hand."""
    values = values.astype(float)
    low = min(values.min(), 0)
    scaled = (values - low) * 255 / ((values.max() if white is None else white) - low)
    return scaled if values.ndim == 3 else np.repeat(scaled[..., None], 3, axis=2)


def written(folder: Path, values: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(folder / "p.tif", values, **options)
    return folder / "p.tif"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dtype=st.sampled_from(["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"]),
    colours=st.sampled_from([(), (3,)]),
    layout=st.sampled_from(
        [{}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}, {"rowsperstrip": 3}]
        + [{"bigtiff": True, "byteorder": ">"}]
    ),
    compression=st.sampled_from([None, "lzw", "deflate", "zstd", "packbits"]),
    separate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_tiff_has_the_values_of_its_array(
    tmp_path: Path, dtype: str, colours: tuple, layout: dict, compression: str | None, separate: bool, seed: int
) -> None:
    values = np.random.default_rng(seed).uniform(-90 if dtype[0] != "u" else 0, 120, (20, 30, *colours)).astype(dtype)
    planes = separate and bool(colours)
    options = {"photometric": "rgb" if colours else "minisblack", "planarconfig": "separate" if planes else None}
    stored = np.ascontiguousarray(np.moveaxis(values, -1, 0)) if planes else values
    path = written(tmp_path, stored, compression=compression, **options, **layout)
    expected = np.repeat(values[..., None], 3, 2) if not colours else values
    if dtype[0] != "u":  # up to 255, whole numbers from 0 on are shades of a picture of 8 bits
        expected = shown(values)
    np.testing.assert_allclose(decode_picture(path), expected, atol=2e-3)
    np.testing.assert_allclose(convert_picture(values), decode_picture(path), atol=2e-3)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(channels=st.sampled_from([1, 2, 3, 4]), highest=st.integers(300, 65535), varying=st.booleans())
def test_any_deep_png_has_the_values_of_its_array(tmp_path: Path, channels: int, highest: int, varying: bool) -> None:
    values = np.random.default_rng(highest).integers(0, highest + 1, (9, 8, channels)).astype(np.uint16)
    values[0, 0, 0] = highest
    if channels in (2, 4) and not varying:
        values[..., -1] = 65535
    (tmp_path / "p.png").write_bytes(imagecodecs.png_encode(values if channels > 1 else values[..., 0]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = decode_picture(tmp_path / "p.png")
    own = values[..., :3] if channels > 2 else np.repeat(values[..., :1], 3, 2)
    np.testing.assert_allclose(picture, shown(own, max(own.max(), 256) if own.max() > 255 else 255), atol=1e-2)
    assert any(one.category is InputWarning for one in caught) == (channels in (2, 4) and varying)


def test_one_camera_image_is_one_picture_in_every_file(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:60, :80]
    grey = (140 + 90 * (((rows - 20) ** 2 + (columns - 20) ** 2) < 64) + 80 * (columns > 60)).astype(np.uint16)
    colours, opaque = np.stack([grey] * 3, -1), np.full_like(grey, 65535)
    files = {
        "grey.png": grey,
        "colour.png": colours,
        "alpha.png": np.dstack([grey, opaque]),
        "colour_alpha.png": np.dstack([colours, opaque]),
    }
    for name, values in files.items():
        (tmp_path / name).write_bytes(imagecodecs.png_encode(values))
    tifffile.imwrite(tmp_path / "colour.tif", colours, photometric="rgb")
    pictures = [decode_picture(file) for file in sorted(tmp_path.iterdir())]
    assert len(pictures) == 5 and label(pictures[0][..., 0] > 200).max() == 2
    for picture in pictures[1:]:
        np.testing.assert_allclose(picture, pictures[0], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "white"),
    [
        ({"extratags": [(281, 3, 1, 4095, True)]}, 4095),
        ({"bitspersample": 12}, 4095),
        ({"bitspersample": 14}, 16383),
        ({"description": '<OME><Image><Pixels SignificantBits="12"/></Image></OME>'}, 4095),
        ({"extratags": [(281, 3, 1, 50, True)]}, None),  # less than the values: no white
    ],
)
def test_a_tiff_may_say_what_is_white(tmp_path: Path, options: dict, white: float | None) -> None:
    np.testing.assert_allclose(decode_picture(written(tmp_path, GREY, **options)), shown(GREY, white), atol=1e-2)


def test_a_png_may_say_how_many_bits_its_camera_had(tmp_path: Path) -> None:
    content = imagecodecs.png_encode(COLOUR)
    place = content.index(b"IDAT") - 4
    chunk = b"\0\0\0\3sBIT\x0c\x0c\x0c" + imagecodecs_crc(b"sBIT\x0c\x0c\x0c")
    (tmp_path / "p.png").write_bytes(content[:place] + chunk + content[place:])
    np.testing.assert_allclose(decode_picture(tmp_path / "p.png"), shown(COLOUR, 4095), atol=1e-2)


def imagecodecs_crc(data: bytes) -> bytes:
    return int(np.uint32(zlib.crc32(data))).to_bytes(4, "big")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    shallow = Image.fromarray((COLOUR >> 4).astype(np.uint8))
    for name in ("p.png", "p.tif"):
        shallow.save(tmp_path / name, exif=exif)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / name)))
        np.testing.assert_array_equal(decode_picture(tmp_path / name), expected)
    tifffile.imwrite(tmp_path / "deep.tif", COLOUR, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    deep = read_picture_file(tmp_path / "deep.tif").values
    np.testing.assert_array_equal((deep >> 4).astype(np.uint8), expected)


def test_white_as_0_is_turned_around(tmp_path: Path) -> None:
    eight = (GREY >> 4).astype(np.uint8)
    path = written(tmp_path, eight, photometric="miniswhite")
    np.testing.assert_array_equal(decode_picture(path)[..., 1], 255 - eight)
    path = written(tmp_path, GREY, photometric="miniswhite")
    np.testing.assert_allclose(decode_picture(path), shown(65535 - GREY), atol=1e-2)
    with pytest.raises(DataError, match="white as 0"):
        decode_picture(written(tmp_path, GREY.astype(np.float32), photometric="miniswhite"))


def test_the_colours_of_a_palette_are_taken(tmp_path: Path) -> None:
    palette = np.random.default_rng(2).integers(0, 65536, (3, 256)).astype(np.uint16)
    indices = (GREY % 256).astype(np.uint8)
    expected = (palette >> 8).astype(np.uint8).T[indices]
    path = written(tmp_path, indices, photometric="palette", colormap=palette)
    np.testing.assert_array_equal(decode_picture(path), expected)
    for name, format in (("p.png", "PNG"), ("p.bmp", "BMP"), ("gif.png", "GIF")):
        image = Image.frombytes("P", (30, 20), indices.tobytes())
        image.putpalette((palette >> 8).astype(np.uint8).T.tobytes())
        image.save(tmp_path / name, format=format)
        np.testing.assert_array_equal(decode_picture(tmp_path / name), expected)


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (np.dstack([GREY, GREY[::-1]]), {"planarconfig": "contig"}, "has 2 channels"),
        (np.stack([GREY, GREY[::-1]]), {"planarconfig": "separate"}, "has 2 channels"),
        (np.dstack([GREY] * 5), {"planarconfig": "contig"}, "has 5 channels"),
        (np.dstack([COLOUR, GREY]), {"photometric": "rgb", "extrasamples": ["unspecified"]}, "has 4 channels"),
        (np.stack([GREY] * 3), {"imagej": True}, "has 3 pages"),
        (np.stack([GREY] * 4), {"volumetric": True, "tile": (1, 16, 16)}, "has 4 pages"),
        (GREY.astype(np.complex64), {}, "of the kind MINISBLACK with 64 bits"),
        (np.dstack([COLOUR, GREY]), {"photometric": "separated"}, "of the kind SEPARATED"),
    ],
)
def test_what_would_be_dropped_is_refused(tmp_path: Path, values: np.ndarray, options: dict, sentence: str) -> None:
    options = options if "imagej" in options else {"photometric": "minisblack", **options}
    with pytest.raises(DataError, match=rf"The image .*p\.tif .*{sentence}.*: save"):
        decode_picture(written(tmp_path, values, **options))


@pytest.mark.parametrize(
    ("axes", "options", "said"),
    [
        ("ZYX", {"ome": True}, "2 pages along its axis z: .* with --plane z=NUMBER"),
        ("TZYX", {"ome": True}, "4 pages along its axes t, z: .* with --plane t=NUMBER,z=NUMBER"),
        ("TCYX", {"imagej": True}, "4 pages along its axes t, c: .* with --plane t=NUMBER,c=NUMBER"),
        ("QYX", {}, "2 pages: save the one that is meant as a file of its own"),
    ],
)
def test_a_stack_whose_axes_are_known_is_refused_with_them(tmp_path: Path, axes: str, options: dict, said: str) -> None:
    values = np.broadcast_to(GREY, (2,) * (len(axes) - 2) + GREY.shape)
    path = written(tmp_path, values, metadata={"axes": axes}, photometric="minisblack", **options)
    with pytest.raises(DataError, match=rf"The image .*p\.tif has {said}"):
        decode_picture(path)


def test_an_empty_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match=r"The image .*a\.png is empty: download it again"):
        decode_picture(tmp_path / "a.png")


def test_a_second_channel_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, np.dstack([COLOUR, GREY * 0 + 7]), photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_allclose(decode_picture(path), shown(COLOUR), atol=1e-2)


def test_transparent_parts_are_said(tmp_path: Path) -> None:
    eight = (np.dstack([COLOUR, GREY]) >> 4).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "p.png")
    with pytest.warns(InputWarning, match="p.png has transparent parts"):
        np.testing.assert_array_equal(decode_picture(tmp_path / "p.png"), eight[..., :3])


@pytest.mark.parametrize("values", [COLOUR, (COLOUR >> 4).astype(np.uint8)])
def test_of_a_pyramid_the_largest_level_is_taken(tmp_path: Path, values: np.ndarray) -> None:
    for subifds in (0, 1):
        with tifffile.TiffWriter(tmp_path / "p.tif") as file:
            file.write(values, photometric="rgb", tile=(16, 16), subifds=subifds)
            file.write(values[::2, ::2], photometric="rgb", tile=(16, 16), subfiletype=1)
        np.testing.assert_array_equal(read_picture_file(tmp_path / "p.tif").values, values)


@pytest.mark.parametrize("values", [COLOUR, (COLOUR >> 4).astype(np.uint8)])
def test_a_tiff_that_is_cut_short_is_refused(tmp_path: Path, values: np.ndarray) -> None:
    path = written(tmp_path, values, photometric="rgb")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"p\.tif cannot be read \(it is cut short\)"):
        decode_picture(path)


def test_a_missing_library_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.png").write_bytes(imagecodecs.png_encode(COLOUR))
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(DataError, match=r"p\.png needs imagecodecs: pip install imagecodecs"):
        decode_picture(tmp_path / "p.png")


def test_no_other_program_is_started_for_a_picture(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match=r"p\.png is damaged, or no PNG"):
        decode_picture(tmp_path / "p.png")


@pytest.mark.parametrize(("mode", "depth"), [("1", 1), ("L", 8), ("I;16", 16), ("LA", 16), ("RGB", 24), ("RGBA", 32)])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_pixels_end_early_is_refused(tmp_path: Path, mode: str, depth: int, interlaced: bool) -> None:
    path, short = tmp_path / "a.png", tmp_path / "short.png"
    Image.new(mode, (21, 13)).save(path, bits=1 if mode == "1" else 8)
    whole = path.read_bytes()
    # The seven passes of an interlaced picture of 21 columns and 13 rows, by hand: columns and rows of each.
    passes = [(3, 2), (3, 2), (6, 2), (5, 4), (11, 3), (10, 7), (21, 6)] if interlaced else [(21, 13)]
    pixels = bytes(sum(rows * (1 + (columns * depth + 7) // 8) for columns, rows in passes))
    header = whole[:28] + bytes([interlaced])
    for file, kept in ((path, pixels), (short, pixels[:-1])):
        file.write_bytes(
            header
            + imagecodecs_crc(header[12:])
            + len(zlib.compress(kept)).to_bytes(4, "big")
            + b"IDAT"
            + zlib.compress(kept)
            + imagecodecs_crc(b"IDAT" + zlib.compress(kept))
            + bytes(4)
            + b"IEND"
            + imagecodecs_crc(b"IEND")
        )
    assert decode_picture(path).shape == (13, 21, 3)
    with pytest.raises(DataError, match="it is cut short"):
        decode_picture(short)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb", "palette"])
def test_a_bigtiff_of_either_byte_order_is_read(tmp_path: Path, photometric: str) -> None:
    shape = (12, 15, 3) if photometric == "rgb" else (12, 15)
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    colours = {"colormap": np.random.default_rng(1).integers(0, 2**16, (3, 256), dtype=np.uint16)}
    options = {"photometric": photometric, "bigtiff": True} | (colours if photometric == "palette" else {})
    tifffile.imwrite(tmp_path / "little.tif", values, byteorder="<", **options)
    tifffile.imwrite(tmp_path / "big.tif", values, byteorder=">", **options)
    assert (tmp_path / "big.tif").read_bytes()[:4] == b"MM\0+"
    np.testing.assert_array_equal(decode_picture(tmp_path / "big.tif"), decode_picture(tmp_path / "little.tif"))


def test_a_tiff_whose_pages_overlap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, np.zeros((8, 9), np.uint8))
    content = bytearray(path.read_bytes().ljust(2**16, b"\0"))
    (start,) = struct.unpack_from("<I", content, 4)
    (tags,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * tags, 2**16)  # the next page
    # Each four bytes begin a page of one tag, whose next page is four bytes further.
    content += b"".join(struct.pack("<HH", 1, max(0, 4 * (word - 2))) for word in range(2**14 - 1))
    path.write_bytes(content)
    with pytest.raises(DataError, match="its pages have no end"):
        read_picture_file(str(path))
