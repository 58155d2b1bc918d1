"""Decodes the values of DICOM slices: stored x Rescale Slope + Rescale Intercept. Needs numpy and pydicom."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import DataError, InputWarning, reason_of
from .libraries import is_installed, missing

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"

_INTEGERS = (np.int16, np.uint16, np.int32, np.uint32, np.int64)
_EXACT_IN_FLOAT32 = 2**24

__all__ = ["PIXELS", "lookup_table", "rescale", "stored_frames"]


def stored_frames(dataset: Any, file: str, name: str | os.PathLike[str]) -> np.ndarray:
    """The stored values of all frames of a file.

    Args:
        dataset: pydicom's dataset of the file.
        file: its path, for messages.
        name: of the series, for remarks.

    Returns:
        (frame, row, column), without what Bits Stored says is no part of the value.

    Raises:
        DataError: the pixels are missing, cut short, colours, or compressed in a way that no decoder here knows.
    """
    names = [name for name in PIXELS if name in dataset and len(dataset[name].value or b"")]
    if len(names) != 1:
        raise DataError(f"The DICOM file {file} has no pixels, so it is cut short or no image: copy it again.")
    if dataset.get("SamplesPerPixel", 1) != 1 or "PALETTE" in dataset.get("PhotometricInterpretation", ""):
        raise DataError(f"The DICOM file {file} has colours instead of values: convert it to grey.")
    shape = (int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns))
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_compressed:
        _check_length(file, len(dataset[names[0]].value), shape, int(dataset.BitsAllocated))
    elif syntax == JPEG_EXTENDED and int(dataset.BitsStored) > 8:  # GDCM gives other values, which pydicom 2 takes
        raise DataError(f"The DICOM file {file} is compressed as JPEG of 12 bits, which is not read: decompress it.")
    try:
        if hasattr(dataset, "pixel_array_options"):  # pydicom 3 would take High Bit for Bits Stored - 1
            dataset.pixel_array_options(correct_unused_bits=False)
        frames = np.asarray(dataset.pixel_array)
    except Exception as error:  # each decoder raises its own
        if syntax.is_compressed and not is_installed("gdcm"):
            raise DataError(missing("gdcm", f"The DICOM file {file} is compressed ({syntax.name}), and")) from error
        remedy = "copy it again, or store it without compression"
        raise DataError(f"The DICOM file {file} cannot be decoded ({reason_of(error)}): {remedy}.") from error
    if frames.size != np.prod(shape):
        raise DataError(f"The DICOM file {file} has other pixels than its {shape[0]} frames need: copy it again.")
    frames = frames.reshape(shape)
    return frames if frames.dtype.kind == "f" else _stored_bits(frames, dataset, str(name))


def _check_length(file: str, found: int, shape: tuple[int, int, int], bits: int) -> None:
    needed = (int(np.prod(shape)) * bits + 7) // 8
    if found < needed:
        raise DataError(f"The DICOM file {file} is cut short, it has {found} of {needed} bytes: copy it again.")
    if found - needed >= needed // shape[0] + needed % 2:  # an odd number of bytes is filled up
        raise DataError(
            f"The DICOM file {file} has pixels for more frames than its Number of Frames, {shape[0]}: correct it."
        )


def _stored_bits(frames: np.ndarray, dataset: Any, name: str) -> np.ndarray:
    """The values without the bits above them, such as overlays of old scanners."""
    allocated, stored = 8 * frames.dtype.itemsize, int(dataset.BitsStored)
    is_compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    shift = 0 if is_compressed else int(dataset.HighBit) + 1 - stored
    if not 0 < stored + shift <= allocated or shift < 0 or (stored == allocated):
        return frames
    above = frames >> (stored + shift)
    if not is_compressed and ((above != 0) & (above != -1 if frames.dtype.kind == "i" else True)).any():
        warnings.warn(
            f"{name} has bits set above the {stored} that Bits Stored names, such as an overlay: they are left out.",
            InputWarning,
            stacklevel=2,
        )
    elif frames.dtype.kind == "i" and not shift and ((above == 0) & (frames >> (stored - 1) != 0)).any():
        warnings.warn(
            f"{name} has values above {2 ** (stored - 1) - 1}, the largest of the {stored} bits with a sign that Bits "
            "Stored names: they are taken as negative ones.",
            InputWarning,
            stacklevel=2,
        )
    # Shifted to the left end and back, so that the sign is that of the highest stored bit.
    return (frames << (allocated - stored - shift)) >> (allocated - stored)


def lookup_table(header: Any, file: str) -> tuple[int, np.ndarray] | None:
    """The Modality LUT of a file: the stored value of its first entry, and the entries.

    Raises:
        DataError: the table does not have the length that its descriptor says.
    """
    items = header.get("ModalityLUTSequence")
    if not items:
        return None
    try:
        length, first, bits = (int(number) for number in items[0].LUTDescriptor)
        element = items[0]["LUTData"]
        if isinstance(element.value, bytes):
            little = header.file_meta.TransferSyntaxUID.is_little_endian
            entries = np.frombuffer(element.value, ("<" if little else ">") + ("u2" if bits > 8 else "u1"))
        else:
            entries = np.atleast_1d(np.array(element.value))
        length = length or 2**16
        entries = entries[:length]
        if len(entries) < length:
            raise ValueError(f"{len(entries)} of {length} entries")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The Modality LUT of {file} cannot be read ({error}): convert it with its own program."
        ) from error
    if header.get("PixelRepresentation") == 1 and first >= 2**15:
        first -= 2**16
    return first, entries.astype(np.int32)


def rescale(frames: Sequence[np.ndarray], scales: Sequence[tuple[float, float]]) -> np.ndarray:
    """The values of slices, each stored value times its slope plus its intercept.

    Args:
        frames: stored values (row, column) of each slice.
        scales: slope and intercept of each slice.

    Returns:
        (slice, row, column), exact: whole numbers where all slopes and intercepts are, else float32, or float64 where
        float32 would lose whole numbers.
    """
    stored = np.result_type(*{frame.dtype for frame in frames})
    if all(scale == (1, 0) for scale in scales):
        return np.stack(frames).astype(stored.newbyteorder("="), copy=False)
    ends = [(float(frame.min()), float(frame.max())) for frame in frames]
    values = [end * slope + shift for pair, (slope, shift) in zip(ends, scales, strict=True) for end in pair]
    low, high = min(values), max(values)
    if stored.kind in "iu" and all(float(number).is_integer() for scale in scales for number in scale):
        fitting = [kind for kind in _INTEGERS if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max]
        if fitting and max(-low, high) < 2**53:
            volume = np.empty((len(frames), *frames[0].shape), dtype=fitting[0])
            for target, frame, (slope, intercept) in zip(volume, frames, scales, strict=True):
                target[...] = frame.astype(np.int64) * int(slope) + int(intercept)
            return volume
    wide = stored.itemsize > 4 or (stored.kind in "iu" and np.abs(ends).max() >= _EXACT_IN_FLOAT32)
    volume = np.empty((len(frames), *frames[0].shape), dtype=np.float64 if wide else np.float32)
    for target, frame, (slope, intercept) in zip(volume, frames, scales, strict=True):
        target[...] = frame.astype(np.float64) * slope + intercept
    return volume
