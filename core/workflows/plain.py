"""Open a bare array of poses as a data set, read as somebody says or as can be told from it.

A reading travels in the data set's name, `FILE?joint_order=coco17&unit=px`, so that a link or a
command line opens the same again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import numpy as np

from core import rig
from core.cameras import Camera, pitch_rotation
from core.dataset import Dataset, Entry, Key, Recording
from core.errors import PoseFormatError
from core.formats import detections, keypoints, plain_arrays
from core.formats.plain_arrays import Reading
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

OPTIONS = ("joint_order", "unit", "axes", "fps")
SOURCE = "2D"
# Where somebody is put whose place is not known: Human3.6M's cameras stand about so far off.
DISTANCE_MM = 5000.0


def split(spec: str | Path) -> tuple[Path, dict[str, str]]:
    """Part a name into the path and its options; a path with a question mark stays whole.

    Raises:
        PoseFormatError: an option is not known.
    """
    text = str(spec)
    place, mark, said = text.rpartition("?")
    if not mark or Path(text).expanduser().exists() or "=" not in said:
        return Path(text).expanduser(), {}
    options = dict(parse_qsl(said, keep_blank_values=True))
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise PoseFormatError(
            f"option {unknown[0]!r} is not known; expected {', '.join(OPTIONS)}", file=place
        )
    return Path(place).expanduser(), options


def joined(path: str | Path, options: Mapping[str, object]) -> str:
    """Name a data set by its path and options; those that are None are left out."""
    given = {name: value for name, value in options.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else str(path)


def is_bare(path: Path) -> bool:
    """Tell whether a file holds an array and nothing that says what its numbers are."""
    if path.suffix.lower() not in plain_arrays.SUFFIXES or not path.is_file():
        return False
    if keypoints.names_joints(path):
        return False
    if path.suffix.lower() == ".json":
        return not detections.matches(path)
    return not detections.holds_landmarks(path)


def spec_of(path: str | Path, reading: Reading) -> str:
    """Name a data set by its path and a whole reading."""
    said = asdict(reading)
    said["fps"] = f"{reading.fps:g}"
    return joined(path, said)


def reading_of(
    path: Path, options: Mapping[str, str]
) -> tuple[Reading, dict[str, tuple[str, ...]]]:
    """Complete what is said by what can be told.

    Returns:
        The reading, and what stays undecided with its choices.

    Raises:
        PoseFormatError: the file is no array of poses, or a rate is no number.
    """
    positions = plain_arrays.read_positions(path)
    given = dict(options)
    guessed = plain_arrays.guess(positions, str(path))
    undecided = {name: of for name, of in guessed.open.items() if name not in given}
    reading = guessed.reading
    if "fps" in given:
        try:
            reading = replace(reading, fps=float(given.pop("fps")))
        except ValueError:
            raise PoseFormatError("a number was expected", file=path, place="fps") from None
    known = {name: value for name, value in given.items() if name in OPTIONS}
    return Reading(**{**asdict(reading), **known}), undecided


def sequence_of(path: Path, options: Mapping[str, str]) -> PoseSequence:
    """Read one sequence: a file that says what it holds, or an array by its reading.

    Raises:
        PoseFormatError: it can't be read, or something has to be said first.
    """
    if not options:
        if keypoints.names_joints(path):
            _require_one_3d(path)
            return keypoints.read(path)
        if not is_bare(path) and detections.matches(path):
            return detections.read(path).person()
    reading, undecided = reading_of(path, options)
    if undecided:
        needed = "; ".join(f"--{name} {' or '.join(of)}" for name, of in undecided.items())
        raise PoseFormatError(f"can't be told from the numbers, please say: {needed}", file=path)
    return plain_arrays.to_sequence(plain_arrays.read_positions(path), reading, str(path))


def _require_one_3d(path: Path) -> None:
    """Refuse our own export with prediction and truth: what would errors be measured against?"""
    if {"prediction", "truth"} <= {*keypoints.sets_of_poses(path)}:
        problem = (
            "it holds a prediction and the truth, and it is not certain which is to be the data "
            "set's 3D; one of the two alone was expected"
        )
        raise PoseFormatError(problem, file=path)


def open_dataset(spec: str | Path) -> Dataset:
    """Open an array as a data set of one recording, or of four where it is in the world.

    Raises:
        PoseFormatError: as `sequence_of`.
    """
    path, options = split(spec)
    sequence = sequence_of(path, options)
    recordings, notes = recordings_of(sequence, path.stem)
    digest = hashlib.blake2b(sequence.digest.encode(), digest_size=16).hexdigest()
    by_key = {recording.key: recording for recording in recordings}
    return Dataset(
        id=str(spec),
        title=path.name,
        kind="recorded",
        entries=tuple(
            Entry(key, len(sequence), sequence.fps, tuple(r.inputs)) for key, r in by_key.items()
        ),
        read=by_key.__getitem__,
        digest=digest,
        splits={"file": "test"},
        notes=notes,
    )


def recordings_of(sequence: PoseSequence, name: str) -> tuple[list[Recording], tuple[str, ...]]:
    """Make recordings of one sequence, and say what was added to it."""
    key = Key("file", name, "1", "1")
    if sequence.space == "image":
        return [Recording(key, {SOURCE: sequence}, None)], ("There is no 3D truth in it.",)
    if sequence.space == "world":
        placed = rig.place_in_rig(sequence)
        cameras = rig.four_cameras()
        found = [rig.view(placed, c, Key("file", name, "1", c.name)) for c in cameras]
        note = (
            "3D is in the world and has no cameras: a rig of four like Human3.6M's was put around "
            "it, and 2D is the projection."
        )
        return found, (note,)
    note = "2D is the projection by one of Human3.6M's published lenses; the camera's place is not "
    note += "known."
    positions = sequence.positions.astype(np.float64)
    if sequence.space == "root":
        positions = positions + np.array([0.0, 0.0, DISTANCE_MM])
        note = f"3D is relative to the hip: put {DISTANCE_MM / 1000:g} m before the camera. {note}"
    lens, published = next(iter(rig.HUMAN36M_INTRINSICS.items()))
    camera = Camera.from_arrays(
        lens,
        pitch_rotation(0.0),
        np.zeros(3),
        focal_px=published.focal_px,
        centre_px=published.centre_px,
        radial=published.radial,
        tangential=published.tangential,
        size_px=published.size_px,
    )
    world = positions @ pitch_rotation(0.0)
    seen = rig.view(PoseSequence(world, H36M_17, "world", sequence.fps), camera, key)
    inputs = {"gt": seen.inputs["gt"].select(INPUT_16)}
    return [Recording(key, inputs, sequence)], (note,)
