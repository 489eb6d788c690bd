"""The JSON of 2D detectors, dialect by dialect: frames of people out of one file's content.

Read are COCO's results and annotations, AlphaPose (its three writings), OpenPose's single frames,
MMPose's inferencer, and lists of MediaPipe's landmarks. Knows no layouts and no geometry.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError

Array = NDArray[np.floating[Any]]

# Frames without people are left out by some detectors. More of them than this for each that is
# there, and the numbers are no frames of one clip.
SPARSEST = 20
# Beyond any px, and any rate of frames.
LARGEST, FASTEST = 1e7, 1e6

CONFIDENCES = ("visibility", "score", "confidence", "presence")
LANDMARKS = ("landmarks", "pose_landmarks", "poseLandmarks", "keypoints")


@dataclass(frozen=True, eq=False)
class Frames:
    """What a file says.

    Attributes:
        people: F arrays (P, N, 3) of x, y, confidence; 0 where a point was not found.
        writer: who writes such files, in words.
        fps: frames a second, or None where the file doesn't tell.
        size_px: width and height of the picture, or None.
    """

    people: tuple[Array, ...]
    writer: str
    fps: float | None = None
    size_px: tuple[int, int] | None = None


def parse(data: bytes, name: str) -> Frames:
    """Read a file's bytes.

    Raises:
        PoseFormatError: no JSON, no dialect that is known, or damaged; the place is named.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PoseFormatError(f"not readable as JSON ({error})", file=name) from None
    reader = _dialect(content)
    if reader is None:
        raise PoseFormatError(
            "the keypoints of a 2D detector were expected: OpenPose's people, COCO's or "
            "AlphaPose's list of image_id and keypoints, MMPose's instances, or MediaPipe's "
            "landmarks",
            file=name,
        )
    frames = reader(content, name)
    _stack([persons[0] for persons in frames.people if len(persons)], name)
    return frames


def looks_like_detections(content: Any) -> bool:
    """Tell whether some JSON content is one of the dialects."""
    return _dialect(content) is not None


def _dialect(content: Any) -> Callable[[Any, str], Frames] | None:
    if isinstance(content, dict):
        if "people" in content or "bodies" in content:
            return lambda c, name: Frames((openpose_people(c, name, ""),), "OpenPose")
        if "instance_info" in content:
            return lambda c, name: _mmpose(c["instance_info"], name)
        if "annotations" in content and "images" in content:
            return _coco_annotations
        if any(key in content for key in (*LANDMARKS, "frames")):
            return _landmarks
        first = next(iter(content.values()), None)
        if isinstance(first, dict) and ("people" in first or "bodies" in first):
            return _alphapose_by_picture
        return None
    if not isinstance(content, list) or not content:
        return None
    first = content[0]
    if isinstance(first, dict):
        if "instances" in first:
            return _mmpose
        if "keypoints" in first and "image_id" in first:
            return _coco_results
        if "keypoints" in first and "keypoint_scores" in first:
            return lambda c, name: _mmpose([{"instances": c}], name)
        if any(key in first for key in LANDMARKS):
            return _landmarks
        return None
    is_points = isinstance(first, list) and first and isinstance(first[0], dict)
    return _landmarks if is_points and "x" in first[0] else None


def openpose_people(content: Mapping[str, Any], name: str, place: str = "") -> Array:
    """Read `people` of OpenPose, or `bodies` that AlphaPose writes after CMU's manner.

    Returns:
        (P, N, 3) of x, y, confidence.

    Raises:
        PoseFormatError: they are not lists of numbers.
    """
    key, numbers = ("people", "pose_keypoints_2d")
    if key not in content:
        key, numbers = ("bodies", "joints")
    rows = _list(content.get(key), name, f"{place}{key}")
    return _stack(
        [
            _points(_of(row, numbers), name, f"{place}{key}[{i}].{numbers}")
            for i, row in enumerate(rows)
        ],
        name,
        f"{place}{key}",
    )


def _alphapose_by_picture(content: Mapping[str, Any], name: str) -> Frames:
    pictures = {
        _number(picture): openpose_people(_dict(value, name, picture), name, f"{picture}.")
        for picture, value in content.items()
    }
    return Frames(_in_order(pictures), "AlphaPose")


def _coco_results(content: list[Any], name: str) -> Frames:
    """Read COCO's results and AlphaPose's: an entry for each person, with the picture's name."""
    found: dict[PictureKey, list[Array]] = {}
    pictures_are_named = False
    for i, row in enumerate(content):
        entry = _dict(row, name, f"[{i}]")
        picture = entry.get("image_id")
        if not isinstance(picture, int | str):
            problem = "image_id, a number or a picture's name, was expected"
            raise PoseFormatError(problem, file=name, place=f"[{i}]")
        pictures_are_named |= isinstance(picture, str)
        points = _points(entry.get("keypoints"), name, f"[{i}].keypoints")
        found.setdefault(_number(picture), []).append(points)
    people = _in_order({number: _stack(rows, name) for number, rows in found.items()})
    return Frames(people, "AlphaPose" if pictures_are_named else "COCO results")


def _coco_annotations(content: Mapping[str, Any], name: str) -> Frames:
    """Read COCO's annotations: every picture is a frame; visibility 0 means not there."""
    images = [
        _dict(row, name, f"images[{i}]")
        for i, row in enumerate(_list(content["images"], name, "images"))
    ]
    ids = [_id(row.get("id"), name, f"images[{i}]", "an id") for i, row in enumerate(images)]
    pictures: dict[int | float | str, list[Array]] = {ids[i]: [] for i in _times(images, ids)}
    for i, row in enumerate(_list(content["annotations"], name, "annotations")):
        entry = _dict(row, name, f"annotations[{i}]")
        if "keypoints" not in entry:
            continue
        points = _points(entry["keypoints"], name, f"annotations[{i}].keypoints")
        points[:, 2] = points[:, 2] > 0
        picture = _id(entry.get("image_id"), name, f"annotations[{i}]", "an image_id out of images")
        if picture not in pictures:
            problem = "an image_id out of images was expected"
            raise PoseFormatError(problem, file=name, place=f"annotations[{i}]")
        if points[:, 2].any():
            pictures[picture].append(points)
    sizes = {_size(row.get("width"), row.get("height")) for row in images}
    return Frames(
        tuple(_stack(rows, name) for rows in pictures.values()),
        "COCO annotations",
        None,
        sizes.pop() if len(sizes) == 1 else None,
    )


def _times(images: list[dict[str, Any]], ids: list[int | float | str]) -> list[int]:
    """Sort COCO's pictures in time, which their list need not be in.

    By the numbers in their files' names, or by their ids where a name has none.
    """
    names = [image.get("file_name") for image in images]
    numbered = all(isinstance(file, str) and re.search(r"\d", _stem(file)) for file in names)
    told: list[Any] = names if numbered else ids
    return sorted(range(len(images)), key=lambda i: (_number(told[i]), _number(ids[i])))


def _mmpose(content: Any, name: str) -> Frames:
    frames = []
    for i, row in enumerate(_list(content, name, "instance_info")):
        place = f"[{i}].instances"
        instances = _list(_dict(row, name, f"[{i}]").get("instances"), name, place)
        people = []
        for k, instance in enumerate(instances):
            entry = _dict(instance, name, f"{place}[{k}]")
            points = _points(entry.get("keypoints"), name, f"{place}[{k}].keypoints")
            scores = entry.get("keypoint_scores")
            if scores is not None:
                points[:, 2] = _numbers(scores, (len(points),), name, f"{place}[{k}].scores")
            people.append(points)
        frames.append(_stack(people, name, place))
    return Frames(tuple(frames), "MMPose")


def _landmarks(content: Any, name: str) -> Frames:
    """Read lists of landmarks, one person a frame: {x, y, visibility} each, or bare numbers."""
    fps = size = None
    rows = content
    if isinstance(content, dict):
        fps = content.get("fps")
        width, height = content.get("width"), content.get("height")
        size = _size(width, height)
        rows = content.get("frames", [content])
    frames = []
    for i, row in enumerate(_list(rows, name, "frames")):
        points = row
        if isinstance(row, dict):
            points = next((row[key] for key in LANDMARKS if key in row), None)
        # A frame without a person: null, an empty list, or no landmarks at all.
        if not points:
            frames.append(_stack([], name))
            continue
        frames.append(_stack([_points(points, name, f"frames[{i}]")], name))
    if fps is not None and not (isinstance(fps, int | float) and 0 < fps < FASTEST):
        raise PoseFormatError("a number above 0 was expected", file=name, place="fps")
    return Frames(tuple(frames), "MediaPipe", fps, size)


def _points(value: Any, name: str, place: str) -> Array:
    """Read one person's points: x, y, confidence in a row, in triples or pairs, or named.

    Returns:
        (N, 3); confidence 1 where none is given, 0 where a coordinate is missing.
    """
    rows = value
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = [_named_point(point) for point in value]
    try:
        array = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim == 1 and array.size and array.size % 3 == 0:
        array = array.reshape(-1, 3)
    if array.ndim != 2 or not array.size or array.shape[1] not in (2, 3):
        problem = "a list of x, y, confidence for each point was expected"
        raise PoseFormatError(problem, file=name, place=place)
    if array.shape[1] == 2:
        array = np.column_stack([array, np.ones(len(array))])
    missing = np.isnan(array).any(axis=1) | (array[:, :2] == 0).all(axis=1)
    array[missing] = 0
    if not (np.isfinite(array).all() and np.abs(array).max() < LARGEST):
        raise PoseFormatError("finite numbers in px were expected", file=name, place=place)
    return array


def _named_point(point: Any) -> tuple[Any, Any, Any]:
    if not isinstance(point, dict):
        return (None, None, None)
    confidence = next((point[key] for key in CONFIDENCES if point.get(key) is not None), 1.0)
    return point.get("x"), point.get("y"), confidence


def _numbers(value: Any, shape: tuple[int, ...], name: str, place: str) -> Array:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.shape != shape or not np.isfinite(array).all():
        raise PoseFormatError(f"{shape[0]} numbers were expected", file=name, place=place)
    return array


def _stack(people: list[Array], name: str, place: str = "") -> Array:
    counts = sorted({len(person) for person in people})
    if len(counts) > 1:
        problem = f"people have different numbers of points: {counts[0]} and {counts[-1]}"
        raise PoseFormatError(problem, file=name, place=place)
    return np.stack(people) if people else np.empty((0, 0, 3))


PictureKey = tuple[tuple[int, ...], int, str]


def _in_order(pictures: Mapping[PictureKey, Array]) -> tuple[Array, ...]:
    """Sort frames by the numbers in their names; pictures that were left out had nobody in them."""
    keys = sorted(pictures)
    in_order = tuple(pictures[key] for key in keys)
    numbers = [number for _, number, _ in keys]
    step = reduce(math.gcd, (b - a for a, b in pairwise(numbers)), 0)
    if len({prefix for prefix, _, _ in keys}) > 1 or step <= 0:
        return in_order
    length = (numbers[-1] - numbers[0]) // step + 1
    if length > SPARSEST * (len(keys) + 1):
        return in_order
    frames: list[Array] = [np.empty((0, 0, 3))] * length
    for key, people in zip(keys, in_order, strict=True):
        frames[(key[1] - numbers[0]) // step] = people
    return tuple(frames)


def _number(picture: int | float | str) -> PictureKey:
    """Take the last number of a picture's name, the numbers before it, and the name."""
    numbers = [int(n) for n in re.findall(r"\d{1,15}", _stem(str(picture)))]
    return tuple(numbers[:-1]), numbers[-1] if numbers else 0, str(picture)


def _stem(file: str) -> str:
    return file.rsplit(".", 1)[0]


def _size(width: Any, height: Any) -> tuple[int, int] | None:
    whole = isinstance(width, int) and isinstance(height, int)
    return (width, height) if whole and 0 < width < LARGEST and 0 < height < LARGEST else None


def _id(value: Any, name: str, place: str, what: str) -> int | float | str:
    if not isinstance(value, int | float | str):
        problem = f"{what} (a number or text) was expected"
        raise PoseFormatError(problem, file=name, place=place)
    return value


def _of(row: Any, key: str) -> Any:
    return row.get(key) if isinstance(row, dict) else None


def _dict(value: Any, name: str, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PoseFormatError("an object was expected", file=name, place=place)
    return value


def _list(value: Any, name: str, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise PoseFormatError("a list was expected", file=name, place=place)
    return value
