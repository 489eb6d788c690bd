"""Acclaim's ASF (skeleton) and AMC (motion), as the CMU motion-capture database has them.

Bone b turns its children by G_b = G_parent C M C^-1, C from the bone's `axis` and M from its
angles in the AMC; it ends at end(parent) + G_b (direction * length). The 17 joints are bone ends.
Knows nothing of folders, actions or cameras.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import compress, cycle
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats.asf import ROOT, AsfSkeleton, read_skeleton, rotation_by_letter
from core.formats.mocap import is_finite_number, text_lines, z_up_from_y_up
from core.sequence import PoseSequence
from core.skeleton import H36M_17

Array = NDArray[np.floating[Any]]

# AMC files do not say their rate; CMU recorded nearly everything at 120 Hz.
CMU_FPS = 120.0

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
    if missing := sorted(set(END_OF_BONE.values()) - set(skeleton.bones)):
        raise PoseFormatError(
            f"it lacks the bones {', '.join(missing)}, which end at wanted joints",
            file=skeleton.file,
            place=":hierarchy",
        )
    ends = bone_ends(skeleton, read_motion(path, skeleton), END_OF_BONE.values())
    left, right = ends[END_OF_BONE["left_hip"]], ends[END_OF_BONE["right_hip"]]
    joints = [
        # CMU's root lies about 110 mm above the hip line; Human3.6M's hip is its middle.
        (left + right) / 2 if joint == "hip" else ends[END_OF_BONE[joint]]
        for joint in H36M_17.joints
    ]
    positions = z_up_from_y_up(np.stack(joints, axis=1)) * skeleton.unit_mm
    return PoseSequence(positions, H36M_17, "world", fps, source=source or path.name)


def bone_ends(
    skeleton: AsfSkeleton, motion: Mapping[str, Array], bones: Iterable[str]
) -> dict[str, Array]:
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
    angles = {axis: root.get("R" + axis, still) for axis in "XYZ"}
    turns = {ROOT: rotation_by_letter(skeleton.root_order, angles)}
    needed = {name for bone in bones for name in skeleton.chain(bone)}
    for name, bone in skeleton.bones.items():
        if name not in needed:
            continue
        turn = turns[bone.parent]
        if name in motion:
            angles = dict(zip(bone.angle_axes, motion[name].T, strict=True))
            turn = turn @ (bone.frame @ rotation_by_letter(bone.order, angles) @ bone.frame.T)
        turns[name] = turn
        ends[name] = ends[bone.parent] + turn @ bone.offset
    del ends[ROOT]
    return ends


def read_motion(amc: str | Path, skeleton: AsfSkeleton) -> dict[str, Array]:
    """Read an AMC file's numbers: bone (and "root") -> (F, n), angles in radians.

    Raises:
        PoseFormatError: naming the file and the line that does not fit the skeleton.
    """
    path = Path(amc)
    lines = text_lines(path)
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
        channels = skeleton.root_channels if name == ROOT else ("R",) * count
        is_angle += [channel.startswith("R") for channel in channels]
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
            fail(number, f"frame {frame} lacks {', '.join(sorted(missing))}")

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
            if not is_finite_number(value):
                fail(number, f"{name} has {value[:40]!r} where a number was expected")
        seen.add(name)
    close(len(lines))
    fail(first + 1, "its frames do not all list the same bones in the same order")
