"""Opens a bundle: a folder, or a zip that is unpacked for as long as it is used."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path

from .archives import LARGEST_BYTES, UNREADABLE, member_names, open_archive
from .errors import ConfigError, DataError, reason_of

MOST_FILES = 10_000
"""Files that the zip of a bundle may have. A standalone one has about a hundred."""

__all__ = ["fingerprint", "open_bundle", "unpack"]


def open_bundle(bundle: str | os.PathLike[str], stack: ExitStack) -> Path:
    """The folder of a bundle.

    Args:
        bundle: a folder with ``configs/inference.json``, or a zip that holds one.
        stack: what it closes at its end; of a zip, the temporary folder that it is unpacked to.

    Raises:
        ConfigError: it is no bundle.
        DataError: the zip is damaged, has members that would be written outside of their folder, or is of a size that
            no bundle has.
    """
    path = Path(bundle)
    roots = [path]
    if not path.exists():
        raise ConfigError(f"{path} does not exist: give a bundle, its folder or a zip of it.")
    if not path.is_dir():
        if not zipfile.is_zipfile(path):
            raise ConfigError(f"{path} is no folder and no zip: give a bundle, its folder or a zip of it.")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lwmisn-")))
        unpack(path, folder)
        # A zip of a folder has that folder on top.
        roots = [folder, *sorted(folder.iterdir())]
    root = next((root for root in roots if (root / "configs/inference.json").is_file()), None)
    if root is None:
        raise ConfigError(
            f"{path} is no bundle, it has no configs/inference.json: give one, its folder or a zip of it."
        )
    return root.resolve()


def fingerprint(root: Path, weights: Path | None = None) -> str:
    """Return a checksum of what the masks of a bundle depend on: its weights and its inference configuration.

    Args:
        root: the folder of the bundle.
        weights: a file of weights in place of the bundle's ``models/model.pt``.

    Raises:
        ConfigError: one of the two cannot be read.
    """
    try:
        # As JSON, since a checkout may change the ends of lines.
        config = json.loads((root / "configs/inference.json").read_text(encoding="utf-8"))
        content = json.dumps(config, sort_keys=True).encode() + (weights or root / "models/model.pt").read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(f"The bundle {root} cannot be read ({reason_of(error)}): write it anew.") from error
    return hashlib.sha256(content).hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip of a bundle to a folder.

    Raises:
        DataError: it is damaged, has members that would be written outside of the folder, or is of a size that no
            bundle has.
    """
    try:
        with open_archive(archive, MOST_FILES) as opened:
            member_names(archive)  # refuses names that point out of the archive
            size = sum(member.file_size for member in opened.infolist())
            if size > LARGEST_BYTES:
                raise DataError(
                    f"The archive {archive} would unpack to {size / 2**30:.1f} GiB, which no bundle has: give another, "
                    "or unpack it yourself and give the folder."
                )
            for member in opened.infolist():
                if stat.S_ISLNK(member.external_attr >> 16):
                    raise DataError(
                        f"The archive {archive} has the link {member.filename!r}, which may point out of it; "
                        "make the archive anew without links."
                    )
            opened.extractall(folder)
    except UNREADABLE as error:
        raise DataError(f"The archive {archive} cannot be unpacked ({reason_of(error)}): make it anew.") from error
