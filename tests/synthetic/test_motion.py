"""What holds for every action: bones, floor, feet, speeds, and that the seed decides all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import synthetic
from core.dataset import ACTIONS
from core.skeleton import H36M_17
from core.synthetic.body import SUBJECTS, body_of
from tests.synthetic.takes import take

every_take = pytest.mark.parametrize("number", [0, 1])
every_action = pytest.mark.parametrize("action", ACTIONS)


@every_action
@every_take
@pytest.mark.parametrize("subject", ["S1", "S11"])
def test_limbs_keep_their_lengths(action: str, number: int, subject: str) -> None:
    joints = take(action, subject, number).joints
    for start, end in H36M_17.bones:
        lengths = np.linalg.norm(joints[:, start] - joints[:, end], axis=-1)
        assert np.ptp(lengths) < 1e-3


@every_action
@every_take
def test_nothing_is_below_the_floor(action: str, number: int) -> None:
    made = take(action, "S9", number)
    assert made.joints[..., 2].min() > 0.7 * made.body.ankle_height


@every_action
@every_take
def test_a_foot_is_on_the_floor(action: str, number: int) -> None:
    made = take(action, "S9", number)
    lowest = np.minimum(made.at("left_ankle")[:, 2], made.at("right_ankle")[:, 2])
    above = lowest - made.body.ankle_height
    seated = action in ("Sitting", "SittingDown", "Eating")
    assert np.percentile(above, 95) < (70 if seated else 30)
    assert above.max() < (90 if seated else 30)


# Seated people shift both feet at once.
@pytest.mark.parametrize("action", [a for a in ACTIONS if not a.startswith("Sitting")])
@every_take
def test_one_foot_stands_still_while_the_other_steps(action: str, number: int) -> None:
    made = take(action, "S9", number)
    feet = made.speeds[:, list(H36M_17.indices(["left_ankle", "right_ankle"]))]
    # Who walks rolls over the ball of the one foot while the other's heel comes down.
    rolling = 0.5 if action.startswith("Walk") else 0.15
    assert np.percentile(feet.min(axis=1), 99) < rolling


@every_action
@every_take
@pytest.mark.parametrize("subject", ["S1", "S9", "S11"])
def test_joints_move_as_fast_as_people(action: str, number: int, subject: str) -> None:
    speeds = take(action, subject, number).speeds
    assert speeds.max() < 6.0
    assert speeds.mean() > 0.02
    # 200 m/s2: nothing jumps from one frame to the next.
    jolts = np.linalg.norm(np.diff(take(action, subject, number).joints, 2, axis=0), axis=-1)
    assert jolts.max() * synthetic.FPS**2 / 1000 < 200


@every_action
def test_the_head_is_on_top_of_a_trunk_of_human_size(action: str) -> None:
    made = take(action)
    assert 0.36 < made.apart("hip", "neck").max() < 0.40
    assert made.apart("head", "neck").mean() == pytest.approx(0.0515, abs=0.004)


def test_bodies_differ_between_subjects_and_seeds() -> None:
    bodies = [body_of(subject, seed) for subject in SUBJECTS for seed in (0, 1)]
    assert len({body.thigh for body in bodies}) == 14
    for body in bodies:
        assert 0.45 < body.leg / body.stature < 0.53
        assert 0.31 < body.arm / body.stature < 0.35


@every_action
def test_a_take_does_not_depend_on_what_was_made_before(action: str) -> None:
    name = synthetic.take_names(action)[1]
    again = synthetic.joints_in_world(0, "S9", action, name, 200)
    synthetic.joints_in_world(0, "S5", action, name, 50)
    assert np.array_equal(again, synthetic.joints_in_world(0, "S9", action, name, 200))


def test_seeds_subjects_and_takes_move_differently() -> None:
    made = [
        synthetic.joints_in_world(seed, subject, "Directions", name, 300)
        for seed, subject, name in (
            (0, "S9", "Directions"),
            (1, "S9", "Directions"),
            (0, "S11", "Directions"),
            (0, "S9", "Directions 1"),
        )
    ]
    shapes = [m[:, :] - m[:, :1] for m in made]
    for first in range(4):
        for second in range(first):
            assert np.abs(shapes[first] - shapes[second]).mean() > 20


@settings(max_examples=12, deadline=None)
@given(
    st.integers(1, 60), st.sampled_from(ACTIONS), st.sampled_from(SUBJECTS), st.integers(0, 2**31)
)
def test_any_length_can_be_made(frames: int, action: str, subject: str, seed: int) -> None:
    joints = synthetic.joints_in_world(seed, subject, action, action, frames)
    assert joints.shape == (frames, 17, 3)
    assert np.isfinite(joints).all()
