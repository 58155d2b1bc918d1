"""The bundles of the repository in a real server, asked what the programs of annotators ask.

The tests of a server run in the order of this file: later ones change what the server serves.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import requests
import SimpleITK as sitk
import torch

from monai_lwmisn.bundle.standalone import write_standalone
from monai_lwmisn.engines.history import read_history
from monai_lwmisn.label.folder import PUBLISHED, restore
from tests.label.load import ask_at_once, broken_requests, is_sentence
from tests.label.session import PLUGIN, Session, expected_masks, put_labels, read_mask, session_of, wait

pytestmark = pytest.mark.label

BUNDLES = sorted((Path(__file__).parents[2] / "bundles").iterdir())
EPOCHS = 20


@pytest.fixture(scope="module", params=BUNDLES, ids=lambda path: path.name)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with session_of(request.param) as session:
        yield session


@pytest.fixture(scope="module", params=["folder", "standalone"])
def stock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """MONAI's own app with a bundle of volumes."""
    bundle = next(path for path in BUNDLES if path.name.startswith("liver"))
    if request.param == "standalone":
        folder = tmp_path_factory.mktemp("standalone")
        write_standalone(bundle, folder / "bundle.zip")
        with zipfile.ZipFile(folder / "bundle.zip") as archive:
            archive.extractall(folder)
        bundle = folder / bundle.name
    with session_of(bundle, stock=True) as session:
        yield session


def check_labels(session: Session) -> None:
    """Check that the server lists the structures of the bundle, as it does while it lives."""
    information = session.ask("GET", "/info/").json()
    listed = information["models"][session.bundle.name]["labels"]
    assert listed == {name.lower(): int(value) for value, name in session.data["label_names"].items()}


def check_masks(session: Session) -> None:
    """Check that the masks are those of `lwmisn segment`, voxel by voxel and in the same place."""
    expected = expected_masks(session)
    for name, (mask, place) in expected.items():
        answer = session.infer(name, **(PLUGIN if session.data["volumetric"] else {}))
        assert answer.status_code == 200, answer.text
        found, geometry = read_mask(answer.content, session)
        np.testing.assert_array_equal(found, mask)
        for one, other in zip(geometry, place, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    # Networks of other organs may find none in the made images.
    assert any(mask.any() for mask, _ in expected.values()) or "nuclei" not in session.bundle.name


def check_sentence(answer: requests.Response) -> None:
    assert is_sentence(answer), answer.text


def training(session: Session) -> str:
    return str(session.ask("GET", "/train/").json()["status"])


def test_the_labels_are_listed(session: Session) -> None:
    check_labels(session)


def test_the_masks_are_those_of_segment(session: Session) -> None:
    check_masks(session)


def test_all_images_are_segmented_at_once(session: Session) -> None:
    answer = session.post(f"/batch/infer/{session.bundle.name}?run_sync=true", json={"save_label": False})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == set(session.truths)


@pytest.mark.parametrize("strategy", ["random", "uncertainty"])
def test_an_image_is_offered(session: Session, strategy: str) -> None:
    answer = session.post(f"/activelearning/{strategy}", json={})
    assert answer.status_code == 200 and answer.json()["id"] in session.truths, answer.text


def test_a_bad_request_gets_a_sentence(session: Session) -> None:
    name = session.bundle.name
    for ask in broken_requests(session).values():
        check_sentence(ask())
    other = {"file": with_other_channels(session)}
    check_sentence(session.post(f"/infer/{name}?output=image", data={"params": "{}"}, files=other))
    check_sentence(session.post(f"/train/{name}?run_sync=true", json={"max_epochs": 1}))
    check_labels(session)


def with_other_channels(session: Session) -> tuple[str, bytes]:
    """A file with more channels than any network here takes."""
    if session.data["volumetric"]:
        path = session.folder / "moments.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.zeros((16, 16, 4, 5), np.float32), np.eye(4)), path)
    else:
        path = session.folder / "channels.tif"
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((32, 32, 5), np.uint8), isVector=True), str(path))
    return path.name, path.read_bytes()


def test_a_training_that_is_stopped_beside_many_requests_changes_nothing(session: Session) -> None:
    weights = session.bundle / "models" / "model.pt"
    before = weights.read_bytes()
    put_labels(session)
    answer = session.post(f"/train/{session.bundle.name}", json={"max_epochs": 100_000})
    assert answer.status_code == 200, answer.text
    history = session.bundle / "train" / "history.jsonl"
    wait(lambda: len(read_history(history)) > 1, session.process, "The training does not begin")
    answers = ask_at_once(session, clients=8, count=24)
    assert len(answers) == 24 and [answer.kind for answer in answers if not answer.right] == []
    session.ask("DELETE", "/train/").raise_for_status()
    wait(lambda: training(session) == "STOPPED", session.process, "The training does not stop")
    assert weights.read_bytes() == before
    check_masks(session)


def test_it_learns(session: Session) -> None:
    weights = session.bundle / "models" / "model.pt"
    before = weights.read_bytes()
    answer = session.post(f"/train/{session.bundle.name}", json={"max_epochs": EPOCHS})
    assert answer.status_code == 200, answer.text
    wait(lambda: training(session) in ("DONE", "ERROR"), session.process, "The training does not end")
    assert training(session) == "DONE"
    losses = [line["loss"] for line in read_history(session.bundle / "train" / "history.jsonl")]
    # The loss of a few crops says little of a network that knows such images; the masks are checked below.
    assert len(losses) == EPOCHS and np.isfinite(losses).all()
    assert weights.read_bytes() != before
    assert (weights.parent / PUBLISHED).read_bytes() == before
    check_masks(session)


def test_another_file_of_weights_can_be_asked_for(session: Session) -> None:
    name, parameters = next(iter(session.truths)), PLUGIN if session.data["volumetric"] else {}
    published = session.infer(name, model_filename=PUBLISHED, **parameters).content
    restore(session.app, session.bundle.name)
    restored = session.infer(name, **parameters).content
    np.testing.assert_array_equal(read_mask(published, session)[0], read_mask(restored, session)[0])
    check_masks(session)


def test_weights_that_do_not_fit_are_refused(session: Session) -> None:
    weights = session.bundle / "models" / "model.pt"
    kept = weights.read_bytes()
    state = torch.load(weights, weights_only=True)
    torch.save({f"other.{name}": value for name, value in state.items()}, weights)
    check_sentence(session.infer(next(iter(session.truths))))
    weights.write_bytes(kept)
    check_masks(session)


def test_an_empty_study_gets_a_sentence(session: Session) -> None:
    for name in session.truths:
        session.ask("DELETE", f"/datastore/?id={name}").raise_for_status()
    check_sentence(session.post("/activelearning/uncertainty", json={}))
    check_sentence(session.post(f"/batch/infer/{session.bundle.name}?run_sync=true", json={}))
    check_labels(session)


def test_the_log_is_clean(session: Session) -> None:
    text = session.log.read_text(encoding="utf-8", errors="replace")
    words = ("Checkpoint keys don't match", "Traceback")
    assert not [line for line in text.splitlines() if any(word in line for word in words)]


def test_the_app_of_monai_segments(stock: Session) -> None:
    check_labels(stock)
    check_masks(stock)


def test_the_app_of_monai_trains_where_the_package_is_installed(stock: Session) -> None:
    put_labels(stock)
    weights = stock.bundle / "models" / "model.pt"
    before = weights.read_bytes()
    answer = stock.post(f"/train/{stock.bundle.name}?run_sync=true", json={"max_epochs": 2, "val_split": 0.5})
    assert answer.status_code == 200, answer.text
    assert weights.read_bytes() != before
