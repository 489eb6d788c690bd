"""One person is followed through frames with several."""

from __future__ import annotations

import numpy as np
import pytest

from core.formats import people

POINTS = 12


def figure(x: float, size: float, confidence: float = 0.8, seed: int = 0) -> np.ndarray:
    """A person of `size` px around x, as (N, 3)."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-0.5, 0.5, (POINTS, 2)) * size + (x, 500)
    return np.column_stack([shape, np.full(POINTS, confidence)])


def test_the_larger_person_is_followed_whatever_the_order_in_the_file():
    rng = np.random.default_rng(1)
    frames, expected = [], []
    for i in range(40):
        subject, other = figure(300 + 4 * i, 400), figure(900 - 4 * i, 180, seed=1)
        expected.append(subject)
        pair = [subject, other]
        frames.append(np.stack([pair[k] for k in rng.permutation(2)]))
    np.testing.assert_array_equal(people.follow(frames).points(frames), np.stack(expected))


def test_two_people_who_cross_are_not_mixed_up():
    frames, expected = [], []
    for i in range(60):
        subject, other = figure(100 + 12 * i, 400, seed=2), figure(820 - 12 * i, 380, 0.6, seed=3)
        expected.append(subject)
        frames.append(np.stack([other, subject]))
    np.testing.assert_array_equal(people.follow(frames).points(frames), np.stack(expected))


def test_a_false_detection_that_is_large_for_one_frame_is_not_taken():
    frames = [figure(300, 300)[None] for _ in range(20)]
    frames[7] = np.stack([figure(800, 900, 0.9, seed=4), figure(300, 300)])
    np.testing.assert_array_equal(people.follow(frames).points(frames)[7], figure(300, 300))


def test_the_other_person_does_not_fill_in_where_the_subject_is_lost():
    frames = [np.stack([figure(300, 400), figure(900, 250, seed=1)]) for _ in range(30)]
    frames[10:14] = [figure(900, 250, seed=1)[None]] * 4
    found = people.follow(frames).points(frames)
    assert np.isnan(found[10:14, :, 0]).all()
    assert (found[10:14, :, 2] == 0).all()
    np.testing.assert_array_equal(found[14], figure(300, 400))


def test_single_people_are_taken_wherever_they_are():
    frames = [figure(100 * i, 200)[None] if i != 2 else np.empty((0, 0, 3)) for i in range(5)]
    found = people.follow(frames).points(frames)
    assert np.isnan(found[2, :, 0]).all()
    np.testing.assert_array_equal(found[4], figure(400, 200))


def test_nobody_at_all_is_nobody_to_follow():
    with pytest.raises(ValueError, match="nobody is in any frame"):
        people.follow([np.empty((0, 0, 3))] * 3)
    assert people.tracks([np.empty((0, 0, 3))] * 3) == ()


def test_everyone_is_followed_and_a_flicker_is_left_out():
    frames = [np.stack([figure(900, 250, seed=1), figure(300, 400)]) for _ in range(40)]
    frames[20] = np.concatenate([frames[20], figure(600, 500, 0.3, seed=5)[None]])
    found = people.tracks(frames)
    assert [len(track) for track in found] == [40, 40]
    np.testing.assert_array_equal(found[1].points(frames)[20], figure(900, 250, seed=1))


def test_people_of_a_single_picture_are_all_there():
    frames = [np.stack([figure(300, 400), figure(900, 250, seed=1)])]
    assert [track.chosen for track in people.tracks(frames)] == [{0: 0}, {0: 1}]


def test_two_who_come_one_after_the_other_beside_a_third_are_not_one_person():
    third = figure(300, 400)
    frames = [np.stack([third, figure(900 if i < 20 else 100, 250, seed=1)]) for i in range(40)]
    assert [len(track) for track in people.tracks(frames)] == [40, 20, 20]
