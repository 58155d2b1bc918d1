"""Datasets decode once, hand out what the transforms make, and cut volumes into their slices."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader, MetaTensor, get_track_meta
from monai.transforms import (
    Compose,
    CopyItemsd,
    EnsureTyped,
    LoadImaged,
    MapTransform,
    Orientationd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandZoomd,
    ScaleIntensityd,
)
from PIL import Image

from monai_lwmisn.data import SliceDataset, build_dataset, read_dataset
from monai_lwmisn.data.transforms import SelectSlicesd
from monai_lwmisn.errors import ConfigError, DataError
from monai_lwmisn.inference.transforms import NeighbouringSlicesd

NUCLEI_LOADING = [
    LoadImaged("image", reader="monai_lwmisn.inference.readers.PictureReader", ensure_channel_first=True),
    LoadImaged("label", reader="monai_lwmisn.inference.readers.LabelReader", ensure_channel_first=True),
]
VOLUME_LOADING = [
    LoadImaged(["image", "label"], reader="ITKReader", ensure_channel_first=True),
    Orientationd(["image", "label"], axcodes="RAS", labels=None),
    EnsureTyped("image", dtype=torch.float32),
]


class CountCalls(MapTransform):
    """Counts how often it is run."""

    calls = 0

    def __call__(self, data: dict) -> dict:
        type(self).calls += 1
        return dict(data)


@pytest.fixture(autouse=True)
def reset_count() -> None:
    CountCalls.calls = 0


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_epochs_after_the_first_do_not_decode(nuclei_phantom: Path, tmp_path: Path, cache: str) -> None:
    items = read_dataset("dsb2018", nuclei_phantom)
    dataset = build_dataset(
        items, [*NUCLEI_LOADING, CountCalls("image")], [RandFlipd("image", prob=0.5)], cache=cache,
        cache_dir=tmp_path / "cache", progress=False,
    )  # fmt: skip
    first = [dataset[index]["label"] for index in range(len(items))]
    assert CountCalls.calls == len(items)
    second = [dataset[index]["label"] for index in range(len(items))]
    assert CountCalls.calls == len(items)
    assert all(torch.equal(before, after) for before, after in zip(first, second, strict=True))


def test_the_disk_cache_serves_the_next_run_but_not_other_transforms(nuclei_phantom: Path, tmp_path: Path) -> None:
    items = read_dataset("dsb2018", nuclei_phantom)[:2]
    for _ in range(2):
        dataset = build_dataset(items, [*NUCLEI_LOADING, CountCalls("image")], cache="disk", cache_dir=tmp_path)
        first = dataset[0], dataset[1]
        assert CountCalls.calls == 2
    other = build_dataset(
        items, [*NUCLEI_LOADING, RandFlipd("image", prob=0.0), CountCalls("image")], cache="disk", cache_dir=tmp_path
    )
    assert torch.equal(other[0]["image"], first[0]["image"])
    scaled = build_dataset(
        items, [*NUCLEI_LOADING, EnsureTyped("image", dtype=torch.float64)], cache="disk", cache_dir=tmp_path
    )
    assert scaled[0]["image"].dtype == torch.float64


def test_an_image_whose_file_in_the_disk_cache_is_not_whole_is_decoded_again(
    nuclei_phantom: Path, tmp_path: Path
) -> None:
    items = read_dataset("dsb2018", nuclei_phantom)[:2]
    transforms = [*NUCLEI_LOADING, CountCalls("image")]
    whole = [sample["image"] for sample in build_dataset(items, transforms, cache="disk", cache_dir=tmp_path)]  # type: ignore[attr-defined]
    first, second = tmp_path.glob("*.pt")
    first.write_bytes(first.read_bytes()[: first.stat().st_size // 2])
    second.write_bytes(b"")
    again = build_dataset(items, transforms, cache="disk", cache_dir=tmp_path)
    assert all(torch.equal(again[index]["image"], whole[index]) for index in range(2))
    assert CountCalls.calls == 4


@pytest.mark.parametrize("kind", ["picture", "folder", "header"])
def test_a_label_that_has_changed_is_not_taken_from_the_disk_cache(tmp_path: Path, kind: str) -> None:
    first, second = np.zeros((6, 5), np.uint8), np.eye(6, 5, dtype=np.uint8)
    label = tmp_path / {"picture": "label.png", "folder": "objects", "header": "label.mhd"}[kind]

    def save(values: np.ndarray) -> None:
        if kind == "header":
            label.write_text(
                "ObjectType = Image\nNDims = 3\nDimSize = 6 5 1\nElementType = MET_UCHAR\nElementDataFile = values\n"
            )
            os.utime(label, (1, 1))
            (tmp_path / "values").write_bytes(values.T.tobytes())
        else:
            label.mkdir(exist_ok=True) if kind == "folder" else None
            Image.fromarray(values.T).save(label / "one.png" if kind == "folder" else label)

    transforms = [LoadImaged("label", reader="monai_lwmisn.inference.readers.LabelReader", ensure_channel_first=True)]
    for values in (first, second):
        save(values)
        dataset = build_dataset(
            [{"image": str(label), "label": str(label)}], transforms, cache="disk", cache_dir=tmp_path / "cache"
        )
        assert torch.equal(dataset[0]["label"].squeeze().bool(), torch.as_tensor(values).bool())


def test_without_a_cache_every_access_decodes(nuclei_phantom: Path) -> None:
    dataset = build_dataset(
        read_dataset("dsb2018", nuclei_phantom)[:1], [*NUCLEI_LOADING, CountCalls("image")], cache="none"
    )
    dataset[0], dataset[0]
    assert CountCalls.calls == 2


def test_random_transforms_are_drawn_anew_and_leave_the_cache_alone(nuclei_phantom: Path) -> None:
    items = read_dataset("dsb2018", nuclei_phantom)[:1]
    noise = RandGaussianNoised("image", prob=1.0, std=5.0)
    dataset = build_dataset(items, NUCLEI_LOADING, [noise], progress=False)
    plain = build_dataset(items, NUCLEI_LOADING, progress=False)[0]["image"]
    draws = torch.stack([dataset[0]["image"] for _ in range(50)])
    assert not torch.equal(draws[0], draws[1])
    assert torch.allclose(draws.mean(dim=0), plain.as_tensor(), atol=5)


def test_samples_are_those_of_transforms_that_keep_a_record(nuclei_phantom: Path) -> None:
    items = read_dataset("dsb2018", nuclei_phantom)[:1]
    augmentation = [
        RandAffined(
            ["image", "label"], prob=1.0, rotate_range=0.3, mode=["bilinear", "nearest"], padding_mode="border"
        ),
        RandZoomd(["image", "label"], prob=1.0, min_zoom=0.7, max_zoom=1.5, mode=["bilinear", "nearest"]),
        RandFlipd(["image", "label"], prob=0.5, spatial_axis=0),
    ]
    recorded = Compose(augmentation).set_random_state(seed=1)(build_dataset(items, NUCLEI_LOADING, progress=False)[0])
    dataset = build_dataset(items, NUCLEI_LOADING, augmentation, progress=False)
    dataset.dataset.transform.set_random_state(seed=1)
    sample = dataset[0]
    for key in ("image", "label"):
        assert isinstance(recorded[key], MetaTensor) and type(sample[key]) is torch.Tensor
        torch.testing.assert_close(sample[key], recorded[key].as_tensor(), check_dtype=False)
    assert get_track_meta()


def test_the_slices_of_volumes_come_out_flat(mr_phantom: Path) -> None:
    items = read_dataset("promise12", mr_phantom)
    dataset = build_dataset(items, VOLUME_LOADING, volumetric=True, progress=False)
    assert isinstance(dataset, SliceDataset)
    assert len(dataset) == 3 * 12
    volume = Compose(VOLUME_LOADING)(dict(items[1]))
    sample = dataset[12 + 5]
    assert (sample["case"], sample["slice"]) == ("Case01", 5)
    assert sample["image"].shape == (1, 48, 48) and type(sample["image"]) is torch.Tensor
    np.testing.assert_array_equal(sample["image"], volume["image"][..., 5])
    np.testing.assert_array_equal(sample["label"], volume["label"][..., 5])


def test_slices_dealt_out_singly_are_the_ones_listed(mr_phantom: Path) -> None:
    (item, *_) = read_dataset("promise12", mr_phantom)
    whole = build_dataset([item], VOLUME_LOADING, volumetric=True, progress=False)
    some = build_dataset([{**item, "slices": [2, 7]}], VOLUME_LOADING, volumetric=True, progress=False)
    assert len(some) == 2
    assert torch.equal(some[1]["image"], whole[7]["image"])


@pytest.mark.parametrize("cache", ["memory", "disk"])
def test_single_slices_have_the_neighbours_of_their_volume(mr_phantom: Path, tmp_path: Path, cache: str) -> None:
    (item, *_) = read_dataset("promise12", mr_phantom)
    steps = [*VOLUME_LOADING, NeighbouringSlicesd("image", 3)]
    volume = Compose(VOLUME_LOADING)(dict(item))
    some = build_dataset(
        [{**item, "slices": [0, 7]}], steps, volumetric=True, cache=cache, cache_dir=tmp_path, progress=False
    )
    for _ in range(2):  # the second comes from the cache
        for sample, near in zip(some, ([0, 0, 1], [6, 7, 8]), strict=True):
            np.testing.assert_array_equal(sample["image"], np.stack([volume["image"][0, ..., one] for one in near]))
            np.testing.assert_array_equal(sample["label"], volume["label"][..., near[1]])


def test_intensities_are_scaled_by_the_whole_volume(mr_phantom: Path) -> None:
    (item, *_) = read_dataset("promise12", mr_phantom)
    steps = [*VOLUME_LOADING, CopyItemsd(["image", "label"], names=["picture", "truth"]), ScaleIntensityd("image")]
    volume = Compose(VOLUME_LOADING)(dict(item))
    low, high = volume["image"].min(), volume["image"].max()
    some = build_dataset([{**item, "slices": [1, 8]}], steps, cache="none")[0]
    np.testing.assert_allclose(some["image"], (volume["image"][..., [1, 8]] - low) / (high - low), atol=1e-6)
    for name, source in (("label", "label"), ("picture", "image"), ("truth", "label")):
        np.testing.assert_array_equal(some[name], volume[source][..., [1, 8]])


def test_presets_that_select_the_slices_themselves_go_on_to_work(mr_phantom: Path) -> None:
    item = {**read_dataset("promise12", mr_phantom)[0], "slices": [2, 7]}
    ours = build_dataset([item], VOLUME_LOADING, cache="none")[0]
    theirs = build_dataset([item], [*VOLUME_LOADING, SelectSlicesd(["image", "label"])], cache="none")[0]
    assert torch.equal(theirs["image"], ours["image"]) and torch.equal(theirs["label"], ours["label"])


def test_changing_a_slice_does_not_change_the_cached_volume(mr_phantom: Path) -> None:
    dataset = build_dataset(read_dataset("promise12", mr_phantom)[:1], VOLUME_LOADING, volumetric=True, progress=False)
    before = dataset[3]["image"].clone()
    dataset[3]["image"].zero_()
    assert torch.equal(dataset[3]["image"], before)


def test_slices_are_augmented_and_batched(mr_phantom: Path) -> None:
    items = [
        {**item, "slices": list(range(4 + 2 * index))}
        for index, item in enumerate(read_dataset("promise12", mr_phantom))
    ]
    flip = RandFlipd(["image", "label"], prob=1.0, spatial_axis=0)
    dataset = build_dataset(items, VOLUME_LOADING, [flip], volumetric=True, progress=False)
    plain = build_dataset(items, VOLUME_LOADING, volumetric=True, progress=False)
    assert torch.equal(dataset[2]["label"], plain[2]["label"].flip(1))
    batch = next(iter(DataLoader(dataset, batch_size=6)))
    assert batch["image"].shape == (6, 1, 48, 48)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="data.cache is 'gpu': use one of memory, disk, none"):
        build_dataset([], [], cache="gpu")
    with pytest.raises(ConfigError, match="cache_dir is not given"):
        build_dataset([], [], cache="disk")


def test_files_that_cannot_be_loaded_give_one_sentence(tmp_path: Path) -> None:
    item = {"image": str(tmp_path / "gone.png"), "label": str(tmp_path), "case": "a"}
    with pytest.raises(DataError) as error:
        build_dataset([item], NUCLEI_LOADING, progress=False)
    assert str(error.value).startswith(f"{item['image']} cannot be read (") and "\n" not in str(error.value)
    Path(item["image"]).write_bytes(b"")

    class Refuse(MapTransform):
        def __call__(self, data: dict) -> dict:
            raise DataError("The image is refused; take another.")

    with pytest.raises(DataError, match=r"^The image is refused; take another\.$"):
        build_dataset([item], [Refuse("image")], progress=False)


@pytest.mark.parametrize("cache", ["disk", "none"])
@pytest.mark.parametrize("workers", [0, 1])
def test_what_is_loaded_later_fails_with_one_sentence_too(
    nuclei_phantom: Path, tmp_path: Path, cache: str, workers: int
) -> None:
    good = read_dataset("dsb2018", nuclei_phantom)[0]
    bad = {**good, "image": str(tmp_path / "truncated.png")}
    Path(bad["image"]).write_bytes(Path(good["image"]).read_bytes()[:100])
    dataset = build_dataset([good, bad], NUCLEI_LOADING, cache=cache, cache_dir=tmp_path / "cache")
    loader = iter(DataLoader(dataset, num_workers=workers))
    next(loader)
    with pytest.raises(DataError) as error:
        next(loader)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"The image {bad['image']} cannot be read (")


def test_what_a_library_raises_is_said_of_the_image(nuclei_phantom: Path) -> None:
    item = read_dataset("dsb2018", nuclei_phantom)[0]

    class Break(MapTransform):
        def __call__(self, data: dict) -> dict:
            raise ValueError("a long story:\nnot that way")

    with pytest.raises(DataError) as error:
        build_dataset([item], [Break("image")], cache="none")[0]
    assert str(error.value) == (
        f"The image {item['image']} or its label cannot be used (not that way): "
        "`lwmisn check-data` names what is wrong."
    )


def test_errors_that_are_no_images_fault_are_left_alone(
    nuclei_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = read_dataset("dsb2018", nuclei_phantom)[0]
    dataset = build_dataset([item], NUCLEI_LOADING, cache="disk", cache_dir=tmp_path)

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", refuse)
    with pytest.raises(OSError, match="No space left"):
        dataset[0]
