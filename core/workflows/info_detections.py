"""Describe what a 2D detector found: who writes it, layout, people, size, what looks wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.dataset import valid_frames
from core.errors import PoseFormatError
from core.formats import detections, layouts, media, plausibility
from core.formats.detections import Detections
from core.formats.layouts import LAYOUTS, UndecidedLayoutError
from core.workflows.info import Fact, FileInfo, argument


def of_footage(path: Path) -> FileInfo:
    """Look into a photo or film, without looking for people in it.

    Raises:
        PoseFormatError: nothing in it can be decoded.
    """
    found = media.describe(path)
    width, height = found.size_px
    facts: dict[str, Fact] = {"size": f"{width} x {height} px"}
    if found.kind == "film":
        facts["frames"] = found.frames or "not in it"
        facts["frames a second"] = f"{found.fps:g}"
    command = f"python -m core predict {argument(path)} --out poses_3d.npz"
    return FileInfo(str(path), found.kind, facts, commands=(command,))


def describe(path: Path, kind: str = "2D detections") -> FileInfo:
    """Look into a folder, zip, JSON file or array of a detector's keypoints.

    Raises:
        PoseFormatError: it is damaged, or nobody is in it.
    """
    found = detections.read(path)
    facts: dict[str, Fact] = {"writer": found.writer}
    if kind == "openpose folder":
        facts["files"] = len(list(path.glob("*.json")))
    facts |= {
        "frames": len(found.frames),
        "people": f"{len(found.tracks)}, at most {max(map(len, found.frames), default=0)} at once",
        "frames a second": f"{found.fps:g}" if found.fps else "not in it; 30 unless --fps says so",
    }
    options, odd = [], []
    try:
        layout = found.layout()
        facts["layout"] = f"{layout.name}, {len(layout.points)} points"
        odd += _rivals(found, layout.name)
    except UndecidedLayoutError as error:
        layout = None
        facts["layout"] = f"can't be told: {' or '.join(error.choices)}"
        options.append(f"--layout {'|'.join(error.choices)}")
    if found.in_fractions:
        facts["unit"] = "fractions of the picture's width and height"
        if found.size_px is None:
            odd.append(
                "these are fractions of a picture, not px, and its size is not in it: say --size"
            )
            options.append("--size WIDTHxHEIGHT")
        # Of any size: it is only looked at.
        found = found.in_px(found.size_px or (1000, 1000))
    else:
        facts["unit"] = "px"
    if layout is not None:
        odd += _of_first_person(found, layout, facts)
    command = ["python -m core predict", argument(path), *options, "--out poses_3d.npz"]
    return FileInfo(str(path), kind, facts, odd=tuple(odd), commands=(" ".join(command),))


def _rivals(found: Detections, name: str) -> list[str]:
    """Say which layout these are not, though the count of points would let one think so."""
    others = [other for other in found.layouts_of_same_length() if other != name]
    if name != "BODY_25B" or not others:
        return []
    said = (
        f"these are {name}, told from the poses: whoever reads them as {' or '.join(others)}, "
        "which has as many points, breaks the legs"
    )
    return [said]


def _of_first_person(
    found: Detections, layout: layouts.Layout, facts: dict[str, Fact]
) -> list[str]:
    sequence = found.person(layout=layout.name)
    facts["poses"] = f"{len(sequence.skeleton)} joints of the first person can be lifted"
    facts["complete frames"] = int(valid_frames(sequence).sum())
    if found.size_px is None and np.isfinite(sequence.positions).any():
        low = np.nanmin(sequence.positions, axis=(0, 1))
        high = np.nanmax(sequence.positions, axis=(0, 1))
        facts["range"] = ", ".join(
            f"{axis} {a:.0f} to {b:.0f} px" for axis, a, b in zip("xy", low, high, strict=True)
        )
    odd = list(plausibility.oddities(sequence))
    if _sides_are_swapped(found, layout.name):
        odd.append(
            "left and right seem to be swapped: of people whose face is seen, the right shoulder "
            "is on the right of the picture"
        )
    return odd


def _sides_are_swapped(found: Detections, layout: str) -> bool:
    """Tell from people whose face is seen: their left is on the right of the picture."""
    points = LAYOUTS[layout].points
    needed = ("nose", "left_eye", "right_eye", "left_shoulder", "right_shoulder")
    if not set(needed) <= set(points):
        return False
    nose, left_eye, right_eye, left, right = (points.index(point) for point in needed)
    people = [person for frame in found.frames for person in frame]
    votes = []
    for person in people:
        if person[[nose, left_eye, right_eye, left, right], 2].min() <= 0.3:
            continue
        # The nose between the eyes says that the face is seen, and eyes agree with shoulders.
        eyes, shoulders = person[left_eye, 0] - person[right_eye, 0], person[left, 0]
        ways = np.sign([eyes, shoulders - person[right, 0]])
        between = min(person[left_eye, 0], person[right_eye, 0]) < person[nose, 0]
        between &= person[nose, 0] < max(person[left_eye, 0], person[right_eye, 0])
        if between and ways[0] == ways[1]:
            votes.append(ways[0])
    return len(votes) >= 10 and float(np.mean(votes)) < -0.8


def of_zip(path: Path) -> FileInfo:
    """Describe a zip, which holds a detector's frames or nothing that is known.

    Raises:
        PoseFormatError: it is no such zip.
    """
    try:
        return describe(path)
    except PoseFormatError as error:
        problem = f"{error.problem}; a data set's files are opened unpacked, as a folder"
        raise PoseFormatError(problem, file=path, place=error.place) from None
