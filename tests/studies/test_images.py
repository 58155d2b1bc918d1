"""The images of a comparison are split once and recognised after they were moved."""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from monai_lwmisn.data import write_datalist
from monai_lwmisn.data.datalist import PARTS
from monai_lwmisn.errors import ConfigError
from monai_lwmisn.studies.images import find_datalist, fingerprint_images
from monai_lwmisn.studies.protocol import Protocol, load_protocol


@pytest.fixture
def protocol() -> Protocol:
    return load_protocol("nuclei", "small")


@pytest.mark.parametrize(("preset", "phantom"), [("prostate_mr", "mr_phantom"), ("liver_ct", "ct_phantom")])
def test_training_has_every_third_slice_and_the_test_part_is_whole(
    preset: str, phantom: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    protocol, data = load_protocol(preset, "small"), request.getfixturevalue(phantom)
    datalist = find_datalist(protocol, data, tmp_path / "datalist.json")
    write_datalist(datalist, tmp_path / "datalist.json")
    for part in ("training", "validation"):
        assert [item["slices"] for item in datalist[part]] == [[0, 3, 6, 9]] * len(datalist[part])
    assert not any("slices" in item for item in datalist["test"])
    assert find_datalist(protocol, data, tmp_path / "datalist.json") == datalist
    assert fingerprint_images(protocol, datalist) == fingerprint_images(protocol, datalist)


def test_images_that_were_moved_are_found_and_are_the_same(
    protocol: Protocol, nuclei_phantom: Path, tmp_path: Path
) -> None:
    file, moved = tmp_path / "datalist.json", tmp_path / "moved"
    before = find_datalist(protocol, nuclei_phantom, file)
    write_datalist(before, file)
    shutil.copytree(nuclei_phantom, moved)
    now = find_datalist(protocol, moved, file)
    for part in PARTS:
        assert [item["case"] for item in now[part]] == [item["case"] for item in before[part]]
        assert all(item[key].startswith(str(moved)) for item in now[part] for key in ("image", "label"))
    assert fingerprint_images(protocol, now) == fingerprint_images(protocol, before)


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_other_pixels_in_a_file_of_the_same_name_change_the_fingerprint(
    kind: str, protocol: Protocol, nuclei_phantom: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(nuclei_phantom, tmp_path / "data"))
    datalist = find_datalist(protocol, data, tmp_path / "datalist.json")
    before = fingerprint_images(protocol, datalist)
    picture = sorted(data.rglob(f"{kind}/*.png"))[0]
    ImageOps.mirror(Image.open(picture)).save(picture)
    assert fingerprint_images(protocol, datalist) != before


def test_a_missing_case_is_named(protocol: Protocol, nuclei_phantom: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(nuclei_phantom, tmp_path / "data"))
    datalist = find_datalist(protocol, data, tmp_path / "datalist.json")
    write_datalist(datalist, tmp_path / "datalist.json")
    case = datalist["test"][0]["case"]
    shutil.rmtree(next(data.rglob(case)))
    with pytest.raises(ConfigError, match=f"has no case {case}"):
        find_datalist(protocol, data, tmp_path / "datalist.json")
