"""A user's own file: what is in it, whom to lift, and the result as any recording has it.

The page Lift your own and the command `predict` differ in what they ask, not in what they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.dataset import Dataset, Key, Pictures, Recording
from core.errors import PoseFormatError
from core.formats import detections, keypoints
from core.formats.detections import Detections
from core.formats.layouts import UndecidedLayoutError
from core.sequence import PoseSequence
from core.viz.browse import browse_packet
from core.viz.own import own_packet
from core.workflows.export_file import Shown
from core.workflows.footage import Footage, Original
from core.workflows.lift import LiftedRecording, PoseLifter, judge, relative_to_root
from core.workflows.open import recognise
from core.workflows.predict import Prediction

__all__ = [
    "Material", "UndecidedLayoutError", "as_recording", "clearest_frame", "from_footage",
    "from_recording", "in_px", "lifted_with", "read_keypoints", "shown", "taken_as",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Material:
    """What a file holds before anybody is picked: people as detected, or one person's poses.

    Attributes:
        name: as its owner calls it.
        detections: any number of people, or None.
        sequence: the 2D of one person, where the file knows no others; else None.
        pictures: what lies behind, if there are any.
        notes: what to know about the file.
        recording: what 3D to compare with belongs to, where there is some: gives the camera.
        original: where the pictures lie in full size, if they do.
    """

    name: str
    detections: Detections | None = None
    sequence: PoseSequence | None = None
    pictures: Pictures | None = None
    notes: tuple[str, ...] = ()
    recording: Recording | None = None
    original: Original | None = None

    @property
    def size_px(self) -> tuple[int, int] | None:
        """The picture's size, if known."""
        if self.pictures is not None:
            return self.pictures.size_px
        return None if self.detections is None else self.detections.size_px


def from_footage(footage: Footage, name: str) -> Material:
    """Take what was seen in a photo or film."""
    return Material(
        name,
        footage.detections,
        pictures=footage.pictures,
        notes=footage.notes,
        original=footage.original,
    )


def read_keypoints(path: str | Path, name: str = "") -> Material:
    """Read a file or folder of 2D keypoints.

    Args:
        path: where it is.
        name: as its owner calls it, for messages; the path where not given.

    Raises:
        PoseFormatError: it is something else, damaged, or holds 3D.
    """
    path = Path(path).expanduser()
    called = name or str(path)
    try:
        if recognise(path) == "nothing":
            raise PoseFormatError("no such file or folder", file=path)
        if path.is_dir() and recognise(path) != "openpose folder":
            problem = (
                "a folder of OpenPose's JSON files, one a frame, or of photos was expected; for "
                "data sets see “Open files”"
            )
            raise PoseFormatError(problem, file=path)
        if detections.matches(path):
            return Material(called, replace(detections.read(path), name=called))
        sequence = keypoints.read(path, coordinates=2)
    except PoseFormatError as error:
        raise PoseFormatError(error.problem, file=called, place=error.place) from None
    if sequence.space != "image":
        raise PoseFormatError("2D poses were expected; these are 3D already", file=called)
    return Material(called, sequence=sequence)


def in_px(material: Material, size_px: tuple[int, int]) -> Material:
    """Bring fractions of the picture to px, now that its size is known."""
    if material.detections is None:
        return material
    return replace(material, detections=material.detections.in_px(size_px))


def taken_as(material: Material, layout: str) -> Material:
    """Take the points for those of a layout, whatever they look like."""
    if material.detections is None:
        return material
    decided = replace(material.detections, layouts_possible=(layout,))
    return replace(material, detections=decided)


def from_recording(dataset: Dataset, key: Key, source: str) -> Material:
    """Take a recording that ships as an example: its 2D, its pictures and its 3D to compare."""
    recording = dataset.load(key)
    return Material(
        f"{key.action}, camera {key.camera}",
        sequence=recording.inputs[source],
        pictures=recording.pictures,
        notes=dataset.notes[:1],
        recording=recording,
    )


def as_recording(
    material: Material, prediction: Prediction, provenance: Mapping[str, str] | None = None
) -> LiftedRecording:
    """Put a prediction beside its input, pictures and truth, as every page and export takes it."""
    source = prediction.input.source or "own 2D"
    source = source.split(",", 1)[0]
    theirs = material.recording
    truth = None if theirs is None else theirs.truth
    recording = Recording(
        Key("own", material.name, "1", "camera") if theirs is None else theirs.key,
        {source: prediction.input},
        truth,
        None if theirs is None else theirs.camera,
        _shown(material.pictures, len(prediction.input)),
    )
    if truth is None:
        return LiftedRecording(
            recording, source, prediction.poses, None, None, None, provenance or {}
        )
    relative = relative_to_root(truth)
    aligned, errors = judge(prediction.poses.positions, relative.positions)
    return LiftedRecording(
        recording, source, prediction.poses, relative, aligned, errors, provenance or {}
    )


def lifted_with(lifter: PoseLifter, material: Material) -> dict[str, str]:
    """Say what the numbers come from, for the exports."""
    return {
        "data_set": material.name,
        "data_set_kind": "own",
        "checkpoint": lifter.checkpoint.name,
        "checkpoint_digest": lifter.checkpoint.digest,
    }


def shown(
    material: Material, lifted: LiftedRecording, prediction: Prediction, notes: tuple[str, ...] = ()
) -> Shown:
    """Show a prediction as the page does: beside the truth, where there is some.

    Args:
        material: where it comes from.
        lifted: of `as_recording`.
        prediction: gives how far the camera looks down.
        notes: what people must know of it.
    """
    if lifted.truth is None:
        packet = own_packet(
            lifted.recording, lifted.source, prediction.poses, pitch_rad=prediction.pitch_rad
        )
    else:
        packet = browse_packet(
            lifted.recording,
            lifted.source,
            prediction.poses,
            lifted.aligned,
            lifted.errors,
            protocol=2,
        )
    return Shown(packet, lifted, prediction.poses, notes, material.original)


def clearest_frame(found: Detections, track: int = 0) -> int:
    """Find the frame in which most people are seen best, one of them in any case.

    Args:
        found: everybody.
        track: index of the person who must be in it.
    """
    there = found.tracks[track].chosen
    return max(there, key=lambda frame: (found.frames[frame][..., 2].sum(), -frame))


def _shown(pictures: Pictures | None, frames: int) -> Pictures | None:
    return pictures if pictures is not None and len(pictures.encoded) == frames else None
