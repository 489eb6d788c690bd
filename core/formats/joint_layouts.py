"""Foreign orders of joints, by the names that people call them, mapped to the joints used here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.formats import body_landmarks
from core.skeleton import H36M_17, H36M_32, INPUT_16, Skeleton

Array = NDArray[np.floating[Any]]

# fmt: off
# Stacked Hourglass writes MPII's 16; its pelvis, thorax, upper neck and head top are called here
# by the joints of the baseline that its users put them to.
MPII_16 = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "hip", "spine", "thorax", "head",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
)
COCO_17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)
# fmt: on

ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "h36m17": H36M_17.joints,
        "h36m16": INPUT_16.joints,
        "h36m32": H36M_32.joints,
        "mpii16": MPII_16,
        "coco17": COCO_17,
    }
)
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "h36m17": "Human3.6M, 17 joints",
        "h36m16": "Human3.6M, 16 joints (without neck)",
        "h36m32": "Human3.6M, all 32 joints",
        "mpii16": "MPII, 16 joints (Stacked Hourglass)",
        "coco17": "COCO, 17 points",
    }
)


def orders_of(joints: int) -> tuple[str, ...]:
    """Name the orders that have so many joints, Human3.6M's first."""
    return tuple(name for name, order in ORDERS.items() if len(order) == joints)


def mapped(positions: Array, order: str, target: Skeleton) -> Array:
    """Bring poses (F, J, C) in a known order to the joints of INPUT_16 or H36M_17.

    COCO's hip, spine, thorax, neck and head are derived from its points. Joints that an order
    does not have, and that can't be derived, come back as NaN.
    """
    names = ORDERS[order]
    if positions.shape[1] != len(names):
        raise ValueError(f"{order} has {len(names)} joints, not {positions.shape[1]}")
    if order == "coco17":
        points = {name: positions[:, i] for i, name in enumerate(names)}
        return np.asarray(body_landmarks.derive(points, target.joints))
    columns = [
        positions[:, names.index(joint)]
        if joint in names
        else np.full_like(positions[:, 0], np.nan)
        for joint in target.joints
    ]
    return np.stack(columns, axis=1)
