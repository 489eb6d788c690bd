"""Describe files of poses: with their joints' names, bare arrays, markers, motion, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset import valid_frames
from core.errors import PoseFormatError
from core.formats import plausibility, predictions
from core.sequence import PoseSequence
from core.workflows.info import Fact, FileInfo, argument, as_new_data_set, shape_of


def of_poses(path: Path) -> FileInfo:
    """Look into a file of poses, of a detector's keypoints, or of arrays.

    Raises:
        PoseFormatError: it is broken, or holds no array.
    """
    from core.formats import detections, keypoints
    from core.workflows import info_detections, plain

    if detections.matches(path) and (
        path.suffix.lower() == ".json" or detections.holds_landmarks(path)
    ):
        return info_detections.describe(path)
    if plain.is_bare(path):
        try:
            return _of_bare_array(path)
        except PoseFormatError:
            # No array of poses: what it holds can still be listed.
            pass
    try:
        sequence = keypoints.read(path)
    except PoseFormatError as error:
        arrays = keypoints.arrays_in(path)
        if not arrays:
            raise
        if (saved := _saved(path)) is not None:
            return saved
        # What is in it can still be told, and why it can't be used as it is.
        return FileInfo(str(path), "arrays", {"arrays": arrays}, odd=(error.problem,))
    name = argument(path)
    sets = keypoints.sets_of_poses(path)
    commands: tuple[str, ...] = (f"python -m core test --data_dir {name}",)
    if sequence.space == "image" or "input" in sets:
        commands = (f"python -m core predict {name} --out poses_3d.npz",)
    if "prediction" in sets and path.suffix.lower() == ".npz":
        commands += (f"python -m core test --data_dir DATA --load {name}",)
    several = f"it holds several poses: {', '.join(sets)}; predict lifts the input"
    return FileInfo(
        str(path),
        "pose file",
        _facts_of_sequence(sequence),
        notes=(several,) if "input" in sets and len(sets) > 1 else (),
        odd=_odd_in(sequence),
        commands=commands,
    )


def of_predictions(path: Path) -> FileInfo:
    """Look into predictions that somebody saved, a file or a folder.

    Raises:
        PoseFormatError: they are not what predictions here must be.
    """
    found = predictions.read(path)
    facts: dict[str, Fact] = {"poses": "17 joints (human36m_17), mm, root space"}
    if found.by_name:
        facts["recordings"] = [" ".join(name) for name in found.by_name]
    facts["frames"] = found.frames
    notes = ("matched to the recordings of DATA by name or length",)
    command = f"python -m core test --data_dir DATA --load {argument(path)}"
    return FileInfo(str(path), "saved predictions", facts, notes, commands=(command,))


def _saved(path: Path) -> FileInfo | None:
    try:
        return of_predictions(path) if predictions.matches(path) else None
    except PoseFormatError:
        return None


def _of_bare_array(path: Path) -> FileInfo:
    """Describe an array that says nothing of itself: what is told from it, what has to be said."""
    from core.formats import plain_arrays
    from core.workflows import plain

    positions = plain_arrays.read_positions(path)
    reading, undecided = plain.reading_of(path, {})
    sequence = plain_arrays.to_sequence(positions, reading, str(path))
    facts: dict[str, Fact] = {"array": f"{positions.shape}, without anything that says what it is"}
    options = []
    for option in ("joint_order", "unit", "axes"):
        if option in undecided:
            facts[option] = f"can't be told: {' or '.join(undecided[option])}"
            options.append(f"--{option} {'|'.join(undecided[option])}")
        else:
            facts[option] = f"{getattr(reading, option)}, told from the numbers"
            options.append(f"--{option} {getattr(reading, option)}")
    facts["frames a second"] = f"not in it; {reading.fps:g} unless --fps says otherwise"
    facts |= {"frames": len(positions), "complete frames": int(valid_frames(sequence).sum())}
    asked = " ".join(options)
    name = argument(path)
    if sequence.space == "image":
        commands = [f"python -m core predict {name} {asked} --out poses_3d.npz"]
    else:
        commands = [f"python -m core test --data_dir {name} {asked}"]
    if sequence.space in ("camera", "root"):
        commands.append(f"python -m core test --data_dir DATA --load {name}")
    notes = ("shown as it would be read so; the app shows a still of it",) if undecided else ()
    odd = (*_of_reading(reading, undecided), *_odd_in(sequence))
    return FileInfo(str(path), "pose array", facts, notes, odd, tuple(commands))


# What a reading tells of numbers that most programs take for px, or mm in the camera's frame.
_UNUSUAL = {
    "cm": "these look like centimetres, not millimetres",
    "m": "these look like metres, not millimetres",
    "normalised": "these look like normalised numbers, not px or mm",
    "fraction": "these look like fractions of the picture, not px",
    "screen": "these look like -1 to 1 of the picture's width, not px",
    "y-up": "y seems to point up, it points down in pictures",
    "camera-y-up": "y seems to point up, it points down in the camera's frame",
    "world-z-up": "this looks like the world's frame (z up), not the camera's",
    "world-y-up": "this looks like the world's frame (y up), not the camera's",
}


def _of_reading(reading: Any, undecided: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Say in which way the numbers are not what a program for the baseline expects."""
    found = []
    for option in ("unit", "axes"):
        values = undecided.get(option) or (getattr(reading, option),)
        # Nothing is told from numbers that may be anything.
        if all(value in _UNUSUAL for value in values):
            said = "; or ".join(_UNUSUAL[value] for value in values)
            found.append(f"{said}: say so with --{option}, as below")
    return found


def of_markers(path: Path) -> FileInfo:
    """Look into a file of markers.

    Raises:
        PoseFormatError: it is broken, or no TRC.
    """
    if path.suffix.lower() != ".trc":
        raise PoseFormatError("C3D is not read; export the markers as TRC", file=path)
    from core.formats import trc

    markers = trc.read(path)
    facts: dict[str, Fact] = {
        "markers": list(markers.names),
        "frames": len(markers.positions),
        "frames a second": float(markers.fps),
    }
    return FileInfo(str(path), "marker file", facts)


def of_motion(path: Path) -> FileInfo:
    """Look into a clip of motion capture, or its skeleton.

    Raises:
        PoseFormatError: it is broken, or its joints have other names.
    """
    from core.formats import asf, cmu

    layout = "motion capture file"
    command = f"python -m core prepare cmu {as_new_data_set(path.parent)}"
    if path.suffix.lower() == ".asf":
        skeleton = asf.read_skeleton(path)
        facts: dict[str, Fact] = {"holds": "a skeleton, no motion", "bones": len(skeleton.bones)}
        return FileInfo(str(path), layout, facts, commands=(command,))
    subject, _, trial = path.stem.partition("_")
    beside = path.with_name(f"{subject}.asf")
    clip = cmu.Clip(subject, trial, cmu.UNKNOWN_ACTION, path, beside if beside.is_file() else None)
    sequence = cmu.read_clip(clip)
    facts, odd = _facts_of_sequence(sequence), _odd_in(sequence)
    try:
        found = any(clip.motion.samefile(path) for clip in cmu.find(path.parent))
    except (PoseFormatError, OSError):
        found = False
    if found:
        return FileInfo(str(path), layout, facts, odd=odd, commands=(command,))
    unnamed = f"prepare takes files named like 02_01{path.suffix}, or listed in an {cmu.INDEX}"
    return FileInfo(str(path), layout, facts, odd=(*odd, unnamed))


def _facts_of_sequence(sequence: PoseSequence) -> dict[str, Fact]:
    positions = sequence.positions
    complete = int(valid_frames(sequence).sum())
    facts: dict[str, Fact] = {
        "poses": shape_of(sequence),
        "joints": list(sequence.skeleton.joints),
        "frames": len(sequence),
        "complete frames": complete,
        "frames a second": sequence.fps,
        "confidence": "yes" if sequence.confidence is not None else "none",
        "source": sequence.source,
    }
    if np.isfinite(positions).any():
        low, high = np.nanmin(positions, axis=(0, 1)), np.nanmax(positions, axis=(0, 1))
        facts["range"] = ", ".join(
            f"{axis} {a:.0f} to {b:.0f} {sequence.unit}"
            for axis, a, b in zip("xyz", low, high, strict=False)
        )
    return facts


def _odd_in(sequence: PoseSequence) -> tuple[str, ...]:
    """Find what a viewer would stumble over."""
    return plausibility.oddities(sequence)
