"""OpenPose's keypoints: a folder with one JSON file a frame, each with any number of people.

Layouts are told apart by the data: BODY_25 and BODY_25B have 75 numbers a person alike, and one
taken for the other breaks every limb. One person is followed through the clip. Points map to the
baseline's joints by name, see `body_landmarks`.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import body_landmarks, people
from core.sequence import PoseSequence
from core.skeleton import INPUT_16

Array = NDArray[np.floating[Any]]
FPS = 30.0
KEYPOINTS = "pose_keypoints_2d"


@dataclass(frozen=True)
class Layout:
    """One of OpenPose's models: its points in order, and the limbs that tell it from others."""

    name: str
    points: tuple[str, ...]

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """Index pairs of the limbs that this layout has."""
        return tuple(
            (self.points.index(a), self.points.index(b))
            for a, b in LIMBS
            if a in self.points and b in self.points
        )


def _both(*pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (pair.split("-") for pair in pairs)
    )


LIMBS = (
    *_both("shoulder-elbow", "elbow-wrist", "hip-knee", "knee-ankle", "shoulder-hip"),
    *_both("ankle-heel"),
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("nose", "left_eye"),
)

# fmt: off
_FEET_RIGHT = ("right_big_toe", "right_small_toe", "right_heel")
_FEET_LEFT = ("left_big_toe", "left_small_toe", "left_heel")
_RIGHT_ARM = ("right_shoulder", "right_elbow", "right_wrist")
_LEFT_ARM = ("left_shoulder", "left_elbow", "left_wrist")
_RIGHT_LEG = ("right_hip", "right_knee", "right_ankle")
_LEFT_LEG = ("left_hip", "left_knee", "left_ankle")
_FACE = ("right_eye", "left_eye", "right_ear", "left_ear")
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("COCO-18", (
            "nose", "base_of_neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG, *_FACE,
        )),
        Layout("BODY_25", (
            "nose", "base_of_neck", *_RIGHT_ARM, *_LEFT_ARM, "mid_hip", *_RIGHT_LEG, *_LEFT_LEG,
            *_FACE, *_FEET_LEFT, *_FEET_RIGHT,
        )),
        Layout("BODY_25B", (
            "nose", "left_eye", "right_eye", "left_ear", "right_ear",
            "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
            "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
            "left_ankle", "right_ankle", "upper_neck", "head_top", *_FEET_LEFT, *_FEET_RIGHT,
        )),
    )
}
# fmt: on

# A layout is believed if another one's limbs would be longer by this factor. Over a clip the
# wrong one's are 1.6 to 3 times as long; in a single frame of somebody sitting down, 1.27.
CLEARLY_SHORTER = 1.25


def matches(folder: str | Path) -> bool:
    """Tell whether a folder holds OpenPose files, by the first JSON file in it."""
    folder = Path(folder)
    first = next(iter(_files(folder)), None) if folder.is_dir() else None
    if first is None:
        return False
    try:
        return "people" in json.loads(first.read_bytes())
    except (OSError, ValueError, TypeError):
        return False


def read(
    folder: str | Path, *, layout: str | None = None, fps: float = FPS, source: str = "OpenPose"
) -> PoseSequence:
    """Read a clip: the 16 input joints of one person, px, frame by frame.

    With several people in the picture the one that is largest, best seen and longest there is
    followed. Frames without that person, and points with confidence 0, are NaN.

    Args:
        folder: one JSON file a frame, in the order of the numbers in their names.
        layout: a name of `LAYOUTS`; recognised from the data where not given.
        fps: frames a second, which the files do not tell.
        source: named in the sequence, beside the layout.

    Raises:
        PoseFormatError: no files, a damaged one, nobody in any frame, or a layout that the data
            contradicts or that can't be told.
    """
    folder = Path(folder)
    frames = read_people(folder)
    chosen = recognise(frames, file=folder, layout=layout)
    person = people.follow(frames, len(chosen.points))
    if not np.isfinite(person[..., 0]).any():
        raise PoseFormatError("nobody is in any of its frames", file=folder)
    return as_input(person, chosen, fps=fps, source=f"{source} {chosen.name}")


def as_input(person: Array, layout: Layout, *, fps: float, source: str) -> PoseSequence:
    """Map one person's points (F, N, 3: x, y, confidence) to the 16 input joints."""
    xy = np.where(person[..., 2:] > 0, person[..., :2], np.nan)
    confidence = np.where(person[..., 2] > 0, person[..., 2], np.nan)
    points = {name: xy[:, i] for i, name in enumerate(layout.points)}
    certain = {name: confidence[:, i] for i, name in enumerate(layout.points)}
    return PoseSequence(
        body_landmarks.derive(points, INPUT_16.joints),
        INPUT_16,
        "image",
        fps,
        confidence=np.clip(body_landmarks.derive_confidence(certain, INPUT_16.joints), 0, 1),
        source=source,
    )


def read_people(folder: str | Path) -> list[Array]:
    """Read every person of every frame: F arrays (P, N, 3) of x, y, confidence.

    Raises:
        PoseFormatError: no files, or one that is no such file, named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PoseFormatError("a folder of OpenPose's JSON files was expected", file=folder)
    files = _files(folder)
    if not files:
        problem = "OpenPose's JSON files, one a frame, were expected; there is none"
        raise PoseFormatError(problem, file=folder)
    frames = [_people_of(path) for path in files]
    widths = {
        people.shape[1]: path for path, people in zip(files, frames, strict=True) if len(people)
    }
    if len(widths) > 1:
        (first, one), (second, other) = list(widths.items())[:2]
        problem = f"has {second * 3} numbers a person, but {one.name} has {first * 3}"
        raise PoseFormatError(problem, file=other)
    return frames


def recognise(frames: Sequence[Array], *, file: str | Path, layout: str | None = None) -> Layout:
    """Tell the layout from the data, or check the one that is given.

    Raises:
        PoseFormatError: unknown, contradicted by the data, or not to be told from it.
    """
    if layout is not None and layout not in LAYOUTS:
        problem = f"layout {layout!r} is not known; known are {', '.join(LAYOUTS)}"
        raise PoseFormatError(problem, file=file)
    count = max((persons.shape[1] for persons in frames if len(persons)), default=0)
    if not count:
        raise PoseFormatError("nobody is in any of its frames", file=file)
    possible = [known for known in LAYOUTS.values() if len(known.points) == count]
    if not possible:
        lengths = ", ".join(f"{3 * len(x.points)} ({x.name})" for x in LAYOUTS.values())
        problem = f"{3 * count} numbers a person, where {lengths} were expected"
        raise PoseFormatError(problem, file=file)
    if layout is not None and LAYOUTS[layout] not in possible:
        problem = (
            f"{3 * count} numbers a person are not {layout}, which has "
            f"{3 * len(LAYOUTS[layout].points)}, but {' or '.join(x.name for x in possible)}"
        )
        raise PoseFormatError(problem, file=file)
    if len(possible) == 1:
        return possible[0]
    lengths_of = {known.name: _limb_length(frames, known) for known in possible}
    best, second = sorted(possible, key=lambda known: lengths_of[known.name])[:2]
    ratio = lengths_of[second.name] / lengths_of[best.name]
    certain = math.isfinite(lengths_of[best.name]) and ratio > CLEARLY_SHORTER
    if layout is not None:
        if certain and layout != best.name:
            problem = (
                f"these numbers look like {best.name}, not {layout}: read as {layout}, limbs "
                f"would be {ratio:.1f} times as long and legs and arms would cross the body. "
                f"Both have {3 * count} numbers a person"
            )
            raise PoseFormatError(problem, file=file)
        return LAYOUTS[layout]
    if not certain:
        names = " and ".join(known.name for known in possible)
        problem = (
            f"{names} both have {3 * count} numbers a person, and too little of the body is "
            f"seen to tell them apart: name the layout"
        )
        raise PoseFormatError(problem, file=file)
    return best


def _limb_length(frames: Sequence[Array], layout: Layout) -> float:
    """Measure the limbs in parts of the person's size: median over people, inf without any.

    Root mean square over the limbs, since a wrong layout shows in a few that are far too long.
    """
    ratios = []
    a, b = np.array(layout.limbs).T
    for person in itertools.chain.from_iterable(frames):
        seen = person[:, 2] > 0
        usable = seen[a] & seen[b]
        if usable.sum() < len(a) / 2:
            continue
        size = float(np.linalg.norm(np.ptp(person[seen, :2], axis=0)))
        lengths = np.linalg.norm(person[a, :2] - person[b, :2], axis=1)[usable]
        ratios.append(float(np.sqrt((lengths**2).mean())) / max(size, 1e-6))
    return float(np.median(ratios)) if ratios else float("inf")


def _files(folder: Path) -> list[Path]:
    def number(path: Path) -> tuple[list[int], str]:
        return [int(n) for n in re.findall(r"\d+", path.stem)], path.name

    return sorted((p for p in folder.glob("*.json") if p.is_file()), key=number)


def _people_of(path: Path) -> Array:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise PoseFormatError(f"not readable as JSON ({error})", file=path) from None
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise PoseFormatError("a list of people was expected", file=path)
    rows = []
    for i, person in enumerate(people):
        place = f"people[{i}].{KEYPOINTS}"
        numbers = person.get(KEYPOINTS) if isinstance(person, dict) else None
        try:
            row = np.asarray(numbers, dtype=np.float64)
        except (TypeError, ValueError):
            row = np.empty((0, 0))
        if row.ndim != 1 or not row.size or row.size % 3 or not np.isfinite(row).all():
            problem = "a list of x, y, confidence for each point was expected"
            raise PoseFormatError(problem, file=path, place=place)
        rows.append(row.reshape(-1, 3))
    if len({len(row) for row in rows}) > 1:
        raise PoseFormatError("people have different numbers of points", file=path)
    return np.stack(rows) if rows else np.empty((0, 0, 3))
