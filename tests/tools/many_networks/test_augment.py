"""Augmented batches: nothing changes where all is off, and image and label move alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_lwmisn.errors import ConfigError, DataError
from tools.many_networks.augment import NAMED, Sampler, options_of
from tools.many_networks.cache import Cache, Case
from tools.many_networks.store import Store

CPU = torch.device("cpu")

OFF = {
    "zoom": (1, 1),
    "aspect": 0.0,
    "rotate": 0.0,
    "flips": (),
    "shift": 0.0,
    "elastic": 0.0,
    **{f"{name}_prob": 0.0 for name in ("blur", "low", "gamma", "invert_gamma", "contrast", "brightness", "offset")},
    "noise_prob": 0.0,
}
STILL = {key: value for key, value in OFF.items() if key.endswith("_prob")}
"""All that changes values is off."""


def square_cache(classes: int = 1, size: int = 48) -> Cache:
    """One volume of noise with blobs of each class."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (3, size, size)).astype(np.uint8)
    label = np.zeros((3, size, size), np.uint8)
    for k in range(classes):
        label[:, 8 + 16 * k : 20 + 16 * k, 10:30] = k + 1
    case = Case("a", "training", "", -1, image, label)
    return Cache(True, 1, 1 if classes == 1 else classes + 1, (-1.0, 1.0), [case])


def sampler(cache: Cache, options: dict, crop: int, slices: int = 1, batch: int = 6) -> Sampler:
    return Sampler(Store(cache, slices, CPU), ["a"], batch, crop, options_of(options))


@pytest.mark.parametrize("classes", [1, 2])
def test_with_everything_off_a_batch_has_the_images_themselves(classes: int) -> None:
    cache = square_cache(classes)
    slices = cache.cases[0].image.astype(np.float32) / 127.5 - 1
    images, hard, soft = sampler(cache, OFF, crop=48, slices=3)()
    assert soft is None
    for image, maps in zip(images, hard, strict=True):
        z = int(np.abs(slices - image[1].numpy()).mean((1, 2)).argmin())
        np.testing.assert_allclose(image, slices[np.clip([z - 1, z, z + 1], 0, 2)], atol=1e-5)
        np.testing.assert_array_equal(maps, [cache.cases[0].label[z] == k + 1 for k in range(classes)])


def test_a_crop_of_a_larger_image_is_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = square_cache()
    random = sampler(cache, OFF, crop=16, batch=1)
    # At a position of whole pixels nothing is interpolated: the centre is 0.5 of a pixel beside the middle one.
    monkeypatch.setattr(random._geometry, "_centre", lambda length, step: torch.full((1, 1, 1), 19.5))
    image, hard, _ = random()
    z = [plane[12:28, 12:28] for plane in cache.cases[0].image]
    found = np.round((image[0, 0].numpy() + 1) * 127.5)
    assert any((found == plane).all() for plane in z)
    np.testing.assert_array_equal(hard[0, 0], cache.cases[0].label[0, 12:28, 12:28])


@pytest.mark.parametrize("name", ["nuclei_base", "prostate_strong", "liver_strong"])
def test_image_and_label_move_alike(name: str) -> None:
    cache = square_cache()
    case = cache.cases[0]
    same = replace(cache, scale=(0.0, 1.0), cases=[replace(case, image=case.label * 255)])
    image, hard, _ = sampler(same, {**NAMED[name], **STILL, "channel": 0.0}, crop=40)()
    # Half of a pixel is where rounding decides.
    decided = (image - 0.5).abs() > 1e-4
    assert torch.equal((image > 0.5)[decided], (hard > 0.5)[decided])
    assert 0 < hard.mean() < 1


def test_soft_labels_move_with_the_hard_ones_and_other_cases_have_their_own(tmp_path: Path) -> None:
    cache = square_cache(classes=2)
    case = cache.cases[0]
    other = replace(case, name="b")
    store = Store(replace(cache, cases=[case, other]), 1, CPU)
    np.savez(tmp_path / "soft.npz", a=np.stack([(case.label == k) * np.uint8(51) for k in (1, 2)]), unknown=[1])
    store.read_soft_labels(tmp_path / "soft.npz")
    for name, probability in (("a", 0.2), ("b", 1.0)):
        _, hard, soft = Sampler(store, [name], 3, 48, options_of(OFF))()
        torch.testing.assert_close(soft, probability * hard)
    np.savez(tmp_path / "wrong.npz", a=np.zeros((2, 3), np.uint8))
    with pytest.raises(DataError, match="of the size"):
        store.read_soft_labels(tmp_path / "wrong.npz")


@pytest.mark.parametrize(("reflect", "mode"), [(True, "reflect"), (False, "edge")])
def test_an_image_goes_on_beyond_its_borders_as_numpy_pads_it(reflect: bool, mode: str) -> None:
    store = Store(square_cache(), 1, CPU)
    axis = torch.arange(-7.0, 55.0)
    rows, columns = axis.view(1, -1, 1).expand(1, 62, 62), axis.view(1, 1, -1).expand(1, 62, 62)
    image, _, _ = store.read(torch.tensor([1]), rows, columns, reflect)
    np.testing.assert_allclose(image[0, 0], np.pad(store.image(1)[0].numpy(), 7, mode=mode), atol=1e-5)


@pytest.mark.parametrize("name", NAMED)
def test_each_named_augmentation_changes_images_within_reason(name: str) -> None:
    torch.manual_seed(0)
    case = square_cache().cases[0]
    coloured = Cache(False, 3, 1, (0.0, 1.0), [replace(case, label=case.label[:1])])
    image, hard, _ = sampler(coloured, NAMED[name], crop=32)()
    assert image.shape == (6, 3, 32, 32)
    assert hard.shape == (6, 1, 32, 32)
    assert image.isfinite().all()
    assert image.abs().max() < 3
    assert set(hard.unique().tolist()) <= {0.0, 1.0}


def test_rare_strata_and_slices_with_foreground_are_drawn_more_often(pictures: Cache, volumes: Cache) -> None:
    strata = [case.stratum for case in pictures.cases]
    weights = Store(pictures, 1, CPU).weights([case.name for case in pictures.cases])
    for stratum in set(strata):
        of_it = [weight for weight, own in zip(weights, strata, strict=True) if own == stratum]
        assert sum(of_it) == pytest.approx(strata.count(stratum) ** 0.5)
    case = volumes.cases[0]
    expected = [1.0 if (plane > 0).any() else 0.5 for plane in case.label]
    assert Store(volumes, 3, CPU).weights([case.name]) == expected
    assert set(expected) == {0.5, 1.0}


def test_an_unknown_name_or_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="no augmentation 'strong'"):
        options_of("strong")
    with pytest.raises(ConfigError, match="no option 'zooom'"):
        options_of({"zooom": (1, 2)})
