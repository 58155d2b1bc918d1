"""The data keys of the presets: every transform can be built and does what the recipe says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader
from monai.transforms import Compose, RandCoarseDropoutd, Resized

import monai_lwmisn
from monai_lwmisn.data import DATASETS, build_dataset, read_dataset, split_datalist

PRESETS = Path(monai_lwmisn.__file__).parent / "configs" / "presets"
DATA_OF = {"nuclei": "nuclei_phantom", "liver_ct": "ct_phantom", "prostate_mr": "mr_phantom"}
DATA_OF["hippocampus_mr"] = "msd_phantom"
NAMES = sorted(file.stem for file in PRESETS.glob("*.json"))


def parse(name: str) -> ConfigParser:
    return ConfigParser(json.loads((PRESETS / f"{name}.json").read_text()))


def transforms(parser: ConfigParser, *keys: str) -> list:
    return [transform for key in keys for transform in parser.get_parsed_content(key)]


def test_the_seven_presets_are_there() -> None:
    pairs = {(preset, variant) for preset in ("nuclei", "liver_ct", "prostate_mr") for variant in ("light", "paper")}
    pairs.add(("hippocampus_mr", "light"))
    assert {(parse(name)["preset"], parse(name)["variant"]) for name in NAMES} == pairs
    assert sorted(f"{preset}_{variant}" for preset, variant in pairs) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_turns_its_raw_layout_into_batches(name: str, request: pytest.FixtureRequest) -> None:
    parser = parse(name)
    items = read_dataset(parser["layout"], request.getfixturevalue(DATA_OF[parser["preset"]]))
    datalist = split_datalist(
        items, parser["split_by"], parser["test_fraction"], parser["validation_fraction"], parser["seed"]
    )
    dataset = build_dataset(
        datalist["training"][:2],
        transforms(parser, "loading", "spatial", "intensity"),
        transforms(parser, "augmentation"),
        volumetric=parser["volumetric"],
        progress=False,
    )
    batch = next(iter(DataLoader(dataset, batch_size=2)))
    image, label = batch["image"], batch["label"]
    assert image.shape[:2] == (2, parser["in_channels"]) and label.shape[:2] == (2, 1)
    assert image.shape[2:] == label.shape[2:] and image.ndim == 4
    assert image.dtype == torch.float32 and torch.isfinite(image).all()
    values = {int(value) for value in torch.unique(label)}
    assert values <= {0, *map(int, parser["label_names"])}
    assert parser["out_channels"] == (1 if len(parser["label_names"]) == 1 else 1 + len(parser["label_names"]))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("nuclei_light", ".png"),
        ("nuclei_light", ".tif"),
        ("liver_ct_light", ".nii.gz"),
        ("prostate_mr_light", ".nrrd"),
        ("prostate_mr_light", ".mha"),
        ("hippocampus_mr_light", ".mhd"),
    ],
)
def test_a_preset_reads_ones_own_folder_too(name: str, suffix: str, tmp_path: Path) -> None:
    parser = parse(name)
    shape = (40, 36, 6) if parser["volumetric"] else (40, 36)
    label = np.zeros(shape, np.uint8)
    label[8:20, 5:15] = 1
    image = 40 * label + np.random.default_rng(0).integers(0, 20, shape, dtype=np.uint8)
    for kind, array in (("images", image), ("labels", label)):
        (tmp_path / kind).mkdir()
        picture = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T))
        SimpleITK.WriteImage(picture, str(tmp_path / kind / f"a{suffix}"))
    loaded = Compose(transforms(parser, "loading"))(read_dataset("folder", tmp_path)[0])
    turned = (slice(None, None, -1),) * 2 if parser["volumetric"] else ()  # the files run left and back, RAS does not
    np.testing.assert_array_equal(np.asarray(loaded["label"][0]), label[turned])
    np.testing.assert_array_equal(np.asarray(loaded["image"][0]), image[turned])


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_loads_with_the_readers_of_its_layout(name: str) -> None:
    parser = parse(name)
    layout = DATASETS[parser["layout"]]
    readers = {entry["keys"]: entry["reader"] for entry in parser["loading"] if entry["_target_"] == "LoadImaged"}
    assert readers == {"image": layout.image_reader["reader"], "label": layout.label_reader["reader"]}
    assert parser["spacing_is_real"] == (layout.spacing_is_real and parser["volumetric"])


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("paper")])
def test_the_published_recipe_is_kept(name: str) -> None:
    parser = parse(name)
    (resize,) = transforms(parser, "spatial")
    assert isinstance(resize, Resized) and tuple(resize.resizer.spatial_size[:2]) == (256, 256)
    (cutout,) = transforms(parser, "augmentation")
    assert isinstance(cutout, RandCoarseDropoutd)
    dropped = cutout({"image": torch.ones(1, 64, 64)})["image"]
    assert int((dropped == 0).sum()) == 16 * 16
    assert parser["split_by"] == "image"
    share = {"nuclei": 0.3, "liver_ct": 0.5, "prostate_mr": 0.4}[parser["preset"]]
    assert parser["test_fraction"] == parser["validation_fraction"] == share


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


@pytest.mark.parametrize("name", [name for name in NAMES if parse(name)["volumetric"]])
def test_single_slices_look_as_they_do_in_their_volume(name: str, request: pytest.FixtureRequest) -> None:
    parser = parse(name)
    item = read_dataset(parser["layout"], request.getfixturevalue(DATA_OF[parser["preset"]]))[0]
    steps = transforms(parser, "loading", "spatial", "intensity")
    whole, some = (build_dataset([one], steps, cache="none")[0] for one in (item, {**item, "slices": [3, 6]}))
    for key in ("image", "label"):
        np.testing.assert_allclose(some[key], whole[key][..., [3, 6]], atol=1e-5)
