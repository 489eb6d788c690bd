"""Joints that are derived from body points mean the same in 2D and in 3D."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.formats import body_landmarks
from core.skeleton import H36M_17, INPUT_16

POINTS = (
    *(f"{side}_{part}" for side in ("left", "right")
      for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "ear", "eye")),
    "upper_neck", "head_top", "nose",
)  # fmt: skip
LIMBS = [j for j in INPUT_16.joints if j.startswith(("left", "right"))]


def body(values: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[:, i] for i, name in enumerate(POINTS)}


bodies = hnp.arrays(
    np.float64, (3, len(POINTS), 3), elements=st.floats(-1000, 1000, allow_subnormal=False)
)


def standing(head: bool = True) -> dict[str, np.ndarray]:
    """A figure in mm, y down, hips at the origin: trunk 500 long, everything else in line."""
    heights = {"hip": 0, "knee": 420, "ankle": 840, "shoulder": -500, "elbow": -210, "wrist": 50}
    points = {
        f"{side}_{part}": np.array([[x, y, 0.0]])
        for side, x in (("left", 100.0), ("right", -100.0))
        for part, y in heights.items()
    }
    points |= {"left_ear": np.array([[70.0, -690, 0]]), "right_ear": np.array([[-70.0, -690, 0]])}
    if head:
        points |= {
            "upper_neck": np.array([[0.0, -540, 0]]),
            "head_top": np.array([[0.0, -820, 0]]),
        }
    return points


@given(bodies, hnp.arrays(np.float64, (2, 3), elements=st.floats(-2, 2)))
def test_deriving_and_projecting_in_parallel_can_be_swapped(values, projection):
    points = body(values)
    flat = {name: xyz @ projection.T for name, xyz in points.items()}
    np.testing.assert_allclose(
        body_landmarks.derive(points, H36M_17.joints) @ projection.T,
        body_landmarks.derive(flat, H36M_17.joints),
        atol=1e-6,
    )


@given(bodies)
def test_mirroring_swaps_left_and_right(values):
    points = body(values)
    swap = {"left": "right", "right": "left"}
    mirrored = {
        (f"{swap[name.split('_')[0]]}_{name.split('_', 1)[1]}" if name.split("_")[0] in swap
         else name): xyz * (-1, 1, 1)
        for name, xyz in points.items()
    }  # fmt: skip
    np.testing.assert_allclose(
        body_landmarks.derive(mirrored, H36M_17.joints),
        body_landmarks.derive(points, H36M_17.joints)[:, H36M_17.flip_order] * (-1, 1, 1),
        atol=1e-9,
    )


def test_limb_joints_are_the_points_themselves():
    points = standing()
    for joint, place in zip(LIMBS, body_landmarks.derive(points, LIMBS)[0], strict=True):
        np.testing.assert_array_equal(place, points[joint][0])


def test_the_middle_joints_of_a_standing_figure_lie_where_cmu_s_do():
    found = body_landmarks.derive(standing(), ("hip", "spine", "thorax", "neck", "head"))[0]
    np.testing.assert_allclose(found[:, [0, 2]], 0, atol=1e-9)
    # CMU, a body of the same trunk: 0, 215, 440, 630 and 724 mm above the hips.
    np.testing.assert_allclose(-found[:, 1], [0, 210, 437.5, 635.2, 727.6])


def test_without_a_head_top_the_ears_give_nearly_the_same_head():
    joints = ("thorax", "neck", "head")
    with_top = body_landmarks.derive(standing(), joints)
    without = body_landmarks.derive(standing(head=False), joints)
    assert np.linalg.norm(with_top - without, axis=-1).max() < 30


@pytest.mark.parametrize(
    ("missing", "joints"),
    [
        ("left_knee", {"left_knee"}),
        ("left_hip", {"left_hip", "hip", "spine", "thorax"}),
        ("right_shoulder", {"right_shoulder", "spine", "thorax"}),
        ("head_top", set()),
        ("nose", set()),
    ],
)
def test_a_missing_point_takes_only_its_joints_along(missing, joints):
    points = standing() | {"nose": np.zeros((1, 3))}
    points[missing] = np.full((1, 3), np.nan)
    found = body_landmarks.derive(points, H36M_17.joints)[0]
    lost = {j for j, xyz in zip(H36M_17.joints, found, strict=True) if np.isnan(xyz).any()}
    assert lost == joints


def test_a_detector_s_own_mid_hip_stands_in_for_a_missing_hip():
    points = standing() | {"mid_hip": np.array([[1.0, 2.0, 3.0]])}
    points["left_hip"] = np.full((1, 3), np.nan)
    np.testing.assert_array_equal(body_landmarks.derive(points, ("hip",))[0, 0], [1, 2, 3])


def test_confidence_is_the_least_of_what_a_joint_is_made_of():
    certain = {name: np.array([0.9]) for name in standing()}
    certain |= {"left_hip": np.array([0.4]), "left_knee": np.array([np.nan])}
    found = body_landmarks.derive_confidence(certain, INPUT_16.joints)[0]
    by_joint = dict(zip(INPUT_16.joints, found, strict=True))
    assert by_joint["hip"] == by_joint["spine"] == by_joint["thorax"] == 0.4
    assert by_joint["head"] == by_joint["left_wrist"] == 0.9
    assert by_joint["left_knee"] == 0
