"""Lists the bundles to choose from: those of the extension, and those that the user has added."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from LWMISNLib.code import make_importable
from LWMISNLib.errors import SegmentationError

WARNING = "With PyTorch, bundles execute Python code. Add only bundles you trust."

LIGHT_FILE = Path("models", "model_full.onnx")
"""What the light runtime needs of a bundle."""

_MODULE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Bundle:
    """The facts about a bundle in the list.

    Attributes:
        path: the folder.
        name: the purpose.
        modality: CT, MR or microscopy.
        volumetric: whether it takes volumes; otherwise it takes pictures, and each slice of a volume as one.
        channels: the channels that the network takes.
        orientation: three letters. Volumes are sliced along the last axis.
        labels: the names of the structures by value.
        megabytes: the size of the weights.
        objects: whether objects are told apart.
        light: whether it has what the light runtime needs.
    """

    path: Path
    name: str
    modality: str
    volumetric: bool
    channels: int
    orientation: str
    labels: dict[int, str]
    megabytes: float
    objects: bool
    light: bool

    @property
    def title(self) -> str:
        """One line for a list."""
        return f"{self.name} ({self.modality}: {', '.join(self.labels.values())}; {self.megabytes:.1f} MB)"


def read_bundle(path: Path) -> Bundle:
    """Read the facts about a bundle, without executing any of it.

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
            objects=bool(data.get("instances")),
            light=(path / LIGHT_FILE).is_file(),
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise SegmentationError(
            f"{path} is no bundle that this module can run ({reason}): "
            "give a folder or zip that 'lwmisn bundle' has written."
        ) from error


def runtime_of(bundle: Bundle, device: str) -> str:
    """Return what executes a bundle: ``light``, which is ONNX Runtime, or ``torch``, which is PyTorch with MONAI.

    Args:
        bundle: one without :data:`LIGHT_FILE` needs PyTorch.
        device: auto; or cpu or cuda, which are PyTorch's.
    """
    return "light" if device == "auto" and bundle.light else "torch"


def what_it_runs(path: Path) -> list[str]:
    """Return what a bundle executes: its configurations, and the number of Python files in each folder."""
    configs = [file.relative_to(path).as_posix() for file in sorted(path.glob("configs/*.json"))]
    folders = Counter(file.parent.relative_to(path).as_posix() for file in path.rglob("*.py"))
    return [*configs, *(f"{folder}/*.py ({count})" for folder, count in sorted(folders.items()))]


class BundleList:
    """The bundles on this machine.

    Args:
        store: the folder of added bundles; it is made when the first is added.
        shipped: the folder of the bundles of the extension; None looks in the extension and in its source tree.
    """

    def __init__(self, store: Path, shipped: Path | None = None) -> None:
        places = [_MODULE / "Resources" / "Bundles", _MODULE.parents[1] / "bundles"]
        self.shipped = shipped or next((place for place in places if place.is_dir()), places[0])
        self.store = store

    def __iter__(self) -> Iterator[Bundle]:
        """Return all bundles that can be run, those of the extension first."""
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
        """Copy a bundle of the user to a temporary place. :meth:`keep` keeps the copy; otherwise it is removed.

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
        """Keep a bundle from :meth:`incoming`; a bundle that was added before with the same name is replaced.

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
    make_importable()
    from monai_lwmisn.errors import DataError
    from monai_lwmisn.light.bundle_files import unpack

    top = folder / source.stem
    try:
        unpack(source, top)
    except DataError as error:
        raise SegmentationError(str(error)) from error
    # A zip of a folder has that folder on top.
    inside = [path for path in top.iterdir() if (path / "configs" / "inference.json").is_file()]
    root = top if (top / "configs" / "inference.json").is_file() or not inside else inside[0]
    read_bundle(root)
    return root
