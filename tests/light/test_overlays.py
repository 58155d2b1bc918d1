"""Overlays: contours in the right place, on the right slices, the right way up."""

import nibabel
import numpy as np
import pytest
from PIL import ImageColor

from monai_lwmisn.light.colours import class_colour
from monai_lwmisn.light.masks import Prediction
from monai_lwmisn.light.overlays import LARGEST, SMALLEST, draw_overlay

FIRST, SECOND = (ImageColor.getrgb(color) for color in map(class_colour, (1, 2)))


def has(picture: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    return (picture == color).all(axis=-1)


def test_the_border_of_a_square_is_coloured_and_only_the_pixels_beside_it_are_darker() -> None:
    labels = np.zeros((600, 640), np.uint8)
    labels[100:150, 200:260], labels[300:310, 10:20] = 1, 2
    values = np.full((600, 640, 3), 255, np.uint8) // np.array([1, 2, 4], np.uint8)
    picture = draw_overlay(values, Prediction(labels))
    assert picture.shape == (600, 640, 3)
    assert has(picture, FIRST).sum() == 2 * 50 + 2 * 60 - 4 and has(picture, SECOND).sum() == 4 * 10 - 4
    assert has(picture, FIRST)[100, 200:260].all() and has(picture, FIRST)[100:150, 259].all()
    coloured = has(picture, FIRST) | has(picture, SECOND)
    beside = np.zeros_like(coloured)
    for step, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        beside |= np.roll(coloured, step, axis) & ~coloured
    np.testing.assert_array_equal(picture[beside], values[beside] // 2)
    unchanged = ~coloured & ~beside
    np.testing.assert_array_equal(picture[unchanged], values[unchanged])


def test_touching_objects_have_a_border_between_them() -> None:
    numbers = np.zeros((600, 600), np.int32)
    numbers[100:200, 100:200], numbers[100:200, 200:300] = 1, 2
    labels = (numbers > 0).astype(np.uint8)
    apart, joined = (draw_overlay(np.zeros((600, 600, 1)), Prediction(labels, one)) for one in (numbers, None))
    assert has(apart, FIRST)[100:200, 199:201].all() and not has(joined, FIRST)[150, 199:201].any()


@pytest.mark.parametrize("side, drawn", [(100, 600), (512, 512), (5000, 2500)])
def test_small_pictures_are_enlarged_and_large_ones_thinned_out(side: int, drawn: int) -> None:
    labels = np.zeros((side // 2, side), np.uint8)
    picture = draw_overlay(np.zeros((side // 2, side, 1), np.uint16), Prediction(labels))
    assert picture.shape == (drawn // 2, drawn, 3) and SMALLEST <= drawn <= LARGEST


AFFINE = np.diag([1.0, 2.0, 5.0, 1.0])


def volume() -> tuple[np.ndarray, np.ndarray]:
    """Image and labels (x, y, z): the first class right and posterior in slice 7, the second left anterior in 9."""
    labels = np.zeros((60, 60, 12), np.uint8)
    labels[40:50, 5:15, 7], labels[5:15, 50:55, 9] = 1, 2
    return labels * 50.0 + np.random.default_rng(0).random(labels.shape), labels


def test_a_volume_shows_the_slices_where_the_classes_are_as_a_radiologist_sees_them() -> None:
    values, labels = volume()
    montage = draw_overlay(values, Prediction(labels, affine=AFFINE))
    height, width = SMALLEST, SMALLEST // 2  # y is twice as far apart as x
    assert montage.shape == (height, 2 * width, 3)
    seventh, ninth = montage[:, :width], montage[:, width:]
    rows, columns = np.nonzero(has(seventh, FIRST))
    # The patient's right, x towards 60, is on the left; posterior, y towards 0, is below.
    assert (columns.min(), columns.max()) == pytest.approx((width * 10 / 60, width * 20 / 60), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((height * 45 / 60, height * 55 / 60), abs=3)
    assert has(ninth, SECOND).any() and not has(ninth, FIRST).any() and not has(seventh, SECOND).any()


@pytest.mark.parametrize("codes", ["LPS", "SAR", "PIR"])
@pytest.mark.parametrize("orientation", ["RAS", "RSA"])
def test_the_order_of_the_axes_in_the_file_changes_nothing(codes: str, orientation: str) -> None:
    values, labels = volume()
    wanted = draw_overlay(values, Prediction(labels, affine=AFFINE), orientation)
    turn = nibabel.orientations.axcodes2ornt(codes)
    image, mask = (nibabel.Nifti1Image(one, AFFINE).as_reoriented(turn) for one in (values, labels.astype(np.uint8)))
    turned = Prediction(np.asarray(mask.dataobj), affine=mask.affine)
    np.testing.assert_array_equal(draw_overlay(np.asarray(image.dataobj), turned, orientation), wanted)


def test_a_volume_without_a_finding_still_has_an_overlay() -> None:
    values = volume()[0][..., None].repeat(4, axis=-1)
    montage = draw_overlay(values, Prediction(np.zeros((60, 60, 12), np.uint8), affine=AFFINE))
    assert montage.shape == (2 * SMALLEST, 3 * SMALLEST // 2, 3) and not has(montage, FIRST).any()
