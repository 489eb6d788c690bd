"""OpenPose's keypoints: a folder with one JSON file a frame, each with any number of people.

Layouts are told apart by the data, see `layouts`. One person is followed through the clip. Points
map to the baseline's joints by name, see `body_landmarks`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import body_landmarks, detection_json, fingerprint, layouts, people
from core.sequence import PoseSequence

Array = NDArray[np.floating[Any]]
FPS = 30.0


# OpenPose's own models.
LAYOUTS = ("COCO-18", "BODY_25", "BODY_25B")


def matches(folder: str | Path) -> bool:
    """Tell whether a folder holds OpenPose files, by the first JSON file in it."""
    folder = Path(folder)
    first = next(iter(_files(folder)), None) if folder.is_dir() else None
    if first is None:
        return False
    try:
        return "people" in json.loads(first.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
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
    chosen = layouts.recognise(frames, file=folder, layout=layout, among=LAYOUTS)
    person = people.follow(frames).points(frames)
    return body_landmarks.as_input(person, chosen.points, fps=fps, source=f"{source} {chosen.name}")


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
    return _same_widths([(path.name, _people_of(path)) for path in files], folder)


def people_in(files: Mapping[str, bytes], name: str) -> list[Array]:
    """Read every person of every frame out of files in memory, by their names' numbers.

    Raises:
        PoseFormatError: one is no such file; it is named after `name`, which holds them.
    """
    inside = sorted(files, key=lambda file: _number(Path(file)))
    frames = []
    for file in inside:
        try:
            frames.append((file, _people(files[file], file)))
        except PoseFormatError as error:
            place = f"{error.file}, {error.place}" if error.place else error.file
            raise PoseFormatError(error.problem, file=name, place=place) from None
    return _same_widths(frames, Path(name))


def _same_widths(frames: list[tuple[str, Array]], folder: Path) -> list[Array]:
    widths = {people.shape[1]: file for file, people in frames if len(people)}
    if len(widths) > 1:
        (first, one), (second, other) = list(widths.items())[:2]
        problem = f"has {second * 3} numbers a person, but {one} has {first * 3}"
        raise PoseFormatError(problem, file=folder / other)
    return [people for _, people in frames]


def _number(path: Path) -> tuple[list[int], str]:
    # Python makes no number of more than 4300 digits; a zip may name its files so.
    return [int(n) for n in re.findall(r"\d{1,4000}", path.stem)], path.name


def _files(folder: Path) -> list[Path]:
    found = sorted((p for p in folder.glob("*.json") if p.is_file()), key=_number)
    fingerprint.refuse_links_out(found, folder)
    return found


def _people_of(path: Path) -> Array:
    try:
        return _people(path.read_bytes(), str(path))
    except OSError as error:
        raise PoseFormatError(f"not readable as JSON ({error})", file=path) from None


def _people(data: bytes, name: str) -> Array:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PoseFormatError(f"not readable as JSON ({error})", file=name) from None
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise PoseFormatError("a list of people was expected", file=name)
    return detection_json.openpose_people(content, name)
