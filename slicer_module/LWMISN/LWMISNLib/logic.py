"""Segmenting a volume of the scene, without any widget: start, poll until it is over, or cancel."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk

from LWMISNLib.bundles import Bundle, read_bundle, runtime_of
from LWMISNLib.errors import SegmentationError
from LWMISNLib.processes import Worker
from LWMISNLib.segments import Measure, measure, show_segments

DEVICES = ("auto", "cpu", "cuda")
SLICE_AXES = {"auto": "", "axial": "S", "coronal": "A", "sagittal": "R"}
"""By name, the direction that is sliced along; auto is the one the network was trained on."""


@dataclass(frozen=True)
class Options:
    """The options of a segmentation.

    Args:
        device: auto for the light runtime, and for PyTorch where a bundle needs it; cpu or cuda for PyTorch there.
        slice_axis: auto, axial, coronal or sagittal; of pictures it is the third axis of the volume whatever is said.
        largest_component: keep only the largest connected part of each structure.
        smoothing: standard deviation of the Gaussian that the structures are smoothed with, in millimetres, of
            pictures in pixels; 0 for none.
    """

    device: str = "auto"
    slice_axis: str = "auto"
    largest_component: bool = False
    smoothing: float = 0.0


@dataclass
class Status:
    """The progress of a segmentation.

    Args:
        state: idle, running, done, failed or cancelled.
        done: slices that are done.
        total: slices that there are; 0 as long as that is not known.
        seconds_left: None as long as that is not known.
        message: what went wrong.
        warnings: what the user should know besides.
        node: the segmentation node, when done.
        measures: the rows of the table, when done.
    """

    state: str = "idle"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    message: str = ""
    warnings: list[str] = field(default_factory=list)
    node: Any = None
    measures: list[Measure] = field(default_factory=list)


@dataclass(frozen=True)
class _Run:
    """The segmentation that runs."""

    number: int
    bundle: Bundle
    volume: Any
    output: Any
    replace: bool
    direction: str
    shape: tuple[int, ...]
    labels: Path


class SegmentationLogic:
    """
    Segments one volume at a time, in a process of its own.

    Args:
        python: the interpreter of that process; None for that of Slicer.
    """

    def __init__(self, python: str | None = None) -> None:
        self.python = python
        self.status = Status()
        self.log = ""
        """The output of the worker in the last finished segmentation."""
        self._worker: Worker | None = None
        self._run: _Run | None = None
        self._jobs = 0
        self._first: tuple[float, int] | None = None

    def warm_up(self, bundle: Path, device: str = "auto") -> None:
        """Start the process for a bundle, so that it is ready when it is needed.

        Args:
            bundle: the bundle's folder.
            device: see :class:`Options`.

        Raises:
            SegmentationError: it is no bundle, or the process cannot be started.
        """
        runtime = runtime_of(read_bundle(bundle), device)
        if self._run is None and not self._is_warm(bundle, runtime):
            self._stop_worker()
            self._worker = Worker(bundle, runtime, self.python)

    def start(
        self, volume: Any, bundle: Path, options: Options = Options(), output: Any = None, replace: bool = True
    ) -> None:
        """Begin to segment a volume node; :meth:`poll` reports the progress and the result.

        Args:
            volume: a scalar or vector volume node.
            bundle: the bundle's folder.
            options: see :class:`Options`.
            output: segmentation node for the result; None makes one.
            replace: whether the segments that ``output`` has are removed.

        Raises:
            SegmentationError: it cannot be begun.
        """
        if self._run is not None:
            raise SegmentationError("A segmentation is running: wait for it, or cancel it.")
        self.status, self.log = Status(), ""
        facts = read_bundle(bundle)
        voxels = _voxels(volume, facts)
        self.warm_up(bundle, options.device)
        worker, self._jobs = self._worker, self._jobs + 1
        image, labels = worker.folder / "image.npy", worker.folder / "labels.npy"
        try:
            np.save(image, voxels, allow_pickle=False)
        except OSError as error:
            self._stop_worker()
            raise SegmentationError(
                f"The volume cannot be handed over ({error.strerror}): free space there."
            ) from error
        job = {
            "job": self._jobs,
            "name": volume.GetName(),
            "voxels": str(image),
            "labels": str(labels),
            "affine": _affine(volume),
            **asdict(options),
        }
        direction = SLICE_AXES[options.slice_axis] or facts.orientation[-1]
        shape = tuple(voxels.shape[:3])
        worker.submit(job)
        self._run = _Run(self._jobs, facts, volume, output, replace, direction, shape, labels)
        self._first = None
        self.status = Status("running")

    def poll(self) -> Status:
        """Read the new events of the process without waiting, and put a finished result into the scene."""
        if self._run is None:
            return self.status
        for event in self._worker.events():
            if event["job"] not in (self._run.number, None):
                continue
            self._hear(event)
            if self.status.state != "running":
                break
        return self.status

    def cancel(self) -> None:
        """End a running segmentation at once; the scene stays as it is."""
        if self._run is not None:
            self._end("cancelled")
            self._stop_worker()

    def close(self) -> None:
        """End a running segmentation and the worker."""
        self.cancel()
        self._stop_worker()

    def _hear(self, event: dict[str, Any]) -> None:
        if event["event"] == "progress":
            self._progress(event["done"], event["total"])
        elif event["event"] == "warning":
            self.status.warnings.append(event["message"])
        elif event["event"] in ("error", "ended"):
            self._fail(event["message"])
        elif event["event"] == "done":
            try:
                self._import(event["objects"])
            except (OSError, ValueError, RuntimeError, SegmentationError) as error:
                self._fail(f"The segmentation could not be put into the scene ({error}): see the log.")

    def _progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        self.status.done, self.status.total = done, total
        if self._first is None or done < self._first[1]:  # begun anew on another device
            self._first = now, done
        began, at = self._first
        if done > at:
            self.status.seconds_left = (now - began) / (done - at) * (total - done)

    def _import(self, objects: int | None) -> None:
        run = self._run
        if run.volume.GetScene() is None:
            raise SegmentationError("the volume has been removed from the scene")
        labels = np.load(run.labels, allow_pickle=False)
        if labels.shape != run.shape or tuple(slicer.util.arrayFromVolume(run.volume).shape[:3]) != run.shape:
            raise SegmentationError("the volume has changed meanwhile")
        names = run.bundle.labels
        output = run.output if run.output is not None and run.output.GetScene() is not None else None
        title = f"{run.volume.GetName()} {run.bundle.path.name}"
        node = show_segments(labels, run.volume, names, output, run.replace, title)
        self.status.node = node
        self.status.measures = measure(labels, run.volume, names, run.direction, objects)
        self._end("done")

    def _fail(self, message: str) -> None:
        self.status.message = message
        self._end("failed")
        self._stop_worker()

    def _end(self, state: str) -> None:
        self.status.state, self._run = state, None
        self.log = self._worker.read_log()
        for name in ("image.npy", "labels.npy"):
            (self._worker.folder / name).unlink(missing_ok=True)

    def _is_warm(self, bundle: Path, runtime: str) -> bool:
        worker = self._worker
        return worker is not None and worker.alive and (worker.bundle, worker.runtime) == (bundle, runtime)

    def _stop_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None


def _voxels(volume: Any, bundle: Bundle) -> np.ndarray:
    """The array (k, j, i[, channel]) of a volume node that the bundle can take."""
    name = volume.GetName()
    if not volume.IsA("vtkMRMLScalarVolumeNode"):
        raise SegmentationError(f"{name} is no volume: choose a scalar or colour volume.")
    if is_in_sequence(volume):
        raise SegmentationError(
            f"{name} is a frame of a sequence: make a volume of the frame you mean, and choose that."
        )
    if volume.GetImageData() is None or min(volume.GetImageData().GetDimensions()) < 1:
        raise SegmentationError(f"{name} has no voxels: load or choose another.")
    voxels = slicer.util.arrayFromVolume(volume)
    channels = voxels.shape[3] if voxels.ndim == 4 else 1
    if voxels.ndim > 4 or (bundle.volumetric and channels != bundle.channels):
        raise SegmentationError(
            f"{name} has {channels} values a voxel and {bundle.path.name} takes {bundle.channels}: "
            "choose another volume or bundle."
        )
    if not bundle.volumetric and channels not in (1, 3, 4):
        raise SegmentationError(f"{name} has {channels} values a pixel: choose a grey or colour picture.")
    if not bundle.volumetric and channels > 1 and voxels.dtype.kind == "f":
        # Whole numbers tell by their type what white is.
        raise SegmentationError(
            f"{name} has colours of the type {voxels.dtype}: load it with 8 or 16 bits a colour, "
            "or make it grey with Vector to Scalar Volume."
        )
    return voxels


def is_in_sequence(volume: Any) -> bool:
    """Return whether a volume node shows one frame of a sequence."""
    browsers = slicer.mrmlScene.GetNodesByClass("vtkMRMLSequenceBrowserNode")
    browsers.UnRegister(None)
    return any(
        browsers.GetItemAsObject(index).IsProxyNode(volume.GetID()) for index in range(browsers.GetNumberOfItems())
    )


def _affine(volume: Any) -> list[list[float]]:
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix).tolist()
