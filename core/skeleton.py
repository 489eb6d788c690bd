"""Joint layouts of Human3.6M and of the 2017 baseline.

Names, parents and sides are written down here once; bones, chains and the left-right flip are
derived. Foreign layouts are mapped by name inside their format file. Knows no poses and no files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Side = Literal["left", "right", "middle"]


def side_of(joint: str) -> Side:
    """Tell the side of the body from a joint's name (`left_knee` -> "left")."""
    prefix = joint.split("_", 1)[0]
    if prefix == "left":
        return "left"
    if prefix == "right":
        return "right"
    return "middle"


@dataclass(frozen=True)
class Skeleton:
    """A named set of joints that forms one tree.

    Attributes:
        name: identifies the layout in files and messages.
        joints: J unique names; a side's joints start with `left_` or `right_`.
        parents: J indices into `joints`; -1 for the root joint.

    Raises:
        ValueError: names repeat, or the parents do not form exactly one tree.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"skeleton {self.name}: joint names repeat")
        if len(self.parents) != len(self.joints):
            raise ValueError(f"skeleton {self.name}: one parent per joint is needed")
        if self.parents.count(-1) != 1:
            raise ValueError(f"skeleton {self.name}: exactly one root joint (parent -1) is needed")
        for joint in range(len(self.joints)):
            steps = 0
            while self.parents[joint] != -1:
                joint = self.parents[joint]
                steps += 1
                if not 0 <= joint < len(self.joints) or steps > len(self.joints):
                    raise ValueError(f"skeleton {self.name}: the parents do not form one tree")

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Find a joint's index by its name; `ValueError` names the layout if it has none."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise ValueError(f"skeleton {self.name} has no joint {joint!r}") from None

    def indices(self, joints: Sequence[str]) -> list[int]:
        """Find several joints' indices by name, in the order given."""
        return [self.index(joint) for joint in joints]

    @cached_property
    def root(self) -> int:
        """Index of the root joint."""
        return self.parents.index(-1)

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        """Side of each joint."""
        return tuple(side_of(joint) for joint in self.joints)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) index pairs, in the children's order."""
        return tuple((p, child) for child, p in enumerate(self.parents) if p != -1)

    @cached_property
    def bone_sides(self) -> tuple[Side, ...]:
        """Side of each bone: its child's, so that both hip bones carry a side."""
        return tuple(self.sides[child] for _, child in self.bones)

    @cached_property
    def flip_order(self) -> tuple[int, ...]:
        """Index order that swaps left and right joints: `x[flip_order]` with x mirrored."""
        swap = {"left": "right_", "right": "left_"}
        order = []
        for joint, side in zip(self.joints, self.sides, strict=True):
            twin = joint if side == "middle" else swap[side] + joint.split("_", 1)[1]
            order.append(self.index(twin))
        return tuple(order)

    def subset(self, name: str, joints: Sequence[str]) -> Skeleton:
        """Keep some joints; each hangs on its nearest kept ancestor.

        Raises:
            ValueError: a joint is unknown, or more than one kept joint has no kept ancestor.
        """
        kept = {self.index(joint): position for position, joint in enumerate(joints)}
        parents = []
        for joint in joints:
            parent = self.parents[self.index(joint)]
            while parent != -1 and parent not in kept:
                parent = self.parents[parent]
            parents.append(-1 if parent == -1 else kept[parent])
        return Skeleton(name, tuple(joints), tuple(parents))


# fmt: off
# The motion-capture skeleton of Human3.6M in the order of its 96 numbers. The joints called
# "foot" in its files are the ankles. Joints without a name of their own repeat another's place.
H36M_32 = Skeleton(
    "human36m_32",
    (
        "hip",
        "right_hip", "right_knee", "right_ankle", "right_toe_base", "right_toe_end",
        "left_hip", "left_knee", "left_ankle", "left_toe_base", "left_toe_end",
        "spine_base", "spine", "thorax", "neck", "head",
        "left_collar", "left_shoulder", "left_elbow", "left_wrist",
        "left_hand", "left_thumb", "left_hand_site", "left_fingertip",
        "right_collar", "right_shoulder", "right_elbow", "right_wrist",
        "right_hand", "right_thumb", "right_hand_site", "right_fingertip",
    ),
    (
        -1,
        0, 1, 2, 3, 4,
        0, 6, 7, 8, 9,
        0, 11, 12, 13, 14,
        13, 16, 17, 18,
        19, 20, 19, 22,
        13, 24, 25, 26,
        27, 28, 27, 30,
    ),
)

# The joints that move, in the order of evaluation: the root counts, with zero error.
H36M_17 = H36M_32.subset(
    "human36m_17",
    (
        "hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "spine", "thorax", "neck", "head",
        "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    ),
)
# fmt: on

# What the network sees: no neck (Human3.6M's "Neck/Nose"), which detectors do not report.
INPUT_16 = H36M_17.subset("baseline_input_16", [j for j in H36M_17.joints if j != "neck"])

# What the network says, relative to the hip: every joint but the hip itself. These are 16 joints
# without a common root, so they are a choice out of H36M_17 and not a skeleton.
OUTPUT_16_JOINTS = tuple(j for j in H36M_17.joints if j != "hip")

# The 14-joint variant of Protocol #2 in the field: without hip, spine and neck.
JOINTS_14 = tuple(j for j in H36M_17.joints if j not in ("hip", "spine", "neck"))

SKELETONS = {s.name: s for s in (H36M_32, H36M_17, INPUT_16)}
