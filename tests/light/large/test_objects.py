"""Objects that are numbered in blocks, compared with those of the whole mask; their polygons, by shapely."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
import shapely.geometry
from skimage.measure import label, regionprops_table

from monai_lwmisn.light.instances import separate_instances
from monai_lwmisn.light.large.geojson import polygons_of, write_geojson
from monai_lwmisn.light.large.objects import Objects, join_objects, separate_block
from monai_lwmisn.light.large.sources import Source
from monai_lwmisn.light.large.windows import windows_of
from monai_lwmisn.light.large.work import Work
from tests.light.large.pictures import nuclei, same_partition


def numbered(folder: Path, mask: np.ndarray, picture: np.ndarray, core: int, margin: int) -> tuple[Objects, np.ndarray]:
    work = Work(folder, mask.shape, core)
    work.array("labels", "u1")[...] = mask.astype(np.uint8)
    windows = list(windows_of(mask.shape, core, margin))
    for window in windows:
        separate_block(work, window, Source("it", picture, "yx"))
    objects = join_objects(work, windows, "nucleus")
    numbers = np.zeros(mask.shape, np.uint32)
    for window in windows:
        numbers[window.core] = objects.numbers[window.row, window.column][work.array("pieces", "u4")[window.core]]
    return objects, numbers


@pytest.mark.parametrize("shape", [(400, 330), (150, 520)])
def test_objects_that_blocks_cut_are_those_of_the_whole_mask(shape: tuple[int, int], tmp_path: Path) -> None:
    picture = nuclei(shape)
    mask = picture > 60
    objects, numbers = numbered(tmp_path / "work", mask, picture, 128, 96)
    whole = separate_instances(mask)
    assert whole.max() > label(mask).max() > 30  # some touch
    assert len(objects) == whole.max() == numbers.max() and same_partition(numbers, whole)
    properties = ("area", "centroid", "intensity_mean", "bbox")
    expected = regionprops_table(numbers.astype(int), picture, properties)
    rows = list(objects)
    assert [row["object"] for row in rows] == list(range(1, len(rows) + 1))
    for name, theirs in {
        "area_px": "area",
        "y": "centroid-0",
        "x": "centroid-1",
        "mean_intensity": "intensity_mean",
    }.items():
        np.testing.assert_allclose([row[name] for row in rows], expected[theirs])
    np.testing.assert_array_equal(objects.boxes, [expected[f"bbox-{place}"] for place in range(4)])


def test_a_mask_without_objects_has_none(tmp_path: Path) -> None:
    objects, numbers = numbered(tmp_path / "work", np.zeros((90, 70), bool), np.zeros((90, 70), np.uint8), 64, 64)
    assert not len(objects) and not numbers.any() and not list(objects)
    assert write_geojson(tmp_path / "a.geojson", numbers, objects.boxes, "nucleus") == 0
    assert json.loads((tmp_path / "a.geojson").read_text()) == {"type": "FeatureCollection", "features": []}


def test_polygons_of_geojson_cover_the_pixels_of_their_objects(tmp_path: Path) -> None:
    picture = nuclei((300, 260), seed=1)
    objects, numbers = numbered(tmp_path / "work", picture > 60, picture, 128, 96)
    assert write_geojson(tmp_path / "a.geojson", numbers, objects.boxes, "nucleus") == 0
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection" and len(content["features"]) == len(objects)
    rows, columns = np.mgrid[:300, :260] + 0.5
    found = np.zeros(numbers.shape, int)
    for feature in content["features"]:
        polygon = shapely.geometry.shape(feature["geometry"])
        assert polygon.is_valid and feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["classification"]["name"] == "nucleus"
        left, top, right, bottom = (int(one) for one in polygon.bounds)
        box = slice(top, bottom + 1), slice(left, right + 1)
        inside = shapely.contains_xy(polygon, columns[box], rows[box])
        found[box][inside] = feature["properties"]["object"]
    np.testing.assert_array_equal(found, numbers)


def test_an_object_with_a_hole_or_in_two_parts_keeps_them() -> None:
    mask = np.zeros((12, 15), bool)
    mask[1:8, 1:8] = True
    mask[3:6, 3:6] = False
    mask[9:11, 10:14] = True
    polygons = polygons_of(mask, 100, 200)
    shape = shapely.geometry.MultiPolygon([(rings[0], rings[1:]) for rings in polygons])
    assert shape.is_valid and sorted(len(rings) for rings in polygons) == [1, 2]
    assert shape.bounds == (101, 201, 114, 211)
    assert shape.area == pytest.approx(mask.sum() - 0.5 - 0.5 + 0.5)  # corners are cut, those of a hole too
