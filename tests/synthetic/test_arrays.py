"""Laws of the arithmetic that motion is made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.synthetic.arrays import bend, minimum_jerk, rate, rotation, smooth, soft_minimum, turn
from core.synthetic.body import SUBJECTS, body_of
from core.synthetic.chance import generator, wander
from core.synthetic.gait import cycle

angles = st.floats(-7, 7)
places = st.tuples(*[st.floats(-2000, 2000)] * 3)


@given(angles, angles, angles)
def test_a_rotation_keeps_lengths_and_handedness(yaw: float, pitch: float, roll: float) -> None:
    R = rotation(yaw, pitch, roll)
    assert np.abs(R @ R.T - np.eye(3)).max() < 1e-12
    assert np.linalg.det(R) == pytest.approx(1)


def test_yaw_turns_left_pitch_bows_and_roll_leans_to_the_right() -> None:
    quarter = np.pi / 2
    assert turn(rotation(quarter), (1, 0, 0)) == pytest.approx([0, 1, 0])
    assert turn(rotation(0, quarter), (0, 0, 1)) == pytest.approx([1, 0, 0])
    assert turn(rotation(0, 0, quarter), (0, 0, 1)) == pytest.approx([0, -1, 0])


@given(places, st.floats(50, 500), st.floats(50, 500), places)
def test_a_limb_keeps_its_lengths_wherever_it_should_go(
    target: tuple[float, ...], upper: float, lower: float, pole: tuple[float, ...]
) -> None:
    start = np.zeros((1, 3))
    middle, end = bend(start, np.array([target]), upper, lower, np.array([pole]))
    assert np.linalg.norm(middle - start) == pytest.approx(upper, abs=1e-6)
    assert np.linalg.norm(end - middle) == pytest.approx(lower, abs=1e-6)


@given(st.floats(0.3, 0.95), st.floats(100, 400))
def test_a_limb_arrives_where_it_can_reach(share: float, bone: float) -> None:
    target = np.array([[0.0, 0.6, 0.8]]) * share * 2 * bone
    middle, end = bend(np.zeros((1, 3)), target, bone, bone, np.array([[1.0, 0.0, 0.0]]))
    assert end == pytest.approx(target, abs=1e-3 * bone)
    assert middle[0, 0] > 0


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.1, 50))
def test_a_soft_minimum_is_below_both_and_near_the_smaller(
    a: float, b: float, softness: float
) -> None:
    least = float(soft_minimum(a, b, softness))
    assert min(a, b) - 0.7 * softness <= least <= min(a, b) + 1e-9


@given(st.floats(0, 1))
def test_a_reach_begins_and_ends_at_rest(share: float) -> None:
    assert minimum_jerk(share) + minimum_jerk(1 - share) == pytest.approx(1)
    assert minimum_jerk(0.001) < 1e-7
    assert minimum_jerk([-3, 0, 1, 9]).tolist() == [0, 0, 1, 1]


def test_a_rate_is_a_second_and_a_single_frame_has_none() -> None:
    assert rate(np.array([0.0, 2.0, 4.0]), 50) == pytest.approx(100)
    assert rate(np.array([7.0]), 50).tolist() == [0]


def test_blurring_keeps_what_is_constant_and_calms_what_jumps() -> None:
    steps = np.repeat([0.0, 1.0], 50)[:, None] * np.array([[1.0, -2.0]])
    calm = smooth(steps, 4)
    assert calm.shape == steps.shape
    assert calm[0] == pytest.approx(0)
    assert calm[-1] == pytest.approx(steps[-1])
    assert np.abs(np.diff(calm[:, 0])).max() < 0.12


@given(st.integers(0, 1000), st.integers(1, 4))
def test_wandering_is_smooth_and_of_unit_size(seed: int, channels: int) -> None:
    noise = wander(generator(seed, "test"), 2048, channels, 50)
    assert noise.shape == (2048, channels)
    assert np.sqrt(np.mean(noise**2, axis=0)) == pytest.approx(1, abs=0.05)
    assert np.abs(np.diff(noise, axis=0)).max() < 0.35


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_stride_is_as_long_as_the_body_walks(subject: str) -> None:
    body = body_of(subject, 0)
    gait = cycle(body)
    assert 0.6 < gait.stride_mm / body.stature < 0.85
    assert np.all(np.diff(gait.progress) >= 0)
    assert gait.progress[0] == pytest.approx(0, abs=0.01) or gait.progress[0] == pytest.approx(1)
    assert gait.ankle_mm.min() > 0.8 * body.ankle_height
    assert 20 < np.ptp(gait.pelvis_mm) < 80
