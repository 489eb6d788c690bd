"""Acclaim's ASF (skeleton) and AMC (motion), as the CMU motion-capture database has them.

Bone b turns its children by G_b = G_parent C M C^-1, C from the bone's `axis` and M from its
angles in the AMC; it ends at end(parent) + G_b (direction * length). The 17 joints are bone ends.
Knows nothing of folders, actions or cameras.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress, cycle
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats.mocap_axes import MM_PER_INCH, euler_rotation, z_up_from_y_up
from core.sequence import PoseSequence
from core.skeleton import H36M_17

Array = NDArray[np.floating[Any]]

# AMC files do not say their rate; CMU recorded nearly everything at 120 Hz.
CMU_FPS = 120.0

ROOT = "root"

# Joint -> the CMU bone that ends there. CMU has no nose: its head joint stands in for the neck.
# The forearm is cut in `radius` (2/3) and `wrist` (1/3); the hand bends at the end of `wrist`.
END_OF_BONE = {
    "right_hip": "rhipjoint",
    "right_knee": "rfemur",
    "right_ankle": "rtibia",
    "left_hip": "lhipjoint",
    "left_knee": "lfemur",
    "left_ankle": "ltibia",
    "spine": "lowerback",
    "thorax": "thorax",
    "neck": "upperneck",
    "head": "head",
    "left_shoulder": "lclavicle",
    "left_elbow": "lhumerus",
    "left_wrist": "lwrist",
    "right_shoulder": "rclavicle",
    "right_elbow": "rhumerus",
    "right_wrist": "rwrist",
}


@dataclass(frozen=True, eq=False)
class Bone:
    """One bone of an ASF skeleton.

    Attributes:
        parent: name of the bone that it hangs on.
        offset: (3,) from the parent's end to its own in the rest pose, in the file's unit.
        frame: C (3, 3), the axes that its angles turn about.
        angle_axes: axis letter of each number it has in an AMC frame ("X", "Z"); "" if rigid.
        order: axis letters in the order in which the rotations are applied.
    """

    parent: str
    offset: Array
    frame: Array
    angle_axes: str
    order: str


@dataclass(frozen=True, eq=False)
class AsfSkeleton:
    """What an ASF file says, as far as joint positions need it.

    Attributes:
        file: where it was read.
        unit_mm: millimetres per unit of length.
        root_channels: what the root's numbers in an AMC frame are ("TX", "RZ", ...).
        root_order: axis letters of the root in the order in which they are applied.
        bones: by name, parents before children; without the root.
    """

    file: Path
    unit_mm: float
    root_channels: tuple[str, ...]
    root_order: str
    bones: Mapping[str, Bone]

    def numbers_of(self, bone: str) -> int:
        """Tell how many numbers a bone has in an AMC frame; `KeyError` if there is no such bone."""
        return len(self.root_channels if bone == ROOT else self.bones[bone].angle_axes)

    def chain(self, bone: str) -> list[str]:
        """List the bones from the root (not included) to `bone`."""
        names = []
        while bone != ROOT:
            names.append(bone)
            bone = self.bones[bone].parent
        return names[::-1]


def read_skeleton(asf: str | Path) -> AsfSkeleton:
    """Read an ASF file.

    Raises:
        PoseFormatError: the file can't be read, a section or a needed bone is missing, or it
            uses a feature that CMU's skeletons do not have (a moved root, bones that stretch).
    """
    return _AsfParser(Path(asf)).parse()


def read(
    amc: str | Path, asf: str | Path | AsfSkeleton, *, fps: float = CMU_FPS, source: str = ""
) -> PoseSequence:
    """Read one recording as the 17 joints, world space (z up), mm.

    Args:
        amc: the motion.
        asf: the skeleton's file, or the skeleton if many motions share it.
        fps: frames a second; AMC files do not say.
        source: where the numbers come from; the file's name if empty.

    Raises:
        PoseFormatError: naming the file and line that is wrong.
    """
    path = Path(amc)
    skeleton = asf if isinstance(asf, AsfSkeleton) else read_skeleton(asf)
    ends = bone_ends(skeleton, read_motion(path, skeleton), END_OF_BONE.values())
    left, right = ends[END_OF_BONE["left_hip"]], ends[END_OF_BONE["right_hip"]]
    joints = [
        # CMU's root lies about 110 mm above the hip line; Human3.6M's hip is its middle.
        (left + right) / 2 if joint == "hip" else ends[END_OF_BONE[joint]]
        for joint in H36M_17.joints
    ]
    positions = z_up_from_y_up(np.stack(joints, axis=1)) * skeleton.unit_mm
    return PoseSequence(positions, H36M_17, "world", fps, source=source or path.name)


def bone_ends(skeleton: AsfSkeleton, motion: Mapping[str, Array], bones: Any) -> dict[str, Array]:
    """Find where bones end, in the file's own unit and axes (y up).

    Args:
        skeleton: the rest pose.
        motion: bone -> (F, n) as `read_motion` gives it; a bone without numbers stays at rest.
        bones: names of the bones wanted.

    Returns:
        bone -> (F, 3), float64; the bones on the way to those wanted are in it too.
    """
    root = dict(zip(skeleton.root_channels, motion[ROOT].T, strict=True))
    frames = len(motion[ROOT])
    still = np.zeros(frames)
    ends = {ROOT: np.stack([root.get("T" + axis, still) for axis in "XYZ"], axis=-1)}
    turns = {ROOT: _turn(skeleton.root_order, {a: root.get("R" + a, still) for a in "XYZ"})}
    needed = {name for bone in bones for name in skeleton.chain(bone)}
    for name, bone in skeleton.bones.items():
        if name not in needed:
            continue
        turn = turns[bone.parent]
        if name in motion:
            angles = dict(zip(bone.angle_axes, motion[name].T, strict=True))
            turn = turn @ (bone.frame @ _turn(bone.order, angles) @ bone.frame.T)
        turns[name] = turn
        ends[name] = ends[bone.parent] + turn @ bone.offset
    del ends[ROOT]
    return ends


def _turn(order: str, angles: Mapping[str, Array]) -> Array:
    """Make (F, 3, 3) from angles (F,) by axis letter; `order` names the first applied first."""
    axes = "".join(axis for axis in reversed(order) if axis in angles)
    return euler_rotation(axes, np.stack([angles[axis] for axis in axes], axis=-1))


def read_motion(amc: str | Path, skeleton: AsfSkeleton) -> dict[str, Array]:
    """Read an AMC file's numbers: bone (and "root") -> (F, n), angles in radians.

    Raises:
        PoseFormatError: naming the file and the line that does not fit the skeleton.
    """
    path = Path(amc)
    lines = _lines(path)
    first = next(
        (i for i, line in enumerate(lines) if line.strip() and line.lstrip()[0] not in "#:"), None
    )
    if first is None:
        raise PoseFormatError("it has no frame; an AMC file has at least one", file=path)
    in_degrees = not any(line.strip().upper() == ":RADIANS" for line in lines[:first])

    tokens = " ".join(lines[first:]).split()
    # The first frame tells which bones every frame has to list, and in which order.
    layout: dict[str, int] = {}
    place = 1
    while place < len(tokens) and tokens[place] not in layout:
        name = tokens[place]
        if name != ROOT and name not in skeleton.bones:
            break
        layout[name] = skeleton.numbers_of(name)
        place += 1 + layout[name]
    is_number = [False]
    is_angle = []
    for name, count in layout.items():
        is_number += [False] + [True] * count
        is_angle += [name != ROOT or channel[0] == "R" for channel in skeleton.root_channels][
            :count
        ]
    frames, rest = divmod(len(tokens), len(is_number))
    words = list(compress(tokens, cycle([not number for number in is_number])))
    stride = len(layout) + 1
    regular = not rest and ROOT in layout
    regular = regular and all(word.isdecimal() for word in words[::stride])
    regular = regular and all(
        words[position::stride] == [name] * frames for position, name in enumerate(layout, start=1)
    )
    if not regular:
        _explain(path, lines, first, skeleton)
    try:
        numbers = np.fromiter(map(float, compress(tokens, cycle(is_number))), dtype=np.float64)
    except ValueError:
        _explain(path, lines, first, skeleton)
    if not np.isfinite(numbers).all():
        _explain(path, lines, first, skeleton)

    table = numbers.reshape(frames, -1)
    if in_degrees:
        table[:, is_angle] = np.deg2rad(table[:, is_angle])
    columns = np.split(table, np.cumsum(list(layout.values()))[:-1], axis=1)
    return dict(zip(layout, columns, strict=True))


def _explain(path: Path, lines: list[str], first: int, skeleton: AsfSkeleton) -> NoReturn:
    """Find the line for which an AMC file can't be read, and raise the error that says so."""
    frame, seen, expected = "", set[str](), set[str]()

    def fail(number: int, problem: str) -> NoReturn:
        raise PoseFormatError(problem, file=path, place=f"line {number}")

    def close(number: int) -> None:
        if frame and not seen:
            fail(number, f"frame {frame} has no bones")
        if frame and ROOT not in seen:
            fail(number, f"frame {frame} does not say where the root is")
        if missing := expected - seen:
            fail(number, f"frame {frame} lacks {', '.join(sorted(missing))}: the file is cut off")

    for number, line in enumerate(lines[first:], start=first + 1):
        words = line.split()
        if not words:
            continue
        if len(words) == 1 and words[0].isdecimal():
            close(number)
            expected = expected or seen
            frame, seen = words[0], set()
            continue
        name, values = words[0], words[1:]
        if not frame:
            fail(number, f"a frame number was expected, not {name[:40]!r}")
        if name != ROOT and name not in skeleton.bones:
            fail(number, f"the skeleton {skeleton.file.name} has no bone {name[:40]!r}")
        if name in seen:
            fail(number, f"frame {frame} has {name} twice")
        if len(values) != skeleton.numbers_of(name):
            fail(
                number,
                f"{name} has {len(values)} numbers; the skeleton {skeleton.file.name} gives it "
                f"{skeleton.numbers_of(name)}",
            )
        for value in values:
            if not _is_finite(value):
                fail(number, f"{name} has {value[:40]!r} where a number was expected")
        seen.add(name)
    close(len(lines))
    fail(first + 1, "its frames do not all list the same bones in the same order")


def _is_finite(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _lines(path: Path) -> list[str]:
    try:
        # Latin-1 reads any byte: what is not text then fails where a name or number is expected.
        return path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise PoseFormatError(f"it can't be read: {error.strerror}", file=path) from error


class _AsfParser:
    """Reads one ASF file line by line, so that an error can name its line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.unit_mm = 0.0
        self.in_degrees = True
        self.root_channels: tuple[str, ...] = ()
        self.root_order = "XYZ"
        self.data: dict[str, dict[str, list[str]]] = {}
        self.parents: dict[str, str] = {}
        self.bone: dict[str, list[str]] = {}

    def error(self, problem: str) -> PoseFormatError:
        place = f"line {self.number}" if self.number else ""
        return PoseFormatError(problem, file=self.path, place=place)

    def parse(self) -> AsfSkeleton:
        section = ""
        for number, line in enumerate(_lines(self.path), start=1):
            self.number = number
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0].startswith(":"):
                section = words[0][1:].lower()
                continue
            if section in ("units", "root", "bonedata", "hierarchy"):
                getattr(self, f"take_{section}")(words[0], words[1:])
        self.number = 0
        if not self.data or not self.parents:
            raise self.error(
                "it has no bones; an ASF file has the sections :bonedata and :hierarchy"
            )
        if not self.unit_mm:
            raise self.error("it gives no unit of length; :units was expected to hold one")
        if not self.root_channels:
            raise self.error("it does not say the order of the root's numbers in :root")
        if missing := sorted(set(END_OF_BONE.values()) - set(self.parents)):
            raise self.error(f"it lacks the bones {', '.join(missing)}, which end at wanted joints")
        bones: dict[str, Bone] = {}
        waiting = dict(self.parents)
        while waiting:
            ready = [n for n, parent in waiting.items() if parent == ROOT or parent in bones]
            if not ready:
                raise self.error(f"the bones {', '.join(sorted(waiting))} do not hang on the root")
            for name in ready:
                bones[name] = self.make_bone(name, waiting.pop(name))
        return AsfSkeleton(self.path, self.unit_mm, self.root_channels, self.root_order, bones)

    def take_units(self, key: str, values: list[str]) -> None:
        key = key.lower()
        if key == "length":
            length = self.numbers(values, 1)[0]
            if length <= 0:
                raise self.error(f"the unit of length must be above 0, not {values[0]}")
            self.unit_mm = MM_PER_INCH / length
        if key == "angle":
            self.in_degrees = not values or not values[0].lower().startswith("rad")

    def take_root(self, key: str, values: list[str]) -> None:
        key = key.lower()
        if key == "order":
            self.root_channels = tuple(value.upper() for value in values)
            known = {kind + axis for kind in "TR" for axis in "XYZ"}
            if not set(self.root_channels) <= known or len(set(values)) < len(values):
                raise self.error(f"the root's order was expected to hold TX to RZ, not {values}")
        elif key == "axis":
            self.root_order = self.axis_order(values)
        elif key in ("position", "orientation") and any(self.numbers(values, 3)):
            raise self.error(f"a root whose {key} at rest is not 0 0 0 is not supported")

    def take_bonedata(self, key: str, values: list[str]) -> None:
        key = key.lower()
        if key == "begin":
            self.bone = {}
        elif key == "end":
            if "name" not in self.bone:
                raise self.error("a bone ends here that has no name")
            self.data[self.bone["name"][0]] = {**self.bone, "line": [str(self.number)]}
        else:
            self.bone[key] = values
            if key == "name" and len(values) != 1:
                raise self.error("a bone's name was expected to be one word")

    def take_hierarchy(self, key: str, values: list[str]) -> None:
        if key in ("begin", "end"):
            return
        for child in values:
            if child not in self.data:
                raise self.error(f"the hierarchy names the bone {child!r}, which :bonedata lacks")
            if child in self.parents:
                raise self.error(f"the bone {child!r} hangs on two parents")
            self.parents[child] = key

    def make_bone(self, name: str, parent: str) -> Bone:
        fields = self.data[name]
        self.number = int(fields["line"][0])
        for key in ("direction", "length", "axis"):
            if key not in fields:
                raise self.error(f"the bone {name} has no {key}")
        direction = np.array(self.numbers(fields["direction"], 3))
        length = self.numbers(fields["length"], 1)[0]
        axis, order = self.numbers(fields["axis"][:3], 3), self.axis_order(fields["axis"][3:])
        dof = [word.lower() for word in fields.get("dof", [])]
        if not set(dof) <= {"rx", "ry", "rz"}:
            raise self.error(f"the bone {name} has degrees of freedom other than rx, ry, rz: {dof}")
        angles = np.deg2rad(axis) if self.in_degrees else np.array(axis)
        by_letter = dict(zip("XYZ", angles[:, None], strict=True))
        return Bone(
            parent=parent,
            offset=direction * length,
            frame=_turn(order, by_letter)[0],
            angle_axes="".join(word[1].upper() for word in dof),
            order=order,
        )

    def axis_order(self, words: list[str]) -> str:
        order = "".join(words).upper()
        if not re.fullmatch("[XYZ]{3}", order) or len(set(order)) != 3:
            raise self.error(f"an order of the three axes such as XYZ was expected, not {order!r}")
        return order

    def numbers(self, words: list[str], count: int) -> list[float]:
        if len(words) != count or not all(_is_finite(word) for word in words):
            raise self.error(f"{count} numbers were expected, not {' '.join(words)[:60]!r}")
        return [float(word) for word in words]
