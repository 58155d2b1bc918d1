"""A datalist follows its data set to another place."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from monai_lwmisn.data import read_dataset, split_datalist, write_datalist
from monai_lwmisn.data.relocation import relocate_datalist
from monai_lwmisn.errors import DataError


def pack(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.rglob("*"):
            packed.write(file, file.relative_to(folder))
    return archive


@pytest.fixture
def places(nuclei_phantom: Path, tmp_path: Path) -> dict[str, Path]:
    """The same images twice as a folder and as a zip."""
    folder, other = tmp_path / "folder", tmp_path / "new" / "other"
    shutil.copytree(nuclei_phantom, folder)
    shutil.copytree(nuclei_phantom, other)
    return {
        "folder": folder,
        "other folder": other,
        "zip": pack(folder, tmp_path / "a.zip"),
        "other zip": pack(folder, tmp_path / "new" / "b.zip"),
    }


def datalist_of(data: Path) -> dict:
    return split_datalist(read_dataset("dsb2018", data), test_fraction=0.34, validation_fraction=0.34)


@pytest.mark.parametrize("old", ["folder", "zip"])
@pytest.mark.parametrize("new", ["other folder", "other zip"])
def test_the_datalist_is_the_one_made_from_the_new_place(
    places: dict[str, Path], tmp_path: Path, old: str, new: str
) -> None:
    file = tmp_path / "datalist.json"
    write_datalist(datalist_of(places[old]), file)
    relocate_datalist(file, places[old], places[new])
    assert json.loads(file.read_text()) == json.loads(json.dumps(datalist_of(places[new])))


@pytest.mark.parametrize("new", ["other folder", "other zip"])
def test_a_missing_file_is_named_and_nothing_is_changed(places: dict[str, Path], tmp_path: Path, new: str) -> None:
    file = tmp_path / "datalist.json"
    write_datalist(datalist_of(places["folder"]), file)
    before = file.read_bytes()
    lost = next(places["other folder"].rglob("masks"))
    shutil.rmtree(lost)
    data = places["other folder"]
    if new == "other zip":
        data = pack(data, tmp_path / "incomplete.zip")
    with pytest.raises(DataError, match=rf"{lost.parent.name}/masks does not exist, but .*datalist\.json needs"):
        relocate_datalist(file, places["folder"], data)
    assert file.read_bytes() == before


def test_a_datalist_of_another_data_set_is_refused(places: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "datalist.json"
    write_datalist(datalist_of(places["folder"]), file)
    with pytest.raises(DataError, match="is not in .*a.zip, the run's data set"):
        relocate_datalist(file, places["zip"], places["other folder"])


def test_lists_of_files_follow_too(tmp_path: Path) -> None:
    for place in ("old", "new"):
        (tmp_path / place).mkdir()
        for case in "abc":
            for name in (f"{case}_0000.nii", f"{case}_0001.nii", f"{case}.nii"):
                (tmp_path / place / name).touch()

    def datalist_in(place: str) -> dict:
        items = [
            {
                "image": [str(tmp_path / place / f"{case}_000{number}.nii") for number in range(2)],
                "label": str(tmp_path / place / f"{case}.nii"),
                "case": case,
            }
            for case in "abc"
        ]
        return split_datalist(items)

    file = tmp_path / "datalist.json"
    write_datalist(datalist_in("old"), file)
    relocate_datalist(file, tmp_path / "old", tmp_path / "new")
    assert json.loads(file.read_text()) == datalist_in("new")
