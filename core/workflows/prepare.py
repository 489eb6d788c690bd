"""Turn folders of recordings into the project's own data set file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core import rig
from core.cameras import Distortion
from core.errors import PoseFormatError
from core.formats import cmu, dataset_file
from core.formats.dataset_writer import Progress, Writer

__all__ = ["Prepared", "Progress", "RigName", "prepare_cmu", "prepare_pose2sim"]

RigName = Literal["human36m"]
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Prepared:
    """What became of a folder.

    Attributes:
        path: the data set file.
        recordings: how many it holds.
        frames: over all recordings, cameras counted separately.
        skipped: clip -> why it was left out.
        left_out_views: recordings in which somebody came too close to the camera.
    """

    path: Path
    recordings: int
    frames: int
    skipped: dict[str, str]
    left_out_views: tuple[str, ...] = ()


def prepare_cmu(
    folder: str | Path,
    out: str | Path,
    *,
    rig_name: RigName = "human36m",
    distortion: Distortion = "opencv",
    progress: Report | None = None,
) -> Prepared:
    """Put four cameras around each clip of a CMU folder, and write what they see.

    The rig stands where Human3.6M's stands, with its lenses; each clip is shifted so that its hip
    is at the middle on average. Views in which a joint is nearer than 1 m to the camera are left
    out. A clip that can't be read is named in the result, and the others are kept.

    Args:
        folder: as `core.formats.cmu` describes it.
        out: the new data set file.
        rig_name: which cameras; there is one rig so far.
        distortion: the lens formula of the projection.
        progress: called after each clip.

    Raises:
        PoseFormatError: the folder holds no clip or no readable one, or `out` can't be written.
    """
    cameras = {"human36m": rig.four_cameras}[rig_name](distortion)
    clips = cmu.find(folder)
    skipped: dict[str, str] = {}
    left_out: list[str] = []
    splits: dict[str, str] = {}
    frames = recordings = 0
    with Writer(out) as writer:
        for done, (clip, sequence) in enumerate(cmu.read(clips), start=1):
            if isinstance(sequence, PoseFormatError):
                skipped[clip.name] = str(sequence)
                _say(progress, Progress(done, len(clips), clip.name, 0, str(sequence)))
                continue
            seen = set()
            for recording in rig.views(
                rig.place_in_rig(sequence),
                cameras,
                subject=clip.subject,
                action=clip.action,
                take=clip.trial,
            ):
                writer.add(recording)
                seen.add(recording.key.camera)
                recordings += 1
                frames += len(sequence)
            left_out += [f"{clip.name} · {c.name}" for c in cameras if c.name not in seen]
            if clip.split is not None:
                splits[clip.subject] = clip.split
            _say(progress, Progress(done, len(clips), clip.name, len(sequence)))
        if not recordings:
            raise PoseFormatError(
                f"none of its {len(clips)} clips can be used; the first: "
                f"{next(iter(skipped.values()), 'too near to every camera')}",
                file=folder,
            )
        writer.finish(
            title="CMU motion capture",
            splits=splits,
            notes=_notes(skipped, left_out),
            credit=cmu.CREDIT,
        )
    return Prepared(Path(out), recordings, frames, skipped, tuple(left_out))


def prepare_pose2sim(
    folder: str | Path,
    out: str | Path,
    *,
    pictures: bool = True,
    progress: Report | None = None,
) -> Prepared:
    """Write a Pose2Sim project folder as a data set file.

    Args:
        folder: the project.
        out: the new data set file.
        pictures: keep small pictures of its videos, which takes most of the time.
        progress: called after each recording.

    Raises:
        PoseFormatError: the folder is none of Pose2Sim's, or `out` can't be written.
    """
    # Its reader needs OpenCV for the videos, which nothing else here does.
    from core.formats import pose2sim

    dataset = pose2sim.read(folder, pictures=pictures)
    dataset_file.write(out, dataset, progress=progress)
    return Prepared(Path(out), len(dataset.entries), dataset.frames, {})


def _say(progress: Report | None, step: Progress) -> None:
    if progress is not None:
        progress(step)


def _notes(skipped: dict[str, str], left_out: list[str]) -> tuple[str, ...]:
    notes = [
        "3D is measured; cameras are placed by this program and 2D is the projection",
        "CMU has no nose: its head joint stands in for the neck",
    ]
    if left_out:
        notes.append(f"left out, a joint within 1 m of the camera: {', '.join(left_out)}")
    if skipped:
        notes.append(f"skipped, unreadable: {', '.join(skipped)}")
    return tuple(notes)
