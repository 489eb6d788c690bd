"""Predict: somebody's own 2D in, 3D out, and what to know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import framing
from core.cameras import MEAN_PITCH_RAD
from core.dataset import valid_frames
from core.errors import PoseFormatError
from core.formats import detections, keypoints
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
# So far the person is leant to either side to lift once more: as far as the pictures lean that the
# checkpoints have learnt from.
LEANT_DEG = 15.0
# Without these no pose can be told from the rest.
NEEDED = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
# A person less tall than this in the picture has no shape to lift.
SMALLEST_PX = 60.0
# A person's size in the picture is taken over so long before and after, so that it follows who
# comes nearer, and a crouch is still small.
SIZE_OVER_S = 1.0
# Who lies has the trunk within 30 degrees of the level, and so the line from ankles to shoulders:
# the sine of it.
LEVEL = 0.5
# From this share of the frames on, something is worth a warning; so many joints are named in it.
WORTH_SAYING, MOST_NAMES = 0.1, 6


@dataclass(frozen=True)
class Options:
    """How to lift in the wild. On is what lowers the error whatever the 2D.

    Attributes:
        smooth: One-Euro smoothing of the 2D over time.
        average: lift the person mirrored, too, and both leant to either side where the checkpoint
            frames the person, and take the middle.
        steady_bones: one length for each bone over the clip.
        level: turn the figure upright by its own posture, not by a usual camera's tilt.
        place: bring the person to the place and size of those that a checkpoint for pixels as
            they lie has learnt from; nothing changes for one that frames the person itself.
    """

    smooth: bool = False
    average: bool = True
    steady_bones: bool = False
    level: bool = False
    place: bool = True


USUAL = Options()
# What the network says of the 2D as it is.
PLAIN = Options(average=False, place=False)


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
    several: Callable[[int], None] | None = None,
) -> PoseSequence:
    """Read 2D poses of one person: a file of poses, or what a 2D detector found.

    Args:
        path: see `formats.keypoints` for files of poses, `formats.detections` for the rest.
        fps: frames a second, where the file does not say it.
        layout: the detector's layout; recognised from the data where not given.
        person: which of several people, the most prominent first.
        size_px: the picture's size, where the coordinates are fractions of it.
        several: called with the number of people where there are more than one.

    Raises:
        PoseFormatError: nothing is there, it is something else, it holds 3D, or not so many people.
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
        sequence = found.person(person, layout=layout, fps=fps)
        if several is not None and len(found.tracks) > 1:
            several(len(found.tracks))
        return sequence
    sequence = keypoints.read(path, fps=fps, coordinates=2)
    if person:
        raise PoseFormatError(f"there is no person {person + 1}; it holds one", file=path)
    if sequence.space != "image":
        raise PoseFormatError("2D poses were expected; these are 3D already", file=path)
    return sequence


def predict(
    lifter: PoseLifter,
    sequence: PoseSequence,
    options: Options = USUAL,
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
    seen, filled, guessed, lacking = _without_doubt(sequence)
    if options.smooth and len(seen) > 1:
        seen = seen.with_positions(one_euro(seen.positions, seen.fps))
    usual = lifter.statistics()[0].mean.reshape(len(INPUT_16), 2)
    moved = options.place and lifter.checkpoint.framing == "image"
    framed = seen.with_positions(_placed(seen, usual)) if moved else seen
    poses = _averaged(lifter, framed, usual) if options.average else lifter.lift(framed)
    if options.steady_bones:
        order = sorted(H36M_17.bones, key=lambda bone: _depth(bone[1]))
        poses = poses.with_positions(steady_bones(poses.positions, order, H36M_17.flip_order))
    complete = valid_frames(poses)
    unusual = _unusual(lifter, framed, complete)
    return Prediction(
        poses,
        seen,
        filled,
        guessed,
        int((~complete).sum()),
        unusual,
        (*_of_lacking(lacking), *_warnings(seen, guessed, complete, unusual, size_px)),
        _pitch_by_posture(poses) if options.level else MEAN_PITCH_RAD,
    )


def _without_doubt(
    sequence: PoseSequence,
) -> tuple[PoseSequence, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Fill short gaps, and empty frames without a trunk.

    A frame without the person stays empty, however short: nothing is invented.

    Returns:
        What is lifted; (F, 16) True where a joint was filled, where it is a guess, and where a
        frame with the person in it can't be lifted for want of it.
    """
    longest = max(round(LONGEST_GAP_S * sequence.fps), 1)
    filled_in, filled = detections.without_short_gaps(
        sequence, longest=longest, least_confidence=LEAST_CONFIDENCE
    )
    absent = np.asarray(~np.isfinite(sequence.positions[..., 0]).any(axis=1))
    filled[absent] = False
    positions = np.array(filled_in.positions)
    positions[absent] = np.nan
    if sequence.confidence is None:
        lacking = ~np.isfinite(positions[..., 0]) & ~absent[:, None]
        return filled_in.with_positions(positions), filled, np.zeros_like(filled), lacking
    doubtful = (sequence.confidence < LEAST_CONFIDENCE) & ~filled
    needed = np.zeros_like(filled)
    needed[:, INPUT_16.indices(NEEDED)] = doubtful[:, INPUT_16.indices(NEEDED)]
    lacking = (~np.isfinite(positions[..., 0]) | needed) & ~absent[:, None]
    positions[needed.any(axis=1)] = np.nan
    guessed = doubtful & np.isfinite(positions[..., 0])
    return filled_in.with_positions(positions), filled, guessed, lacking


def _placed(seen: PoseSequence, usual: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Move people (F, J, 2) to the centre, and scale them to the size, of the usual pose (J, 2)."""
    joints = seen.positions.astype(np.float64)
    sizes = framing.size_px(joints)[:, 0, 0]
    reach = round(SIZE_OVER_S * seen.fps)
    around = [sizes[max(i - reach, 0) : i + reach + 1] for i in range(len(sizes))]
    steady = np.array([np.median(x[np.isfinite(x)]) if np.isfinite(x).any() else 1 for x in around])
    scale = framing.size_px(usual) / steady[:, None, None]
    return np.asarray(scale * framing.centred(joints) + usual.mean(axis=0))


def _averaged(
    lifter: PoseLifter, framed: PoseSequence, usual: NDArray[np.floating[Any]]
) -> PoseSequence:
    """Lift the person as it is, mirrored, and leant; bring all back, and take the middle."""
    as_they_lie = lifter.checkpoint.framing == "image"
    about = float(usual[:, 0].mean()) if as_they_lie else 0.0
    lifts: list[PoseSequence] = []
    for degrees in (0.0,) if as_they_lie else (0.0, -LEANT_DEG, LEANT_DEG):
        leant = _leant(framed, degrees)
        mirrored = lifter.lift(_mirrored(leant, INPUT_16.flip_order, about))
        both = (lifter.lift(leant), _mirrored(mirrored, H36M_17.flip_order))
        lifts.extend(_leant(poses, -degrees) for poses in both)
    mean = np.asarray(np.mean([lift.positions for lift in lifts], axis=0, dtype=np.float64))
    return lifts[0].with_positions(mean)


def _leant(sequence: PoseSequence, degrees: float) -> PoseSequence:
    """Turn x and y of 2D or 3D joints about the optical axis."""
    if not degrees:
        return sequence
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    positions = np.array(sequence.positions, dtype=np.float64)
    positions[..., :2] = positions[..., :2] @ np.array([[cosine, sine], [-sine, cosine]])
    return sequence.with_positions(positions, confidence=None)


def _mirrored(sequence: PoseSequence, order: tuple[int, ...], about: float = 0.0) -> PoseSequence:
    positions = np.array(sequence.positions[:, list(order)])
    positions[..., 0] = 2 * about - positions[..., 0]
    return sequence.with_positions(positions, confidence=None)


def _depth(joint: int) -> int:
    steps = 0
    while (joint := H36M_17.parents[joint]) != -1:
        steps += 1
    return steps


def _unusual(lifter: PoseLifter, seen: PoseSequence, complete: NDArray[np.bool_]) -> float:
    of_input, _ = lifter.statistics()
    joints = seen.positions[complete].astype(np.float64)
    framed = framing.frame(joints, lifter.checkpoint.framing)
    flat = framed.reshape(len(joints), 2 * len(INPUT_16))
    deviation = np.abs(normalize(flat, of_input.mean, of_input.std)).mean(axis=1)
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
    ankles = joints[:, INPUT_16.indices(("left_ankle", "right_ankle"))].mean(axis=1)
    trunk, whole = _direction(thorax - hip), _direction(thorax - ankles)
    inverted = trunk[:, 1] > LEVEL
    lying = (np.abs(trunk[:, 1]) <= LEVEL) & (np.abs(whole[:, 1]) <= LEVEL)
    turned = "If the picture itself is turned, turn it first."
    if worth(inverted):
        found.append(
            f"The person is upside-down{often(inverted)}: the checkpoint has learnt from people on "
            f"their feet. {turned}"
        )
    if worth(lying):
        found.append(
            f"The person lies{often(lying)}: the checkpoint has learnt from people on their feet. "
            f"{turned}"
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
        found.append(
            f"The detector hardly saw {_names(guessed[complete])}: hidden, or outside of the "
            "picture. Where they are is a guess, in 2D and in 3D."
        )
    if size_px is not None:
        # Some detectors put what they can't see onto the edge.
        outside = ((joints <= 0) | (joints >= np.array(size_px) - 1)).any(axis=(1, 2))
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


def _of_lacking(lacking: NDArray[np.bool_]) -> list[str]:
    """Say which joints keep frames empty, although the person is there."""
    frames = np.asarray(lacking.any(axis=1))
    if not len(frames) or frames.mean() < WORTH_SAYING:
        return []
    where = "" if len(frames) == 1 else f" in {frames.mean():.0%} of the frames"
    return [
        (
            f"The 2D lacks {_names(lacking[frames])}{where}: hidden, or cut off by the picture's "
            "edge. Nothing is lifted there, since all joints are needed."
        )
    ]


def _names(flags: NDArray[np.bool_]) -> str:
    """Name the joints of which flags (F, 16) are up often enough, the first few of them."""
    shares = zip(INPUT_16.joints, flags.mean(axis=0), strict=True)
    names = [name.replace("_", " ") for name, share in shares if share >= WORTH_SAYING]
    return ", ".join(names[:MOST_NAMES]) + (" …" if len(names) > MOST_NAMES else "")


def _direction(vectors: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Scale vectors (F, 2) to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _pitch_by_posture(poses: PoseSequence) -> float:
    """How far the camera looks down if the person stands upright in the middle of the clip."""
    joints = poses.positions[valid_frames(poses)].astype(np.float64)
    if not len(joints):
        return MEAN_PITCH_RAD
    feet = joints[:, H36M_17.indices(("left_ankle", "right_ankle"))].mean(axis=1)
    up = np.median(joints[:, H36M_17.index("thorax")] - feet, axis=0)
    return float(np.arctan2(-up[2], -up[1]))
