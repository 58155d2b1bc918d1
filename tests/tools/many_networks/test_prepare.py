"""A cache holds what the training of the run gets, of the parts that were asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from monai_lwmisn.config import read_config
from monai_lwmisn.data.datalist import read_datalist
from monai_lwmisn.errors import DataError
from tools.many_networks.cache import Cache, Case, read_cache, write_cache
from tools.many_networks.prepare import deal_out, prepare, to_bytes
from tools.many_networks.store import Store

CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["picture", "volume"])
def test_a_store_has_the_images_that_the_run_validates_with(kind: str, request: pytest.FixtureRequest) -> None:
    run: Path = request.getfixturevalue(f"{kind}_run")
    cache: Cache = request.getfixturevalue(f"{kind}s")
    parser = ConfigParser(read_config(run, "train"))
    slices = parser.get_parsed_content("genotype").architecture.slices
    samples = list(parser.get_parsed_content("validate#dataset"))
    store = Store(cache, slices, CPU)
    names = [case.name for case in cache.cases if case.part == "validation"]
    assert len(names) == len(samples) > 0
    step = (cache.scale[1] - cache.scale[0]) / 255
    for name, sample in zip(names, samples, strict=True):
        images = sample["image"] if kind == "picture" else sample["image"].movedim(-1, 0)
        expected = images.reshape(-1, slices if kind == "volume" else 3, *images.shape[-2:])
        found = torch.stack([store.image(number) for number in store.numbers[name]])
        torch.testing.assert_close(found, expected.as_tensor().clamp(*cache.scale), atol=0.51 * step, rtol=0)
        labels = sample["label"][0] if kind == "picture" else sample["label"][0].movedim(-1, 0)
        np.testing.assert_array_equal(store.cases[name].label, labels.reshape(-1, *labels.shape[-2:]))


def test_the_test_part_is_loaded_only_if_it_is_named(picture_run: Path, pictures: Cache) -> None:
    assert {case.part for case in pictures.cases} == {"training", "validation"}
    with pytest.raises(DataError):
        prepare(picture_run, ["training", "test"])


def test_each_training_case_is_in_one_chunk(picture_run: Path) -> None:
    items = read_datalist(picture_run / "datalist.json")["training"]
    chunks = deal_out(items, 3)
    assert set(chunks) == {item["case"] for item in items}
    assert set(chunks.values()) == {0, 1, 2}
    cached = prepare(picture_run, chunks=3)
    assert {case.name: case.chunk for case in cached.cases if case.part == "training"} == chunks
    assert {case.chunk for case in cached.cases if case.part == "validation"} == {-1}


def test_coloured_pictures_are_not_taken_for_grey_ones(picture_run: Path) -> None:
    with pytest.raises(DataError, match="coloured"):
        prepare(picture_run, grey=True)


def test_values_are_rounded_to_the_nearest_byte_and_cut_off() -> None:
    values = np.array([-5.0, -4.0, 1.0, 6.0, 9.0])
    assert to_bytes(values, (-4.0, 6.0)).tolist() == [0, 0, 128, 255, 255]


def test_a_file_returns_labels_exactly_and_images_nearly(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 24), np.linspace(0, 1, 40), indexing="ij")
    ramp = (255 * np.stack([x, y, x * y])).astype(np.uint8)
    label = np.random.default_rng(0).integers(0, 3, (3, 24, 40)).astype(np.uint8)
    volume = Case("volume", "training", "", 1, ramp, label)
    colour = Case("colour", "training", "purple", -1, ramp, label[:1])
    grey = Case("grey", "validation", "", -1, ramp[:1], label[:1])
    for cases, volumetric in (([volume], True), ([colour, grey], False)):
        cache = Cache(volumetric, 1 if volumetric else 3, 3, (-1.0, 1.0), cases)
        write_cache(cache, tmp_path / "cache.npz", quality=98, colour_quality=98)
        found = read_cache(tmp_path / "cache.npz")
        assert replace(found, cases=[]) == replace(cache, cases=[])
        assert found.classes == 2
        for before, after in zip(cases, found.cases, strict=True):
            assert replace(after, image=None, label=None) == replace(before, image=None, label=None)
            np.testing.assert_array_equal(before.label, after.label)
            np.testing.assert_allclose(before.image, after.image.astype(float), atol=6)


def test_another_file_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "cache.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match="prepare"):
        read_cache(tmp_path / "cache.npz")
