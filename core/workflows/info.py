"""Tell what is in a file or folder: layout, joints, units, counts, what looks odd, what to do.

Torch is imported only where a checkpoint is described.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset import Dataset, Recording, valid_frames
from core.errors import PoseFormatError
from core.formats import media, plausibility
from core.sequence import PoseSequence
from core.workflows import converted
from core.workflows.open import BUILT_IN, checkpoint_names, open_dataset, recognise

Fact = str | int | float | list[str]

# A list longer than this is cut on screen; JSON has all of it.
SHOWN = 20


@dataclass(frozen=True)
class FileInfo:
    """What a path holds.

    Attributes:
        path: as it was asked for.
        layout: what kind of file or folder it is.
        facts: name -> value, in the order of show.
        notes: what its owner or reader says of it.
        odd: what looks wrong, and what it means.
        commands: what opens it.
    """

    path: str
    layout: str
    facts: Mapping[str, Fact]
    notes: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)


def describe(spec: str | Path) -> FileInfo:
    """Look into a file or folder, a built-in data set, or a checkpoint that ships.

    Raises:
        PoseFormatError: nothing is there, it is broken, or nobody here understands it.
    """
    if spec in BUILT_IN:
        return _of_dataset(str(spec), "built-in data set", open_dataset(spec))
    path = Path(spec).expanduser()
    if spec in checkpoint_names() and not path.exists():
        return _of_checkpoint(str(spec))
    from core.workflows import info_detections

    layout = recognise(path)
    if layout == "data set file" or layout in converted.READERS:
        return _of_dataset(str(spec), layout, open_dataset(path))
    if layout == "checkpoint":
        return _of_checkpoint(str(spec))
    if layout == "openpose folder":
        return info_detections.describe(path, layout)
    if path.suffix.lower() == ".zip" and path.is_file():
        return info_detections.of_zip(path)
    if media.matches(path) and path.is_file():
        return info_detections.of_footage(path)
    if layout == "pose2sim folder":
        return _of_pose2sim(path)
    if layout == "motion capture folder":
        return _of_motion_folder(path)
    if layout == "motion capture file":
        return _of_motion(path)
    if layout == "marker file":
        return _of_markers(path)
    if layout == "pose file":
        return _of_poses(path)
    if layout == "nothing":
        raise PoseFormatError("no such file or folder", file=path)
    raise PoseFormatError(
        "nothing here is understood; expected a data set, a checkpoint, poses (.npz, .npy, .csv, "
        ".json), OpenPose's folder, a Pose2Sim project or motion capture (.asf and .amc, .bvh)",
        file=path,
    )


def _of_dataset(spec: str, layout: str, dataset: Dataset) -> FileInfo:
    first = dataset.load(dataset.entries[0].key) if dataset.entries else None
    splits = Counter(dataset.splits.get(subject, "test") for subject in dataset.subjects)
    facts: dict[str, Fact] = {
        "title": dataset.title,
        "kind": dataset.kind,
        "recordings": len(dataset.entries),
        "frames": dataset.frames,
        "subjects": [f"{s} ({dataset.splits.get(s, 'no split')})" for s in dataset.subjects],
        "actions": list(dataset.actions),
        "cameras": list(dict.fromkeys(e.key.camera for e in dataset.entries)),
        "frames a second": ", ".join(
            f"{fps:g}" for fps in sorted({e.fps for e in dataset.entries})
        ),
        "2D sources": [f"{s}: {_share(dataset, s)}" for s in dataset.sources],
    }
    odd = [] if dataset.entries else ["it holds no recording"]
    if first is not None:
        facts |= _facts_of(first)
        if first.truth is None:
            odd.append("there is no 3D in its first recording, so its errors can't be measured")
    estimated = [name for name, s in dataset.statistics.items() if s.estimated]
    if dataset.statistics:
        facts["statistics"] = [
            f"{name}: {s.origin or 'given'}" for name, s in dataset.statistics.items()
        ]
    if first is not None and first.truth is not None:
        odd += [f"3D of its first recording: {o}" for o in plausibility.oddities(first.truth)]
    if estimated:
        odd.append(f"statistics of {', '.join(estimated)} are estimated, not given by their owner")
    if not splits["test"] and dataset.entries:
        odd.append("no subject is for testing: test it with --split train")
    facts |= {"digest": dataset.digest}
    if dataset.credit:
        facts["credit"] = dataset.credit
    return FileInfo(
        path=spec,
        layout=layout,
        facts=facts,
        notes=dataset.notes,
        odd=tuple(odd),
        commands=(f"python -m core test --data_dir {shlex.quote(spec)}",),
    )


def _share(dataset: Dataset, source: str) -> str:
    having = sum(source in entry.sources for entry in dataset.entries)
    return f"{having:,} of {len(dataset.entries):,} recordings"


def _facts_of(recording: Recording) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for sequence in recording.inputs.values():
        facts["2D"] = _shape(sequence)
    if recording.truth is not None:
        facts["3D"] = _shape(recording.truth)
    facts["camera parameters"] = "known" if recording.camera else "not in it"
    if recording.pictures is not None:
        facts["pictures"] = "behind the 2D"
    return facts


def _shape(sequence: PoseSequence) -> str:
    joints = f"{len(sequence.skeleton)} joints ({sequence.skeleton.name})"
    return f"{joints}, {sequence.unit}, {sequence.space} space"


def _of_checkpoint(spec: str) -> FileInfo:
    from core.model import Lifter, parameters_in
    from core.workflows.open import open_checkpoint

    found = open_checkpoint(spec)
    config = found.config
    statistics = {"2D in": found.input_statistics, "3D out": found.output_statistics}
    facts: dict[str, Fact] = {
        "name": found.name,
        "network": f"width {config.linear_size}, {config.num_stage} stages, batch norm "
        f"{_on(config.batch_norm)}, residual {_on(config.residual)}, dropout {config.dropout:g}",
        "parameters": parameters_in(Lifter(config)),
        "joints": "16 in 2D in, 16 in 3D out (17 with the hip at 0)",
        "framing": found.framing,
        "statistics": [
            f"{name}: {'none' if s is None else s.origin or 'in the file'}"
            for name, s in statistics.items()
        ],
        "digest": found.digest,
    }
    facts |= {
        key: value if isinstance(value, int | float | str) else json.dumps(value)
        for key, value in found.provenance.items()
    }
    if None not in statistics.values():
        command = f"python -m core test --data_dir balancing --load {shlex.quote(spec)}"
        return FileInfo(spec, "checkpoint", facts, commands=(command,))
    problem = (
        "it has no statistics of its own: it needs those of the data it was trained on (a folder "
        "with stat_3d.pth.tar, or --statistics human36m)"
    )
    command = (
        f"python -m core test --data_dir THE_FOLDER_IT_WAS_TRAINED_ON --load {shlex.quote(spec)}"
    )
    return FileInfo(spec, "checkpoint", facts, odd=(problem,), commands=(command,))


def _on(switch: bool) -> str:
    return "on" if switch else "off"


def _of_pose2sim(folder: Path) -> FileInfo:
    from core.formats import pose2sim

    # Decoding the videos would take longer than everything else.
    dataset = pose2sim.read(folder, pictures=False)
    described = _of_dataset(str(folder), "pose2sim folder", dataset)
    command = f"python -m core prepare pose2sim {_out(folder)}"
    return FileInfo(
        described.path,
        described.layout,
        described.facts,
        described.notes,
        described.odd,
        (command,),
    )


def _of_motion_folder(folder: Path) -> FileInfo:
    from core.formats import cmu

    clips = cmu.find(folder)
    kinds = Counter(clip.motion.suffix.lower().removeprefix(".") for clip in clips)
    splits = Counter(clip.split or "no split" for clip in clips)
    odd = []
    without = [clip.name for clip in clips if clip.motion.suffix == ".amc" and not clip.skeleton]
    if without:
        odd.append(f"no ASF skeleton for {', '.join(without[:5])}: these will be skipped")
    unlabelled = sum(clip.action == cmu.UNKNOWN_ACTION for clip in clips)
    if unlabelled:
        odd.append(f"{unlabelled} of {len(clips)} clips have no action label")
    facts: dict[str, Fact] = {
        "clips": len(clips),
        "formats": [f"{kind}: {count}" for kind, count in kinds.items()],
        "subjects": list(dict.fromkeys(clip.subject for clip in clips)),
        "actions": list(dict.fromkeys(clip.action for clip in clips)),
        "splits": [f"{split}: {count}" for split, count in splits.items()],
    }
    return FileInfo(
        str(folder),
        "motion capture folder",
        facts,
        notes=("clips are listed, not read: prepare reads them",),
        odd=tuple(odd),
        commands=(f"python -m core prepare cmu {_out(folder)}",),
    )


def _of_motion(path: Path) -> FileInfo:
    from core.formats import asf, cmu

    layout = "motion capture file"
    command = f"python -m core prepare cmu {_out(path.parent)}"
    if path.suffix.lower() == ".asf":
        skeleton = asf.read_skeleton(path)
        facts: dict[str, Fact] = {"holds": "a skeleton, no motion", "bones": len(skeleton.bones)}
        return FileInfo(str(path), layout, facts, commands=(command,))
    subject, _, trial = path.stem.partition("_")
    beside = path.with_name(f"{subject}.asf")
    clip = cmu.Clip(subject, trial, cmu.UNKNOWN_ACTION, path, beside if beside.is_file() else None)
    sequence = cmu.read_clip(clip)
    return FileInfo(
        str(path),
        layout,
        _facts_of_sequence(sequence),
        odd=_odd_in(sequence),
        commands=(command,),
    )


def _of_markers(path: Path) -> FileInfo:
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


def _of_poses(path: Path) -> FileInfo:
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
        # What is in it can still be told, and why it can't be used as it is.
        return FileInfo(str(path), "arrays", {"arrays": arrays}, odd=(error.problem,))
    command = f"python -m core predict {shlex.quote(str(path))} --out poses_3d.npz"
    return FileInfo(
        str(path),
        "pose file",
        _facts_of_sequence(sequence),
        odd=_odd_in(sequence),
        commands=(command,) if sequence.space == "image" else (),
    )


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
    name = shlex.quote(str(path))
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


def _out(folder: Path) -> str:
    """Write a folder and a data set file named after it as arguments."""
    name = folder.resolve().name or "motion"
    return f"{shlex.quote(str(folder))} --out {shlex.quote(name + '.safetensors')}"


def _facts_of_sequence(sequence: PoseSequence) -> dict[str, Fact]:
    positions = sequence.positions
    complete = int(valid_frames(sequence).sum())
    facts: dict[str, Fact] = {
        "poses": _shape(sequence),
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
