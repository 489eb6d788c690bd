"""What a 2D detector found, whoever wrote it: any number of people, in any layout that is known.

Read are OpenPose's folders (and zips of them), the JSON dialects of `detection_json`, and arrays
(NPZ, NPY) of (F, N, 2|3) points. A person is picked and mapped to the 16 input joints here.
"""

from __future__ import annotations

import io
import itertools
import json
import lzma
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import body_landmarks, detection_json, keypoints, layouts, openpose, people
from core.formats.layouts import LAYOUTS, Layout
from core.sequence import PoseSequence

Array = NDArray[np.floating[Any]]

FPS = 30.0
# No clip of keypoints unpacks to more.
LARGEST_BYTES = 1 << 30
MOST_FILES = 200_000
UNREADABLE_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
# Coordinates up to here are fractions of the picture: nobody is 4 px tall.
LARGEST_FRACTION = 4.0
# So near zero the middle of the hips lies where they are the origin.
HIPS_AT_ZERO = 0.02


@dataclass(frozen=True, eq=False)
class Detections:
    """People in a clip, frame by frame.

    Attributes:
        frames: F arrays (P, N, 3) of x, y, confidence; px, or fractions of the picture's size
            where `in_fractions`.
        writer: who writes such files, in words.
        name: the file or folder.
        fps: frames a second, or None where the file doesn't say.
        size_px: the picture's width and height, or None.
        layouts_possible: names of the layouts that are considered.
    """

    frames: tuple[Array, ...]
    writer: str
    name: str
    fps: float | None = None
    size_px: tuple[int, int] | None = None
    layouts_possible: tuple[str, ...] = field(default=tuple(layouts.LAYOUTS))

    @cached_property
    def in_fractions(self) -> bool:
        """Tell whether the coordinates are fractions of the picture, as MediaPipe's are."""
        found = [persons[persons[..., 2] > 0, :2] for persons in self.frames if len(persons)]
        found = [xy for xy in found if len(xy)]
        return bool(found) and max(float(np.abs(xy).max()) for xy in found) < LARGEST_FRACTION

    def in_px(self, size_px: tuple[int, int] | None = None) -> Detections:
        """Bring fractions of the picture to px; px stay as they are.

        Raises:
            PoseFormatError: they are fractions, and nobody knows of which size.
        """
        if not self.in_fractions:
            return self
        size = size_px or self.size_px
        if size is None:
            raise PoseFormatError(
                "the coordinates are fractions of the picture: give the picture's width and "
                "height in px (--size WIDTHxHEIGHT), without which the person would be out of "
                "proportion",
                file=self.name,
            )
        scale = np.array([*size, 1.0])
        frames = tuple(f * scale if len(f) else f for f in self.frames)
        return replace(self, frames=frames, size_px=size)

    def layout(self, name: str | None = None) -> Layout:
        """Tell the layout, or check the one that is named.

        Raises:
            UndecidedLayoutError: more than one fits; it holds the choices.
            PoseFormatError: none fits, or the data contradicts the one that is named.
        """
        among = tuple(layouts.LAYOUTS) if name else self.layouts_possible
        return layouts.recognise(self.frames, file=self.name, layout=name, among=among)

    def layouts_of_same_length(self) -> tuple[str, ...]:
        """Name the layouts that come into question by their number of points."""
        count = max((people.shape[1] for people in self.frames if len(people)), default=0)
        return tuple(
            name for name in self.layouts_possible if len(layouts.LAYOUTS[name].points) == count
        )

    @property
    def _usual_fps(self) -> float:
        """Take an array at the pace of all arrays, whatever the order of its points."""
        return keypoints.FPS if Path(self.name).suffix.lower() in (".npz", ".npy") else FPS

    @cached_property
    def tracks(self) -> tuple[people.Track, ...]:
        """The people of the clip, each followed through it, the most prominent first."""
        return people.tracks(self.frames)

    def person(
        self, track: int = 0, *, layout: str | None = None, fps: float | None = None
    ) -> PoseSequence:
        """Take one person's 16 input joints, px; NaN where they were not seen.

        Args:
            track: index into `tracks`.
            layout: a name of `layouts.LAYOUTS`, where it isn't to be told from the data.
            fps: frames a second; where not given, what the file says, else 30, of an array 50.

        Raises:
            PoseFormatError: nobody is there, there is no such track, the layout is unknown or
                undecided, or the coordinates are fractions (see `in_px`).
        """
        chosen = self.layout(layout)
        if self.in_fractions:
            self.in_px()
        if not 0 <= track < len(self.tracks):
            problem = f"there is no person {track + 1}; it has {len(self.tracks)}"
            raise PoseFormatError(problem, file=self.name)
        points = self.tracks[track].points(self.frames)
        return body_landmarks.as_input(
            points,
            chosen.points,
            fps=fps or self.fps or self._usual_fps,
            source=f"{self.writer}, {chosen.name}",
        )


def matches(path: str | Path) -> bool:
    """Tell whether a path holds a detector's keypoints rather than poses of the baseline's joints.

    A zip is one, and so are a folder, JSON in a dialect that is known, and an array with another
    number of points, in another order than Human3.6M's, or with confidences.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() == ".zip":
        return True
    try:
        if path.suffix.lower() == ".json":
            return detection_json.looks_like_detections(json.loads(path.read_bytes()))
        if path.suffix.lower() in (".npz", ".npy"):
            return _is_foreign(keypoints.array_in(path.read_bytes(), str(path)), path)
    except (OSError, ValueError, RecursionError):
        # Whoever reads it says what is wrong with it.
        return False
    return False


def holds_landmarks(path: str | Path) -> bool:
    """Tell whether an NPZ or NPY file holds MediaPipe's landmarks as fractions of the picture."""
    try:
        points = keypoints.array_in(Path(path).read_bytes(), str(path))
    except (OSError, PoseFormatError):
        return False
    return _are_landmarks(points)


def _are_landmarks(points: Array) -> bool:
    """Tell MediaPipe's landmarks in the picture (x, y as fractions, z, perhaps visibility).

    Its world landmarks are metres about the middle of the hips, so that lies at zero in them.
    """
    landmarks = LAYOUTS["MediaPipe-33"].points
    if points.ndim not in (3, 4) or points.dtype.kind not in "fiu" or not points.size:
        return False
    if points.shape[-2] != len(landmarks) or points.shape[-1] not in (3, 4, 5):
        return False
    xy = points[..., :2].astype(np.float64)
    xy = xy[np.isfinite(xy).all(axis=(-1, -2))]
    if not len(xy) or np.abs(xy).max() >= LARGEST_FRACTION:
        return False
    hips = [landmarks.index("left_hip"), landmarks.index("right_hip")]
    middle = np.abs(xy[:, hips].mean(axis=1))
    return bool(np.median(middle.max(axis=1)) > HIPS_AT_ZERO and np.median(xy) > 0)


def _is_foreign(points: Array, path: Path) -> bool:
    if _are_landmarks(points):
        return True
    if points.ndim not in (3, 4) or points.dtype.kind not in "fiu" or not points.size:
        return False
    if points.shape[-1] == 3:
        xy, thirds = points[..., :2], points[..., 2]
        in_px = np.nanmax(np.abs(xy)) > LARGEST_FRACTION
        return bool(in_px and np.nanmin(thirds) >= 0 and np.nanmax(thirds) <= 1)
    counts = {len(layout.points) for layout in layouts.LAYOUTS.values()}
    if points.shape[-1] != 2 or points.shape[-2] not in counts:
        return False
    try:
        told = _from_array(points, str(path)).layout()
    except PoseFormatError:
        return False
    return not told.name.startswith("Human3.6M")


def read(path: str | Path) -> Detections:
    """Read a folder, a zip, a JSON file or an array.

    Raises:
        PoseFormatError: nothing of the kind, or damaged; the file and the place are named.
    """
    path = Path(path)
    if path.is_dir():
        frames = tuple(openpose.read_people(path))
        return Detections(frames, "OpenPose", str(path), layouts_possible=openpose.LAYOUTS)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise PoseFormatError("larger than 1 GB: no clip of keypoints is", file=path)
        data = path.read_bytes()
    except OSError as error:
        raise PoseFormatError(f"can't be opened: {error.strerror or error}", file=path) from None
    return read_bytes(data, str(path))


def read_bytes(data: bytes, name: str) -> Detections:
    """Read an upload; `name` gives its kind by the ending.

    Raises:
        PoseFormatError: as `read` does.
    """
    suffix = Path(name).suffix.lower()
    if not data:
        raise PoseFormatError("the file is empty", file=name)
    if suffix == ".zip":
        return _from_zip(data, name)
    if suffix == ".json":
        found = detection_json.parse(data, name)
        possible = openpose.LAYOUTS if found.writer == "OpenPose" else tuple(layouts.LAYOUTS)
        return Detections(found.people, found.writer, name, found.fps, found.size_px, possible)
    if suffix in (".npz", ".npy"):
        return _from_array(keypoints.array_in(data, name), name)
    raise PoseFormatError(
        f"a detector's keypoints are read from .json, .zip, .npz and .npy, not from {suffix!r}",
        file=name,
    )


def _from_array(points: Array, name: str) -> Detections:
    """Take (F, N, 2|3) or (F, P, N, 2|3): x, y and, if there is a third, confidence.

    MediaPipe's landmarks have depth there, and their visibility, if any, as the fourth.
    """
    writer = "array"
    if _are_landmarks(points):
        writer, points = "MediaPipe", _without_depth(points.astype(np.float64))
    if points.ndim == 3:
        points = points[:, None]
    if points.ndim != 4 or points.shape[-1] not in (2, 3) or points.dtype.kind not in "fiu":
        problem = (
            "an array (frames, points, 2 or 3) of x, y and confidence was expected, "
            f"not {points.shape}"
        )
        raise PoseFormatError(problem, file=name)
    points = points.astype(np.float64)
    if points.shape[-1] == 2:
        points = np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)
    missing = ~np.isfinite(points).all(axis=-1) | (points[..., :2] == 0).all(axis=-1)
    points[missing] = 0
    frames = tuple(frame[(frame[..., 2] > 0).any(axis=-1)] for frame in points)
    return Detections(frames, writer, name)


def _without_depth(landmarks: Array) -> Array:
    """Take x, y and visibility of landmarks (..., 3|4|5); a third within 0 and 1 is visibility."""
    third = landmarks[..., 2][np.isfinite(landmarks[..., 2])]
    if landmarks.shape[-1] > 3:
        seen = np.clip(landmarks[..., 3], 0, 1)
    elif third.size and third.min() >= 0 and third.max() <= 1:
        seen = landmarks[..., 2]
    else:
        seen = np.ones(landmarks.shape[:-1])
    return np.concatenate([landmarks[..., :2], seen[..., None]], axis=-1)


def _from_zip(data: bytes, name: str) -> Detections:
    """Read a zip of OpenPose's frames, or of one JSON file; nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [
                m for m in archive.infolist() if m.filename.lower().endswith(".json")
                and not PurePosixPath(m.filename).name.startswith("._")
            ]  # fmt: skip
            if sum(m.file_size for m in members) > LARGEST_BYTES or len(members) > MOST_FILES:
                raise PoseFormatError("unpacks to more than a clip's keypoints", file=name)
            held = {m.filename: archive.read(m) for m in members}
    except (*UNREADABLE_ZIP, OSError, EOFError, ValueError, RuntimeError) as error:
        if isinstance(error, PoseFormatError):
            raise
        raise PoseFormatError("is no zip file, or cut short", file=name) from None
    folders = {str(PurePosixPath(member).parent) for member in held}
    if not held:
        raise PoseFormatError("a detector's JSON files were expected in this zip", file=name)
    if len(folders) > 1:
        listed = ", ".join(sorted(folders)[:3])
        problem = f"one clip was expected, but JSON files lie in {len(folders)} folders: {listed}"
        raise PoseFormatError(problem, file=name)
    if len(held) == 1:
        member, content = next(iter(held.items()))
        return replace(read_bytes(content, member), name=name)
    frames = openpose.people_in(held, name)
    return Detections(tuple(frames), "OpenPose", name, layouts_possible=openpose.LAYOUTS)


def without_short_gaps(
    sequence: PoseSequence, *, longest: int, least_confidence: float = 0.0
) -> tuple[PoseSequence, NDArray[np.bool_]]:
    """Interpolate over time where a joint is missing or doubtful for a few frames.

    Longer gaps are left as they are, and so is each joint's confidence.

    Args:
        sequence: F frames of J joints.
        longest: frames of a gap that is still filled.
        least_confidence: a joint below it is doubtful.

    Returns:
        The sequence, and (F, J) True where a joint was filled in.
    """
    positions = np.array(sequence.positions)
    sure = np.isfinite(positions[..., 0])
    if sequence.confidence is not None:
        sure &= sequence.confidence >= least_confidence
    filled = np.zeros(sure.shape, dtype=bool)
    for joint in range(positions.shape[1]):
        found = np.flatnonzero(sure[:, joint])
        for before, after in itertools.pairwise(found):
            if not 1 < after - before <= longest + 1:
                continue
            gap = np.arange(before + 1, after)
            part = ((gap - before) / (after - before))[:, None]
            ends = positions[[before, after], joint]
            positions[gap, joint] = (1 - part) * ends[0] + part * ends[1]
            filled[gap, joint] = True
    return sequence.with_positions(positions), filled
