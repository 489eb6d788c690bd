"""Biovision's BVH: any hierarchy and channel order, and the 17 joints of CMU's conversion.

The CMU recordings exist as BVH in Bruce Hahne's conversion (cgspeed.com, 2008). That conversion
drops the `thorax` segment (about 117 mm) and both `wrist` segments (about 100 mm): seven joints
have OFFSET 0 0 0. `read` puts them back, see `restore_dropped_segments`, and leaves out the T-pose
that the conversion put in as first row. Knows nothing of folders, actions or cameras.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats.mocap import CMU_UNIT_MM, euler_rotation, text_lines, z_up_from_y_up
from core.sequence import PoseSequence
from core.skeleton import H36M_17

Array = NDArray[np.floating[Any]]

CHANNELS = tuple(axis + kind for kind in ("position", "rotation") for axis in "XYZ")
END = " end"
# What `bvh_writer` writes.
OWN_UNIT_MM = 10.0

# What a sequence's source says where its thorax was not in the file.
THORAX_ESTIMATED = " (thorax estimated, 1 to 8 mm off)"

# Joint -> the BVH joint at its place. "Head end" is the end site of Head.
JOINT_AT = {
    "right_hip": "RightUpLeg",
    "right_knee": "RightLeg",
    "right_ankle": "RightFoot",
    "left_hip": "LeftUpLeg",
    "left_knee": "LeftLeg",
    "left_ankle": "LeftFoot",
    "spine": "Spine",
    "thorax": "Neck",
    "neck": "Head",
    "head": "Head" + END,
    "left_shoulder": "LeftArm",
    "left_elbow": "LeftForeArm",
    "left_wrist": "LeftFingerBase",
    "right_shoulder": "RightArm",
    "right_elbow": "RightForeArm",
    "right_wrist": "RightFingerBase",
}

# Joint without offset -> whose offset it takes, and how much of it. The wrist is always half as
# long as the radius. The thorax is like the bone below it: 1 to 8 mm off where both are known.
DROPPED_SEGMENTS = {
    "Neck": ("Spine1", 1.0),
    "LeftShoulder": ("Spine1", 1.0),
    "RightShoulder": ("Spine1", 1.0),
    "LeftFingerBase": ("LeftHand", 0.5),
    "LThumb": ("LeftHand", 0.5),
    "RightFingerBase": ("RightHand", 0.5),
    "RThumb": ("RightHand", 0.5),
}


@dataclass(frozen=True, eq=False)
class BvhMotion:
    """What a BVH file says.

    Attributes:
        joints: names, parents before children; an end site is its joint's name and " end".
        parents: index of each joint's parent, -1 for a root.
        offsets: (J, 3) from the parent in the rest pose, in the file's unit.
        channels: per joint the names of its channels, in their order.
        values: (F, C) the rows of the motion, lengths and degrees as in the file.
        fps: frames a second.
    """

    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Array
    channels: tuple[tuple[str, ...], ...]
    values: Array
    fps: float

    def positions(self, joints: Iterable[str]) -> dict[str, Array]:
        """Find joints (F, 3) in the file's own unit and axes; `ValueError` if one is unknown."""
        wanted = [self.joints.index(joint) for joint in joints]
        needed = set(wanted)
        for joint in reversed(range(len(self.joints))):
            if joint in needed and self.parents[joint] >= 0:
                needed.add(self.parents[joint])
        starts = np.cumsum([0, *(len(names) for names in self.channels)])
        places: dict[int, Array] = {}
        turns: dict[int, Array] = {}
        for joint in sorted(needed):
            parent = self.parents[joint]
            names = self.channels[joint]
            values = self.values[:, starts[joint] : starts[joint + 1]]
            offset = np.tile(self.offsets[joint], (len(values), 1))
            # Position channels replace the offset: that is how BVH writers use them.
            for column, name in enumerate(names):
                if name.endswith("position"):
                    offset[:, "XYZ".index(name[0])] = values[:, column]
            is_turn = [name.endswith("rotation") for name in names]
            axes = "".join(n[0] for n, turns_it in zip(names, is_turn, strict=True) if turns_it)
            own = euler_rotation(axes, np.deg2rad(values[:, is_turn]))
            if parent < 0:
                places[joint], turns[joint] = offset, own
            else:
                places[joint] = places[parent] + (turns[parent] @ offset[..., None])[..., 0]
                turns[joint] = turns[parent] @ own if axes else turns[parent]
        return {self.joints[joint]: places[joint] for joint in wanted}


def read(
    bvh: str | Path, *, fps: float | None = None, unit_mm: float = CMU_UNIT_MM, source: str = ""
) -> PoseSequence:
    """Read one recording as the 17 joints, world space (z up), mm.

    Args:
        bvh: the file; its joints carry the names of the CMU conversion, or ours (cm).
        fps: frames a second, where it is known better than the file's frame time says it.
        unit_mm: millimetres per unit of length; BVH files do not say. Not for ours.
        source: where the numbers come from; the file's name if empty.

    Raises:
        PoseFormatError: naming the file and what is wrong or missing there.
    """
    path = Path(bvh)
    as_it_is = read_motion(path)
    if set(H36M_17.joints) <= set(as_it_is.joints):
        own = as_it_is.positions(H36M_17.joints)
        ours = z_up_from_y_up(np.stack([own[j] for j in H36M_17.joints], axis=1)) * OWN_UNIT_MM
        return PoseSequence(ours, H36M_17, "world", fps or as_it_is.fps, source=source or path.name)
    motion = without_set_pose(restore_dropped_segments(as_it_is))
    if missing := sorted(set(JOINT_AT.values()) - set(motion.joints)):
        raise PoseFormatError(
            f"it lacks the joints {', '.join(missing)}; the names of the CMU conversion were "
            "expected",
            file=path,
            place="HIERARCHY",
        )
    places = motion.positions(JOINT_AT.values())
    joints = [
        # CMU's root lies about 110 mm above the hip line; Human3.6M's hip is its middle.
        (places["LeftUpLeg"] + places["RightUpLeg"]) / 2
        if joint == "hip"
        else places[JOINT_AT[joint]]
        for joint in H36M_17.joints
    ]
    positions = z_up_from_y_up(np.stack(joints, axis=1)) * unit_mm
    source = source or path.name
    if "Neck" in _restored(as_it_is, motion):
        source += THORAX_ESTIMATED
    return PoseSequence(positions, H36M_17, "world", fps or motion.fps, source=source)


def restore_dropped_segments(motion: BvhMotion) -> BvhMotion:
    """Put back the offsets that the CMU conversion lost, where they are 0; else change nothing.

    The wrists come back exactly. The thorax takes the offset of the bone below it, which is wrong
    by 1 to 8 mm: a constant shift of head and arms.
    """
    offsets = motion.offsets.copy()
    index = {name: place for place, name in enumerate(motion.joints)}
    for name, (donor, share) in DROPPED_SEGMENTS.items():
        if name in index and donor in index and not offsets[index[name]].any():
            offsets[index[name]] = motion.offsets[index[donor]] * share
    return replace(motion, offsets=offsets)


def _restored(before: BvhMotion, after: BvhMotion) -> set[str]:
    changed = (before.offsets != after.offsets).any(axis=1)
    return {name for name, moved in zip(before.joints, changed, strict=True) if moved}


def without_set_pose(motion: BvhMotion) -> BvhMotion:
    """Leave out first rows that were set by hand, where measured rows follow.

    The CMU conversion puts a T-pose first; a few recordings go on with rows of zeros. Both are
    told by their angles, all of them whole degrees.
    """
    is_turn = [name.endswith("rotation") for names in motion.channels for name in names]
    turns = motion.values[:, is_turn]
    is_measured = (turns != turns.round()).any(axis=1)
    first = int(is_measured.argmax())
    return replace(motion, values=motion.values[first:]) if first else motion


def read_motion(bvh: str | Path) -> BvhMotion:
    """Read a BVH file.

    Raises:
        PoseFormatError: naming the file and the line that is wrong.
    """
    path = Path(bvh)
    return _BvhParser(path, text_lines(path)).parse()


class _BvhParser:
    """Reads one BVH file line by line, so that an error can name its line."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path = path
        self.lines = lines
        self.number = 0
        self.joints: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[tuple[str, ...]] = []

    def error(self, problem: str) -> PoseFormatError:
        return PoseFormatError(problem, file=self.path, place=f"line {max(self.number, 1)}")

    def next_words(self) -> list[str]:
        while self.number < len(self.lines):
            words = self.lines[self.number].replace("{", " { ").replace("}", " } ").split()
            self.number += 1
            if words:
                return words
        raise self.error("it ends here before its motion begins: the file is cut off")

    def parse(self) -> BvhMotion:
        words = self.next_words() if any(line.strip() for line in self.lines) else [""]
        if words[0].upper() != "HIERARCHY":
            raise self.error("HIERARCHY was expected: it is not a BVH file")
        self.take_hierarchy(words[1:])
        frames, frame_time = self.take_motion_head()
        if len(set(self.joints)) < len(self.joints):
            repeated = next(n for n in self.joints if self.joints.count(n) > 1)
            raise PoseFormatError(
                f"two joints are called {repeated!r}", file=self.path, place="HIERARCHY"
            )
        return BvhMotion(
            joints=tuple(self.joints),
            parents=tuple(self.parents),
            offsets=np.array(self.offsets),
            channels=tuple(self.channels),
            values=self.take_rows(frames),
            # Frame times are rounded: 0.0333333 means 30.
            fps=round(1 / frame_time, 2),
        )

    def take_hierarchy(self, words: list[str]) -> None:
        open_joints: list[int] = []
        while True:
            while words:
                word = words.pop(0)
                if word.upper() == "MOTION":
                    if open_joints or not self.joints:
                        raise self.error("the hierarchy is not closed where MOTION begins")
                    return
                if word in ("ROOT", "JOINT", "End"):
                    brace = words.index("{") if "{" in words else len(words)
                    self.open_joint(word, " ".join(words[:brace]), open_joints)
                    words = words[brace:]
                elif word == "OFFSET":
                    self.current(open_joints)
                    self.offsets[open_joints[-1]] = self.numbers(words[:3], 3)
                    words = words[3:]
                elif word == "CHANNELS":
                    joint = self.current(open_joints)
                    count = int(words[0]) if words and words[0].isdecimal() else -1
                    names = tuple(words[1 : 1 + count])
                    if len(names) != count or not set(names) <= set(CHANNELS):
                        raise self.error(
                            "CHANNELS, their number and as many channel names were expected"
                        )
                    self.channels[joint] = names
                    words = words[1 + count :]
                elif word == "}":
                    self.current(open_joints)
                    open_joints.pop()
                elif word != "{":
                    raise self.error(
                        f"ROOT, JOINT, End Site, OFFSET or CHANNELS was expected, not {word[:40]!r}"
                    )
            words = self.next_words()

    def open_joint(self, kind: str, name: str, open_joints: list[int]) -> None:
        parent = open_joints[-1] if open_joints else -1
        if kind == "End":
            name = self.joints[self.current(open_joints)] + END
        elif not name:
            raise self.error(f"a name was expected after {kind}")
        self.joints.append(name)
        self.parents.append(parent)
        self.offsets.append([0.0, 0.0, 0.0])
        self.channels.append(())
        open_joints.append(len(self.joints) - 1)

    def current(self, open_joints: list[int]) -> int:
        if not open_joints:
            raise self.error("this stands outside of any joint")
        return open_joints[-1]

    def take_motion_head(self) -> tuple[int, float]:
        words = self.next_words()
        if len(words) != 2 or words[0].lower() != "frames:" or not words[1].isdecimal():
            raise self.error("'Frames:' and a number were expected")
        frames = int(words[1])
        words = self.next_words()
        if [word.lower() for word in words[:2]] != ["frame", "time:"]:
            raise self.error("'Frame Time:' and a number were expected")
        frame_time = self.numbers(words[2:], 1)[0]
        if frame_time <= 0:
            raise self.error(f"the frame time must be above 0, not {words[2]}")
        return frames, frame_time

    def take_rows(self, frames: int) -> Array:
        width = sum(len(names) for names in self.channels)
        first = self.number
        if not width:
            raise self.error("its joints have no channels, so that nothing can move")
        try:
            values = np.fromiter(map(float, " ".join(self.lines[first:]).split()), dtype=np.float64)
        except ValueError:
            values = np.empty(0)
        if frames and values.size == frames * width and np.isfinite(values).all():
            return values.reshape(frames, width)
        rows = 0
        for number, line in enumerate(self.lines[first:], start=first + 1):
            self.number = number
            if words := line.split():
                self.numbers(words, width)
                rows += 1
        self.number = len(self.lines)
        raise self.error(f"{frames} frames were announced, {rows} are there")

    def numbers(self, words: list[str], count: int) -> list[float]:
        try:
            values = [float(word) for word in words]
        except ValueError:
            values = []
        if len(values) != count or not np.isfinite(values).all():
            raise self.error(f"{count} numbers were expected, not {' '.join(words)[:60]!r}")
        return values
