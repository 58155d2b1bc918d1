"""The data settings of the presets: every transform can be built and does what the recipe says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader
from monai.transforms import Compose, RandCoarseDropoutd, Resized

from monai_lwmisn.config import PRESETS, load_preset, resolve
from monai_lwmisn.data import build_dataset, read_dataset, split_datalist

DATA_OF = {"nuclei": "nuclei_phantom", "liver_ct": "ct_phantom", "prostate_mr": "mr_phantom"}
DATA_OF["hippocampus_mr"] = "msd_phantom"
FOLDERS = {"lung_ct": ".nii.gz", "liver_ct_slices": ".png"}
"""Presets of images and labels with equal names in two folders, by the ending of the images."""

NAMES = sorted(file.stem for file in PRESETS.glob("*.json"))
VOLUMES = [name for name in NAMES if not name.startswith(("nuclei", "liver_ct_slices"))]


def parse(name: str) -> ConfigParser:
    """The configuration of the training of a preset, by PRESET_VARIANT."""
    preset, _, variant = name.rpartition("_")
    return ConfigParser(resolve(preset, variant)["train"])


def transforms(parser: ConfigParser, *keys: str) -> list:
    return [transform for key in keys for transform in parser.get_parsed_content(f"data::{key}")]


def items_of(parser: ConfigParser, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    if parser["preset"] in FOLDERS:
        data = request.getfixturevalue("tmp_path")
        for number in range(8):
            write_pair(data, f"{number}_0", FOLDERS[parser["preset"]], parser["data"]["volumetric"])
        return read_dataset("folder", data)
    return read_dataset(parser["data"]["dataset"], request.getfixturevalue(DATA_OF[parser["preset"]]))


def write_pair(data: Path, name: str, suffix: str, volumetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """Write an image and its label into the two folders of a data set; return them."""
    shape = (40, 36, 8) if volumetric else (40, 36)
    label = np.zeros(shape, np.uint8)
    label[8:20, 5:15] = 1
    image = 40 * label + np.random.default_rng(0).integers(0, 20, shape, dtype=np.uint8)
    for kind, array in (("images", image), ("labels", label)):
        (data / kind).mkdir(exist_ok=True)
        picture = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
        SimpleITK.WriteImage(picture, str(data / kind / f"{name}{suffix}"))
    return image, label


def test_the_presets_are_there() -> None:
    pairs = {(preset, variant) for preset in ("nuclei", "liver_ct", "prostate_mr") for variant in ("light", "paper")}
    pairs |= {(preset, "light") for preset in ("hippocampus_mr", "lung_ct", "liver_ct_slices")}
    contents = [json.loads((PRESETS / f"{name}.json").read_text()) for name in NAMES]
    assert {(content["preset"], content["variant"]) for content in contents} == pairs
    assert sorted(f"{preset}_{variant}" for preset, variant in pairs) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_turns_its_raw_data_into_batches(name: str, request: pytest.FixtureRequest) -> None:
    parser = parse(name)
    data = parser["data"]
    datalist = split_datalist(
        items_of(parser, request), data["split_by"], data["test_fraction"], data["validation_fraction"], data["seed"]
    )
    dataset = build_dataset(
        datalist["training"][:2],
        transforms(parser, "loading", "spatial", "intensity"),
        transforms(parser, "augmentation"),
        volumetric=data["volumetric"],
        progress=False,
    )
    batch = next(iter(DataLoader(dataset, batch_size=2)))
    image, label = batch["image"], batch["label"]
    assert image.shape[:2] == (2, data["in_channels"]) and label.shape[:2] == (2, 1)
    assert image.shape[2:] == label.shape[2:] and image.ndim == 4
    assert image.dtype == torch.float32 and torch.isfinite(image).all()
    values = {int(value) for value in torch.unique(label)}
    assert values <= {0, *map(int, data["label_names"])}
    assert data["out_channels"] == (1 if len(data["label_names"]) == 1 else 1 + len(data["label_names"]))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("nuclei_light", ".png"),
        ("nuclei_light", ".tif"),
        ("liver_ct_light", ".nii.gz"),
        ("prostate_mr_light", ".nrrd"),
        ("prostate_mr_light", ".nii"),
        ("hippocampus_mr_light", ".mhd"),
    ],
)
def test_a_preset_reads_ones_own_folder_too(name: str, suffix: str, tmp_path: Path) -> None:
    parser = parse(name)
    volumetric = parser["data"]["volumetric"]
    image, label = write_pair(tmp_path, "a", suffix, volumetric)
    loaded = Compose(transforms(parser, "loading"))(read_dataset("folder", tmp_path)[0])
    turned = (slice(None, None, -1),) * 2 if volumetric else ()  # the files run left and back, RAS does not
    np.testing.assert_array_equal(np.asarray(loaded["label"][0]), label[turned])
    np.testing.assert_array_equal(np.asarray(loaded["image"][0]), image[turned])


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_loaded_alike_where_it_is_learned_from_and_where_it_is_segmented(
    name: str, request: pytest.FixtureRequest
) -> None:
    preset, _, variant = name.rpartition("_")
    configs = resolve(preset, variant)
    item = items_of(parse(name), request)[0]
    loaded = [
        Compose(transforms(ConfigParser(configs[stage]), "loading"))(item)["image"]
        for stage in ("search", "train", "evaluate", "inference")
    ]
    for image in loaded[1:]:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(loaded[0]))
        np.testing.assert_array_equal(image.affine, loaded[0].affine)


def test_the_spacing_of_the_prostate_images_is_nominal() -> None:
    assert [name for name in VOLUMES if not parse_evaluation(name)["data"]["spacing_is_real"]] == [
        "prostate_mr_light",
        "prostate_mr_paper",
    ]


def parse_evaluation(name: str) -> dict[str, Any]:
    preset, _, variant = name.rpartition("_")
    return resolve(preset, variant)["evaluate"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("paper")])
def test_the_published_recipe_is_kept(name: str) -> None:
    parser = parse(name)
    (resize,) = transforms(parser, "spatial")
    assert isinstance(resize, Resized) and tuple(resize.resizer.spatial_size[:2]) == (256, 256)
    (cutout,) = transforms(parser, "augmentation")
    assert isinstance(cutout, RandCoarseDropoutd)
    dropped = cutout({"image": torch.ones(1, 64, 64)})["image"]
    assert int((dropped == 0).sum()) == 16 * 16
    data = load_preset(parser["preset"], "paper")["data"]
    assert data["split_by"] == "image"
    share = {"nuclei": 0.3, "liver_ct": 0.5, "prostate_mr": 0.4}[parser["preset"]]
    assert parser["data"]["test_fraction"] == parser["data"]["validation_fraction"] == share


def test_the_published_liver_intensities(ct_phantom: Path) -> None:
    parser = parse("liver_ct_paper")
    items = read_dataset("chaos_ct", ct_phantom)[:1]
    loaded = build_dataset(items, transforms(parser, "loading"), progress=False)[0]["image"]
    normalised = build_dataset(items, transforms(parser, "loading", "intensity"), progress=False)[0]["image"]
    scaled = (loaded - loaded.min()) / (loaded.max() - loaded.min())
    np.testing.assert_allclose(normalised, (scaled - 0.3667) / 0.3533, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("nuclei")])
def test_nuclei_keep_their_native_size_in_light_only(name: str, nuclei_phantom: Path) -> None:
    parser = parse(name)
    dataset = build_dataset(
        read_dataset("dsb2018", nuclei_phantom), transforms(parser, "loading", "spatial", "intensity"), progress=False
    )
    size = 64 if parser["variant"] == "light" else 256
    for sample in dataset:
        assert sample["image"].shape == (3, size, size)
        assert sample["image"].min() >= 0 and sample["image"].max() <= 1


@pytest.mark.parametrize("name", VOLUMES)
def test_single_slices_look_as_they_do_in_their_volume(name: str, request: pytest.FixtureRequest) -> None:
    parser = parse(name)
    item = items_of(parser, request)[0]
    steps = transforms(parser, "loading", "spatial", "intensity")
    whole, some = (build_dataset([one], steps, cache="none")[0] for one in (item, {**item, "slices": [3, 6]}))
    for key in ("image", "label"):
        np.testing.assert_allclose(some[key], whole[key][..., [3, 6]], atol=1e-5)
