"""Missed, false and mistaken pixels have their colours, and thin structures are looked at first."""

import numpy as np
from PIL import ImageColor

from monai_lwmisn.training.error_pictures import ERROR_COLORS, PANEL, _worst_place, draw_errors


def near(picture: np.ndarray, name: str) -> np.ndarray:
    """Where a picture has the colour over black, at 60 %."""
    return (np.abs(picture - 0.6 * np.array(ImageColor.getrgb(ERROR_COLORS[name]))) < 2).all(axis=-1)


def test_errors_have_their_colours() -> None:
    truth, prediction = np.zeros((2, 40, 40), np.uint8)
    truth[5:15, 5:15], prediction[25:35, 5:15] = 1, 1
    truth[5:15, 25:35], prediction[5:15, 25:35] = 1, 2
    drawn = draw_errors(np.zeros((40, 40), np.uint8), truth, prediction)
    errors = drawn[:, PANEL + 6 : 2 * PANEL + 6]
    assert drawn.shape[0] == PANEL and not drawn[:, :PANEL].any()
    for name, (row, column) in {"missed": (10, 10), "false": (30, 10), "another class": (10, 30)}.items():
        place = near(errors, name)
        assert place[row * 8, column * 8]
        assert abs(place.sum() - (80 * 80)) < 700  # less what the frame covers


def test_what_is_right_is_an_outline_and_any_shape_can_be_drawn() -> None:
    truth = np.zeros((30, 90), np.uint8)
    truth[5:25, 20:60] = 1
    drawn = draw_errors(np.zeros((30, 90, 3), np.uint8), truth, truth)
    assert not any(near(drawn, name).any() for name in ("missed", "false", "another class"))
    assert (drawn == ImageColor.getrgb(ERROR_COLORS["right"])).all(axis=-1).any()
    draw_errors(np.zeros((3, 5), np.uint8), np.zeros((3, 5), np.uint8), np.ones((3, 5), np.uint8))


def test_the_outline_of_what_is_right_is_exact_and_has_a_dark_rim_on_any_colour() -> None:
    truth = np.zeros((PANEL, PANEL), np.uint8)
    truth[120:200, 40:280] = 1
    drawn = draw_errors(np.full((PANEL, PANEL, 3), (201, 80, 160), np.uint8), truth, truth)
    middle = drawn[:, PANEL + 6 : 2 * PANEL + 6].astype(int)[:, 150]
    outline = (middle == ImageColor.getrgb(ERROR_COLORS["right"])).all(axis=-1)
    dark = (middle == (100, 40, 80)).all(axis=-1)
    assert np.flatnonzero(outline).tolist() == [120, 199]
    assert np.flatnonzero(dark).tolist() == [119, 121, 198, 200]


def test_a_missed_line_is_looked_at_before_an_edge_that_is_as_wrong() -> None:
    truth, prediction = np.zeros((2, 200, 200), np.uint8)
    truth[20:60, 20:60], prediction[20:60, 20:61] = 1, 1
    truth[150:190, 150] = 1
    top, left, side = _worst_place(truth, prediction)
    assert top <= 160 <= top + side and left <= 150 <= left + side
