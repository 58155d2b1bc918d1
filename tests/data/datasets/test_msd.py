"""The Decathlon's ``dataset.json``."""

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_lwmisn.data import read_dataset
from monai_lwmisn.errors import DataError, InputWarning
from tests.data.formats import load


@pytest.fixture
def folder(msd_phantom: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(msd_phantom, tmp_path / "msd"))


def test_the_training_list_is_read(msd_phantom: Path) -> None:
    items = read_dataset("msd", msd_phantom)
    assert [item["case"] for item in items] == [f"hippocampus_{index:03d}" for index in range(4)]
    image = load("msd", items[2])["image"]
    np.testing.assert_allclose(np.asarray(image[0]), nibabel.load(items[2]["image"]).get_fdata(), rtol=1e-6)
    np.testing.assert_allclose(image.pixdim, [1, 1, 1.5])


def test_a_missing_label_is_named(folder: Path) -> None:
    (folder / "labelsTr" / "hippocampus_001.nii.gz").unlink()
    with pytest.raises(DataError, match=r"label .*labelsTr/hippocampus_001\.nii\.gz of .*imagesTr.* is missing"):
        read_dataset("msd", folder)


def test_files_outside_the_folder_are_refused(folder: Path) -> None:
    entries = [{"image": "../secret.nii.gz", "label": "./labelsTr/hippocampus_000.nii.gz"}]
    (folder / "dataset.json").write_text(json.dumps({"training": entries}))
    with pytest.raises(DataError, match=r"secret\.nii\.gz, which is outside of its folder"):
        read_dataset("msd", folder)


@pytest.mark.parametrize("text", ["{", "{}", '{"training": [{"image": "a"}]}', '{"training": ["a"]}'])
def test_a_broken_description_is_refused(folder: Path, text: str) -> None:
    (folder / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json cannot be read"):
        read_dataset("msd", folder)


@pytest.mark.parametrize("of_nnunet", [True, False])
def test_without_a_list_the_folder_is_read_by_names(folder: Path, of_nnunet: bool) -> None:
    (folder / "dataset.json").unlink()
    if of_nnunet:
        (folder / "dataset.json").write_text('{"channel_names": {"0": "T1"}, "numTraining": 4}')
    with pytest.raises(DataError, match="imagesTr/ and labelsTr/.*: add --set data.dataset=folder"):
        read_dataset("msd", folder)
    with pytest.warns(InputWarning, match="imagesTr as images"):
        assert len(read_dataset("folder", folder)) == 4


def test_a_linked_image_keeps_the_name_of_its_case(folder: Path, tmp_path: Path) -> None:
    image = folder / "imagesTr" / "hippocampus_001.nii.gz"
    image.rename(tmp_path / "annex-key.nii.gz")
    image.symlink_to(tmp_path / "annex-key.nii.gz")
    assert [item["case"] for item in read_dataset("msd", folder)] == [f"hippocampus_{index:03d}" for index in range(4)]
