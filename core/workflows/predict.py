"""Predict: somebody's own 2D in, 3D out, and what to know about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cameras import MEAN_PITCH_RAD
from core.dataset import valid_frames
from core.errors import PoseFormatError
from core.formats import detections, keypoints
from core.framing import frame
from core.normalization import normalize
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.smoothing import one_euro, steady_bones
from core.workflows.lift import PoseLifter
from core.workflows.open import recognise

# Standard deviations that the average coordinate of a usual pose stays within; beyond it the
# person is not where, or not as large as, the persons were that the checkpoint has learnt from.
USUAL_DEVIATION = 3.0
# A joint less sure than this is taken for missing, and interpolated over gaps of so many seconds.
LEAST_CONFIDENCE, LONGEST_GAP_S = 0.3, 0.3
# Without these no pose can be told from the rest.
NEEDED = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
# A person less tall than this in the picture has no shape to lift.
SMALLEST_PX = 60.0
# From this share of the frames on, something is worth a warning.
WORTH_SAYING = 0.1


@dataclass(frozen=True)
class Options:
    """How to lift in the wild; nothing of it is on unless asked for.

    Attributes:
        smooth: One-Euro smoothing of the 2D over time.
        flip: lift the mirrored person, too, and take the middle.
        steady_bones: one length for each bone over the clip.
        level: turn the figure upright by its own posture, not by a usual camera's tilt.
    """

    smooth: bool = False
    flip: bool = False
    steady_bones: bool = False
    level: bool = False


PLAIN = Options()


@dataclass(frozen=True, eq=False)
class Prediction:
    """What came out, and what to know about it.

    Attributes:
        poses: root space, H36M_17, mm; NaN in frames that lack a joint.
        input: the 2D that was lifted: gaps filled, smoothed, as asked for.
        filled: (F, 16) True where a joint was interpolated.
        guessed: (F, 16) True where a joint was lifted although the detector hardly saw it.
        empty: how many frames lack a joint in 2D.
        unusual: share of the lifted frames whose 2D is far from what the checkpoint knows.
        warnings: what makes the result doubtful, one sentence each.
        pitch_rad: how far the camera looks down, for drawing the figure upright.
    """

    poses: PoseSequence
    input: PoseSequence
    filled: NDArray[np.bool_]
    guessed: NDArray[np.bool_]
    empty: int
    unusual: float
    warnings: tuple[str, ...] = ()
    pitch_rad: float = MEAN_PITCH_RAD


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
            "a file of 2D poses, a folder of OpenPose's JSON files or a folder of photos was "
            f"expected; this is {'another folder' if kind == 'unknown' else f'a {kind}'}",
            file=path,
        )
    if layout is not None or detections.matches(path):
        found = detections.read(path).in_px(size_px)
        return found.person(person, layout=layout, fps=fps)
    sequence = keypoints.read(path, fps=fps)
    if sequence.space != "image":
        raise PoseFormatError("2D poses were expected; these are 3D already", file=path)
    return sequence


def predict(
    lifter: PoseLifter,
    sequence: PoseSequence,
    options: Options = PLAIN,
    *,
    size_px: tuple[int, int] | None = None,
) -> Prediction:
    """Lift a 2D sequence, and tell how far it is from what the checkpoint has learnt from.

    Short gaps are interpolated where the sequence says how sure its joints are; a joint that is
    doubtful for longer is lifted as it is, and marked. A frame without hips and shoulders stays
    empty.

    Args:
        lifter: the checkpoint.
        sequence: image space, any skeleton that has INPUT_16's joints.
        options: see there.
        size_px: the picture's size, to tell who is cut off by its edge.

    Raises:
        PoseFormatError: statistics are missing.
        ValueError: the sequence is not 2D.
    """
    if sequence.space != "image":
        raise ValueError(f"a 2D sequence in px is lifted, not one in {sequence.space} space")
    sequence = sequence.select(INPUT_16)
    seen, filled, guessed = _without_doubt(sequence)
    if options.smooth and len(seen) > 1:
        seen = seen.with_positions(one_euro(seen.positions, seen.fps))
    poses = lifter.lift(seen)
    if options.flip:
        mirrored = lifter.lift(_mirrored(seen, INPUT_16.flip_order))
        back = _mirrored(mirrored, H36M_17.flip_order)
        poses = poses.with_positions((poses.positions + back.positions) / 2)
    if options.steady_bones:
        order = sorted(H36M_17.bones, key=lambda bone: _depth(bone[1]))
        poses = poses.with_positions(steady_bones(poses.positions, order, H36M_17.flip_order))
    complete = valid_frames(poses)
    unusual = _unusual(lifter, seen, complete)
    return Prediction(
        poses,
        seen,
        filled,
        guessed,
        int((~complete).sum()),
        unusual,
        tuple(_warnings(seen, guessed, complete, unusual, size_px)),
        _pitch_by_posture(poses) if options.level else MEAN_PITCH_RAD,
    )


def _without_doubt(
    sequence: PoseSequence,
) -> tuple[PoseSequence, NDArray[np.bool_], NDArray[np.bool_]]:
    """Fill short gaps, empty frames without a trunk; tell what was filled and what is a guess.

    A frame without the person stays empty, however short: nothing is invented.
    """
    longest = max(round(LONGEST_GAP_S * sequence.fps), 1)
    filled_in, filled = detections.without_short_gaps(
        sequence, longest=longest, least_confidence=LEAST_CONFIDENCE
    )
    absent = ~np.isfinite(sequence.positions[..., 0]).any(axis=1)
    filled[absent] = False
    positions = np.array(filled_in.positions)
    positions[absent] = np.nan
    if sequence.confidence is None:
        return filled_in.with_positions(positions), filled, np.zeros_like(filled)
    doubtful = (sequence.confidence < LEAST_CONFIDENCE) & ~filled
    positions[doubtful[:, INPUT_16.indices(NEEDED)].any(axis=1)] = np.nan
    guessed = doubtful & np.isfinite(positions[..., 0])
    return filled_in.with_positions(positions), filled, guessed


def _mirrored(sequence: PoseSequence, order: tuple[int, ...]) -> PoseSequence:
    positions = np.array(sequence.positions[:, list(order)])
    positions[..., 0] *= -1
    return sequence.with_positions(positions, confidence=None)


def _depth(joint: int) -> int:
    steps = 0
    while (joint := H36M_17.parents[joint]) != -1:
        steps += 1
    return steps


def _unusual(lifter: PoseLifter, seen: PoseSequence, complete: NDArray[np.bool_]) -> float:
    of_input, _ = lifter.statistics()
    joints = seen.positions[complete].astype(np.float64)
    framed = frame(joints, lifter.checkpoint.framing).reshape(len(joints), 2 * len(INPUT_16))
    deviation = np.abs(normalize(framed, of_input.mean, of_input.std)).mean(axis=1)
    return float((deviation > USUAL_DEVIATION).mean()) if len(joints) else 0.0


def _warnings(
    seen: PoseSequence,
    guessed: NDArray[np.bool_],
    complete: NDArray[np.bool_],
    unusual: float,
    size_px: tuple[int, int] | None,
) -> list[str]:
    if not complete.any():
        return []
    joints = seen.positions[complete].astype(np.float64)
    found = []

    def often(flags: Any) -> str:
        share = float(flags.mean())
        if share < WORTH_SAYING:
            return ""
        return "" if len(joints) == 1 else f" in {share:.0%} of the frames"

    def worth(flags: Any) -> bool:
        return float(flags.mean()) >= WORTH_SAYING

    hip, thorax = joints[:, INPUT_16.root], joints[:, INPUT_16.index("thorax")]
    lying = (hip - thorax)[:, 1] < -0.5 * np.linalg.norm(hip - thorax, axis=1)
    if worth(lying):
        found.append(
            f"The person is upside-down{often(lying)}: the checkpoint has learnt from people on "
            "their feet. If the picture itself is turned, turn it first."
        )
    heights = np.ptp(joints, axis=1).max(axis=1)
    tiny = heights < SMALLEST_PX
    if worth(tiny):
        found.append(
            f"The person is only {np.median(heights):.0f} px tall{often(tiny)}: a px too many or "
            "too few is a large error then."
        )
    unseen = guessed[complete].any(axis=1)
    if worth(unseen):
        names = [
            name.replace("_", " ")
            for name, share in zip(INPUT_16.joints, guessed[complete].mean(axis=0), strict=True)
            if share >= WORTH_SAYING
        ]
        listed = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
        found.append(
            f"The detector hardly saw {listed}: hidden, or outside of the picture. Their place is "
            "a guess, in 2D and in 3D."
        )
    if size_px is not None:
        outside = ((joints < 0) | (joints > np.array(size_px))).any(axis=(1, 2))
        if worth(outside):
            found.append(
                f"The person is cut off by the picture's edge{often(outside)}: the checkpoint has "
                "learnt from people who are seen whole."
            )
    if unusual >= WORTH_SAYING and not found:
        found.append(
            "The person is not where, or not as large as, the persons were that this checkpoint "
            f"was trained on, in {unusual:.0%} of the frames: expect larger errors."
        )
    return found


def _pitch_by_posture(poses: PoseSequence) -> float:
    """How far the camera looks down if the person stands upright in the middle of the clip."""
    joints = poses.positions[valid_frames(poses)].astype(np.float64)
    if not len(joints):
        return MEAN_PITCH_RAD
    feet = joints[:, H36M_17.indices(("left_ankle", "right_ankle"))].mean(axis=1)
    up = np.median(joints[:, H36M_17.index("thorax")] - feet, axis=0)
    return float(np.arctan2(-up[2], -up[1]))
