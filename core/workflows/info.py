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

from core.dataset import Dataset, Recording
from core.errors import PoseFormatError
from core.formats import media, plausibility, predictions
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
    from core.workflows import info_detections, info_poses

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
        return info_poses.of_motion(path)
    if layout == "marker file":
        return info_poses.of_markers(path)
    if layout == "pose file":
        return info_poses.of_poses(path)
    if layout == "nothing":
        raise PoseFormatError("no such file or folder", file=path)
    if predictions.matches(path):
        return info_poses.of_predictions(path)
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
        commands=(f"python -m core test --data_dir {argument(spec)}",),
    )


def _share(dataset: Dataset, source: str) -> str:
    having = sum(source in entry.sources for entry in dataset.entries)
    return f"{having:,} of {len(dataset.entries):,} recordings"


def _facts_of(recording: Recording) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for sequence in recording.inputs.values():
        facts["2D"] = shape_of(sequence)
    if recording.truth is not None:
        facts["3D"] = shape_of(recording.truth)
    facts["camera parameters"] = "known" if recording.camera else "not in it"
    if recording.pictures is not None:
        facts["pictures"] = "behind the 2D"
    return facts


def shape_of(sequence: PoseSequence) -> str:
    """Say how many joints of which skeleton, their unit and space."""
    joints = f"{len(sequence.skeleton)} joints ({sequence.skeleton.name})"
    return f"{joints}, {sequence.unit}, {sequence.space} space"


def _of_checkpoint(spec: str) -> FileInfo:
    from core.workflows.open import open_checkpoint

    found = open_checkpoint(spec)
    config = found.config
    statistics = {"2D in": found.input_statistics, "3D out": found.output_statistics}
    facts: dict[str, Fact] = {
        "name": found.name,
        "network": f"width {config.linear_size}, {config.num_stage} stages, batch norm "
        f"{_on(config.batch_norm)}, residual {_on(config.residual)}, dropout {config.dropout:g}",
        "parameters": config.parameters,
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
        command = f"python -m core test --data_dir balancing --load {argument(spec)}"
        return FileInfo(spec, "checkpoint", facts, commands=(command,))
    problem = (
        "it has no statistics of its own: it needs those of the data it was trained on (a folder "
        "with stat_3d.pth.tar, or --statistics human36m)"
    )
    command = f"python -m core test --data_dir THE_FOLDER_IT_WAS_TRAINED_ON --load {argument(spec)}"
    return FileInfo(spec, "checkpoint", facts, odd=(problem,), commands=(command,))


def _on(switch: bool) -> str:
    return "on" if switch else "off"


def _of_pose2sim(folder: Path) -> FileInfo:
    from core.formats import pose2sim

    # Decoding the videos would take longer than everything else.
    dataset = pose2sim.read(folder, pictures=False)
    described = _of_dataset(str(folder), "pose2sim folder", dataset)
    command = f"python -m core prepare pose2sim {as_new_data_set(folder)}"
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
        commands=(f"python -m core prepare cmu {as_new_data_set(folder)}",),
    )


def argument(name: str | Path) -> str:
    """Write a file's name as a shell takes it, and no command for an option."""
    text = str(name)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def as_new_data_set(folder: Path) -> str:
    """Write a folder and a data set file named after it as arguments."""
    name = folder.resolve().name or "motion"
    return f"{argument(folder)} --out {argument(name + '.safetensors')}"
