"""What 3D Slicer's plug-in and OHIF ask a server of two bundles, in the order of an annotator's work."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import FileDataset

from monai_lwmisn.data.phantom.abdomen import abdomen_volume
from monai_lwmisn.inference.segment import segment
from tests.inference.dicom import series
from tests.label.clients import OHIF, SlicerPlugin
from tests.label.dicomweb import dicomweb, file_of
from tests.label.load import is_sentence
from tests.label.session import Session, expected_masks, read_mask, session_of, wait

pytestmark = pytest.mark.label

BUNDLES = Path(__file__).parents[2] / "bundles"
OTHER = "hippocampus_mr_lwmisn"
SCENE = ["anterior hippocampus", "posterior hippocampus", "liver"]
"""The structures of both bundles, which are the segments of the plug-in's scene, from 1 on."""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with session_of(BUNDLES / "liver_ct_lwmisn", others=[BUNDLES / OTHER]) as session:
        yield session


@pytest.fixture(scope="module")
def slicer(session: Session) -> SlicerPlugin:
    return SlicerPlugin(session)


def assert_is_mask(found: tuple[str, bytes, dict], session: Session, image: str) -> None:
    """Check a mask, its name, by which the plug-in reads it, and the names that it gives to the values."""
    name, content, said = found
    mask, geometry = read_mask(content, session)
    masks = expected_masks(session)
    expected, place = masks[image]
    assert any(one.any() for one, _ in masks.values())
    assert name.endswith(".nrrd") and said["label_names"] == {"liver": 1}
    np.testing.assert_array_equal(mask, expected)
    for one, other in zip(geometry, place, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_slicer_lists_models_structures_and_counts(session: Session, slicer: SlicerPlugin) -> None:
    info = slicer.info()
    assert "config" not in info, "the plug-in takes such a server for an old one"
    assert {name: model["type"] for name, model in info["models"].items()} == dict.fromkeys(
        (session.bundle.name, OTHER), "segmentation"
    )
    assert info["labels"] == SCENE
    assert info["models"][OTHER]["labels"] == {"anterior hippocampus": 1, "posterior hippocampus": 2}
    assert set(info["trainers"]) == set(info["train_stats"]) == set(info["models"])
    assert (info["datastore"]["total"], info["datastore"]["completed"]) == (3, 0)


@pytest.mark.parametrize("strategy", ["random", "first", "uncertainty"])
def test_slicer_gets_a_sample_and_its_mask(session: Session, slicer: SlicerPlugin, strategy: str) -> None:
    sample = slicer.next_sample(strategy)
    (file,) = session.studies.glob(f"{sample['id']}.*")
    assert Path(sample["path"]).samefile(file)
    assert slicer.ask("GET", f"/datastore/image?image={sample['id']}").content == file.read_bytes()
    assert_is_mask(slicer.infer(session.bundle.name, sample["id"]), session, sample["id"])


def test_slicer_sends_a_volume_of_its_own(session: Session, slicer: SlicerPlugin) -> None:
    (file,) = session.studies.glob("oblique.*")
    one = slicer.create_session(file)
    assert slicer.read("GET", f"/session/{one}")
    assert_is_mask(slicer.infer(session.bundle.name, "a volume of mine", one), session, "oblique")
    assert slicer.upload("a volume of mine", file) == {"image": "a volume of mine"}
    assert_is_mask(slicer.infer(session.bundle.name, "a volume of mine"), session, "oblique")


def test_slicer_shows_masks_that_were_made_before(session: Session, slicer: SlicerPlugin) -> None:
    """MONAILabel.py, onNextSampleButton; client.py, download_label."""
    asked = {"images": "unlabeled", "save_label": True, "label_tag": "original"}
    session.post(f"/batch/infer/{session.bundle.name}?run_sync=true", json=asked).raise_for_status()
    label = slicer.read("GET", "/datastore/?output=all")["objects"]["upright"]["labels"]["original"]
    assert label["info"]["params"]["label_names"] == {"liver": 1}
    answer = slicer.ask("GET", "/datastore/label?label=upright&tag=original")
    assert f"upright{label['ext']}" in answer.headers["content-disposition"]
    mask, _ = read_mask(answer.content, session, f"mask{label['ext']}")
    np.testing.assert_array_equal(mask, expected_masks(session)["upright"][0])


@pytest.mark.parametrize(("image", "suffix"), [("upright", ".nii.gz"), ("oblique", ".nrrd")])
def test_slicer_submits_a_label(session: Session, slicer: SlicerPlugin, image: str, suffix: str) -> None:
    label = sitk.ReadImage(str(session.truths[image])) * (SCENE.index("liver") + 1)
    file = session.folder / f"submitted{suffix}"
    sitk.WriteImage(label, str(file))
    names = [{"name": name, "idx": value} for value, name in enumerate(SCENE, start=1)]
    saved = slicer.save_label(image, file, names, session.bundle.name)
    assert saved["image"] == image
    assert (session.studies / "labels" / "final" / f"{image}{suffix}").read_bytes() == file.read_bytes()


def test_slicer_trains_on_labels_whose_values_are_those_of_its_scene(session: Session, slicer: SlicerPlugin) -> None:
    assert slicer.info()["datastore"]["completed"] == 2
    weights = session.bundle / "models" / "model.pt"
    before = weights.read_bytes()
    assert slicer.train(session.bundle.name, max_epochs=2)["status"] in ("SUBMITTED", "RUNNING")
    wait(lambda: not slicer.is_training(), session.process, "The training does not end")
    assert slicer.read("GET", "/train/")["status"] == "DONE"
    assert weights.read_bytes() != before
    learned = [sitk.GetArrayFromImage(sitk.ReadImage(str(file))) for file in (session.bundle / ".labels").iterdir()]
    assert [np.unique(label).tolist() for label in learned] == [[0, 1], [0, 1]]


def test_labels_of_other_structures_are_not_learned_from(session: Session, slicer: SlicerPlugin) -> None:
    answer = slicer.ask("POST", f"/train/{OTHER}?run_sync=true", json=slicer.parameters("trainers", OTHER))
    assert is_sentence(answer) and "anterior hippocampus, posterior hippocampus" in answer.json()["detail"]


def test_ohif_starts_and_stops_the_trainings(session: Session) -> None:
    ohif = OHIF(session)
    started = ohif.train({session.bundle.name: {"max_epochs": 100_000}})
    assert set(started) == {session.bundle.name, OTHER}

    def running() -> str:
        return str(session.ask("GET", "/train/?check_if_running=true").json().get("request", {}).get("model"))

    # That of the other bundle has nothing to learn from, and ends by itself.
    wait(lambda: running() == session.bundle.name, session.process, "The training does not begin")
    assert ohif.is_training()
    ohif.stop()
    wait(lambda: not ohif.is_training(), session.process, "The training does not stop")


def test_the_log_can_be_read(session: Session) -> None:
    """OHIF's SettingsTable.tsx has this link."""
    answer = session.ask("GET", "/logs/?lines=100&html=false")
    assert answer.status_code == 200 and len(answer.text.splitlines()) > 50


@pytest.fixture(scope="module")
def slices() -> list[FileDataset]:
    voxels = abdomen_volume(64, 12, np.random.default_rng(0))[0]
    files = series(voxels.astype(np.int16).transpose(2, 1, 0))
    for file in files:
        file.is_little_endian, file.is_implicit_VR = True, False
    return files


@pytest.fixture(scope="module")
def radiology(slices: list[FileDataset]) -> Iterator[Session]:
    """A server whose images are on a DICOMweb server."""
    with dicomweb(slices) as address, session_of(BUNDLES / "liver_ct_lwmisn", dicomweb=address) as session:
        yield session


def test_ohif_lists_models_and_is_offered_a_series(radiology: Session, slices: list[FileDataset]) -> None:
    """MonaiLabelPanel.tsx, onInfo; NextSampleForm.tsx."""
    info = radiology.ask("GET", "/info/").json()
    assert info["labels"] == ["liver"] and info["models"][radiology.bundle.name]["type"] == "segmentation"
    for strategy in info["strategies"]:
        sample = OHIF(radiology).next_sample(strategy)
        assert sample["id"] == sample["SeriesInstanceUID"] == slices[0].SeriesInstanceUID
        assert sample["StudyInstanceUID"] == slices[0].StudyInstanceUID
    assert not OHIF(radiology).is_training()


@pytest.mark.parametrize("version", [2, 3])
def test_ohif_gets_the_mask_of_a_series(radiology: Session, slices: list[FileDataset], version: int) -> None:
    folder = radiology.folder / f"series{version}"
    folder.mkdir()
    for number, file in enumerate(slices):
        (folder / f"{number}.dcm").write_bytes(file_of(file))
    (outcome,) = segment(radiology.bundle, [folder], radiology.folder / f"masks{version}")
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(outcome.masks[0])))
    mask = OHIF(radiology).infer(radiology.bundle.name, slices[0].SeriesInstanceUID, version)
    assert expected.any()
    np.testing.assert_array_equal(mask, expected)


def test_ohif_reaches_the_images_through_the_server(radiology: Session, slices: list[FileDataset]) -> None:
    """plugins/ohifv3/config/monai_label.js: the roots of QIDO and WADO are /proxy/dicom."""
    (listed,) = radiology.ask("GET", "/proxy/dicom/qido/series").json()
    assert listed["0020000E"]["Value"] == [slices[0].SeriesInstanceUID]
