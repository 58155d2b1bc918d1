"""A MONAI Label server with made images, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import psutil
import requests
from PIL import Image

from monai_lwmisn.cli.terminal import sleep_early
from monai_lwmisn.data.phantom.abdomen import abdomen_volume
from monai_lwmisn.data.phantom.nuclei import STAINS, nuclei_picture
from monai_lwmisn.data.phantom.pelvis import pelvis_volume
from monai_lwmisn.errors import LWMISNError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.segment import segment
from monai_lwmisn.label.folder import prepare
from monai_lwmisn.label.server import server_command

SIZE = 64
STOCK = Path(sys.prefix) / "monailabel" / "sample-apps" / "monaibundle"
"""MONAI's app, as the wheel of monailabel installs it."""

PLUGIN = {"result_extension": ".nrrd", "result_dtype": "uint8", "result_compress": False}
"""The parameters that the plug-in of 3D Slicer sends."""


@dataclass
class Session:
    """A server that runs one bundle.

    Attributes:
        address: the address of the server.
        bundle: the folder that it serves. A training changes it.
        app: the folder of its app.
        studies: the folder of the images.
        truths: a label file for each image, by the image's name.
        folder: a folder for what tests write.
        log: the file of what the server prints.
        config: the inference configuration of the bundle.
        process: the id of the server's process.
    """

    address: str
    bundle: Path
    app: Path
    studies: Path
    truths: dict[str, Path]
    folder: Path
    log: Path
    config: dict[str, Any]
    process: int

    @property
    def data(self) -> dict[str, Any]:
        """The section of the configuration about images and labels."""
        return self.config["data"]

    def ask(self, method: str, path: str, **content: Any) -> requests.Response:
        """Ask the server, and wait for its answer however busy the machine is."""
        return requests.request(method, f"{self.address}{path}", timeout=3600, **content)

    def post(self, path: str, **content: Any) -> requests.Response:
        """Ask the server to do something."""
        return self.ask("POST", path, **content)

    def infer(self, image: str, **parameters: Any) -> requests.Response:
        """Ask for the mask of an image."""
        path = f"/infer/{self.bundle.name}?image={image}&output=image"
        return self.post(path, data={"params": json.dumps(parameters)})


Studies = Callable[[dict[str, Any], Path], dict[str, Path]]
"""Writes images into a folder and returns their label files, like :func:`write_studies`."""


@contextmanager
def session_of(
    bundle: Path,
    write: Studies | None = None,
    stock: bool = False,
    runtime: str = "torch",
    others: Sequence[Path] = (),
    dicomweb: str = "",
) -> Iterator[Session]:
    """Start a server for a bundle on a free port of the loopback address; it is ended afterwards.

    Args:
        bundle: its folder.
        write: gives it images; by default :func:`write_studies`.
        stock: serve with MONAI's own app in place of ours.
        runtime: see :func:`server_command`.
        others: folders of bundles that are served too.
        dicomweb: the address of a DICOMweb server that has the images in place of a folder.

    Raises:
        ConfigError: it is no bundle, or monailabel is not installed.
        LWMISNError: the server does not start.
    """
    config = read_json(bundle / "configs" / "inference.json")
    with tempfile.TemporaryDirectory(prefix="lwmisn-label-") as temporary:
        folder = Path(temporary)
        truths = (write or write_studies)(config["data"], folder / "studies")
        app, log = folder / "app", folder / "log.txt"
        names = prepare(app, [bundle, *others], runtime)
        if stock:
            shutil.copytree(STOCK, app, dirs_exist_ok=True)
        with _running(dicomweb or str(folder / "studies"), names, app, log, runtime) as (address, process):
            served = app / "model" / bundle.resolve().name
            yield Session(address, served, app, folder / "studies", truths, folder, log, config, process)


@contextmanager
def _running(studies: str, names: Iterable[str], folder: Path, log: Path, runtime: str) -> Iterator[tuple[str, int]]:
    """Run a server in the background and give its address and process; it is ended afterwards.

    Args:
        studies: see :func:`server_command`.
        names: the names of the bundles in the app's folder.
        folder: the folder of the app, see :func:`prepare`.
        log: the file for what the server prints.
        runtime: see :func:`server_command`.

    Raises:
        ConfigError: see :func:`server_command`.
        LWMISNError: it does not start.
    """
    port = _free_port()
    command = server_command(folder.resolve(), names, studies, "127.0.0.1", port, runtime)
    address = f"http://127.0.0.1:{port}"
    sleep_early()  # as `lwmisn label serve` does
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True) as process:
        try:
            wait(lambda: _answers(address), process.pid, f"The server does not start, see {log}")
            yield address, process.pid
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def wait(ready: Callable[[], bool], process: int, sentence: str) -> None:
    """Wait until something is ready, for as long as a process works on it, or the children that it has.

    Beside other programs everything takes longer, so no time is given. What waits for something that never comes uses
    no processor.

    Args:
        ready: whether it is.
        process: the id of the process that works.
        sentence: what to say if it ends or stands still before.

    Raises:
        LWMISNError: the process has ended, or used no tenth of a second of a processor in two minutes.
    """
    used, since = 0.0, time.monotonic()
    while not ready():
        try:
            now = _processor_seconds(process)
        except psutil.NoSuchProcess:
            raise LWMISNError(f"{sentence}: its process has ended.") from None
        if abs(now - used) > 0.1:  # it falls when a child ends
            used, since = now, time.monotonic()
        if time.monotonic() - since > 120:
            raise LWMISNError(f"{sentence}: it stands still.")
        time.sleep(0.3)


def _processor_seconds(process: int) -> float:
    parent = psutil.Process(process)
    if parent.status() == psutil.STATUS_ZOMBIE:
        raise psutil.NoSuchProcess(process)
    seconds = 0.0
    # A training is a child. Its parent, the server, is kept busy by the questions about it.
    for one in parent.children(recursive=True) or [parent]:
        with suppress(psutil.NoSuchProcess):
            seconds += sum(one.cpu_times()[:2])
    return seconds


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/info/", timeout=60).status_code == 200
    except requests.RequestException:
        return False


def write_studies(data: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Write made images that go with a bundle, and their labels beside the folder.

    Args:
        data: the section ``data`` of the bundle's inference configuration.
        folder: the folder for the images; it is made.

    Returns:
        The label files by the image's name.
    """
    labels = folder.with_name("labels")
    labels.mkdir(parents=True)
    folder.mkdir()
    generator = np.random.default_rng(0)
    return (_write_volumes if data["volumetric"] else _write_pictures)(data, folder, labels, generator)


def _write_volumes(data: dict[str, Any], folder: Path, labels: Path, generator: np.random.Generator) -> dict[str, Path]:
    make = abdomen_volume if data["modality"] == "CT" else pelvis_volume
    turned, _ = np.linalg.qr(np.eye(3) + 0.2 * generator.normal(size=(3, 3)))
    turned *= np.sign(np.linalg.det(turned))
    truths = {}
    for name, direction, slices in (("upright", np.eye(3), 12), ("oblique", turned, 12), ("single", np.eye(3), 1)):
        volume, label = (array[..., :slices] for array in make(SIZE, 12, generator))
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = direction * [0.8, 0.9, 3.0], (10, -20, 30)
        # A structure of its own for each name, one beside the other.
        stripes = 1 + (np.arange(SIZE) * len(data["label_names"]) // SIZE)[:, None, None]
        nibabel.save(nibabel.Nifti1Image(volume, affine), folder / f"{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image((label * stripes).astype(np.uint8), affine), labels / f"{name}.nii.gz")
        truths[name] = labels / f"{name}.nii.gz"
    return truths


def _write_pictures(
    data: dict[str, Any], folder: Path, labels: Path, generator: np.random.Generator
) -> dict[str, Path]:
    truths = {}
    for name, stain in zip(("first", "second", "third"), STAINS[:3], strict=True):
        picture, instances = nuclei_picture(SIZE, stain, generator)
        Image.fromarray(picture).convert("RGB").crop((0, 0, SIZE, SIZE - 10)).save(folder / f"{name}.png")
        label = Image.fromarray(((instances > 0) * 255).astype(np.uint8))
        label.crop((0, 0, SIZE, SIZE - 10)).save(labels / f"{name}.png")
        truths[name] = labels / f"{name}.png"
    return truths


def put_labels(session: Session) -> None:
    """Upload the labels of two images, as an annotator who accepts them."""
    for name in list(session.truths)[:2]:
        with session.truths[name].open("rb") as file:
            answer = session.ask(
                "PUT",
                f"/datastore/label?image={name}&tag=final",
                files={"label": (session.truths[name].name, file)},
                data={"params": "{}"},
            )
        answer.raise_for_status()


def expected_masks(session: Session) -> dict[str, tuple[np.ndarray, list[Any]]]:
    """Return the masks of `lwmisn segment` by the name of the image: the labels, and where they lie."""
    with tempfile.TemporaryDirectory(dir=session.folder) as output:
        # The server keeps its labels and lists among the images.
        images = [path for name in session.truths for path in session.studies.glob(f"{name}.*")]
        outcomes = segment(session.bundle, images, output)
        masks = {}
        for outcome in outcomes:
            assert outcome.error is None, outcome.error
            name = outcome.image.name.partition(".")[0]
            (mask,) = (path for path in outcome.masks if "_seg." in path.name)
            masks[name] = read_mask(mask.read_bytes(), session, mask.name)
    return masks


def read_mask(content: bytes, session: Session, name: str = "mask.nrrd") -> tuple[np.ndarray, list[Any]]:
    """Return the labels of a mask file, and its spacing, origin and direction."""
    if not session.data["volumetric"]:
        name = "mask.png"
    with tempfile.TemporaryDirectory(dir=session.folder) as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        if path.suffix == ".png":
            with Image.open(path) as file:
                mask = np.asarray(file)
            # `lwmisn segment` writes a single label in white, for people to see.
            return (mask > 0).astype(np.uint8) if len(session.data["label_names"]) == 1 else mask, []
        import SimpleITK as sitk

        image = sitk.ReadImage(str(path))
        geometry = [image.GetSpacing(), image.GetOrigin(), image.GetDirection()]
        return sitk.GetArrayFromImage(image), geometry


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
