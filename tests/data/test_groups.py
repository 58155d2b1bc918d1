"""Images of one case stay together where names or content show it, and no others do."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from monai_lwmisn.data.groups import group_items, groups_of_names
from monai_lwmisn.data.phantom.fields import smooth_field
from monai_lwmisn.data.splits import split_datalist
from monai_lwmisn.errors import ConfigError, SplitError


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["patient01_slice003", "patient01_slice004", "patient02_slice003"], ["patient01", "patient01", "patient02"]),
        (["case1_z012", "case1_z013", "case2_z012"], ["case1", "case1", "case2"]),
        (["a_z012", "a_z013", "b_z012"], ["a", "a", "b"]),
        (["img_0001_x512_y0", "img_0001_x0_y512", "img_0002_x0_y0"], ["img_0001", "img_0001", "img_0002"]),
        (["tile_r0_c3", "tile_r1_c3"], ["tile", "tile"]),
        (["slide7-row2-col10", "slide7-row3-col10", "slide8-row2-col1"], ["slide7", "slide7", "slide8"]),
        (["video2_frame_0001", "video2_frame_0002", "video3_frame_0001"], ["video2", "video2", "video3"]),
        (["case3_t0", "case3_t1", "case4_t0"], ["case3", "case3", "case4"]),
        (["17_left", "17_right", "18_L"], ["17", "17", "18"]),
        (["sub-01_ses-01_T1w", "sub-01_ses-02_T1w", "sub-02_ses-01_T1w"], ["sub-01", "sub-01", "sub-02"]),
        (["x_day-1_right", "x_day-2_left", "y"], ["x", "x", "y"]),
        (["10002_076", "10002_099", "10004_100", "10006_1"], ["10002", "10002", "10004", "10006"]),
        (["Image_01L", "Image_01R", "Image_02L", "Image_03L"], ["Image_01", "Image_01", "Image_02", "Image_03"]),
        # What tells nothing.
        (["exp1_01", "exp1_02", "exp2_01", "exp2_02"], ["exp1_01", "exp1_02", "exp2_01", "exp2_02"]),
        (["img_001", "img_002", "img_003"], ["img_001", "img_002", "img_003"]),
        (["case_001", "case_002"], ["case_001", "case_002"]),
        (["hippocampus_001", "hippocampus_004"], ["hippocampus_001", "hippocampus_004"]),
        (["prostate_t2_001", "prostate_t2_002"], ["prostate_t2_001", "prostate_t2_002"]),
        (["scan_slice_001", "scan_slice_002"], ["scan_slice_001", "scan_slice_002"]),
        (["slice_001", "slice_002"], ["slice_001", "slice_002"]),
        (["ISIC_0000001", "ISIC_0000002"], ["ISIC_0000001", "ISIC_0000002"]),
    ],
)
def test_names_tell_what_belongs_together(names: list[str], groups: list[str]) -> None:
    assert groups_of_names(names) == groups


@given(
    st.lists(st.integers(0, 10**6), min_size=1, unique=True), st.sampled_from(["img", "IM-0001-", "scan", "case", ""])
)
def test_running_numbers_alone_never_group(numbers: list[int], stem: str) -> None:
    names = [f"{stem}{number:07d}" for number in numbers]
    assert groups_of_names(names) == names


def items_of(names: list[str]) -> list[dict]:
    return [{"image": f"/{name}.nii.gz", "label": "/l", "case": name, "group": name} for name in names]


def test_groups_are_told_and_never_dealt_to_two_parts() -> None:
    names = [f"patient{patient:02d}_slice{index:03d}" for patient in range(10) for index in range(5)]
    grouping = group_items(items_of(names))
    assert grouping.sentences == [
        "kept together by their names: 50 images in 10 cases, such as "
        "patient00_slice000, patient00_slice001, patient00_slice002, ..."
    ]
    datalist = split_datalist(grouping.items)
    patients = [{item["case"].split("_")[0] for item in datalist[part]} for part in ("training", "validation", "test")]
    assert sum(map(len, patients)) == 10


def test_what_a_format_knows_is_kept() -> None:
    items = items_of(["a", "b", "c1_z1", "c1_z2"])
    items[1]["group"] = "a"
    items[2]["group"] = "a"
    assert len({item["group"] for item in group_items(items).items}) == 1


def test_a_rule_of_the_user_replaces_every_guess() -> None:
    names = ["patient1_slice1_siteA", "patient2_slice1_siteA", "patient1_slice2_siteB"]
    by_site = group_items(items_of(names), r"site(\w)")
    assert [item["group"] for item in by_site.items] == ["A", "A", "B"]
    assert by_site.sentences[0].startswith("data.group_by keeps together: 2 images in 1 case, such as patient1_slice1")
    alone = group_items(items_of(names), ".+")
    assert [item["group"] for item in alone.items] == names


@pytest.mark.parametrize(
    ("rule", "sentence"), [("(", "is no regular expression"), ("site(\\d)", "does not match .* x")]
)
def test_a_rule_that_cannot_be_used_is_refused(rule: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"data.group_by.*{sentence}"):
        group_items(items_of(["x"]), rule)


def texture(seed: int, size: tuple[int, ...]) -> np.ndarray:
    """Smooth random grey values (0 to 255) of any number of axes."""
    values = gaussian_filter(np.random.default_rng(seed).normal(size=size), 6)
    return (255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)


def save(folder: Path, pictures: dict[str, np.ndarray]) -> list[dict]:
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    return [{**item, "image": str(folder / f"{item['case']}.png")} for item in items_of(list(pictures))]


def groups(items: list[dict]) -> list[list[str]]:
    found = group_items(items, own_pictures=True).items
    return [
        [item["case"] for item in found if item["group"] == group] for group in dict.fromkeys(i["group"] for i in found)
    ]


def test_serial_slices_with_running_numbers_are_found_by_their_content(tmp_path: Path) -> None:
    volumes = [texture(seed, (64, 64, 5)) for seed in range(4)]
    slices = [volume[..., index] for volume in volumes for index in range(5)]
    names = [f"img_{number:03d}" for number in range(20)]
    items = save(tmp_path, dict(zip(names, slices, strict=True)))
    assert groups(items) == [names[start : start + 5] for start in range(0, 20, 5)]


def test_independent_pictures_with_running_numbers_stay_apart_though_of_one_organ(tmp_path: Path) -> None:
    common = texture(99, (64, 64)).astype(float)
    pictures = {f"img_{n:03d}": (0.7 * common + 0.3 * texture(n, (64, 64))).astype(np.uint8) for n in range(20)}
    items = save(tmp_path, pictures)
    assert groups(items) == [[name] for name in pictures]


def test_tiles_and_copies_are_found_whatever_their_names(tmp_path: Path) -> None:
    field = np.clip(60 + 20 * smooth_field((128, 256), 2, np.random.default_rng(0)), 0, 255).astype(np.uint8)
    pictures = {"a": field[:, :128], "m": texture(1, (128, 128)), "q": texture(2, (128, 128)), "z": field[:, 128:]}
    pictures["copy"] = pictures["m"]
    assert groups(save(tmp_path, pictures)) == [["a", "z"], ["m", "copy"], ["q"]]


def test_air_at_the_borders_is_no_sign_of_tiles(tmp_path: Path) -> None:
    air = np.random.default_rng(0).integers(0, 2, 64).astype(np.uint8)
    pictures = {}
    for seed in range(6):
        picture = texture(seed, (64, 64))
        picture[:3] = picture[-3:] = air  # faint, and the same in each
        pictures[f"scan{seed}x"] = picture
    assert groups(save(tmp_path, pictures)) == [[name] for name in pictures]


def test_one_field_of_tiles_cannot_be_split() -> None:
    items = group_items(items_of([f"tile_r{row}_c{column}" for row in range(3) for column in range(3)])).items
    with pytest.raises(SplitError, match="there is 1: .* data.group_by"):
        split_datalist(items)
