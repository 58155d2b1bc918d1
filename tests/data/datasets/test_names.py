"""The names of files and folders of well-known data sets."""

import pytest

from monai_lwmisn.data.datasets.names import kind_of_folder, pair_names, says_label


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a", "a"),
        ("a", "a_mask"),
        ("a_img", "a_masks"),
        ("pat1_ct", "pat1_ct-label"),
        ("case", "case.seg"),
        ("21_training", "21_manual1"),
        ("Image_01L", "Image_01L_1stHO"),
        ("train-volume", "train-labels"),
        ("img0001", "label0001"),
        ("volume-7", "segmentation-7"),
    ],
)
def test_a_label_is_found_by_the_name_of_its_image(image: str, label: str) -> None:
    assert pair_names([image, "other"], [label]) == {image: label}
    assert says_label(label) == (label != "a") and not says_label(image)


@pytest.mark.parametrize(("image", "label"), [("a", "b"), ("a1", "a_mask"), ("00001", "label1"), ("img1", "label11")])
def test_other_names_do_not_pair(image: str, label: str) -> None:
    assert pair_names([image], [label]) == {}


def test_a_label_is_of_one_image() -> None:
    assert pair_names(["a", "a_img"], ["a_mask"]) == {"a": "a_mask"}
    assert pair_names(["a_img", "a_im"], ["a_mask"]) == {"a_img": "a_mask"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Images", ("images", None)),
        ("JPEGImages", ("images", None)),
        ("1st_manual", ("labels", None)),
        ("manual1", ("labels", None)),
        ("imagesTr", ("images", "training")),
        ("labelsTs", ("labels", "test")),
        ("train_images", ("images", "training")),
        ("masks-val", ("labels", "validation")),
        ("manuals", None),
        ("imagery", None),
        ("patient1", None),
    ],
)
def test_kinds_of_folders(name: str, kind: tuple[str, str | None] | None) -> None:
    assert kind_of_folder(name) == kind
