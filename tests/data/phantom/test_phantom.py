"""Phantoms are repeatable, exactly labelled, in the form of each raw data set, and not solved by a threshold."""

import filecmp
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.filters import threshold_otsu

from monai_lwmisn.data import phantom as phantom_module
from monai_lwmisn.data import read_dataset, write_phantom
from monai_lwmisn.data.phantom import KINDS, abdomen_volume, nuclei_picture, pelvis_volume
from monai_lwmisn.data.phantom.nuclei import STAINS, render
from monai_lwmisn.errors import ConfigError, DataError
from tests.data.formats import check

DATASET_OF = {"nuclei": "dsb2018", "ct": "chaos_ct", "mr": "promise12"}


def dice(prediction: np.ndarray, truth: np.ndarray) -> float:
    return 2 * float((prediction & truth).sum()) / float(prediction.sum() + truth.sum())


def otsu_dice(image: np.ndarray, truth: np.ndarray) -> float:
    """Dice of Otsu's threshold, on whichever side of it is better."""
    threshold = threshold_otsu(image)
    return max(dice(image > threshold, truth), dice(image <= threshold, truth))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_phantom_is_a_clean_data_set_of_its_format(tmp_path: Path, kind: str) -> None:
    folder = write_phantom(tmp_path / "made" / "here", kind, cases=3, seed=1, size=40)
    report = check(DATASET_OF[kind], folder)
    assert report.images == 3 and report.problems == [] and report.without_foreground == 0
    assert 0.01 < report.label_shares[1] < 0.5
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["here"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_equal_seeds_give_equal_files_and_other_seeds_other_ones(tmp_path: Path, kind: str) -> None:
    first = write_phantom(tmp_path / "a", kind, cases=2, seed=5, size=32)
    again = write_phantom(tmp_path / "b", kind, cases=1, seed=5, size=32)
    other = write_phantom(tmp_path / "c", kind, cases=1, seed=6, size=32)
    files = [path.relative_to(again) for path in sorted(again.rglob("*")) if path.is_file()]
    assert filecmp.cmpfiles(again, first, files, shallow=False)[0] == files
    image = Path(read_dataset(DATASET_OF[kind], again)[0]["image"]).relative_to(again)
    if (again / image).is_dir():
        image = image / "i0002,0000b.dcm"
    if image.suffix == ".mhd":
        image = image.with_suffix(".zraw")
    assert (again / image).read_bytes() != (other / image).read_bytes()


@pytest.mark.parametrize("stain", sorted(set(STAINS)))
def test_a_threshold_does_not_find_the_nuclei(stain: str) -> None:
    scores = []
    for seed in range(8):
        picture, instances = nuclei_picture(192, stain, np.random.default_rng(seed))
        scores.append(otsu_dice(picture.mean(axis=2), instances > 0))
    assert np.mean(scores) < 0.8


@pytest.mark.parametrize("make", [abdomen_volume, pelvis_volume])
def test_neither_a_threshold_nor_a_window_finds_the_organ(make) -> None:  # noqa: ANN001
    volume, label = make(64, 16, np.random.default_rng(0))
    organ = label > 0
    low, high = np.percentile(volume[organ], [2, 98])
    assert otsu_dice(volume, organ) < 0.5
    assert dice((volume >= low) & (volume <= high), organ) < 0.8


def test_nuclei_are_numbered_without_gaps_and_some_touch() -> None:
    touching = 0
    for seed in range(6):
        generator = np.random.default_rng(seed)
        picture, instances = nuclei_picture(128, "fluorescence", generator)
        assert picture.shape == (128, 128, 3) and picture.dtype == np.uint8
        assert set(np.unique(instances)) == set(range(instances.max() + 1))
        touching += instances.max() - ndimage.label(instances > 0)[1]
    assert touching > 0


def test_what_is_painted_lies_where_the_label_says() -> None:
    instances = np.zeros((96, 96), np.int32)
    instances[20:50, 30:70] = 1
    difference = np.zeros(instances.shape)
    for seed in range(40):  # light, debris and noise are equal in both pictures, or cancel out
        empty = render(np.zeros_like(instances), "fluorescence", np.random.default_rng(seed)).astype(float)
        painted = render(instances, "fluorescence", np.random.default_rng(seed)).astype(float)
        difference += (painted - empty)[..., 0]
    assert dice(difference > threshold_otsu(difference), instances > 0) > 0.95


def test_liver_and_prostate_are_one_piece_where_anatomy_has_them() -> None:
    volume, liver = abdomen_volume(64, 16, np.random.default_rng(2))
    pieces, count = ndimage.label(liver)
    assert np.bincount(pieces.ravel())[1:].max() > 0.97 * liver.sum()
    assert liver[:32].sum() > 2 * liver[32:].sum()  # the patient's right, where x is small
    assert volume.dtype == np.int16 and volume.min() >= -1024 and volume.max() > 300
    assert 30 < np.median(volume[liver > 0]) < 110  # Hounsfield units of a liver
    signal, prostate = pelvis_volume(64, 16, np.random.default_rng(2))
    assert ndimage.label(prostate)[1] == 1 and signal.min() >= 0


def test_an_unknown_stain_is_refused() -> None:
    with pytest.raises(ValueError, match="stain is 'blue'"):
        render(np.zeros((32, 32), np.int32), "blue", np.random.default_rng(0))


def test_a_folder_with_content_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="is not an empty folder"):
        write_phantom(tmp_path, cases=1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    file = tmp_path / "mine.txt"
    with pytest.raises(DataError, match=r"mine\.txt is not an empty folder"):
        write_phantom(file, cases=1, size=32)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert write_phantom(tmp_path, cases=1, size=32) == tmp_path
    assert len(read_dataset("dsb2018", tmp_path)) == 1


@pytest.mark.parametrize("interruption", [OSError("no space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_phantom_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    def fail_late(folder: Path, index: int, size: int, generator: np.random.Generator) -> None:
        (folder / f"{index}.png").write_bytes(b"part")
        if index == 1:
            raise interruption

    monkeypatch.setitem(phantom_module.KINDS, "nuclei", (fail_late, 64))
    expected = DataError if isinstance(interruption, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_phantom(tmp_path / "out", cases=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"kind": "xray"}, {"cases": 0}, {"size": 16}])
def test_what_cannot_be_made_is_refused(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(ConfigError, match="phantom"):
        write_phantom(tmp_path / "out", **wrong)
