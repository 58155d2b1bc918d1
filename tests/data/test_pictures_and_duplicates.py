"""Stains are told apart, and images of one scene are found among images of others."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from monai_lwmisn.data.duplicates import group_pictures
from monai_lwmisn.data.phantom import nuclei_picture
from monai_lwmisn.data.phantom.fields import smooth_field
from monai_lwmisn.data.phantom.nuclei import STAINS
from monai_lwmisn.data.picture_content import classify_stain, describe_picture, describe_pictures
from monai_lwmisn.errors import DataError


def describe(pictures: list[np.ndarray], folder: Path) -> list:
    paths = [str(folder / f"{index}.png") for index in range(len(pictures))]
    for picture, path in zip(pictures, paths, strict=True):
        Image.fromarray(picture).save(path)
    return [describe_picture(path) for path in paths]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), stain=st.sampled_from(sorted(set(STAINS))))
def test_stains_of_phantoms_are_told_apart(seed: int, stain: str) -> None:
    assert classify_stain(nuclei_picture(64, stain, np.random.default_rng(seed))[0]) == stain


def test_tiles_of_one_field_are_grouped_and_other_images_are_not(tmp_path: Path) -> None:
    fields = []
    for seed in range(4):
        texture = smooth_field((256, 256), 2, np.random.default_rng(seed))
        fields.append(np.clip(60 + 20 * texture, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2))
    tiles = [field[y : y + 128, x : x + 128] for field in fields for y in (0, 128) for x in (0, 128)]
    order = np.random.default_rng(0).permutation(len(tiles))
    groups = group_pictures(describe([tiles[index] for index in order], tmp_path))
    sources = [index // 4 for index in order]
    assert len(set(groups)) == 4
    assert len(set(zip(groups, sources, strict=True))) == 4


def test_near_duplicates_are_grouped_with_the_first(tmp_path: Path) -> None:
    pictures = [nuclei_picture(96, "fluorescence", np.random.default_rng(seed))[0] for seed in range(3)]
    noise = np.random.default_rng(1).integers(-6, 7, (96, 96, 1))
    pictures.append(np.clip(pictures[1].astype(int) + noise, 0, 255).astype(np.uint8))
    assert group_pictures(describe(pictures, tmp_path)) == [0, 1, 2, 1]


def test_pictures_of_another_size_are_never_grouped(tmp_path: Path) -> None:
    picture = nuclei_picture(96, "purple", np.random.default_rng(0))[0]
    assert group_pictures(describe([picture, picture[:80]], tmp_path)) == [0, 1]
    assert group_pictures([]) == []


def test_unreadable_pictures_are_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.fromarray(nuclei_picture(64, "purple", np.random.default_rng(0))[0]).save(good)
    bad.write_bytes(good.read_bytes()[:500])
    with pytest.raises(DataError, match=r"bad\.png cannot be read"):
        describe_picture(str(bad))
    pictures, problems = describe_pictures([str(good), str(bad)])
    assert list(pictures) == [str(good)]
    assert len(problems) == 1 and "bad.png" in problems[0]


def test_a_picture_of_16_bits_is_described_as_the_same_one_of_8(tmp_path: Path) -> None:
    grey = nuclei_picture(64, "brightfield", np.random.default_rng(0))[0][..., 0].astype(np.uint16)
    grey[0, 0] = 255  # so that both have the same brightest value
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "shallow.png")
    Image.fromarray(16 * grey).save(tmp_path / "deep.png")
    shallow, deep = (describe_picture(str(tmp_path / f"{name}.png")) for name in ("shallow", "deep"))
    assert (deep.size, deep.stain) == (shallow.size, shallow.stain) == ((64, 64), "brightfield")
    np.testing.assert_allclose(deep.thumbnail, shallow.thumbnail, atol=1.01)  # that of 8 bits is rounded, twice
    for deep_border, shallow_border in zip(deep.borders, shallow.borders, strict=True):
        np.testing.assert_allclose(deep_border, shallow_border, atol=1e-3)
