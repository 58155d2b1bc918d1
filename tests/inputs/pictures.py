"""PNG, TIFF, JPEG and BMP inputs; their values are known, because they are written by hand or by tifffile."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import tifffile
from PIL import Image

from tests.inputs.table import Picture, Refused, Row

GREY = (np.arange(20 * 30).reshape(20, 30) * 37 % 256).astype(np.uint8)
"""(height, width)."""
COLOURS = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
DEEP = (GREY.astype(int) * 257 - 100 * (GREY > 100)).astype(np.uint16)
DEEP_COLOURS = COLOURS.astype(np.uint16) * 257
CAMERA = (GREY.astype(np.uint16) * 16 + 5) % 4096
"""Of a camera of 12 bits."""
ALPHA = np.where(GREY > 128, 255, 40).astype(np.uint8)


def shown(values: np.ndarray, white: float | None = None, tolerance: float = 0.01) -> Callable[[Path], Picture]:
    """The picture from 0 to 255, by the rule of the documents.

    8 bits stay as they are. Otherwise white is what the file says, or the largest value; black is 0, or the smallest
    value where it is below. Whole numbers up to 255 stay.
    """
    if values.dtype == bool:
        return lambda path: Picture(values * 255.0)
    whole = values.dtype.kind in "ui"
    exact = values.astype(float)
    low, high = min(exact.min(), 0.0), exact.max() if white is None else white
    if values.dtype == np.uint8 or (whole and white is None and low == 0 and high <= 255):
        return lambda path: Picture(exact, tolerance)
    return lambda path: Picture((exact - low) * 255 / (high - low), tolerance)


# PNG, by its definition.


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def rows(samples: np.ndarray, depth: int) -> bytes:
    """The rows of a PNG (height, width, samples), each with no filter."""
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = flat.astype(">u2").view(np.uint8).reshape(len(flat), -1)
    else:
        bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(flat), -1), axis=-1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column, and steps of the seven passes of an interlaced PNG."""


def png(
    folder: Path,
    samples: np.ndarray,
    depth: int = 8,
    colour: int = 0,
    *before: tuple[bytes, bytes],
    interlaced: bool = False,
    size: tuple[int, int] | None = None,
    edit: Callable[[bytes], bytes] = lambda content: content,
) -> Path:
    """Write a PNG.

    Args:
        folder: for the file.
        samples: (height, width[, samples]).
        depth: bits of a sample.
        colour: 0 grey, 2 colours, 3 palette, 4 grey with alpha, 6 colours with alpha.
        before: further chunks, before the pixels.
        interlaced: write it in seven passes.
        size: (width, height) to note, whatever the samples are.
        edit: changes the whole content.
    """
    passes = [samples[a::c, b::d] for a, b, c, d in PASSES] if interlaced else [samples]
    pixels = b"".join(rows(part, depth) for part in passes if part.size)
    width, height = size or (samples.shape[1], samples.shape[0])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    path = folder / "picture.png"
    path.write_bytes(edit(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)))
    return path


TABLE = np.random.default_rng(0).integers(0, 256, (16, 3), dtype=np.uint8)
PLTE = (b"PLTE", TABLE.tobytes())
INDEX = GREY // 16
ORIENTATION_6 = (b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")

PNG: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("1 bit", partial(png, samples=GREY > 99, depth=1), shown(GREY > 99), ""),
    ("2 bits", partial(png, samples=GREY // 64, depth=2), shown(GREY // 64 * 85), ""),
    ("4 bits", partial(png, samples=INDEX, depth=4), shown(INDEX * 17), ""),
    ("8 bits", partial(png, samples=GREY), shown(GREY), ""),
    ("16 bits", partial(png, samples=DEEP, depth=16), shown(DEEP), ""),
    ("16 bits of a camera of 12", partial(png, samples=CAMERA, depth=16), shown(CAMERA), ""),
    (
        "16 bits that say that 12 are used",
        lambda folder: png(folder, CAMERA, 16, 0, (b"sBIT", b"\x0c")),
        shown(CAMERA, 4095),
        "",
    ),
    (
        "16 bits with values up to 180",
        partial(png, samples=GREY.astype(int) % 181, depth=16),
        shown(GREY.astype(int) % 181),
        "",
    ),
    ("grey with alpha", partial(png, samples=np.dstack([GREY, ALPHA]), colour=4), shown(GREY), "transparent"),
    (
        "grey with alpha, 16 bits",
        partial(png, samples=np.dstack([DEEP, ALPHA.astype(np.uint16) * 257]), depth=16, colour=4),
        shown(DEEP),
        "transparent",
    ),
    (
        "grey with alpha that hides nothing",
        partial(png, samples=np.dstack([DEEP, np.full_like(DEEP, 65535)]), depth=16, colour=4),
        shown(DEEP),
        "",
    ),
    (
        "grey, one value transparent",
        lambda folder: png(folder, GREY, 8, 0, (b"tRNS", b"\0\x25")),
        shown(GREY),
        "transparent",
    ),
    ("colours", partial(png, samples=COLOURS, colour=2), shown(COLOURS), ""),
    ("colours, 16 bits", partial(png, samples=DEEP_COLOURS, depth=16, colour=2), shown(DEEP_COLOURS), ""),
    (
        "colours of a camera of 12 bits",
        partial(png, samples=COLOURS.astype(int) * 16, depth=16, colour=2),
        shown(COLOURS.astype(int) * 16),
        "",
    ),
    ("colours with alpha", partial(png, samples=np.dstack([COLOURS, ALPHA]), colour=6), shown(COLOURS), "transparent"),
    (
        "colours with alpha, 16 bits",
        partial(png, samples=np.dstack([DEEP_COLOURS, ALPHA.astype(np.uint16) * 257]), depth=16, colour=6),
        shown(DEEP_COLOURS),
        "transparent",
    ),
    ("palette", lambda folder: png(folder, INDEX, 4, 3, PLTE), shown(TABLE[INDEX]), ""),
    (
        "palette with transparency",
        lambda folder: png(folder, INDEX, 8, 3, PLTE, (b"tRNS", bytes(range(0, 160, 10)))),
        shown(TABLE[INDEX]),
        "transparent",
    ),
    ("interlaced", partial(png, samples=COLOURS, colour=2, interlaced=True), shown(COLOURS), ""),
    ("interlaced, 16 bits", partial(png, samples=DEEP, depth=16, interlaced=True), shown(DEEP), ""),
    ("gamma noted", lambda folder: png(folder, GREY, 8, 0, (b"gAMA", struct.pack(">I", 100_000))), shown(GREY), ""),
    ("turned by EXIF", lambda folder: png(folder, COLOURS, 8, 2, ORIENTATION_6), shown(np.rot90(COLOURS, -1)), ""),
    ("one pixel", partial(png, samples=GREY[:1, :1]), shown(GREY[:1, :1]), ""),
    ("cut short", partial(png, samples=DEEP, depth=16, edit=lambda content: content[:300]), Refused("."), ""),
    (
        "checksum wrong",
        partial(png, samples=GREY, edit=lambda content: content[:60] + b"~~" + content[62:]),
        Refused("."),
        "",
    ),
    ("2^31 pixels wide", partial(png, samples=GREY, size=(2**31 - 1, 20)), Refused("."), ""),
    ("100000 x 100000", partial(png, samples=GREY, size=(100_000, 100_000)), Refused("."), ""),
    ("no pixel", partial(png, samples=GREY, size=(0, 0)), Refused("."), ""),
    ("nothing", partial(png, samples=GREY, edit=lambda content: b""), Refused("."), ""),
    ("a text", partial(png, samples=GREY, edit=lambda content: b"no picture"), Refused("."), ""),
]

# TIFF.


def tiff(folder: Path, samples: np.ndarray, *, name: str = "picture.tif", tags: tuple = (), **options: Any) -> Path:
    """Write by tifffile, with further tags as (code, type, count, value, once)."""
    path = folder / name
    tifffile.imwrite(path, samples, extratags=tags, **({"metadata": None} | options))
    return path


def by_pillow(
    folder: Path, picture: np.ndarray, mode: str | None = None, name: str = "picture.tif", **options: Any
) -> Path:
    image = Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(folder / name, **options)
    return folder / name


def edited(make: Callable[[Path], Path], edit: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = make(folder)
        path.write_bytes(edit(path.read_bytes()))
        return path

    return write


def widened(content: bytes) -> bytes:
    """A TIFF whose width is noted as 2^31."""
    place = content.index(struct.pack("<HHI", 256, 4, 1)) + 8
    return content[:place] + struct.pack("<I", 2**31) + content[place + 4 :]


def orientation(code: int) -> tuple:
    return ((274, "H", 1, code, True),)


TURNED = {
    2: COLOURS[:, ::-1],
    3: COLOURS[::-1, ::-1],
    4: COLOURS[::-1],
    5: COLOURS.swapaxes(0, 1),
    6: np.rot90(COLOURS, -1),
    7: np.rot90(COLOURS[:, ::-1], -1),
    8: np.rot90(COLOURS, 1),
}
"""What is to be seen by the orientation that EXIF and TIFF note."""

FLOAT = (GREY / 200).astype(np.float32)
SIGNED = GREY.astype(np.int16) * 30 - 700
CMYK = np.dstack([255 - COLOURS, GREY * 0])
PAGES = np.stack([GREY, GREY[::-1], GREY[:, ::-1]])
BROKEN_FLOAT = FLOAT.copy()
BROKEN_FLOAT[3, 4] = np.nan

TIFF: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("8 bits", partial(tiff, samples=GREY), shown(GREY), ""),
    ("1 bit", partial(by_pillow, picture=GREY > 99), shown(GREY > 99), ""),
    ("16 bits", partial(tiff, samples=DEEP), shown(DEEP), ""),
    ("16 bits of a camera of 12", partial(tiff, samples=CAMERA), shown(CAMERA), ""),
    (
        "16 bits, white noted as 4095",
        partial(tiff, samples=CAMERA, tags=((281, "H", 1, 4095, True),)),
        shown(CAMERA, 4095),
        "",
    ),
    ("32 bits", partial(tiff, samples=DEEP.astype(np.uint32) * 60_000), shown(DEEP.astype(np.uint32) * 60_000), ""),
    (
        "signed 8 bits",
        partial(tiff, samples=(GREY // 2).astype(np.int8) - np.int8(50)),
        shown((GREY // 2).astype(int) - 50),
        "",
    ),
    ("signed 16 bits", partial(tiff, samples=SIGNED), shown(SIGNED), ""),
    ("signed 32 bits", partial(tiff, samples=SIGNED.astype(np.int32) * 1000), shown(SIGNED.astype(int) * 1000), ""),
    ("64 bits", partial(tiff, samples=DEEP.astype(np.uint64)), shown(DEEP), ""),
    ("float of 16 bits", partial(tiff, samples=FLOAT.astype(np.float16)), shown(FLOAT.astype(np.float16)), ""),
    ("float of 32 bits", partial(tiff, samples=FLOAT), shown(FLOAT), ""),
    ("float of 64 bits", partial(tiff, samples=FLOAT.astype(np.float64)), shown(FLOAT), ""),
    ("a pixel NaN", partial(tiff, samples=BROKEN_FLOAT), Refused("NaN"), ""),
    ("complex", partial(tiff, samples=FLOAT.astype(np.complex64)), Refused("."), ""),
    ("white as 0", partial(tiff, samples=GREY, photometric="miniswhite"), shown(255 - GREY), ""),
    ("white as 0, 16 bits", partial(tiff, samples=DEEP, photometric="miniswhite"), shown(65535 - DEEP, 65535), ""),
    ("colours", partial(tiff, samples=COLOURS, photometric="rgb"), shown(COLOURS), ""),
    ("colours, 16 bits", partial(tiff, samples=DEEP_COLOURS, photometric="rgb"), shown(DEEP_COLOURS), ""),
    (
        "colours in planes",
        partial(tiff, samples=np.moveaxis(COLOURS, -1, 0), photometric="rgb", planarconfig="separate"),
        shown(COLOURS),
        "",
    ),
    (
        "colours in planes, 16 bits",
        partial(tiff, samples=np.moveaxis(DEEP_COLOURS, -1, 0), photometric="rgb", planarconfig="separate"),
        shown(DEEP_COLOURS),
        "",
    ),
    (
        "colours in float",
        partial(tiff, samples=COLOURS.astype(np.float32), photometric="rgb"),
        shown(COLOURS.astype(np.float32)),
        "",
    ),
    (
        "colours with alpha",
        partial(tiff, samples=np.dstack([COLOURS, ALPHA]), photometric="rgb", extrasamples=["unassalpha"]),
        shown(COLOURS),
        "transparent",
    ),
    (
        "colours with alpha, 16 bits",
        partial(
            tiff,
            samples=np.dstack([DEEP_COLOURS, ALPHA.astype(np.uint16) * 257]),
            photometric="rgb",
            extrasamples=["unassalpha"],
        ),
        shown(DEEP_COLOURS),
        "transparent",
    ),
    (
        "grey with alpha",
        partial(
            tiff,
            samples=np.dstack([GREY, ALPHA]),
            photometric="minisblack",
            extrasamples=["unassalpha"],
            planarconfig="contig",
        ),
        shown(GREY),
        "transparent",
    ),
    (
        "palette",
        partial(
            tiff,
            samples=INDEX,
            photometric="palette",
            colormap=np.vstack([TABLE.astype(np.uint16) * 257, np.zeros((240, 3), np.uint16)]).T,
        ),
        shown(TABLE[INDEX]),
        "",
    ),
    ("inks", partial(tiff, samples=CMYK, photometric="separated"), shown(COLOURS, tolerance=1), ""),
    ("CIELab", partial(tiff, samples=COLOURS, photometric="cielab"), Refused("."), ""),
    (
        "two channels",
        partial(tiff, samples=np.dstack([GREY, GREY[::-1]]), photometric="minisblack", planarconfig="contig"),
        Refused("channels|pages"),
        "",
    ),
    (
        "five channels",
        partial(tiff, samples=np.dstack([COLOURS, GREY, GREY[::-1]]), photometric="minisblack", planarconfig="contig"),
        Refused("channels|pages"),
        "",
    ),
    ("tiles", partial(tiff, samples=COLOURS, photometric="rgb", tile=(16, 16)), shown(COLOURS), ""),
    ("tiles, 16 bits", partial(tiff, samples=DEEP, tile=(16, 16)), shown(DEEP), ""),
    ("strips", partial(tiff, samples=DEEP, rowsperstrip=3), shown(DEEP), ""),
    ("deflate", partial(tiff, samples=DEEP, compression="zlib"), shown(DEEP), ""),
    ("deflate with predictor", partial(tiff, samples=DEEP, compression="zlib", predictor=True), shown(DEEP), ""),
    ("float with predictor", partial(tiff, samples=FLOAT, compression="zlib", predictor=True), shown(FLOAT), ""),
    ("LZW", partial(by_pillow, picture=DEEP, compression="tiff_lzw"), shown(DEEP), ""),
    ("PackBits", partial(by_pillow, picture=GREY, compression="packbits"), shown(GREY), ""),
    ("fax", partial(by_pillow, picture=GREY > 99, compression="group4"), shown(GREY > 99), ""),
    ("big-endian", partial(tiff, samples=DEEP, byteorder=">"), shown(DEEP), ""),
    ("BigTIFF", partial(tiff, samples=DEEP, bigtiff=True), shown(DEEP), ""),
    ("several pages", partial(tiff, samples=PAGES, photometric="minisblack"), Refused("3 pages"), ""),
    ("ImageJ, a stack", partial(tiff, samples=PAGES, imagej=True, metadata={"axes": "ZYX"}), Refused("3 pages"), ""),
    (
        "ImageJ, channels and moments",
        partial(tiff, samples=np.stack([PAGES, PAGES]), imagej=True, metadata={"axes": "TCYX"}),
        Refused("6 pages"),
        "",
    ),
    ("ImageJ, one plane", partial(tiff, samples=DEEP, imagej=True, metadata={"axes": "YX"}), shown(DEEP), ""),
    *(
        (
            f"turned by tag {code}",
            partial(tiff, samples=COLOURS, photometric="rgb", tags=orientation(code)),
            shown(turned),
            "",
        )
        for code, turned in TURNED.items()
    ),
    ("16 bits, turned by tag 8", partial(tiff, samples=DEEP, tags=orientation(8)), shown(np.rot90(DEEP, 1)), ""),
    ("named .png", partial(tiff, samples=DEEP, name="picture.png"), shown(DEEP), ""),
    ("width noted as 2^31", edited(lambda folder: tiff(folder, GREY[:, :1]), widened), Refused("."), ""),
    ("cut short", edited(partial(tiff, samples=DEEP), lambda content: content[:900]), Refused("."), ""),
]

OME: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    (
        "one plane",
        partial(tiff, samples=DEEP, name="picture.ome.tif", ome=True, metadata={"axes": "YX"}),
        shown(DEEP),
        "",
    ),
    (
        "camera of 12 bits noted",
        partial(tiff, samples=CAMERA, name="picture.ome.tif", ome=True, metadata={"axes": "YX", "SignificantBits": 12}),
        shown(CAMERA, 4095),
        "",
    ),
    (
        "colours",
        partial(tiff, samples=COLOURS, name="picture.ome.tif", ome=True, photometric="rgb", metadata={"axes": "YXS"}),
        shown(COLOURS),
        "",
    ),
    (
        "three channels",
        partial(
            tiff, samples=PAGES, name="picture.ome.tif", ome=True, photometric="minisblack", metadata={"axes": "CYX"}
        ),
        Refused("3 pages"),
        "",
    ),
    (
        "a stack",
        partial(
            tiff, samples=PAGES, name="picture.ome.tif", ome=True, photometric="minisblack", metadata={"axes": "ZYX"}
        ),
        Refused("3 pages"),
        "",
    ),
    (
        "a series in time",
        partial(
            tiff, samples=PAGES, name="picture.ome.tif", ome=True, photometric="minisblack", metadata={"axes": "TYX"}
        ),
        Refused("3 pages"),
        "",
    ),
    ("with smaller copies", lambda folder: pyramid(folder), shown(np.kron(GREY, np.ones((8, 8), np.uint8))), ""),
]


def pyramid(folder: Path) -> Path:
    """A picture with a copy of half its size, as slide scanners write."""
    large = np.kron(GREY, np.ones((8, 8), np.uint8))
    with tifffile.TiffWriter(folder / "picture.ome.tif", ome=True) as file:
        file.write(large, subifds=1, tile=(16, 16), photometric="minisblack", metadata={"axes": "YX"})
        file.write(large[::2, ::2], subfiletype=1, tile=(16, 16), photometric="minisblack")
    return folder / "picture.ome.tif"


# JPEG and BMP.

SMOOTH = np.add.outer(np.arange(40) * 3, np.arange(48) * 2).astype(np.uint8)
SMOOTH_COLOURS = np.dstack([SMOOTH, SMOOTH // 2 + 20, 255 - SMOOTH])


def jpeg(
    folder: Path, picture: np.ndarray = SMOOTH_COLOURS, mode: str | None = None, code: int = 1, **options: Any
) -> Path:
    """Write by Pillow, with the orientation of a camera."""
    exif = Image.Exif()
    exif[274] = code
    return by_pillow(folder, picture, mode, "picture.jpg", quality=95, exif=exif if code > 1 else b"", **options)


def by_itk(path: Path) -> Picture:
    """What ITK's decoder gives, which knows nothing of cameras. Decoders differ in how they fill up thinned colours."""
    return Picture(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(float), tolerance=5)


def turned_by(turn: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], Picture]:
    return lambda path: Picture(turn(by_itk(path).values), tolerance=5)


UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.swapaxes(0, 1),
    6: lambda picture: np.rot90(picture, -1),
    7: lambda picture: np.rot90(picture[:, ::-1], -1),
    8: lambda picture: np.rot90(picture, 1),
}

JPEG: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("grey", partial(jpeg, picture=SMOOTH), by_itk, ""),
    ("colours", jpeg, by_itk, ""),
    ("progressive", partial(jpeg, progressive=True), by_itk, ""),
    ("colours not thinned", partial(jpeg, subsampling=0), by_itk, ""),
    ("inks", partial(jpeg, mode="CMYK"), shown(SMOOTH_COLOURS, tolerance=12), ""),
    *((f"turned by EXIF {code}", partial(jpeg, code=code), turned_by(turn), "") for code, turn in UPRIGHT.items()),
    ("cut short", edited(jpeg, lambda content: content[: len(content) // 2]), Refused("."), ""),
    ("named .png", lambda folder: jpeg(folder).rename(folder / "picture.png"), shown(SMOOTH_COLOURS, tolerance=12), ""),
]


def bmp(folder: Path, samples: np.ndarray, from_top: bool = False, size: tuple[int, int] | None = None) -> Path:
    """Write a BMP of 24 or 32 bits by its definition."""
    height, width = samples.shape[:2]
    stored = samples[..., [2, 1, 0, *range(3, samples.shape[2])]]
    lines = [line.tobytes() for line in (stored if from_top else stored[::-1])]
    pixels = b"".join(line + b"\0" * (-len(line) % 4) for line in lines)
    noted = size or (width, -height if from_top else height)
    info = struct.pack("<IiiHHIIiiII", 40, *noted, 1, samples.shape[2] * 8, 0, len(pixels), 2835, 2835, 0, 0)
    (folder / "picture.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + info + pixels)
    return folder / "picture.bmp"


def gif_named_bmp(folder: Path) -> Path:
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "GIF")
    (folder / "picture.bmp").write_bytes(buffer.getvalue())
    return folder / "picture.bmp"


BMP: list[tuple[str, Callable[[Path], Path], Any, str]] = [
    ("24 bits", partial(bmp, samples=COLOURS), shown(COLOURS), ""),
    ("from the top", partial(bmp, samples=COLOURS, from_top=True), shown(COLOURS), ""),
    ("32 bits", partial(bmp, samples=np.dstack([COLOURS, GREY * 0])), shown(COLOURS), ""),
    ("8 bits", partial(by_pillow, picture=GREY, name="picture.bmp"), shown(GREY), ""),
    ("1 bit", partial(by_pillow, picture=GREY > 99, name="picture.bmp"), shown(GREY > 99), ""),
    (
        "palette",
        lambda folder: (
            Image.fromarray(TABLE[INDEX]).quantize(16).save(folder / "picture.bmp") or folder / "picture.bmp"
        ),
        shown(TABLE[INDEX]),
        "",
    ),
    ("a GIF", gif_named_bmp, shown(GREY), ""),
    ("cut short", edited(partial(bmp, samples=COLOURS), lambda content: content[:400]), Refused("."), ""),
    ("2^31 pixels wide", partial(bmp, samples=COLOURS, size=(2**31 - 1, 20)), Refused("."), ""),
]

ROWS = [
    Row(kind, *row)
    for kind, table in (("PNG", PNG), ("TIFF", TIFF), ("OME-TIFF", OME), ("JPEG", JPEG), ("BMP", BMP))
    for row in table
]
