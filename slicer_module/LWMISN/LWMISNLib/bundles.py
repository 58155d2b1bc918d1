"""The bundles there are to choose from: those that come along, and those that the user has added."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from LWMISNLib.errors import SegmentationError

LARGEST_BYTES = 2**30
"""What an archive may hold, unpacked: many times a bundle of a light network, little enough for any disk."""

WARNING = "Bundles execute Python code. Add only bundles you trust."

_MODULE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Bundle:
    """What is said of a bundle in the list.

    Args:
        path: its folder.
        name: what it does.
        modality: CT, MR or microscopy.
        volumetric: it takes volumes, otherwise pictures, each slice of a volume as one.
        channels: how many the network takes.
        orientation: three letters; the last axis is sliced along.
        labels: names of the structures by value.
        megabytes: of its weights.
    """

    path: Path
    name: str
    modality: str
    volumetric: bool
    channels: int
    orientation: str
    labels: dict[int, str]
    megabytes: float

    @property
    def title(self) -> str:
        """One line for a list."""
        return f"{self.name} ({self.modality}: {', '.join(self.labels.values())}; {self.megabytes:.1f} MB)"


def read_bundle(path: Path) -> Bundle:
    """Look at a bundle without running any of it.

    Raises:
        SegmentationError: it is no bundle of this kind.
    """
    try:
        data = json.loads((path / "configs" / "inference.json").read_text(encoding="utf-8"))["data"]
        metadata_file = path / "configs" / "metadata.json"
        metadata = json.loads(metadata_file.read_text(encoding="utf-8")) if metadata_file.exists() else {}
        return Bundle(
            path=path,
            name=metadata.get("name", path.name),
            modality=data["modality"],
            volumetric=data["volumetric"],
            channels=data["in_channels"],
            orientation=data.get("orientation", "RAS"),
            labels={int(value): name for value, name in data["label_names"].items()},
            megabytes=(path / "models" / "model.pt").stat().st_size / 1e6,
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise SegmentationError(
            f"{path} is no bundle that this module can run ({type(error).__name__}: {error}): "
            "give a folder or zip that 'lwmisn bundle' has written."
        ) from error


def what_it_runs(path: Path) -> list[str]:
    """What in a bundle is, or holds, Python code: its configurations, and how many files there are in which folder."""
    configs = [file.relative_to(path).as_posix() for file in sorted(path.glob("configs/*.json"))]
    folders = Counter(file.parent.relative_to(path).as_posix() for file in path.rglob("*.py"))
    return [*configs, *(f"{folder}/*.py ({count})" for folder, count in sorted(folders.items()))]


class BundleList:
    """
    The bundles on this machine.

    Args:
        store: folder where added bundles are kept; made when the first is added.
        shipped: folder of those that come along; None looks for it where the extension, or its source tree, has it.
    """

    def __init__(self, store: Path, shipped: Path | None = None) -> None:
        places = [_MODULE / "Resources" / "Bundles", _MODULE.parents[1] / "bundles"]
        self.shipped = shipped or next((place for place in places if place.is_dir()), places[0])
        self.store = store

    def __iter__(self) -> Iterator[Bundle]:
        """All that can be run, those that come along first."""
        for place in (self.shipped, self.store):
            for path in sorted(place.iterdir()) if place.is_dir() else []:
                if path.name.startswith("."):
                    continue
                try:
                    yield read_bundle(path)
                except SegmentationError:
                    continue  # a damaged one is not offered

    @contextmanager
    def incoming(self, source: Path) -> Iterator[Path]:
        """
        A copy of a bundle from outside, to be looked at and then kept by :meth:`keep`; otherwise it is removed.

        Args:
            source: a folder, or a zip of one.

        Raises:
            SegmentationError: it is no bundle, or a zip that is damaged or would write outside of its folder.
        """
        try:
            self.store.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self.store) as folder:
                yield _copy(source, Path(folder))
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise SegmentationError(
                f"{source} cannot be added ({error}): check it and the folder {self.store}."
            ) from error

    def keep(self, incoming: Path, name: str) -> Bundle:
        """Move a bundle from :meth:`incoming` to where it stays; one that was added by that name before is replaced.

        Raises:
            OSError: it cannot be moved; the one from before is still there. :meth:`incoming` makes a sentence of it.
        """
        place = self.store / (f"{name}_added" if (self.shipped / name).exists() else name)
        with tempfile.TemporaryDirectory(prefix=".replaced-", dir=self.store) as folder:
            old = Path(folder) / place.name
            if place.exists():
                place.rename(old)
            try:
                incoming.rename(place)
            except OSError:
                if old.exists():
                    old.rename(place)
                raise
        return read_bundle(place)


def _copy(source: Path, folder: Path) -> Path:
    if source.is_dir():
        read_bundle(source)
        return Path(shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__", ".*")))
    if not zipfile.is_zipfile(source):
        raise SegmentationError(f"{source} is neither a folder nor a readable zip: give a bundle.")
    with zipfile.ZipFile(source) as archive:
        _check(archive, source)
        archive.extractall(folder / source.stem)
    # A zip of a folder has that folder on top.
    top = folder / source.stem
    inside = [path for path in top.iterdir() if (path / "configs" / "inference.json").is_file()]
    root = top if (top / "configs" / "inference.json").is_file() or not inside else inside[0]
    read_bundle(root)
    return root


def _check(archive: zipfile.ZipFile, source: Path) -> None:
    members = archive.infolist()
    for member in members:
        parts = (*PurePosixPath(member.filename).parts, *PureWindowsPath(member.filename).parts)
        absolute = os.path.isabs(member.filename) or PureWindowsPath(member.filename).drive
        if (
            ".." in parts
            or absolute
            or member.filename.startswith(("/", "\\"))
            or stat.S_ISLNK(member.external_attr >> 16)
        ):
            raise SegmentationError(
                f"The archive {source} has {member.filename!r}, which points out of it: do not use it, ask for another."
            )
    size = sum(member.file_size for member in members)
    if size > LARGEST_BYTES:
        raise SegmentationError(
            f"The archive {source} would unpack to {size / 2**30:.1f} GiB, which no bundle has: ask for another."
        )
