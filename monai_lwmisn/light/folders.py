"""Searches folders as they are: dead links, pipes and files of the system are passed over, and that is said.

Needs the standard library alone.
"""

from __future__ import annotations

import codecs
import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import DataError, InputWarning, counted
from .files import LOCK

_OF_THE_SYSTEM = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
_KINDS = {
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}
_HEADERS = (".mhd", ".nhdr", ".hdr")
"""Endings of headers that have their data in a file beside them, of the same name before another ending."""

_ZARR = (".zgroup", ".zattrs", "zarr.json")
"""The files by which a folder is one of zarr, of either version."""

_START = 512
_MOST_NAMED = 3
"""Files that a sentence names for one reason; it counts the others."""

__all__ = ["FolderTree", "is_of_the_system", "is_zarr", "kind_of"]


class FolderTree:
    """All files under a folder that can be opened, and what was passed over.

    A linked folder is followed, but no folder is read twice, and none above the link.
    A folder of zarr counts as a file.

    Args:
        top: the folder.

    Attributes:
        files: the files of each folder by its path, sorted: a folder comes before those in it.

    Raises:
        DataError: ``top`` is no folder that can be read.
    """

    def __init__(self, top: str | os.PathLike[str]) -> None:
        self.top = Path(top)
        self.files: dict[Path, list[Path]] = {}
        self._passed: dict[str, list[Path]] = {}
        pending, linked, read = [self.top], list[Path](), set[str]()
        while pending or linked:
            # Linked folders come last, so that a file is found under its own path.
            folder = pending.pop() if pending else linked.pop()
            place = os.path.realpath(folder)
            if place in read:
                self.pass_over(folder, "linked folder that was read already")
                continue
            read.add(place)
            folders, links = self._read(folder, place)
            pending += folders
            linked = sorted([*linked, *links], reverse=True)
        self.files = {folder: self.files[folder] for folder in sorted(self.files)}

    def __iter__(self) -> Iterator[Path]:
        """Return all files, folder by folder."""
        return (file for files in self.files.values() for file in files)

    def pass_over(self, path: Path, reason: str) -> None:
        """Note that a file or folder is not used, and why."""
        paths = self._passed.setdefault(reason, [])
        if path not in paths:
            paths.append(path)

    def select(self, files: Iterable[Path], suffixes: tuple[str, ...], kinds: str) -> list[Path]:
        """Return the files that have one of some endings, and note others as passed over.

        Texts are not noted, nor are data that belong to a header beside them.

        Args:
            files: some of the tree.
            suffixes: the endings in lower case.
            kinds: the formats in words.
        """
        selected, others = list[Path](), list[Path]()
        for file in files:
            (selected if file.name.lower().endswith(suffixes) else others).append(file)
        headers = {(file.parent, file.stem) for file in selected if file.name.lower().endswith(_HEADERS)}
        for file in others:
            parts = file.name.split(".")
            beginnings = {(file.parent, ".".join(parts[:number])) for number in range(1, len(parts))}
            if headers.isdisjoint(beginnings):
                try:
                    if file.is_dir() or not _is_text(file):
                        self.pass_over(file, f"not {kinds}")
                except OSError as error:
                    self.pass_over(file, f"cannot be read: {error.strerror}")
        return selected

    def warn(self) -> None:
        """Issue one :class:`InputWarning` about all that was passed over, if anything was."""
        if not self._passed:
            return
        parts = []
        for reason, paths in self._passed.items():
            names = [str(path.relative_to(self.top)) for path in sorted(paths)]
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            parts.append(f"{', '.join(names[:_MOST_NAMED])}{more} ({reason})")
        number = sum(map(len, self._passed.values()))
        sentence = f"Passed over {counted(number, 'entry', 'entries')} of {self.top}: {'; '.join(parts)}."
        warnings.warn(sentence, InputWarning, stacklevel=3)

    def _read(self, folder: Path, place: str) -> tuple[list[Path], list[Path]]:
        """Add the files of a folder, and return the folders and the linked folders in it."""
        try:
            with os.scandir(folder) as entries:
                paths = sorted(Path(entry.path) for entry in entries)
        except OSError as error:
            if folder == self.top:
                sentence = f"The folder {folder} cannot be read ({error.strerror}): change its permissions."
                raise DataError(sentence) from error
            self.pass_over(folder, f"folder that cannot be read: {error.strerror}")
            return [], []
        self.files[folder] = []
        folders: list[Path] = []
        links: list[Path] = []
        for path in paths:
            kind = kind_of(path)
            if path.name == LOCK:
                continue
            if is_of_the_system(path.name):
                self.pass_over(path, "hidden" if path.name.startswith(".") else "of the system")
            elif kind == "file":
                self.files[folder].append(path)
            elif kind != "folder":
                self.pass_over(path, kind)
            elif is_zarr(path):
                self.files[folder].append(path)
            elif not path.is_symlink():
                folders.append(path)
            elif Path(place).is_relative_to(os.path.realpath(path)):
                self.pass_over(path, "link to a folder above it")
            else:
                links.append(path)
        return folders, links


def _is_text(file: Path) -> bool:
    with open(file, "rb") as stream:
        start = stream.read(_START)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # the start may end within a letter
    except UnicodeDecodeError:
        return False
    return b"\0" not in start


def is_zarr(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a folder of zarr, which holds one picture, or several."""
    return any(os.path.isfile(os.path.join(path, mark)) for mark in _ZARR)


def is_of_the_system(name: str) -> bool:
    """Return whether a file is hidden or one that a system leaves behind, by its path with slashes."""
    return any(part.startswith(".") or part.lower() in _OF_THE_SYSTEM for part in name.split("/"))


def kind_of(path: Path) -> str:
    """Return what is at a path.

    It is ``file``, ``folder``, ``nothing``, ``dead link``, ``pipe``, ``socket``, ``device``, or that it ``cannot be
    read`` with the reason.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            return "dead link"
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        return "nothing" if missing else f"cannot be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else _KINDS.get(stat.S_IFMT(mode), "device")
