"""Turned squares, and what the detector's numbers mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.detector.regions import (
    DETECTOR_SIDE,
    LANDMARK_SIDE,
    Region,
    decode,
    held,
    one_each,
    overlap,
    refine,
    region_around,
)

ANYWHERE = st.floats(-2000, 4000)
ANGLES = st.floats(-math.pi, math.pi)


@pytest.mark.parametrize(
    ("reach", "degrees"), [((100, 40), 0), ((160, 100), 90), ((40, 100), -90), ((100, 160), 180)]
)
def test_a_body_upright_lying_or_on_its_head_turns_its_square_with_it(reach, degrees):
    region = region_around(np.array([100.0, 100.0]), np.array(reach, dtype=float))
    turned = math.degrees(region.angle)
    assert math.cos(math.radians(turned - degrees)) == pytest.approx(1)
    assert (region.x, region.y) == (100, 100)
    assert region.side == pytest.approx(150)


@given(ANYWHERE, ANYWHERE, st.floats(1, 3000), ANGLES)
def test_the_middle_of_a_crop_is_the_middle_of_its_square(x, y, side, angle):
    into = Region(x, y, side, angle).into_picture(LANDMARK_SIDE)
    middle = into @ [(LANDMARK_SIDE - 1) / 2, (LANDMARK_SIDE - 1) / 2, 1]
    np.testing.assert_allclose(middle, [x, y], atol=1e-6)


@given(ANYWHERE, ANYWHERE, st.floats(1, 3000), ANGLES)
def test_a_crop_keeps_shapes(x, y, side, angle):
    turn = Region(x, y, side, angle).into_picture(LANDMARK_SIDE)[:, :2]
    scale = side / LANDMARK_SIDE
    np.testing.assert_allclose(turn @ turn.T, scale**2 * np.eye(2), atol=1e-9 * scale**2 + 1e-12)
    assert np.linalg.det(turn) > 0


@given(ANYWHERE, ANYWHERE, st.floats(1, 900), ANGLES)
def test_a_square_points_up_where_the_body_does(x, y, reach, angle):
    hips = np.array([x, y])
    towards = hips + reach * np.array([math.sin(angle), -math.cos(angle)])
    region = region_around(hips, towards)
    into = region.into_picture(LANDMARK_SIDE)
    up = into[:, :2] @ [0, -1]
    np.testing.assert_allclose(up / np.linalg.norm(up), (towards - hips) / reach, atol=1e-6)


def test_a_sure_guess_lies_at_its_place_in_the_grid():
    raw, logits = np.zeros((2254, 12)), np.full((2254, 1), -20.0)
    # The second guess of the fine layer's cell in column 3, row 2.
    row = 2 * (2 * 28 + 3) + 1
    logits[row] = 4.0
    raw[row] = [0, 0, 56, 112, 0, 0, 0, -28, 0, 0, 0, 0]
    scores, guesses = decode(raw, logits)
    assert scores == pytest.approx([1 / (1 + math.exp(-4))])
    x, y = 3.5 / 28, 2.5 / 28
    width, height = 56 / DETECTOR_SIDE, 112 / DETECTOR_SIDE
    box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    np.testing.assert_allclose(guesses[0], [*box, x, y, x, y - 1 / 8, x, y, x, y])


def test_there_are_as_many_places_as_the_model_has_guesses():
    _, guesses = decode(np.zeros((2254, 12)), np.full(2254, 9.0))
    assert len(guesses) == 2254
    assert guesses[:, :2].min() > 0
    assert guesses[:, :2].max() < 1


def test_guesses_at_one_person_become_their_weighted_mean_and_others_stay():
    near = np.concatenate([[0, 0, 10, 10], np.full(8, 1.0)])
    also = np.concatenate([[2, 0, 12, 10], np.full(8, 3.0)])
    apart = np.concatenate([[100, 0, 110, 10], np.full(8, 7.0)])
    scores, guesses = one_each(np.array([0.6, 0.9, 0.7]), np.stack([also, near, apart]))
    np.testing.assert_allclose(scores, [0.9, 0.7])
    np.testing.assert_allclose(guesses[0, 4:], (0.9 * 1 + 0.6 * 3) / 1.5)
    np.testing.assert_allclose(guesses[1], apart)


def test_no_guesses_are_no_people():
    scores, guesses = one_each(np.zeros(0), np.zeros((0, 12)))
    assert (len(scores), guesses.shape) == (0, (0, 12))


def test_boxes_share_what_they_have_in_common():
    box = np.array([0.0, 0.0, 2.0, 2.0])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 4, 4], [9, 9, 9, 9]], dtype=float)
    np.testing.assert_allclose(overlap(box, others), [1, 1 / 3, 0, 0])


def test_a_point_moves_to_the_peak_of_its_heatmap_nearby_and_only_there():
    heatmaps = np.full((64, 64, 4), -20.0, dtype=np.float32)
    heatmaps[32, 34, 0] = 8  # two cells to the right
    heatmaps[32, 50, 1] = 8  # too far away
    heatmaps[32, 34, 2] = -0.5  # not clear
    points = np.full((4, 2), 32.5 / 64)
    points[3] = [-0.2, 0.5]  # outside
    heatmaps[32, 1, 3] = 8
    refined = refine(points, heatmaps)
    np.testing.assert_allclose(refined[0], [34 / 64, 32 / 64], atol=1e-3)
    np.testing.assert_allclose(refined[1:], points[1:])


@pytest.mark.parametrize(
    ("hips", "reach", "expected"),
    [
        ((0.5, 0.5), (0.5, 0.1), True),
        ((0.0, 1.0), (0.0, 0.6), True),
        ((-0.01, 0.5), (0.0, 0.1), False),
        ((0.5, 1.01), (0.5, 0.7), False),
        ((0.5, 0.9), (0.5, 0.29), False),
    ],
    ids=["inside", "in a corner", "left of it", "below it", "too large for it"],
)
def test_a_part_of_a_picture_holds_whom_it_shows_nearly_whole(hips, reach, expected):
    guess = np.array([[0.0, 0, 1, 1, *hips, *reach, 0, 0, 0, 0]])
    assert held(guess, 1.5).tolist() == [expected]
