"""The layouts of 2D detectors: which point comes when, and how to tell one from another.

Several layouts have the same count (BODY_25 and BODY_25B; COCO and Human3.6M; MPII and Human3.6M),
and one read as the other breaks every limb. They are told apart by geometry: read wrongly,
neighbouring joints are far apart. Where the data can't tell, the reader asks instead of guessing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.skeleton import H36M_17, INPUT_16

Array = NDArray[np.floating[Any]]


class UndecidedLayoutError(PoseFormatError):
    """The numbers fit more than one layout, and the geometry doesn't tell.

    Attributes:
        choices: names of the layouts that fit, the likeliest first.
    """

    def __init__(self, problem: str, *, file: str | Path, choices: tuple[str, ...]) -> None:
        super().__init__(problem, file=file)
        self.choices = choices


@dataclass(frozen=True)
class Layout:
    """What a detector reports: its points in order.

    Attributes:
        name: as its users call it.
        points: names as `body_landmarks` knows them, or joints of `core.skeleton` themselves;
            points that nothing is made of have a name of their own.
    """

    name: str
    points: tuple[str, ...]

    @cached_property
    def bones(self) -> NDArray[np.intp]:
        """(N - 1, 2) indices of neighbouring points: one tree over all that are of the body."""
        group = list(range(len(self.points)))
        found = []
        for a, b in NEIGHBOURS:
            if a not in self.points or b not in self.points:
                continue
            i, j = self.points.index(a), self.points.index(b)
            if group[i] != group[j]:
                found.append((i, j))
                group = [group[i] if g == group[j] else g for g in group]
        return np.array(found)

    @cached_property
    def middles(self) -> NDArray[np.intp]:
        """(M, 3) indices of points that lie about half-way between two others."""
        known = [names for names in HALF_WAY if all(name in self.points for name in names)]
        return np.array([[self.points.index(name) for name in names] for names in known])


def _both(*pairs: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{side}_{a}", f"{side}_{b}")
        for pair in pairs
        for a, b in (pair.split("-"),)
        for side in ("left", "right")
    )


# Neighbours on a body, nearest first: a layout's tree takes them in this order.
NEIGHBOURS = (
    *_both("wrist-elbow", "elbow-shoulder", "ankle-knee", "knee-hip", "heel-ankle"),
    *_both("big_toe-heel", "small_toe-big_toe", "eye_inner-eye", "eye_outer-eye", "ear-eye"),
    *_both("pinky-wrist", "index-wrist", "thumb-wrist"),
    *((f"{side}_{part}", "nose") for part in ("eye", "mouth") for side in ("left", "right")),
    *((f"{side}_hip", middle) for middle in ("hip", "mid_hip") for side in ("left", "right")),
    ("hip", "spine"),
    ("spine", "thorax"),
    ("left_shoulder", "thorax"),
    ("right_shoulder", "thorax"),
    ("thorax", "neck"),
    ("neck", "head"),
    ("thorax", "head"),
    ("left_shoulder", "base_of_neck"),
    ("right_shoulder", "base_of_neck"),
    ("base_of_neck", "upper_neck"),
    ("upper_neck", "head_top"),
    ("base_of_neck", "nose"),
    ("upper_neck", "nose"),
    ("head_top", "nose"),
    ("left_shoulder", "upper_neck"),
    ("left_ear", "left_shoulder"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_hip"),
    ("base_of_neck", "mid_hip"),
)
HALF_WAY = (
    ("hip", "left_hip", "right_hip"),
    ("mid_hip", "left_hip", "right_hip"),
    ("spine", "hip", "thorax"),
    ("thorax", "left_shoulder", "right_shoulder"),
    ("base_of_neck", "left_shoulder", "right_shoulder"),
    ("nose", "left_eye", "right_eye"),
    ("nose", "left_ear", "right_ear"),
    ("neck", "thorax", "head"),
    ("upper_neck", "base_of_neck", "head_top"),
)

# fmt: off
_FEET_RIGHT = ("right_big_toe", "right_small_toe", "right_heel")
_FEET_LEFT = ("left_big_toe", "left_small_toe", "left_heel")
_RIGHT_ARM = ("right_shoulder", "right_elbow", "right_wrist")
_LEFT_ARM = ("left_shoulder", "left_elbow", "left_wrist")
_RIGHT_LEG = ("right_hip", "right_knee", "right_ankle")
_LEFT_LEG = ("left_hip", "left_knee", "left_ankle")
_MPII_LEGS = ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle")
_MPII_ARMS = ("right_wrist", "right_elbow", "right_shoulder",
              "left_shoulder", "left_elbow", "left_wrist")
_COCO_17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)
_HALPE_26 = (
    *_COCO_17, "head_top", "base_of_neck", "mid_hip",
    "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
    "left_heel", "right_heel",
)


def _and_more(points: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Fill up with face and hands, which the baseline has no use for."""
    return (*points, *(f"other_{i}" for i in range(len(points), count)))


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("COCO-17", _COCO_17),
        Layout("COCO-18", (
            "nose", "base_of_neck", *_RIGHT_ARM, *_LEFT_ARM, *_RIGHT_LEG, *_LEFT_LEG,
            "right_eye", "left_eye", "right_ear", "left_ear",
        )),
        Layout("BODY_25", (
            "nose", "base_of_neck", *_RIGHT_ARM, *_LEFT_ARM, "mid_hip", *_RIGHT_LEG, *_LEFT_LEG,
            "right_eye", "left_eye", "right_ear", "left_ear", *_FEET_LEFT, *_FEET_RIGHT,
        )),
        Layout("BODY_25B", (*_COCO_17, "upper_neck", "head_top", *_FEET_LEFT, *_FEET_RIGHT)),
        Layout("HALPE-26", _HALPE_26),
        Layout("HALPE-136", _and_more(_HALPE_26, 136)),
        Layout("COCO-WholeBody-133", _and_more((*_COCO_17, *_FEET_LEFT, *_FEET_RIGHT), 133)),
        Layout("MediaPipe-33", (
            "nose", "left_eye_inner", "left_eye", "left_eye_outer",
            "right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear",
            "left_mouth", "right_mouth",
            "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
            "left_wrist", "right_wrist", "left_pinky", "right_pinky",
            "left_index", "right_index", "left_thumb", "right_thumb",
            "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
            "left_heel", "right_heel", "left_big_toe", "right_big_toe",
        )),
        Layout("MPII-16", (
            *_MPII_LEGS, "mid_hip", "base_of_neck", "upper_neck", "head_top", *_MPII_ARMS,
        )),
        # Stacked Hourglass as fine-tuned on Human3.6M: MPII's order, Human3.6M's joints.
        Layout("Hourglass-16", (*_MPII_LEGS, "hip", "spine", "thorax", "head", *_MPII_ARMS)),
        Layout("Human3.6M-16", INPUT_16.joints),
        Layout("Human3.6M-17", H36M_17.joints),
    )
}
# fmt: on

# A layout is believed if the next one makes a body that is worse by this factor. Over clips of 55
# motions with noise and a tenth of the points missing the true one's lead was 1.35 at least.
CLEARLY_WORSE = 1.15
# Fewer people than this must make a larger lead: the larger, the less of them is seen. It is what
# no wrong layout had in single pictures with a tenth to a quarter of the points missing.
MANY_PEOPLE = 16
HALF_SEEN, WELL_SEEN = 0.5, 0.7
CLEARLY_WORSE_OF_FEW, CLEARLY_WORSE_OF_LITTLE = 1.25, 2.1
# How much a point that is off its middle counts, against a bone's length.
WEIGHT_OF_MIDDLES = 2.0


def named(layout: str, *, file: str | Path) -> Layout:
    """Take a layout by its name, whatever the case.

    Raises:
        PoseFormatError: there is none of this name.
    """
    by_name = {name.lower(): known for name, known in LAYOUTS.items()}
    if layout.lower() not in by_name:
        problem = f"layout {layout!r} is not known; known are {', '.join(LAYOUTS)}"
        raise PoseFormatError(problem, file=file)
    return by_name[layout.lower()]


def recognise(
    frames: Sequence[Array],
    *,
    file: str | Path,
    layout: str | None = None,
    among: Iterable[str] = tuple(LAYOUTS),
) -> Layout:
    """Tell the layout from the data, or check the one that is given.

    Args:
        frames: F arrays (P, N, 3) of x, y, confidence.
        file: for messages.
        layout: a name of `LAYOUTS`, if it is known.
        among: the layouts that come into question.

    Raises:
        UndecidedLayoutError: more than one fits.
        PoseFormatError: unknown, contradicted by the data, or nobody is there.
    """
    given = None if layout is None else named(layout, file=file)
    count = max((persons.shape[1] for persons in frames if len(persons)), default=0)
    if not count:
        raise PoseFormatError("nobody is in any of its frames", file=file)
    candidates = [LAYOUTS[name] for name in among]
    possible = [known for known in candidates if len(known.points) == count]
    if not possible:
        counts = ", ".join(f"{len(x.points)} ({x.name})" for x in candidates)
        problem = f"{count} points a person, where {counts} were expected"
        raise PoseFormatError(problem, file=file)
    if given is not None and len(given.points) != count:
        problem = (
            f"{count} points a person are not {given.name}, which has {len(given.points)}, but "
            f"{' or '.join(x.name for x in possible)}"
        )
        raise PoseFormatError(problem, file=file)
    if len(possible) == 1:
        return given or possible[0]
    return _by_geometry(frames, possible, given, file)


def _by_geometry(
    frames: Sequence[Array], possible: list[Layout], given: Layout | None, file: str | Path
) -> Layout:
    scores, clearly_worse = _scores(frames, possible)
    best, second = sorted(possible, key=lambda known: scores[known.name])[:2]
    certain = scores[second.name] > clearly_worse * scores[best.name]
    if given is not None:
        if certain and scores[given.name] > clearly_worse * scores[best.name]:
            ratio = scores[given.name] / scores[best.name]
            problem = (
                f"these numbers look like {best.name}, not {given.name}: read as {given.name}, "
                f"neighbouring joints would be {ratio:.1f} times as far apart and limbs would "
                f"cross the body. Both have {len(best.points)} points a person"
            )
            raise PoseFormatError(problem, file=file)
        return given
    if certain:
        return best
    names = tuple(sorted(scores, key=lambda name: scores[name]))
    problem = (
        f"{' and '.join(names)} have {len(best.points)} points a person alike, and too little of "
        "the body is seen to tell them apart: name the layout"
    )
    raise UndecidedLayoutError(problem, file=file, choices=names)


def _scores(frames: Sequence[Array], possible: list[Layout]) -> tuple[dict[str, float], float]:
    """Score each layout on the same people, those who are seen well enough in any of them.

    Returns:
        Their disorder by layout, median over people, infinite where nobody is seen well enough;
        and by how much a layout must lead.
    """
    everybody = [person for persons in frames for person in persons]
    measured = [[_disorder(person, known) for person in everybody] for known in possible]
    table = np.array(measured, dtype=np.float64).reshape(len(possible), len(everybody), 2)
    disorder, seen = table[..., 0], table[..., 1].min(axis=0)
    counted, clearly_worse = seen >= HALF_SEEN, CLEARLY_WORSE
    if counted.sum() < MANY_PEOPLE:
        clearly_worse = CLEARLY_WORSE_OF_LITTLE
        if (seen >= WELL_SEEN).any():
            counted, clearly_worse = seen >= WELL_SEEN, CLEARLY_WORSE_OF_FEW
    if not counted.any():
        return dict.fromkeys((known.name for known in possible), float("inf")), clearly_worse
    medians = np.median(disorder[:, counted], axis=1)
    names = (known.name for known in possible)
    return dict(zip(names, medians.tolist(), strict=True)), clearly_worse


def _disorder(person: Array, layout: Layout) -> tuple[float, float]:
    """Measure how far apart neighbouring points are, and how far middles are off.

    A true skeleton is about the shortest tree over its points; read in another order it is longer.

    Returns:
        Both in parts of the person's size, and the share of bones that is seen.
    """
    a, b = layout.bones.T
    middle, one, other = layout.middles.T
    xy, seen = person[:, :2], person[:, 2] > 0
    usable = seen[a] & seen[b]
    if not usable.any():
        return 0.0, 0.0
    placed = seen[layout.middles].all(axis=1)
    size = max(float(np.linalg.norm(np.ptp(xy[seen], axis=0))), 1e-6)
    apart = np.linalg.norm(xy[a] - xy[b], axis=1)[usable].mean()
    from_middle = np.linalg.norm(xy[middle] - (xy[one] + xy[other]) / 2, axis=1)[placed]
    off = from_middle.mean() if placed.any() else 0.0
    return float(apart + WEIGHT_OF_MIDDLES * off) / size, float(usable.mean())
