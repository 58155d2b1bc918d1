"""A server whose masks are of the light runtime: they are those of torch, whatever weights are served."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from monai_lwmisn.label.folder import restore
from monai_lwmisn.label.onnx_files import path_of
from tests.label.load import is_sentence
from tests.label.session import Session, expected_masks, put_labels, read_mask, session_of

pytestmark = pytest.mark.label

BUNDLES = Path(__file__).parents[2] / "bundles"


@pytest.fixture(
    scope="module",
    params=[("onnxruntime", "nuclei_microscopy_lwmisn_fast"), ("openvino", "liver_ct_lwmisn")],
    ids=lambda pair: str(pair[0]),
)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    runtime, bundle = request.param
    with session_of(BUNDLES / bundle, runtime=runtime) as session:
        yield session


def check_masks(session: Session) -> dict[str, np.ndarray]:
    """Check that the masks are those of torch with the weights of now but for ties, and return them."""
    found = {}
    for name, (expected, _) in expected_masks(session).items():
        answer = session.infer(name)
        assert answer.status_code == 200, answer.text
        found[name], _ = read_mask(answer.content, session, "mask.nii.gz")
        assert np.mean(found[name] == expected) > 0.9999
    assert any(mask.any() for mask in found.values())
    return found


def test_the_masks_are_made_with_the_file(session: Session) -> None:
    weights = session.bundle / "models" / "model.pt"
    file, changed = path_of(weights), weights.stat().st_mtime_ns
    assert file.stat().st_mtime_ns == changed, "it was made before the server"
    file.write_bytes(b"no network")
    os.utime(file, ns=(changed, changed))
    assert is_sentence(session.infer(next(iter(session.truths))))
    file.unlink()
    check_masks(session)
    assert file.is_file()


def test_the_masks_are_those_of_the_weights_after_a_training_and_its_undoing(session: Session) -> None:
    weights = session.bundle / "models" / "model.pt"
    before = check_masks(session)
    put_labels(session)
    asked = {"max_epochs": 20, "learning_rate": 0.01}
    session.post(f"/train/{session.bundle.name}?run_sync=true", json=asked).raise_for_status()
    assert path_of(weights).stat().st_mtime_ns == weights.stat().st_mtime_ns, "it was made by the training"
    learned = check_masks(session)
    assert any((learned[name] != mask).any() for name, mask in before.items())
    restore(session.app, session.bundle.name)
    restored = check_masks(session)
    for name, mask in before.items():
        np.testing.assert_array_equal(restored[name], mask)


def test_an_image_is_offered(session: Session) -> None:
    answer = session.post("/activelearning/uncertainty", json={})
    assert answer.status_code == 200 and answer.json()["id"] in session.truths, answer.text
