"""Reads the values that are in a picture file. Needs numpy and Pillow; tifffile for TIFF, imagecodecs for some kinds.

Pillow makes 8 bits of deeper colours and hides what it does not know. So it gets only what it keeps: pictures of 8
bits, and grey of 16. All else is read by tifffile and imagecodecs.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .archives import read_bytes
from .errors import DataError, reason_of
from .libraries import library
from .tiff_stacks import split_page

__all__ = ["FilePicture", "check_whole", "is_turned", "named_white", "read_picture_file"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF")
"""What Pillow may take a file for. It has readers that start other programs."""

LARGEST_PIXELS = 2**28
"""The most pixels of a picture, 268 million: a segmentation of 200 million takes 11 GB of memory."""

# Pillow's own limit is for thumbnails of the web; it is lower, and warns.
Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""The samples of a pixel of a PNG, by its colour type."""

WHOLE = ((0, 0, 1, 1),)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and their steps, of the passes of a PNG that is interlaced (PNG, section 8.2)."""

LOSSY = ("JPEG", "MPO")
BIG_ENDIAN_BIGTIFF = b"MM\0+"
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", BIG_ENDIAN_BIGTIFF)
SMALLEST_DIRECTORY = 18
"""Bytes of a page of a TIFF that has a single tag."""

ORIENTATION = 274
MAX_SAMPLE_VALUE = 281
SUBFILE_REDUCED = 1
ALPHA = (1, 2)
"""Kinds of extra samples of a TIFF: associated and unassociated alpha. 0 is unspecified."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, INKS, YCBCR = 0, 1, 2, 3, 5, 6
"""Photometric interpretations of a TIFF."""

LOSSY_COMPRESSIONS = (6, 7, 22610, 33003, 33004, 33005, 33007, 34712, 34892, 34933, 34934, 50001, 50002)
"""JPEG, JPEG 2000, WebP, JPEG XR and JPEG XL in a TIFF."""


@dataclass(frozen=True)
class FilePicture:
    """What is in a picture file, the right way up.

    Args:
        values: (height, width, 1) grey or palette indices, or (height, width, 3) colours, in the type of the file.
        palette: (number, 3) the colours of the indices, uint8; None where the values are no indices.
        alpha: (height, width), where it is not the same everywhere.
        white: the value that the file says is white; None where it does not say.
        lossy: the file does not keep values exactly.
        inverted: black is the largest value in the file. ``values`` are turned around already.
    """

    values: np.ndarray
    palette: np.ndarray | None = None
    alpha: np.ndarray | None = None
    white: float | None = None
    lossy: bool = False
    inverted: bool = False


def read_picture_file(path: str | os.PathLike[str], kind: str = "image") -> FilePicture:
    """Read one picture, on disk or in a zip: PNG, TIFF, JPEG, BMP or GIF by its content, whatever its name.

    The orientation that a camera notes in a file is applied.

    Args:
        path: the file, the member of a zip, or the page of a TIFF (:mod:`.tiff_stacks`).
        kind: what it is, for messages.

    Raises:
        DataError: the file is no readable picture, or has several pages, channels that are no colours, or colours
            of a kind that is not read; or a library is missing.
    """
    stack, page = split_page(path)
    content, name = b"" if page else read_bytes(path), f"The {kind} {path}"
    try:
        if page is not None:
            return _read_page(name, stack, page)
        if not content:
            raise DataError(f"{name} is empty: download it again.")
        if content.startswith(TIFF_STARTS):
            return _read_tiff(name, content)
        if content[:8] == b"\x89PNG\r\n\x1a\n" and content[24:25] == b"\x10" and content[25:26] != b"\0":
            return _read_deep_png(name, content)
        return _read_with_pillow(name, content)
    except DataError:
        raise
    except UnidentifiedImageError as error:  # its message names an object in memory
        raise DataError(
            f"{name} is damaged, or no PNG, TIFF, JPEG or BMP: download it again, or use a network of volumes if it is "
            "a volume."
        ) from error
    except Image.DecompressionBombError as error:
        most = LARGEST_PIXELS // 10**6
        raise DataError(f"{name} has more than {most} million pixels: cut it into tiles.") from error
    except Exception as error:  # decoders raise whatever they meet
        raise DataError(f"{name} cannot be read ({reason_of(error)}): download it again or remove it.") from error


def is_turned(name: str | os.PathLike[str]) -> bool:
    """Return whether a picture file has an orientation by which it is turned; False for what Pillow cannot read."""
    try:
        with Image.open(io.BytesIO(read_bytes(name)), formats=FORMATS) as file:
            return int(file.getexif().get(ORIENTATION, 1)) in _TURNS
    except Exception:  # each kind of file has its own; reading the picture says what is wrong
        return False


def _read_with_pillow(name: str, content: bytes) -> FilePicture:
    with Image.open(io.BytesIO(content), formats=FORMATS) as file:
        if file.width * file.height > LARGEST_PIXELS:
            raise Image.DecompressionBombError
        # An MPO holds a preview beside the picture, and pages of a TIFF were counted before.
        if getattr(file, "n_frames", 1) > 1 and file.format not in ("MPO", "TIFF"):
            raise DataError(f"{name} has {file.n_frames} pages: save the one that is meant as a file.")  # type: ignore[attr-defined]
        lossy, white = file.format in LOSSY, None
        if file.format == "PNG":
            _check_whole_png(content)
            white = _png_white(content)
        image = ImageOps.exif_transpose(file)
    palette = alpha = None
    if "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        if image.mode in ("La", "RGBa"):
            image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
        alpha = np.asarray(image.getchannel("A"))
    if image.mode in ("P", "PA"):
        palette = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        values = np.asarray(image)
        values = values if values.ndim == 2 else values[..., 0]
    elif image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
    elif image.mode in ("LA", "RGBA"):
        values = np.asarray(image)[..., :-1]
    elif image.mode in ("RGB", "CMYK", "YCbCr"):
        values = np.asarray(image.convert("RGB"))
    else:
        raise DataError(f"{name} has colours of the kind {image.mode}: save it in colour (RGB) or grey.")
    values = values if values.ndim == 3 else values[..., None]
    return FilePicture(values, palette, _varying(alpha), white, lossy)


def _read_deep_png(name: str, content: bytes) -> FilePicture:
    with Image.open(io.BytesIO(content), formats=("PNG",)) as file:
        if file.width * file.height > LARGEST_PIXELS:
            raise Image.DecompressionBombError
        if getattr(file, "n_frames", 1) > 1:
            raise DataError(f"{name} has {file.n_frames} pages: save the one that is meant as a file.")  # type: ignore[attr-defined]
        orientation = file.getexif().get(ORIENTATION, 1)
    samples = _upright(library("imagecodecs", name, DataError).png_decode(content), orientation)
    colours = 1 if samples.ndim == 2 else samples.shape[2] // 2 * 2 - 1 if samples.shape[2] % 2 == 0 else 3
    samples = samples.reshape(*samples.shape[:2], -1)
    alpha = samples[..., -1] if samples.shape[2] > colours else None
    return FilePicture(samples[..., :colours], alpha=_varying(alpha), white=_png_white(content))


def _png_white(content: bytes) -> float | None:
    """The white of a deep PNG that notes how many bits its camera had, in a chunk named sBIT."""
    for kind, data in _png_chunks(content):
        if kind == b"IDAT":
            break
        if kind == b"sBIT" and content[24] == 16 and 0 < len(data) <= 4:
            bits = max(data)
            return float(2**bits - 1) if 8 < bits < 16 else None
    return None


def _check_whole_png(content: bytes) -> None:
    """Refuse a PNG whose compressed pixels end early: Pillow would fill it up with black."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    bits = depth * PNG_CHANNELS[colour]
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in (ADAM7 if interlaced else WHOLE)]
    needed = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0)
    found, stream = 0, zlib.decompressobj()
    for kind, data in _png_chunks(content):
        while kind == b"IDAT" and data and found < needed:
            found += len(stream.decompress(data, 2**20))
            data = stream.unconsumed_tail
    if found < needed:
        raise ValueError("it is cut short")


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kinds and contents of the chunks of a PNG."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        yield kind, content[place + 8 : place + 8 + length]
        place += length + 12


def _read_tiff(name: str, content: bytes) -> FilePicture:
    with library("tifffile", name, DataError).TiffFile(io.BytesIO(content)) as file:
        # A damaged file may lead from one directory into the middle of another, without an end.
        most = len(content) // SMALLEST_DIRECTORY
        pages = [page.aspage() for page in islice(file.pages, most + 1)]
        if len(pages) > most:
            raise ValueError("its pages have no end")
        full = [page for page in pages if not page.subfiletype & SUBFILE_REDUCED] or pages
        images = max(len(full), *(int(np.prod(series.shape)) // max(series.keyframe.size, 1) for series in file.series))
        images = max(images, full[0].imagedepth)
        if images > 1:
            raise DataError(_several_pages(name, images, file.series))
        (page,) = full
        if page.imagewidth * page.imagelength > LARGEST_PIXELS:
            raise Image.DecompressionBombError
        check_whole(name, page, len(content))
        picture = _tiff_picture(name, content, page)
    return replace(picture, lossy=page.compression in LOSSY_COMPRESSIONS, inverted=page.photometric == WHITE_IS_ZERO)


def _several_pages(name: str, images: int, series: Sequence[Any]) -> str:
    """One sentence about a file of several pages; where its axes are known, with the option that chooses one."""
    lengths = dict(zip(series[0].axes.lower(), series[0].shape, strict=False))
    axes = [axis for axis in "tzc" if lengths.get(axis, 1) > 1]
    if len(series) > 1 or math.prod(lengths[axis] for axis in axes) != images:
        return f"{name} has {images} pages: save the one that is meant as a file of its own."
    numbers = ",".join(f"{axis}=NUMBER" for axis in axes)
    named = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(axes)}"
    return (
        f"{name} has {images} pages along its {named}: save the one that is meant as a file of its own, or choose it "
        f"with --plane {numbers}, from 1 on."
    )


def _read_page(name: str, stack: str, number: int) -> FilePicture:
    with library("tifffile", name, DataError).TiffFile(stack) as file:
        page = file.pages[number - 1].aspage()
        if page.imagewidth * page.imagelength > LARGEST_PIXELS:
            raise Image.DecompressionBombError
        check_whole(name, page, os.path.getsize(stack))
        picture = _tiff_picture(name, None, page)
    return replace(picture, lossy=page.compression in LOSSY_COMPRESSIONS, inverted=page.photometric == WHITE_IS_ZERO)


def _tiff_picture(name: str, content: bytes | None, page: Any) -> FilePicture:
    """The picture of a page; ``content`` is that of a file of one page, for Pillow."""
    bits, extra = page.bitspersample, len(page.extrasamples)
    own = page.samplesperpixel - (3 if page.photometric in (RGB, YCBCR) else 4 if page.photometric == INKS else 1)
    kinds = (*page.extrasamples, *[0] * (own - extra))
    # Pillow shows the first channels and leaves others out without a word; it takes values below zero for large ones.
    plain = page.sampleformat == 1 and bits in (1, 8) and (own == 0 or (own == 1 and kinds[0] in ALPHA))
    plain = plain and page.index == 0 and page.compression not in LOSSY_COMPRESSIONS[2:]
    if content is not None and plain and not content.startswith(BIG_ENDIAN_BIGTIFF):  # which Pillow does not know
        return _read_with_pillow(name, content)
    numbers = page.dtype is not None and page.dtype.kind in "uif"
    if page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE) or own < 0 or not numbers:
        kind = getattr(page.photometric, "name", page.photometric)
        raise DataError(f"{name} has values of the kind {kind} with {bits} bits: save it in colour (RGB) or grey.")
    too_many = (
        f"{name} has {page.samplesperpixel} channels, not colours (RGB) or grey alone: save it in colour or grey, with "
        "the channels that are meant."
    )
    if own > 1:
        raise DataError(too_many)
    orientation = page.tags.valueof(ORIENTATION, 1)
    samples = np.moveaxis(_decoded(name, page).reshape(page.shaped)[:, 0], 0, -2)  # (height, width, planes, samples)
    samples = _upright(samples.reshape(*samples.shape[:2], -1), orientation)
    values = samples[..., : samples.shape[2] - own]
    alpha = _varying(samples[..., -1]) if own == 1 else None
    if alpha is not None and kinds[0] not in ALPHA:
        raise DataError(too_many)
    if page.photometric == PALETTE:
        colours = np.asarray(page.colormap)
        return FilePicture(values, (colours.T >> (8 if colours.max() > 255 else 0)).astype(np.uint8), alpha)
    white = named_white(page)
    if page.photometric == WHITE_IS_ZERO:
        if values.dtype.kind == "f" or values.min() < 0:
            raise DataError(f"{name} has white as 0 and values below it: save it with black as 0.")
        highest = np.asarray(max(white or 0, 2**bits - 1 if white is None else 0)).astype(values.dtype)
        values = np.where(values < highest, highest - values, 0).astype(values.dtype)
    return FilePicture(values, alpha=alpha, white=white)


def named_white(page: Any) -> float | None:
    """Return the white that a TIFF says it has: by its tag, by its bits, or by OME's description of the camera."""
    tag = page.tags.valueof(MAX_SAMPLE_VALUE, None)
    if tag is not None:
        return float(np.max(tag))
    if page.dtype.kind != "u" or page.bitspersample < 16:
        return float(2**page.bitspersample - 1) if page.dtype.kind == "u" and page.bitspersample != 8 else None
    found = re.search(r'SignificantBits="(\d+)"', page.description or "")
    return float(2 ** int(found[1]) - 1) if found and 8 < int(found[1]) < page.bitspersample else None


def check_whole(name: str, page: Any, size: int) -> None:
    """Refuse a TIFF that is cut short: tifffile would fill it up.

    Args:
        name: of the picture, for messages.
        page: of tifffile.
        size: of the file in bytes.

    Raises:
        DataError: it is.
    """
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if not parts or any(count <= 0 or offset + count > size for offset, count in parts):
        raise DataError(f"{name} cannot be read (it is cut short): download it again or remove it.")


def _decoded(name: str, page: Any) -> np.ndarray:
    try:
        return page.asarray()
    except ValueError as error:
        if "imagecodecs" in str(error):
            library("imagecodecs", name, DataError)
        raise


def _varying(channel: np.ndarray | None) -> np.ndarray | None:
    """A channel that says something: one that is not the same everywhere."""
    return None if channel is None or (channel == channel.flat[0]).all() else channel


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.swapaxes(0, 1),
    6: lambda picture: picture.swapaxes(0, 1)[:, ::-1],
    7: lambda picture: picture.swapaxes(0, 1)[::-1, ::-1],
    8: lambda picture: picture.swapaxes(0, 1)[::-1],
}


def _upright(picture: np.ndarray, orientation: int) -> np.ndarray:
    """The picture (height, width, ...) by the orientation of EXIF and TIFF."""
    return _TURNS.get(int(orientation), lambda same: same)(picture)
