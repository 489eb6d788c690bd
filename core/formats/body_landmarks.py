"""From the body points that detectors and marker sets name to the baseline's joints.

Limb joints are taken by name. Hip, spine, thorax, neck and head are no point that a detector
sees; they are derived here, in one place, so that they mean the same in 2D and in 3D and in
every format. Knows arrays by name; no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.sequence import PoseSequence
from core.skeleton import INPUT_16

Points = Mapping[str, NDArray[np.floating[Any]]]

# Where the middle joints lie, as the networks that ship learned them from CMU's skeletons: least
# squares over its clips, in parts of the way from mid-hips to mid-shoulders ...
SPINE_UP_THE_TRUNK = 0.42
THORAX_UP_THE_TRUNK = 0.875
# ... and from the upper neck to the top of the head. CMU's head joint ends well below the top:
# a body of the same legs and trunk as the recorded person's puts it at two thirds.
NECK_UP_THE_HEAD = 0.34
HEAD_UP_THE_HEAD = 0.67
# Without a head top: the ears lie this much of the trunk's length below CMU's head joint.
HEAD_ABOVE_EARS = 0.06

# Where a point is not in the layout, or was not found, the next group stands in for it. Each
# group is all or nothing, except that one ear or eye stands for both.
HIP_FROM = (("left_hip", "right_hip"), ("mid_hip",))
SHOULDERS_FROM = (("left_shoulder", "right_shoulder"), ("base_of_neck",))
EARS_FROM = (
    ("left_ear", "right_ear"),
    ("left_ear",),
    ("right_ear",),
    ("left_eye", "right_eye"),
    ("nose",),
)


def as_input(
    person: NDArray[np.floating[Any]], points: Sequence[str], *, fps: float, source: str
) -> PoseSequence:
    """Map one person's points (F, N, 3: x, y px, confidence) to the 16 input joints.

    A point that is called as a joint is that joint; the others are made as `derive` does. Points
    of confidence 0 are missing.
    """
    xy = np.where(person[..., 2:] > 0, person[..., :2], np.nan)
    confidence = np.where(person[..., 2] > 0, person[..., 2], np.nan)
    joints = derive({name: xy[:, i] for i, name in enumerate(points)}, INPUT_16.joints)
    certain = derive_confidence(
        {name: confidence[:, i] for i, name in enumerate(points)}, INPUT_16.joints
    )
    for i, joint in enumerate(INPUT_16.joints):
        if joint in points:
            joints[:, i] = xy[:, points.index(joint)]
            certain[:, i] = np.nan_to_num(confidence[:, points.index(joint)])
    return PoseSequence(
        joints, INPUT_16, "image", fps, confidence=np.clip(certain, 0, 1), source=source
    )


def mapped(
    positions: NDArray[np.floating[Any]], points: Sequence[str], joints: Sequence[str]
) -> NDArray[np.floating[Any]]:
    """Bring poses (F, N, C) of named points to joints (F, J, C).

    A point that is called as a joint is that joint; the others are made as `derive` does.
    """
    found = derive({name: positions[:, i] for i, name in enumerate(points)}, joints)
    for i, joint in enumerate(joints):
        if joint in points:
            found[:, i] = positions[:, points.index(joint)]
    return found


def derive(points: Points, joints: Sequence[str]) -> NDArray[np.floating[Any]]:
    """Make joints out of named points.

    Args:
        points: name -> (F, C), the same F and C for all; NaN where a point was not found.
        joints: the joints to make, by the names of `core.skeleton`.

    Returns:
        (F, len(joints), C); NaN where the points that a joint needs are missing.
    """
    return np.stack([_joint(points, joint) for joint in joints], axis=1)


def derive_confidence(confidences: Points, joints: Sequence[str]) -> NDArray[np.floating[Any]]:
    """Give each joint the least confidence of the points that it is made of.

    Args:
        confidences: name -> (F,), NaN where the point was not found.
        joints: as for `derive`.

    Returns:
        (F, len(joints)); 0 where the joint is missing.
    """
    columns = {name: values[:, None] for name, values in confidences.items()}
    worst = [_worst(columns, joint) for joint in joints]
    return np.nan_to_num(np.concatenate(worst, axis=1), nan=0.0)


def _joint(points: Points, joint: str) -> NDArray[np.floating[Any]]:
    if joint == "hip":
        return _first_found(points, HIP_FROM, np.mean)
    if joint in ("spine", "thorax"):
        hip, shoulders = _trunk(points)
        up = SPINE_UP_THE_TRUNK if joint == "spine" else THORAX_UP_THE_TRUNK
        return hip + up * (shoulders - hip)
    if joint in ("neck", "head"):
        return _neck_or_head(points, joint)
    return _point(points, joint)


def _neck_or_head(points: Points, joint: str) -> NDArray[np.floating[Any]]:
    up = NECK_UP_THE_HEAD if joint == "neck" else HEAD_UP_THE_HEAD
    neck, top = _point(points, "upper_neck"), _point(points, "head_top")
    found = neck + up * (top - neck)
    hip, shoulders = _trunk(points)
    ears = _first_found(points, EARS_FROM, np.mean)
    head = ears + HEAD_ABOVE_EARS * (shoulders - hip)
    # From the shoulders up to the head, the base of the skull is about half way.
    other = head if joint == "head" else (shoulders + head) / 2
    return np.where(np.isnan(found), other, found)


def _worst(columns: Points, joint: str) -> NDArray[np.floating[Any]]:
    hip = _first_found(columns, HIP_FROM, np.min)
    shoulders = _first_found(columns, SHOULDERS_FROM, np.min)
    if joint == "hip":
        return hip
    if joint in ("spine", "thorax"):
        return np.minimum(hip, shoulders)
    if joint in ("neck", "head"):
        found = np.minimum(_point(columns, "upper_neck"), _point(columns, "head_top"))
        ears = _first_found(columns, EARS_FROM, np.min)
        other = np.minimum(np.minimum(hip, shoulders), ears)
        return np.where(np.isnan(found), other, found)
    return _point(columns, joint)


def _trunk(points: Points) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    return (
        _first_found(points, HIP_FROM, np.mean),
        _first_found(points, SHOULDERS_FROM, np.mean),
    )


def _first_found(
    points: Points, groups: Sequence[Sequence[str]], combine: Any
) -> NDArray[np.floating[Any]]:
    """Combine the first group of points that was found, frame by frame."""
    result = _point(points, "")
    for group in groups:
        candidate = combine([_point(points, name) for name in group], axis=0)
        result = np.where(np.isnan(result), candidate, result)
    return result


def _point(points: Points, name: str) -> NDArray[np.floating[Any]]:
    known = points.get(name)
    return np.full_like(next(iter(points.values())), np.nan) if known is None else known
