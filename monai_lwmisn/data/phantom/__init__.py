"""Makes phantoms: artificial data sets in the raw formats of the real ones, for tests and demonstrations."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from monai_lwmisn.data.phantom.abdomen import abdomen_volume
from monai_lwmisn.data.phantom.nuclei import STAINS, nuclei_picture
from monai_lwmisn.data.phantom.pelvis import pelvis_volume
from monai_lwmisn.data.phantom.writers import write_ct, write_mr, write_nuclei
from monai_lwmisn.errors import ConfigError, DataError, reason_of

__all__ = ["KINDS", "abdomen_volume", "nuclei_picture", "pelvis_volume", "write_phantom"]


def _nuclei_case(folder: Path, index: int, size: int, generator: np.random.Generator) -> None:
    write_nuclei(folder, f"phantom{index:04d}", *nuclei_picture(size, STAINS[index % len(STAINS)], generator))


def _ct_case(folder: Path, index: int, size: int, generator: np.random.Generator) -> None:
    write_ct(folder, str(index + 1), *abdomen_volume(size, max(8, size // 4), generator))


def _mr_case(folder: Path, index: int, size: int, generator: np.random.Generator) -> None:
    write_mr(folder, f"Case{index:02d}", *pelvis_volume(size, max(8, size // 4), generator))


KINDS: dict[str, tuple[Callable[[Path, int, int, np.random.Generator], None], int]] = {
    "nuclei": (_nuclei_case, 256),
    "ct": (_ct_case, 128),
    "mr": (_mr_case, 128),
}
"""The kinds of phantom: the function that writes one case, and the default size in pixels."""


def write_phantom(
    out: str | os.PathLike[str], kind: str = "nuclei", cases: int = 12, seed: int = 0, size: int | None = None
) -> Path:
    """Write an artificial data set in the raw format of the real one.

    Args:
        out: folder to write, which must be missing or empty. If writing fails, nothing is left behind.
        kind: ``nuclei`` (format ``dsb2018``), ``ct`` (``chaos_ct``) or ``mr`` (``promise12``).
        cases: number of images or volumes.
        seed: equal seeds give equal data. A case does not depend on the number of cases.
        size: width and height in pixels; volumes have a quarter as many slices, at least 8. Default 256 for
            nuclei, 128 for volumes.

    Returns:
        The folder.

    Raises:
        ConfigError: there is no such kind, or a number is out of range.
        DataError: the folder is not empty or cannot be written.
    """
    if kind not in KINDS:
        raise ConfigError(f"There is no phantom of kind {kind!r}: use one of {', '.join(KINDS)}.")
    write_case, default_size = KINDS[kind]
    size = default_size if size is None else size
    if cases < 1 or size < 32:
        raise ConfigError(
            f"Cannot make a phantom of {cases} cases of {size} pixels: ask for at least 1 case and 32 pixels."
        )
    folder = Path(os.path.abspath(Path(out).expanduser()))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not an empty folder: choose another place for the phantom.")
    partial: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for index in tqdm(range(cases), desc=f"Making {kind} phantom", unit="case", disable=None, leave=False):
            write_case(partial, index, size, np.random.default_rng([seed, index]))
        partial.chmod(0o755)  # mkdtemp makes a folder that only its owner can read
        partial.replace(folder)
    except OSError as error:
        raise DataError(
            f"The phantom cannot be written to {folder} ({reason_of(error)}): choose another place."
        ) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
    return folder
