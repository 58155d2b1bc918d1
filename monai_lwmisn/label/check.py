"""A server asked what an annotator's program asks, on made images, and its answers held against ``lwmisn segment``."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import requests
from PIL import Image

from monai_lwmisn.bundle.verify import Finding
from monai_lwmisn.data.phantom.abdomen import abdomen_volume
from monai_lwmisn.data.phantom.nuclei import STAINS, nuclei_picture
from monai_lwmisn.data.phantom.pelvis import pelvis_volume
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.errors import LWMISNError
from monai_lwmisn.files import read_json
from monai_lwmisn.inference.segment import segment
from monai_lwmisn.label.folder import PUBLISHED, restore
from monai_lwmisn.label.server import running

SIZE = 64
EPOCHS = 20
PLUGIN = {"result_extension": ".nrrd", "result_dtype": "uint8", "result_compress": False}
"""What the plug-in of 3D Slicer asks for."""


@dataclass
class Session:
    """A server that runs one bundle.

    Args:
        address: of the server.
        bundle: the folder that it serves, which changes when it learns.
        app: its app's folder.
        studies: the images.
        truths: a label file for each image, by the image's name.
        folder: for what the checks write.
        log: what the server prints.
        config: the bundle's inference configuration.
    """

    address: str
    bundle: Path
    app: Path
    studies: Path
    truths: dict[str, Path]
    folder: Path
    log: Path
    config: dict[str, Any]

    def post(self, path: str, **content: Any) -> requests.Response:
        """Ask the server."""
        return requests.post(f"{self.address}{path}", timeout=600, **content)

    def infer(self, image: str, **parameters: Any) -> requests.Response:
        """Ask for the mask of an image."""
        path = f"/infer/{self.bundle.name}?image={image}&output=image"
        return self.post(path, data={"params": json.dumps(parameters)})


Studies = Callable[[dict[str, Any], Path], dict[str, Path]]
"""Writes images into a folder and returns their label files, like :func:`write_studies`."""


@contextmanager
def session_of(bundle: Path, write: Studies | None = None) -> Iterator[Session]:
    """A server for a bundle on a free port of the loopback address.

    Args:
        bundle: its folder.
        write: gives it images; by default :func:`write_studies`.

    Raises:
        ConfigError: it is no bundle, or monailabel is not installed.
        LWMISNError: the server does not start.
    """
    config = read_json(bundle / "configs" / "inference.json")
    with tempfile.TemporaryDirectory(prefix="lwmisn-label-") as temporary:
        folder = Path(temporary)
        truths = (write or write_studies)(config, folder / "studies")
        app, log = folder / "app", folder / "log.txt"
        with running(folder / "studies", [bundle], app, _free_port(), log) as address:
            served = app / "model" / bundle.resolve().name
            yield Session(address, served, app, folder / "studies", truths, folder, log, config)


def check_label(bundle: Path) -> Iterator[Finding]:
    """Check a server that runs a bundle, see :func:`session_of`."""
    with session_of(bundle) as session:
        for check in CHECKS:
            name = check.__name__.replace("_", " ")
            try:
                yield Finding(name, True, check(session))
            except (AssertionError, LWMISNError, requests.RequestException, OSError, ValueError) as error:
                yield Finding(name, False, str(error).strip() or "not so")


def write_studies(config: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Write made images that go with a bundle, and their labels beside the folder.

    Args:
        config: the bundle's inference configuration.
        folder: for the images; it is made.

    Returns:
        The label files by the image's name.
    """
    labels = folder.with_name("labels")
    labels.mkdir(parents=True)
    folder.mkdir()
    generator = np.random.default_rng(0)
    return (_write_volumes if config["volumetric"] else _write_pictures)(config, folder, labels, generator)


def _write_volumes(
    config: dict[str, Any], folder: Path, labels: Path, generator: np.random.Generator
) -> dict[str, Path]:
    make = abdomen_volume if config["modality"] == "CT" else pelvis_volume
    turned, _ = np.linalg.qr(np.eye(3) + 0.2 * generator.normal(size=(3, 3)))
    turned *= np.sign(np.linalg.det(turned))
    truths = {}
    for name, direction, slices in (("upright", np.eye(3), 12), ("oblique", turned, 12), ("single", np.eye(3), 1)):
        volume, label = (array[..., :slices] for array in make(SIZE, 12, generator))
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = direction * [0.8, 0.9, 3.0], (10, -20, 30)
        # A structure of its own for each name, one beside the other.
        stripes = 1 + (np.arange(SIZE) * len(config["label_names"]) // SIZE)[:, None, None]
        nibabel.save(nibabel.Nifti1Image(volume, affine), folder / f"{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image((label * stripes).astype(np.uint8), affine), labels / f"{name}.nii.gz")
        truths[name] = labels / f"{name}.nii.gz"
    return truths


def _write_pictures(
    config: dict[str, Any], folder: Path, labels: Path, generator: np.random.Generator
) -> dict[str, Path]:
    truths = {}
    for name, stain in zip(("first", "second", "third"), STAINS[:3], strict=True):
        picture, instances = nuclei_picture(SIZE, stain, generator)
        Image.fromarray(picture).convert("RGB").crop((0, 0, SIZE, SIZE - 10)).save(folder / f"{name}.png")
        label = Image.fromarray(((instances > 0) * 255).astype(np.uint8))
        label.crop((0, 0, SIZE, SIZE - 10)).save(labels / f"{name}.png")
        truths[name] = labels / f"{name}.png"
    return truths


def labels_are_listed(session: Session) -> str:
    """GET /info/ has the bundle with its structures."""
    information = requests.get(f"{session.address}/info/", timeout=60).json()
    listed = information["models"][session.bundle.name]["labels"]
    expected = {name.lower(): int(value) for value, name in session.config["label_names"].items()}
    assert listed == expected, f"{listed} instead of {expected}"
    return ", ".join(listed)


def masks_are_those_of_segment(session: Session) -> str:
    """POST /infer gives what `lwmisn segment` gives, voxel by voxel and in the same place."""
    expected = expected_masks(session)
    for name, mask in expected.items():
        answer = session.infer(name, **(PLUGIN if session.config["volumetric"] else {}))
        assert answer.status_code == 200, answer.text
        found, geometry = read_mask(answer.content, session)
        assert found.shape == mask[0].shape and (found == mask[0]).all(), f"the mask of {name} is another"
        pairs = zip(geometry, mask[1], strict=True)
        difference = max((np.abs(np.subtract(a, b)).max() for a, b in pairs), default=0.0)
        assert difference < 1e-5, f"the mask of {name} lies elsewhere, by {difference:g}"
    foreground = sum(np.count_nonzero(mask[0]) for mask in expected.values())
    return f"{len(expected)} images with {foreground} voxels of foreground"


def all_images_at_once(session: Session) -> str:
    """POST /batch/infer does all of a study folder."""
    answer = session.post(f"/batch/infer/{session.bundle.name}?run_sync=true", json={"save_label": False})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == set(session.truths), f"{sorted(answer.json())}"
    return f"{len(answer.json())} images"


def images_are_offered(session: Session) -> str:
    """POST /activelearning gives an image to be labelled, at random and by uncertainty."""
    for strategy in ("random", "uncertainty"):
        answer = session.post(f"/activelearning/{strategy}", json={})
        assert answer.status_code == 200 and answer.json()["id"] in session.truths, answer.text
    return f"{answer.json()['id']} is the most uncertain, {answer.json()['uncertainty']:.3f}"


def bad_requests_get_a_sentence(session: Session) -> str:
    """What cannot be done is said, and the server goes on."""
    name = session.bundle.name
    broken = {"file": ("broken.nii.gz" if session.config["volumetric"] else "broken.png", b"nothing")}
    other = {"file": _with_other_channels(session)}
    answers = {
        "an unknown image": session.infer("unknown"),
        "an unknown label": session.infer(next(iter(session.truths)), label="unknown"),
        "an unknown model": session.post("/infer/unknown?image=first&output=image", data={"params": "{}"}),
        "a damaged file": session.post(f"/infer/{name}?output=image", data={"params": "{}"}, files=broken),
        "another number of channels": session.post(f"/infer/{name}?output=image", data={"params": "{}"}, files=other),
        "no labels to learn from": session.post(f"/train/{name}?run_sync=true", json={"max_epochs": 1}),
        "an unknown strategy": session.post("/activelearning/unknown", json={}),
    }
    for what, answer in answers.items():
        assert answer.status_code >= 400 and answer.json().get("detail", "").endswith("."), f"{what}: {answer.text}"
    labels_are_listed(session)
    return ", ".join(answers)


def _with_other_channels(session: Session) -> tuple[str, bytes]:
    """A file with more channels than any network here takes."""
    import SimpleITK as sitk

    if session.config["volumetric"]:
        path = session.folder / "moments.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.zeros((16, 16, 4, 5), np.float32), np.eye(4)), path)
    else:
        path = session.folder / "channels.tif"
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((32, 32, 5), np.uint8), isVector=True), str(path))
    return path.name, path.read_bytes()


def a_stopped_training_changes_nothing(session: Session) -> str:
    """DELETE /train ends a training that runs in the background, and the weights are served that were before."""
    weights = session.bundle / "models" / "model.pt"
    before = weights.read_bytes()
    _put_labels(session)
    answer = session.post(f"/train/{session.bundle.name}", json={"max_epochs": 100_000})
    assert answer.status_code == 200, answer.text
    history = session.bundle / "train" / "history.jsonl"
    _wait(lambda: len(read_history(history)) > 1, "no epoch is done")
    requests.delete(f"{session.address}/train/", timeout=60).raise_for_status()
    _wait(lambda: _training(session) == "STOPPED", "the training is not stopped")
    assert weights.read_bytes() == before, "the weights are others"
    masks_are_those_of_segment(session)
    return f"after {len(read_history(history))} epochs"


def _put_labels(session: Session) -> None:
    for name in list(session.truths)[:2]:
        with session.truths[name].open("rb") as file:
            answer = requests.put(
                f"{session.address}/datastore/label?image={name}&tag=final",
                files={"label": (session.truths[name].name, file)},
                data={"params": "{}"},
                timeout=60,
            )
        assert answer.status_code == 200, answer.text


def _training(session: Session) -> str:
    return str(requests.get(f"{session.address}/train/", timeout=60).json()["status"])


def _wait(ready: Callable[[], bool], otherwise: str, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{otherwise} after {seconds:g} s"
        time.sleep(0.3)


def it_learns(session: Session) -> str:
    """POST /train lowers the loss, changes the weights that are served, and keeps the published ones."""
    weights = session.bundle / "models" / "model.pt"
    before = weights.read_bytes()
    answer = session.post(f"/train/{session.bundle.name}", json={"max_epochs": EPOCHS})
    assert answer.status_code == 200, answer.text
    _wait(lambda: _training(session) in ("DONE", "ERROR"), "the training has not ended")
    assert _training(session) == "DONE", "the training has failed"
    losses = [line["loss"] for line in read_history(session.bundle / "train" / "history.jsonl")]
    assert losses[-1] < losses[0], f"the loss goes from {losses[0]:.3f} to {losses[-1]:.3f}"
    assert weights.read_bytes() != before, "the weights are what they were"
    assert (weights.parent / PUBLISHED).read_bytes() == before, "the published weights are not kept"
    masks = masks_are_those_of_segment(session)
    return f"loss from {losses[0]:.3f} to {losses[-1]:.3f} in {EPOCHS} epochs on 2 images; then {masks}"


def published_weights_can_be_put_back(session: Session) -> str:
    """And are served at once."""
    restore(session.app, session.bundle.name)
    masks_are_those_of_segment(session)
    return PUBLISHED


def weights_that_do_not_fit_are_refused(session: Session) -> str:
    """An HTTP error with a sentence, not noise."""
    weights = session.bundle / "models" / "model.pt"
    kept = weights.read_bytes()
    shutil.copyfile(session.bundle / "models" / "model.ts", weights)
    answer = session.infer(next(iter(session.truths)))
    weights.write_bytes(kept)
    assert answer.status_code >= 400 and answer.json()["detail"].endswith("."), answer.text
    masks_are_those_of_segment(session)
    return "and the right ones served again"


def an_empty_study_gets_a_sentence(session: Session) -> str:
    """Where there is no image, that is said."""
    for name in session.truths:
        requests.delete(f"{session.address}/datastore/?id={name}", timeout=60).raise_for_status()
    answers = [
        session.post("/activelearning/uncertainty", json={}),
        session.post(f"/batch/infer/{session.bundle.name}?run_sync=true", json={}),
    ]
    for answer in answers:
        assert answer.status_code >= 400 and answer.json()["detail"].endswith("."), answer.text
    labels_are_listed(session)
    return str(answer.json()["detail"])


def the_log_is_clean(session: Session) -> str:
    """No weights that did not fit were taken, and nothing broke."""
    text = session.log.read_text(encoding="utf-8", errors="replace")
    for words in ("Checkpoint keys don't match", "Traceback"):
        assert words not in text, f"it has {words!r}"
    return f"{len(text.splitlines())} lines"


CHECKS: list[Callable[[Session], str]] = [
    labels_are_listed,
    masks_are_those_of_segment,
    all_images_at_once,
    images_are_offered,
    bad_requests_get_a_sentence,
    a_stopped_training_changes_nothing,
    it_learns,
    published_weights_can_be_put_back,
    weights_that_do_not_fit_are_refused,
    an_empty_study_gets_a_sentence,
    the_log_is_clean,
]


def expected_masks(session: Session) -> dict[str, tuple[np.ndarray, list[Any]]]:
    """What `lwmisn segment` gives for each image by its name: the labels, and where they lie."""
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
    """The labels of a mask file, and its size of a voxel, place and directions."""
    if not session.config["volumetric"]:
        name = "mask.png"
    with tempfile.TemporaryDirectory(dir=session.folder) as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        if path.suffix == ".png":
            with Image.open(path) as file:
                mask = np.asarray(file)
            # `lwmisn segment` writes a single label in white, for people to see.
            return (mask > 0).astype(np.uint8) if len(session.config["label_names"]) == 1 else mask, []
        import SimpleITK as sitk

        image = sitk.ReadImage(str(path))
        geometry = [image.GetSpacing(), image.GetOrigin(), image.GetDirection()]
        return sitk.GetArrayFromImage(image), geometry


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
