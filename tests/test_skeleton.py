"""Skeletons: published indices, sides by name, and laws of the derived parts."""

from __future__ import annotations

import pytest

from core.skeleton import (
    H36M_17,
    H36M_32,
    INPUT_16,
    JOINTS_14,
    OUTPUT_16_JOINTS,
    SKELETONS,
    Skeleton,
    side_of,
)

every_skeleton = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)


def test_the_17_joints_are_the_ones_of_human36m_that_move() -> None:
    assert H36M_32.indices(H36M_17.joints) == [
        0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27,
    ]  # fmt: skip


def test_network_input_and_output_take_the_published_32_joint_indices() -> None:
    assert H36M_32.indices(INPUT_16.joints) == [
        0, 1, 2, 3, 6, 7, 8, 12, 13, 15, 17, 18, 19, 25, 26, 27,
    ]  # fmt: skip
    assert H36M_32.indices(OUTPUT_16_JOINTS) == [
        1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27,
    ]  # fmt: skip


def test_parents_of_the_17_joints_are_the_published_ones() -> None:
    assert H36M_17.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)


def test_sides_of_the_17_joints_are_the_published_ones() -> None:
    assert {i for i, s in enumerate(H36M_17.sides) if s == "left"} == {4, 5, 6, 11, 12, 13}
    assert {i for i, s in enumerate(H36M_17.sides) if s == "right"} == {1, 2, 3, 14, 15, 16}


def test_thorax_joins_the_head_directly_in_2d() -> None:
    head = INPUT_16.index("head")
    assert INPUT_16.joints[INPUT_16.parents[head]] == "thorax"
    assert "neck" not in INPUT_16.joints


def test_the_14_joints_leave_out_hip_spine_and_neck() -> None:
    assert set(H36M_17.joints) - set(JOINTS_14) == {"hip", "spine", "neck"}


@every_skeleton
def test_a_skeleton_is_one_tree(skeleton: Skeleton) -> None:
    assert len(skeleton.bones) == len(skeleton) - 1
    for joint in range(len(skeleton)):
        while joint != skeleton.root:
            joint = skeleton.parents[joint]


@every_skeleton
def test_flipping_twice_changes_nothing_and_swaps_the_sides_once(skeleton: Skeleton) -> None:
    order = skeleton.flip_order
    assert [order[i] for i in order] == list(range(len(skeleton)))
    swapped = {"left": "right", "right": "left", "middle": "middle"}
    assert [skeleton.sides[i] for i in order] == [swapped[s] for s in skeleton.sides]


def test_side_comes_from_the_name() -> None:
    assert [side_of(j) for j in ("left_knee", "right_hip", "spine")] == ["left", "right", "middle"]


def test_an_unknown_joint_is_named() -> None:
    with pytest.raises(ValueError, match="human36m_17 has no joint 'tail'"):
        H36M_17.index("tail")


@pytest.mark.parametrize(
    ("joints", "parents", "message"),
    [
        (("a", "a"), (-1, 0), "names repeat"),
        (("a", "b"), (-1,), "one parent per joint"),
        (("a", "b"), (-1, -1), "exactly one root"),
        (("a", "b", "c"), (-1, 2, 1), "one tree"),
        (("a", "b"), (-1, 7), "one tree"),
    ],
    ids=["repeated", "short", "two-roots", "cycle", "outside"],
)
def test_what_is_not_one_named_tree_is_refused(
    joints: tuple[str, ...], parents: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton("bad", joints, parents)
