"""Bare arrays of poses, (n, 16|17|32|..., 2|3), read as somebody says: order, unit, axes, rate.

An array does not say what its numbers are. What can be told from them is guessed and offered; what
can't be told is asked for, never assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import body_landmarks, keypoints, layouts
from core.formats.keypoints_csv import read_csv
from core.formats.layouts import LAYOUTS
from core.human36m import PUBLISHED_INPUT, PUBLISHED_OUTPUT
from core.normalization import unnormalize
from core.sequence import PoseSequence, Space
from core.skeleton import H36M_17, H36M_32, INPUT_16, OUTPUT_16_JOINTS

Array = NDArray[np.floating[Any]]
FPS = 50.0
PICTURE_PX = 1000.0
SUFFIXES = (".npz", ".npy", ".csv", ".json")

# As people name them -> the points in their order. In 3D "h36m16" is the network's output, which
# has no hip; in 2D its input, which has no neck.
ORDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "h36m17": H36M_17.joints,
        "h36m16": INPUT_16.joints,
        "h36m32": H36M_32.joints,
        "mpii16": LAYOUTS["MPII-16"].points,
        "hourglass16": LAYOUTS["Hourglass-16"].points,
        "coco17": LAYOUTS["COCO-17"].points,
        "coco18": LAYOUTS["COCO-18"].points,
        "body25": LAYOUTS["BODY_25"].points,
        "body25b": LAYOUTS["BODY_25B"].points,
        "halpe26": LAYOUTS["HALPE-26"].points,
        "mediapipe33": LAYOUTS["MediaPipe-33"].points,
    }
)
UNITS_2D = ("px", "normalised", "fraction", "screen")
UNITS_3D = ("mm", "cm", "m", "normalised")
IN_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
AXES_2D = ("y-down", "y-up")
AXES_3D = ("camera", "camera-y-up", "world-z-up", "world-y-up")
# Every order, unit and set of axes, for options on a command line.
UNITS = tuple(dict.fromkeys((*UNITS_2D, *UNITS_3D)))
AXES = (*AXES_2D, *AXES_3D)
MEANING = MappingProxyType(
    {
        "h36m17": "Human3.6M, hip first, with neck and head",
        "h36m16": "the baseline's own 16 joints",
        "h36m32": "Human3.6M, all 32 as recorded",
        "mpii16": "MPII, right ankle first",
        "hourglass16": "Stacked Hourglass on Human3.6M",
        "coco17": "COCO, nose first",
        "coco18": "OpenPose COCO, nose and neck first",
        "body25": "OpenPose BODY_25",
        "body25b": "OpenPose BODY_25B",
        "halpe26": "HALPE, of AlphaPose",
        "mediapipe33": "MediaPipe, BlazePose",
        "px": "pixels of the picture",
        "normalised": "normalised with Human3.6M's published mean and deviation",
        "fraction": "0 to 1 of the picture",
        "screen": "-1 to 1 of the picture's width",
        "y-down": "y down, as pictures have it",
        "y-up": "y up",
        "camera": "x right, y down, z away",
        "camera-y-up": "x right, y up, z towards the camera",
        "world-z-up": "z up, in the room",
        "world-y-up": "y up, in the room",
    }
)


@dataclass(frozen=True)
class Reading:
    """What the numbers of an array are taken for.

    Attributes:
        joint_order: a name of `ORDERS`.
        unit: one of `UNITS_2D` or `UNITS_3D`.
        axes: one of `AXES_2D` or `AXES_3D`.
        fps: frames a second.
    """

    joint_order: str
    unit: str
    axes: str
    fps: float = FPS


@dataclass(frozen=True)
class Guess:
    """What an array seems to be.

    Attributes:
        reading: the likeliest.
        open: what can't be told -> what it may be, the likeliest first.
    """

    reading: Reading
    open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_positions(path: str | Path) -> Array:
    """Read the array of a file as it lies there: (F, J, 2|3), NaN where nothing is.

    Raises:
        PoseFormatError: there is no single array of poses in it.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PoseFormatError(f"can't be opened: {error.strerror or error}", file=path) from None
    if suffix in (".npz", ".npy"):
        found = keypoints.array_in(data, str(path))
    elif suffix == ".csv":
        found = np.asarray(read_csv(data, str(path))["positions"])
    elif suffix == ".json":
        found = np.asarray(keypoints.content_of_json(data, str(path))["positions"])
    else:
        known = ", ".join(SUFFIXES)
        raise PoseFormatError(f"arrays are read from {known}, not from {suffix!r}", file=path)
    return shaped(found, str(path))


def shaped(found: Array, name: str) -> Array:
    """Give an array the shape (F, J, 2|3); rows of numbers get their joints back.

    Raises:
        PoseFormatError: no order that is known has so many joints.
    """
    counts = sorted({len(points) for points in ORDERS.values()})
    expected = f"(frames, joints, 2 or 3) with {', '.join(map(str, counts))} joints was expected"
    if found.dtype.kind not in "fiu":
        raise PoseFormatError(f"numbers {expected}, not {found.dtype}", file=name)
    if found.ndim == 4 and 1 in found.shape[:2]:
        found = found.reshape(-1, *found.shape[2:])
    if found.ndim == 2 and found.shape[1] in (2, 3):
        found = found[None]
    if found.ndim == 2:
        # 48 numbers are the network's output; 16 joints of three are nothing else here.
        widths = {j * c: (j, c) for c in (2, 3) for j in (16, 17, 32)}
        if found.shape[1] in widths:
            found = found.reshape(len(found), *widths[found.shape[1]])
    if found.ndim != 3 or found.shape[2] not in (2, 3) or found.shape[1] not in counts:
        raise PoseFormatError(f"an array of {expected}, not {found.shape}", file=name)
    positions = _without_confidence(found.astype(np.float64))
    positions[~np.isfinite(positions).all(axis=2)] = np.nan
    if not len(positions) or np.isnan(positions).all():
        raise PoseFormatError("there is no pose in it", file=name)
    if not _extent(positions) > 0:
        raise PoseFormatError("there is no pose in it: the joints lie on one point", file=name)
    return positions


def _without_confidence(found: Array) -> Array:
    """Take (x, y, confidence) for 2D: the third is within 0 and 1 where the others are large."""
    if found.shape[2] == 2:
        return found
    third = found[..., 2][np.isfinite(found[..., 2])]
    is_confidence = third.size and third.min() >= 0 and third.max() <= 1 and third.max() > 0
    if not is_confidence or _extent(found[..., :2]) < 10:
        return found
    seen: Array = np.where(found[..., 2:] > 0, found[..., :2], np.nan)
    return seen


def orders_for(positions: Array) -> tuple[str, ...]:
    """Name the orders that have as many joints as these poses."""
    return tuple(name for name, points in ORDERS.items() if len(points) == positions.shape[1])


def guess(positions: Array, name: str = "") -> Guess:
    """Guess what poses (F, J, 2|3) are, and say what can't be told.

    Raises:
        PoseFormatError: nothing that is known has so many joints.
    """
    undecided: dict[str, tuple[str, ...]] = {}
    some = positions[:: max(1, len(positions) // 200)]
    order = _guess_order(some, undecided, name)
    if positions.shape[2] == 2:
        unit, axes = _guess_2d(some, order, undecided)
    else:
        unit, axes = _guess_3d(some, order, undecided)
    return Guess(Reading(order, unit, axes), undecided)


def to_sequence(positions: Array, reading: Reading, name: str) -> PoseSequence:
    """Turn poses into a sequence: 2D of INPUT_16 in px, or 3D of H36M_17 in mm.

    Raises:
        PoseFormatError: the reading does not go with the array, or nobody could be so.
    """
    _check(positions, reading, name)
    points = ORDERS[reading.joint_order]
    if positions.shape[2] == 2:
        pixels = _in_px(positions, reading)
        joints = body_landmarks.mapped(pixels, points, INPUT_16.joints)
        space: Space = "image"
        skeleton = INPUT_16
    else:
        if reading.joint_order == "h36m16":
            points = ("hip", *OUTPUT_16_JOINTS)
            positions = np.concatenate(
                [np.zeros_like(positions[:, :1]), _in_mm(positions, reading)], 1
            )
        else:
            positions = positions * IN_MM[reading.unit]
        joints = _turned(body_landmarks.mapped(positions, points, H36M_17.joints), reading.axes)
        space = _space(joints, reading.axes)
        skeleton = H36M_17
    if not np.nanmax(np.abs(joints), initial=0.0) < 1e7:
        raise PoseFormatError(
            f"read in {reading.unit}, persons would be kilometres away; another unit is meant",
            file=name,
            place="unit",
        )
    return PoseSequence(joints, skeleton, space, reading.fps, source=Path(name).name)


def _check(positions: Array, reading: Reading, name: str) -> None:
    flat = positions.shape[2] == 2
    for option, value, known in (
        ("joint_order", reading.joint_order, orders_for(positions)),
        ("unit", reading.unit, UNITS_2D if flat else UNITS_3D),
        ("axes", reading.axes, AXES_2D if flat else AXES_3D),
    ):
        if value not in known:
            what = f"{positions.shape[1]} joints in {positions.shape[2]}D"
            raise PoseFormatError(
                f"{option} {value!r} does not go with {what}; expected {' or '.join(known)}",
                file=name,
                place=option,
            )
    if reading.unit == "normalised" and reading.joint_order != "h36m16":
        raise PoseFormatError(
            "the published mean and deviation are of h36m16 (16 joints in, 16 out); other orders "
            "can't be normalised with them",
            file=name,
            place="unit",
        )
    if not 0 < reading.fps < 1e6:
        raise PoseFormatError(f"frames a second are {reading.fps}", file=name, place="fps")


def _in_px(positions: Array, reading: Reading) -> Array:
    pixels = positions
    if reading.unit == "normalised":
        flat = positions.reshape(len(positions), -1)
        pixels = unnormalize(flat, PUBLISHED_INPUT.mean, PUBLISHED_INPUT.std)
        pixels = pixels.reshape(positions.shape)
    elif reading.unit == "fraction":
        pixels = positions * PICTURE_PX
    elif reading.unit == "screen":
        pixels = (positions + 1.0) * PICTURE_PX / 2
    if reading.axes == "y-up":
        ys = pixels[..., 1]
        turned = np.nanmax(ys) + np.nanmin(ys) - ys
        pixels = np.stack([pixels[..., 0], turned], axis=-1)
    return pixels


def _in_mm(positions: Array, reading: Reading) -> Array:
    if reading.unit != "normalised":
        return positions * IN_MM[reading.unit]
    flat = positions.reshape(len(positions), -1)
    restored: Array = unnormalize(flat, PUBLISHED_OUTPUT.mean, PUBLISHED_OUTPUT.std)
    return restored.reshape(positions.shape)


def _turned(joints: Array, axes: str) -> Array:
    x, y, z = np.moveaxis(joints, -1, 0)
    if axes == "camera-y-up":
        return np.stack([x, -y, -z], axis=-1)
    if axes == "world-y-up":
        return np.stack([x, -z, y], axis=-1)
    return joints


def _space(joints: Array, axes: str) -> Space:
    hip = joints[:, H36M_17.root]
    if axes.startswith("world"):
        return "world"
    return "root" if np.nanmax(np.abs(hip), initial=0.0) < 1.0 else "camera"


def _guess_order(some: Array, undecided: dict[str, tuple[str, ...]], name: str) -> str:
    possible = orders_for(some)
    if len(possible) == 1 or (some.shape[1] == 16 and some.shape[2] == 3):
        return possible[0]
    if some.shape[2] == 3:
        # Seen from the side that shows most of the person: width and height of the body.
        spread = np.nanstd(some - np.nanmean(some, axis=1, keepdims=True), axis=(0, 1))
        some = some[..., np.sort(np.argsort(spread)[1:])]
    seen = np.asarray(np.isfinite(some).all(axis=2, keepdims=True))
    frames = [
        np.concatenate([np.nan_to_num(p), s], axis=1)[None] for p, s in zip(some, seen, strict=True)
    ]
    names = {layouts_name: order for order in possible for layouts_name in LAYOUTS
             if LAYOUTS[layouts_name].points == ORDERS[order]}  # fmt: skip
    try:
        return names[layouts.recognise(frames, file=name, among=tuple(names)).name]
    except layouts.UndecidedLayoutError as error:
        undecided["joint_order"] = tuple(names[choice] for choice in error.choices)
        return undecided["joint_order"][0]


def _extent(some: Array) -> float:
    """Measure the median person: the longer side of a box around it."""
    with np.errstate(invalid="ignore"):
        whole = some[np.isfinite(some).all(axis=2).sum(axis=1) > 1]
        boxes = np.nanmax(whole, axis=1) - np.nanmin(whole, axis=1)
    return float(np.median(boxes.max(axis=1))) if len(boxes) else 0.0


def _guess_2d(some: Array, order: str, undecided: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    low, high = float(np.nanmin(some)), float(np.nanmax(some))
    if _extent(some) >= 10:
        unit = "px"
    elif low >= 0 and high <= 1.5:
        unit = "fraction"
    else:
        units = ("screen", "normalised") if low > -1.6 and high < 1.6 else ("normalised",)
        if order != "h36m16":
            units = ("screen",)
        unit = units[0]
        if len(units) > 1:
            undecided["unit"] = units
    axes = "y-down"
    if unit != "normalised":
        joints = body_landmarks.mapped(some, ORDERS[order], INPUT_16.joints)
        up = _upright(
            joints, INPUT_16.indices(("left_ankle", "right_ankle")), INPUT_16.index("head")
        )
        if up[1] > 0:
            axes = "y-up"
        if abs(up[1]) < 0.3:
            undecided["axes"] = ("y-down", "y-up")
    return unit, axes


def _guess_3d(some: Array, order: str, undecided: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    extent = _extent(some)
    unit = "mm" if extent >= 300 else "cm" if extent >= 20 else "m"
    if order == "h36m16":
        points = ("hip", *OUTPUT_16_JOINTS)
        some = np.concatenate([np.zeros_like(some[:, :1]), some], axis=1)
        if extent < 20:
            undecided["unit"] = ("normalised", "m")
            undecided["axes"] = AXES_3D
            return "normalised", "camera"
    else:
        points = ORDERS[order]
    joints = body_landmarks.mapped(some, points, H36M_17.joints)
    up = _upright(joints, H36M_17.indices(("left_ankle", "right_ankle")), H36M_17.index("head"))
    axis = int(np.argmax(np.abs(up)))
    if abs(up[axis]) < 0.7:
        undecided["axes"] = AXES_3D
    if axis == 1 and up[1] < 0:
        return unit, "camera"
    if axis == 2 and up[2] > 0:
        return unit, "world-z-up"
    if axis == 1:
        hip = np.nanmedian(joints[:, 0], axis=0) * IN_MM[unit]
        choices = (
            ("camera-y-up", "world-y-up") if abs(hip[2]) > 2000 else ("world-y-up", "camera-y-up")
        )
        undecided["axes"] = choices
        return unit, choices[0]
    undecided["axes"] = AXES_3D
    return unit, "camera"


def _upright(joints: Array, ankles: list[int], head: int) -> Array:
    """Give the mean direction from ankles to head, length 1 or less."""
    ways = joints[:, head] - joints[:, ankles].mean(axis=1)
    lengths = np.linalg.norm(ways, axis=1, keepdims=True)
    ways = (ways / np.maximum(lengths, 1e-9))[np.isfinite(lengths[:, 0])]
    direction: Array = ways.mean(axis=0) if len(ways) else np.zeros(joints.shape[2])
    return direction
