"""Acclaim's ASF: the skeleton of a recording, as the CMU motion-capture database has it.

Reads what joint positions need and refuses what CMU's skeletons do not have. Knows no motion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats.mocap import MM_PER_INCH, euler_rotation, is_finite_number, text_lines

Array = NDArray[np.floating[Any]]

ROOT = "root"


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
        PoseFormatError: the file can't be read, a section is missing, or it uses a feature that
            CMU's skeletons do not have (a root moved at rest, bones that stretch).
    """
    return _AsfParser(Path(asf)).parse()


def rotation_by_letter(order: str, angles: Mapping[str, Array]) -> Array:
    """Make (F, 3, 3) from angles (F,) by axis letter; `order` names the first applied first."""
    axes = "".join(axis for axis in reversed(order) if axis in angles)
    return euler_rotation(axes, np.stack([angles[axis] for axis in axes], axis=-1))


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
        for number, line in enumerate(text_lines(self.path), start=1):
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
            self.data[self.bone["name"][0]] = self.bone
        else:
            self.bone[key] = values
            if key == "name":
                self.bone["line"] = [str(self.number)]
                if len(values) != 1:
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
            frame=rotation_by_letter(order, by_letter)[0],
            angle_axes="".join(word[1].upper() for word in dof),
            order=order,
        )

    def axis_order(self, words: list[str]) -> str:
        order = "".join(words).upper()
        if not re.fullmatch("[XYZ]{3}", order) or len(set(order)) != 3:
            raise self.error(f"an order of the three axes such as XYZ was expected, not {order!r}")
        return order

    def numbers(self, words: list[str], count: int) -> list[float]:
        if len(words) != count or not all(is_finite_number(word) for word in words):
            raise self.error(f"{count} numbers were expected, not {' '.join(words)[:60]!r}")
        return [float(word) for word in words]
