"""A bundle opened for use: a folder or a zip of one, with its own code importable as long as it is open."""

from __future__ import annotations

import importlib
import os
import stat
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from monai_lwmisn.errors import ConfigError, DataError

SCRIPTS = "scripts"
"""The package of code inside a bundle."""
LARGEST_BYTES = 2**30
"""What an archive may hold, unpacked: many times a bundle of a light network, little enough for any disk."""

__all__ = ["REMEDY", "open_bundle"]

REMEDY = "write the bundle anew"
"""For a file of a bundle that cannot be read."""


@contextmanager
def open_bundle(bundle: str | os.PathLike[str]) -> Iterator[Path]:
    """The folder of a bundle; of a zip, a temporary one that is removed at the end.

    While it is open, ``scripts`` is the package of that name in the bundle, if it has one; bundles of one process get
    none of each other's modules. Open one bundle at a time: modules belong to the whole process.

    Args:
        bundle: a folder with ``configs/inference.json``, or a zip that holds one. A bundle is a program: open only
            those that you trust.

    Raises:
        ConfigError: it is no bundle.
        DataError: the zip is damaged, has members that would be written outside of their folder, or is of a size that
            no bundle has.
    """
    path = Path(bundle)
    with ExitStack() as stack:
        if path.is_file():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lwmisn-")))
            _unpack(path, folder)
        else:
            folder = path
        # A zip of a folder has that folder on top.
        roots = [folder, *(sorted(folder.iterdir()) if path.is_file() else [])]
        root = next((root for root in roots if (root / "configs/inference.json").is_file()), None)
        if root is None:
            raise ConfigError(f"{path} has no configs/inference.json: give a bundle, a folder or zip that has it.")
        root = root.resolve()
        stack.enter_context(_own_scripts(root))
        yield root


def _unpack(archive: Path, folder: Path) -> None:
    # Imported here, because its package needs ignite.
    from monai_lwmisn.inference.archives import member_names

    member_names(archive)  # refuses names that point out of the archive
    try:
        with zipfile.ZipFile(archive) as opened:
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
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"The archive {archive} cannot be unpacked ({error}): make it anew.") from error


@contextmanager
def _own_scripts(root: Path) -> Iterator[None]:
    others = _forget_scripts()
    sys.path.insert(0, str(root))
    # Files made a moment ago are otherwise not seen.
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))
        _forget_scripts()
        sys.modules.update(others)


def _forget_scripts() -> dict[str, Any]:
    names = [name for name in sys.modules if name.partition(".")[0] == SCRIPTS]
    return {name: sys.modules.pop(name) for name in names}
