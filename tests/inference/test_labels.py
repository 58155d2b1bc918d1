"""Label pictures have the values that are meant, or are refused: grey, palettes and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from monai_lwmisn.errors import DataError
from monai_lwmisn.inference.label_values import LabelValuesError
from monai_lwmisn.inference.labels import read_label

MAP = np.zeros((12, 9), np.uint8)
MAP[1:5, 2:8], MAP[6:11, :4], MAP[8, 6:] = 1, 2, 2
COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)


def saved(folder: Path, values: np.ndarray, palette: np.ndarray | None = None) -> str:
    image = Image.fromarray(values)
    if palette is not None:
        image = Image.frombytes("P", values.shape[::-1], values.tobytes())
        image.putpalette(palette.astype(np.uint8).tobytes())
    image.save(folder / "label.png")
    return str(folder / "label.png")


def read(path: str, *classes: int, **options: object) -> np.ndarray:
    return read_label([path], classes, **options)[0].T  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([0, 1, 2]), seed=st.integers(0, 99))
def test_grey_values_in_a_palette_of_any_order_are_the_classes(tmp_path: Path, order: list[int], seed: int) -> None:
    """As programs write them that give each new value the next index."""
    generator = np.random.default_rng(seed)
    label = np.repeat(generator.permutation(3).astype(np.uint8), 16).reshape(6, 8)
    palette = np.repeat(np.array(order, np.uint8)[:, None], 3, 1)
    path = saved(tmp_path, np.argsort(order).astype(np.uint8)[label], palette)
    if order == [0, 2, 1] and label.max() == 2 and len(np.unique(label)) == 3:
        with pytest.raises(DataError, match="not clear which class"):  # the indices are classes just as well
            read(path, 1, 2)
    elif order[0] == 0:
        assert read(path, 1, 2).max() <= 2
    else:
        np.testing.assert_array_equal(read(path, 1, 2), label)
    np.testing.assert_array_equal(read(path, 1), label > 0)


def test_levels_of_grey_are_colours_where_they_are_no_classes(tmp_path: Path) -> None:
    levels = saved(tmp_path, np.array([0, 128, 255], np.uint8)[MAP])
    colours = {"#808080": 1, "#ffffff": 2}
    np.testing.assert_array_equal(read(levels, 1, 2, colours=colours), MAP)
    with pytest.raises(DataError, match="has the colour #808080, for which data.label_colours has no class"):
        read(levels, 1, 2, colours={"#ffffff": 2})
    np.testing.assert_array_equal(read(saved(tmp_path, MAP), 1, 2, colours=colours), MAP)


def test_a_palette_of_colours_that_begins_with_black_numbers_the_classes(tmp_path: Path) -> None:
    path = saved(tmp_path, MAP, COLOURS)
    np.testing.assert_array_equal(read(path, 1, 2), MAP)
    np.testing.assert_array_equal(read(path, 1), MAP > 0)
    np.testing.assert_array_equal(read(path, instances=True), MAP)


def test_what_looks_black_is_background(tmp_path: Path) -> None:
    inverted = saved(tmp_path, (MAP == 0).astype(np.uint8), np.array([[255, 255, 255], [0, 0, 0]]))
    np.testing.assert_array_equal(read(inverted, 1), MAP > 0)
    numbers = read(inverted, instances=True)
    np.testing.assert_array_equal(numbers > 0, MAP > 0)
    twice = saved(tmp_path, MAP, np.array([[0, 0, 0], [255, 0, 0], [0, 0, 0]]))
    with pytest.raises(DataError, match="not clear"):
        read(twice, 1, 2)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_any_channel_counts_for_one_class(tmp_path: Path, channel: int) -> None:
    picture = np.zeros((12, 9, 3), np.uint8)
    picture[..., channel] = MAP
    path = saved(tmp_path, picture)
    np.testing.assert_array_equal(read(path, 1), MAP > 0)
    np.testing.assert_array_equal(read(path, instances=True) > 0, MAP > 0)
    with pytest.raises(DataError, match="not clear which class each is: name them, .*data.label_colours"):
        read(path, 1, 2)


def test_named_colours_are_the_classes(tmp_path: Path) -> None:
    path = saved(tmp_path, COLOURS[MAP])
    np.testing.assert_array_equal(read(path, 1, 2, colours={"#FF0000": 1, "#0000ff": 2}), MAP)
    np.testing.assert_array_equal(read(path, 1, 2, colours={"#0000ff": 1, "#ff0000": 2}), (3 - MAP) % 3)
    with pytest.raises(DataError, match=r"the colour #0000ff, .*#ff0000 \(.* %\).*: add it there"):
        read(path, 1, 2, colours={"#ff0000": 1})
    path = saved(tmp_path, MAP, COLOURS)
    np.testing.assert_array_equal(read(path, 1, 2, colours={"#ff0000": 2, "#0000ff": 1}), (3 - MAP) % 3)


def test_each_colour_is_an_object(tmp_path: Path) -> None:
    numbers = read(saved(tmp_path, COLOURS[MAP]), instances=True)
    assert sorted(np.unique(numbers)) == [0, 1, 2]
    for value in (1, 2):
        assert len(np.unique(numbers[value == MAP])) == 1


def test_grey_in_three_channels_keeps_its_values(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(saved(tmp_path, np.stack([MAP] * 3, -1)), 1, 2), MAP)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.int32, np.float32, np.float64])
def test_numbers_of_any_type_stay(tmp_path: Path, dtype: type) -> None:
    values = MAP.astype(dtype) * (100 if dtype == np.uint8 else 9999)
    tifffile.imwrite(tmp_path / "label.tif", values)
    np.testing.assert_array_equal(read(str(tmp_path / "label.tif"), 1, 2), values)


def test_a_mask_of_one_bit_is_of_0_and_1(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(saved(tmp_path, MAP > 0), 1, 2), MAP > 0)


def test_what_does_not_say_its_values_is_refused(tmp_path: Path) -> None:
    alpha = np.dstack([MAP, MAP, MAP, MAP])
    with pytest.raises(DataError, match="The label .* has transparent parts"):
        read(saved(tmp_path, alpha), 1)
    np.testing.assert_array_equal(read(saved(tmp_path, np.dstack([MAP, MAP, MAP, MAP * 0 + 255])), 1, 2), MAP)
    tifffile.imwrite(tmp_path / "label.tif", MAP, photometric="miniswhite")
    with pytest.raises(DataError, match="The label .* white as 0"):
        read(str(tmp_path / "label.tif"), 1, 2)
    tifffile.imwrite(
        tmp_path / "label.tif", np.dstack([MAP, MAP[::-1]]), photometric="minisblack", planarconfig="contig"
    )
    with pytest.raises(DataError, match="The label .* has 2 channels"):
        read(str(tmp_path / "label.tif"), 1, 2)


@pytest.mark.parametrize("name", ["label.jpg", "label.png", "label.tif"])
def test_what_does_not_keep_values_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    if name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, MAP, compression="jpeg")
    else:
        Image.fromarray(MAP).save(tmp_path / name, format="JPEG")
    with pytest.raises(DataError, match="does not keep values: save it as PNG"):
        read(str(tmp_path / name), 1)


@pytest.mark.parametrize("spots", [(2, 1), (2, 2), (1, 4), (5, 0)])
def test_values_of_one_class_are_refused_where_they_number_no_objects(tmp_path: Path, spots: tuple[int, int]) -> None:
    """Two values are two objects, of which one may be in pieces, but not one object beside many of one value."""
    label = np.zeros((24, 24), np.uint8)
    for value, number in zip((128, 255), spots, strict=True):
        for index in range(number):
            label[4 * index + 1 : 4 * index + 3, 2 if value == 128 else 12] = value
    path = saved(tmp_path, label)
    if spots == (1, 4):
        with pytest.raises(LabelValuesError, match="has the values 128, 255, but there is one class") as caught:
            read(path, 1)
        assert caught.value.unknown == [] and caught.value.counts == {0: 24 * 24 - 10, 128: 2, 255: 8}
    else:
        np.testing.assert_array_equal(read(path, 1), label > 0)


@pytest.mark.parametrize("value", [0.5, -1, np.nan])
def test_values_of_one_class_are_whole_numbers(tmp_path: Path, value: float) -> None:
    tifffile.imwrite(tmp_path / "label.tif", np.where(MAP, value, 0).astype(np.float32))
    with pytest.raises(LabelValuesError, match=f"has the value {value:g}, but the classes are 0, 1"):
        read(str(tmp_path / "label.tif"), 1)
