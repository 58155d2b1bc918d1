"""Values of labels are taken by their names."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from monai_lwmisn.label.structures import with_classes_of

CLASSES = {"zone": 1, "tumour": 2}
VALUES = [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["zone", "tumour"], [[0, 1, 2, 3]]),
        (["Tumour", "zone", "liver"], [[0, 2, 1, 0]]),
        (["liver", "zone", "tumour"], [[0, 0, 1, 2]]),
        ([], VALUES),
    ],
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_values_become_the_classes_of_their_names(
    tmp_path: Path, names: list[str], expected: list[list[int]], suffix: str
) -> None:
    label = sitk.GetImageFromArray(np.array([VALUES], np.uint8))
    label.SetOrigin((1, 2, 3))
    file = tmp_path / f"case{suffix}"
    sitk.WriteImage(label, str(file))
    content = file.read_bytes()
    described = {file.name: [{"name": name, "idx": value} for value, name in enumerate(names, start=1)]}
    (item,) = with_classes_of([{"image": "image", "label": str(file)}], described, CLASSES, tmp_path / "changed")
    found = sitk.ReadImage(item["label"])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), [expected])
    np.testing.assert_allclose(found.GetOrigin(), (1, 2, 3))
    assert item["image"] == "image" and file.read_bytes() == content


def test_a_label_without_structures_of_the_bundle_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "case.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.array([[[0, 3]]], np.uint8)), str(file))
    described = {file.name: [{"name": name, "idx": value} for value, name in ((1, "zone"), (3, "liver"))]}
    assert with_classes_of([{"image": "image", "label": str(file)}], described, CLASSES, tmp_path / "changed") == []
