"""Smoothing over time, and bones of one length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.skeleton import H36M_17, INPUT_16
from core.smoothing import one_euro, steady_bones

BONES = H36M_17.bones
TWINS = H36M_17.flip_order


def still(frames: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    pose = np.random.default_rng(1).uniform(0, 500, (1, len(INPUT_16), 2))
    return pose + np.random.default_rng(seed).normal(0, noise, (frames, len(INPUT_16), 2))


def poses(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 300, (frames, len(H36M_17), 3))


def bone_lengths(positions: np.ndarray) -> np.ndarray:
    a, b = np.array(BONES).T
    return np.linalg.norm(positions[:, a] - positions[:, b], axis=-1)


def test_what_stands_still_stays_where_it_is():
    np.testing.assert_allclose(one_euro(still(40), 30.0), still(40))


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
def test_jitter_shrinks(fps):
    noisy = still(200, noise=2.0)
    before, after = (np.diff(x, axis=0).std() for x in (noisy, one_euro(noisy, fps)))
    assert after < 0.8 * before


def test_it_does_not_lag_behind_a_steady_walk():
    walk = still(60) + np.arange(60)[:, None, None] * 5.0
    smooth = one_euro(walk, 30.0)
    np.testing.assert_allclose(smooth[15:45], walk[15:45], atol=1.5)


@given(st.floats(0.1, 20), st.floats(-1000, 1000))
def test_size_and_place_in_the_picture_make_no_difference(scale, shift):
    noisy = still(20, noise=5.0)
    moved = one_euro(noisy * scale + shift, 30.0)
    np.testing.assert_allclose(
        moved, one_euro(noisy, 30.0) * scale + shift, atol=1e-6 * scale + 1e-6
    )


@given(st.integers(0, 50))
def test_smoothing_backwards_in_time_is_the_same(seed):
    noisy = still(15, noise=9.0, seed=seed)
    np.testing.assert_allclose(one_euro(noisy[::-1], 30.0)[::-1], one_euro(noisy, 30.0))


def test_a_missing_joint_stays_missing_and_parts_what_is_around_it():
    noisy = still(30, noise=5.0)
    holed = noisy.copy()
    holed[10:12, 3] = np.nan
    smooth = one_euro(holed, 30.0)
    assert np.isnan(smooth[10:12, 3]).all()
    assert np.isfinite(np.delete(smooth, [10, 11], axis=0)).all()
    before = one_euro(noisy[:10], 30.0)
    np.testing.assert_allclose(smooth[:10, 3], before[:, 3], rtol=1e-3)


@pytest.mark.parametrize("frames", [0, 1])
def test_one_frame_and_none_are_left_alone(frames):
    np.testing.assert_array_equal(one_euro(still(frames, 3.0), 30.0), still(frames, 3.0))


@given(st.integers(1, 12), st.integers(0, 99))
def test_every_bone_keeps_one_length_and_both_sides_agree(frames, seed):
    steady = steady_bones(poses(frames, seed), BONES, TWINS)
    lengths = bone_lengths(steady)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), rtol=1e-6)
    by_child = dict(zip([child for _, child in BONES], lengths[0], strict=True))
    for child, length in by_child.items():
        assert length == pytest.approx(by_child[TWINS[child]])


@given(st.integers(0, 99))
def test_bones_keep_their_direction_and_the_root_its_place(seed):
    before = poses(4, seed)
    after = steady_bones(before, BONES, TWINS)
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    a, b = np.array(BONES).T
    ways = [
        (x[:, b] - x[:, a]) / np.linalg.norm(x[:, b] - x[:, a], axis=-1, keepdims=True)
        for x in (before, after)
    ]
    np.testing.assert_allclose(ways[0], ways[1], atol=1e-9)


def test_an_empty_frame_stays_empty():
    holed = poses(5, 0)
    holed[2] = np.nan
    after = steady_bones(holed, BONES, TWINS)
    assert np.isnan(after[2]).all()
    assert np.isfinite(np.delete(after, 2, axis=0)).all()
