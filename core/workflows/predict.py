"""Predict: somebody's own 2D in, 3D out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.dataset import valid_frames
from core.errors import PoseFormatError
from core.formats import detections, keypoints
from core.framing import frame
from core.normalization import normalize
from core.sequence import PoseSequence
from core.skeleton import INPUT_16
from core.workflows.lift import PoseLifter
from core.workflows.open import recognise

# Standard deviations that the average coordinate of a usual pose stays within; beyond it the
# person is not where, or not as large as, the persons were that the checkpoint has learnt from.
USUAL_DEVIATION = 3.0


@dataclass(frozen=True, eq=False)
class Prediction:
    """What came out, and what to know about it.

    Attributes:
        poses: root space, H36M_17, mm; NaN in frames that lack a joint.
        empty: how many frames lack a joint in 2D.
        unusual: share of the lifted frames whose 2D is far from what the checkpoint knows.
    """

    poses: PoseSequence
    empty: int
    unusual: float


def read_2d(
    path: str | Path,
    *,
    fps: float | None = None,
    layout: str | None = None,
    person: int = 0,
    size_px: tuple[int, int] | None = None,
) -> PoseSequence:
    """Read 2D poses of one person: a file of poses, or what a 2D detector found.

    Args:
        path: see `formats.keypoints` for files of poses, `formats.detections` for the rest.
        fps: frames a second, where the file does not say it.
        layout: the detector's layout; recognised from the data where not given.
        person: which of several people, the most prominent first.
        size_px: the picture's size, where the coordinates are fractions of it.

    Raises:
        PoseFormatError: nothing is there, it is something else, or it holds 3D.
    """
    path = Path(path).expanduser()
    kind = recognise(path)
    if kind == "nothing":
        raise PoseFormatError("no such file or folder", file=path)
    if path.is_dir() and kind != "openpose folder":
        raise PoseFormatError(
            "a file of 2D poses or a folder of OpenPose's JSON files was expected; this is "
            f"{'another folder' if kind == 'unknown' else f'a {kind}'}",
            file=path,
        )
    if layout is not None or detections.matches(path):
        found = detections.read(path).in_px(size_px)
        return found.person(person, layout=layout, fps=fps)
    sequence = keypoints.read(path, fps=fps)
    if sequence.space != "image":
        raise PoseFormatError("2D poses were expected; these are 3D already", file=path)
    return sequence


def predict(lifter: PoseLifter, sequence: PoseSequence) -> Prediction:
    """Lift a 2D sequence, and tell how far it is from what the checkpoint has learnt from.

    Raises:
        PoseFormatError: statistics are missing.
        ValueError: the sequence is not 2D.
    """
    poses = lifter.lift(sequence)
    complete = valid_frames(poses)
    of_input, _ = lifter.statistics()
    seen = sequence.select(INPUT_16).positions[complete].astype(np.float64)
    framed = frame(seen, lifter.checkpoint.framing).reshape(len(seen), 2 * len(INPUT_16))
    deviation = np.abs(normalize(framed, of_input.mean, of_input.std)).mean(axis=1)
    unusual = float((deviation > USUAL_DEVIATION).mean()) if len(seen) else 0.0
    return Prediction(poses, int((~complete).sum()), unusual)
