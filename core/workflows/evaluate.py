"""Evaluate a checkpoint on a data set: Protocol #1 and #2 per action, as the paper's tables.

Torch is imported only once something is evaluated.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera
from core.dataset import Dataset, Entry, Key, in_paper_order
from core.errors import PoseFormatError
from core.skeleton import H36M_17, JOINTS_14, OUTPUT_16_JOINTS
from core.workflows.lift import PoseLifter, Protocol, judge, relative_to_root

FloatArray = NDArray[np.floating[Any]]
Split = Literal["train", "test"]
JointSet = Literal[17, 16, 14]

# Which joints a figure averages over. 17 is the paper's: the root counts, with zero error.
JOINT_SETS: dict[JointSet, tuple[str, ...]] = {
    17: H36M_17.joints,
    16: OUTPUT_16_JOINTS,
    14: JOINTS_14,
}
GROUND_TRUTH = "gt"
# Frames that a worker lifts and measures in one go.
GROUP = 4096


@dataclass(frozen=True, eq=False)
class FrameErrors:
    """The errors of one recording, frame by frame.

    Attributes:
        entry: the recording.
        errors: protocol -> (F, J) mm; NaN where a joint is missing.
        predictions: (F, 17, 3) mm, root space.
    """

    entry: Entry
    errors: dict[Protocol, FloatArray]
    predictions: FloatArray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Errors of one checkpoint on one data set from one 2D source.

    Attributes:
        dataset, dataset_digest: title and content.
        checkpoint, checkpoint_digest: name and content.
        source: the 2D source.
        joints: names of the J joints that count.
        keys: the R recordings evaluated.
        frames: (R,) frames that count: every joint is there, in 2D and 3D.
        skipped: frames left out because a joint is missing.
        sums: protocol -> (R, J) errors summed over frames, mm.
    """

    dataset: str
    dataset_digest: str
    checkpoint: str
    checkpoint_digest: str
    source: str
    joints: tuple[str, ...]
    keys: tuple[Key, ...]
    frames: NDArray[np.int64]
    skipped: int
    sums: dict[Protocol, FloatArray]

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Actions with at least one frame, in the paper's order."""
        return in_paper_order(
            key.action for key, n in zip(self.keys, self.frames, strict=True) if n
        )

    def action_frames(self) -> dict[str, int]:
        """Count the frames of each action."""
        return {action: int(self.frames[mask].sum()) for action, mask in self._masks.items()}

    def action_errors(self, protocol: Protocol) -> dict[str, float]:
        """Average over joints and frames of each action, mm."""
        per_recording = self.sums[protocol].mean(axis=1)
        return {
            action: float(per_recording[mask].sum() / self.frames[mask].sum())
            for action, mask in self._masks.items()
        }

    def average(self, protocol: Protocol) -> float:
        """Average over the actions, each counting once: the paper's figure, mm."""
        return float(np.mean(list(self.action_errors(protocol).values())))

    def frame_average(self, protocol: Protocol) -> float:
        """Average over all frames, long actions counting more, mm."""
        return float(self.sums[protocol].mean(axis=1).sum() / self.frames.sum())

    def joint_errors(self, protocol: Protocol) -> dict[str, float]:
        """Average over all frames of each joint, mm."""
        values = self.sums[protocol].sum(axis=0) / self.frames.sum()
        return dict(zip(self.joints, values.tolist(), strict=True))

    def subject_errors(self, protocol: Protocol) -> dict[str, float]:
        """Average over joints and frames of each subject, mm."""
        per_recording = self.sums[protocol].mean(axis=1)
        subjects = dict.fromkeys(
            k.subject for k, n in zip(self.keys, self.frames, strict=True) if n
        )
        masks = {s: np.array([k.subject == s for k in self.keys]) for s in subjects}
        return {
            s: float(per_recording[mask].sum() / self.frames[mask].sum())
            for s, mask in masks.items()
        }

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return {"protocol_1": {action: mm, ..., "average": mm}, "protocol_2", "frames"}."""
        protocols: tuple[Protocol, ...] = (1, 2)
        figures: dict[str, dict[str, float]] = {
            f"protocol_{p}": {**self.action_errors(p), "average": self.average(p)}
            for p in protocols
        }
        figures["frames"] = dict(self.action_frames())
        return figures

    @cached_property
    def _masks(self) -> dict[str, NDArray[np.bool_]]:
        """Tell which recordings (R,) are of each action, by its exact name."""
        return {a: np.array([key.action == a for key in self.keys]) for a in self.actions}


def evaluate(
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    *,
    subjects: Iterable[str] | None = None,
    actions: Iterable[str] | None = None,
    split: Split | None = "test",
    joint_set: JointSet = 17,
    progress: Callable[[int, int], None] | None = None,
    keep: Callable[[FrameErrors], None] | None = None,
) -> Evaluation:
    """Evaluate a checkpoint under both protocols.

    Args:
        dataset: recordings with truth; those without `source` or without truth are left out.
        lifter: the checkpoint.
        source: name of the 2D source.
        subjects: exact names; None takes all of the split.
        actions: exact names; None takes all.
        split: "test" (the paper), "train", or None for both.
        joint_set: how many joints count. Poses are root-relative before joints are left out;
            Protocol #2 aligns on the joints that count.
        progress: called with frames done and frames in all; it may raise to stop.
        keep: called with each recording's errors, in the data set's order.

    Raises:
        PoseFormatError: a name is unknown, nothing is left, or statistics are missing.
    """
    entries = chosen(dataset, source, subjects=subjects, actions=actions, split=split)
    joints = JOINT_SETS[joint_set]
    keys: list[Key] = []
    frames: list[int] = []
    sums: dict[Protocol, list[FloatArray]] = {1: [], 2: []}
    done, in_all, skipped = 0, sum(e.frames for e in entries), 0
    for found in frame_errors(dataset, lifter, source, entries, joints=joints):
        complete = np.isfinite(np.concatenate([*found.errors.values()], axis=1)).all(axis=1)
        keys.append(found.entry.key)
        frames.append(int(complete.sum()))
        skipped += len(complete) - frames[-1]
        for protocol, errors in found.errors.items():
            sums[protocol].append(errors[complete].sum(axis=0))
        if keep is not None:
            keep(found)
        done += found.entry.frames
        if progress is not None:
            progress(done, in_all)
    if not sum(frames):
        raise PoseFormatError(
            f"no frame to evaluate: of {in_all} frames none has all joints in 2D and 3D",
            file=dataset.title,
            place=f"2D source {source}",
        )
    return Evaluation(
        dataset=dataset.title,
        dataset_digest=dataset.digest,
        checkpoint=lifter.checkpoint.name,
        checkpoint_digest=lifter.checkpoint.digest,
        source=source,
        joints=joints,
        keys=tuple(keys),
        frames=np.array(frames, dtype=np.int64),
        skipped=skipped,
        sums={protocol: np.stack(rows) for protocol, rows in sums.items()},
    )


def frame_errors(
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    entries: Iterable[Entry],
    *,
    joints: tuple[str, ...] = H36M_17.joints,
) -> Iterator[FrameErrors]:
    """Lift recordings and yield the errors of each; recordings without truth are left out.

    Short recordings go through the network together; groups are measured side by side.
    """
    from core import workers

    lifter = lifter.suited_to(dataset, source)
    counted = H36M_17.indices(joints)

    def measure(group: list[Loaded]) -> list[FrameErrors]:
        lifted = lift_group(lifter, group)
        truth = np.concatenate([each.truth for each in group])
        _, errors = judge(lifted[:, counted], truth[:, counted])
        parts = frames_of_each(group)
        return [
            FrameErrors(each.entry, {p: e[part] for p, e in errors.items()}, lifted[part])
            for each, part in zip(group, parts, strict=True)
        ]

    for found in workers.each(measure, in_groups(dataset, source, entries)):
        yield from found


class Loaded(NamedTuple):
    """A recording to measure: 2D (F, 16, 2) px, root-relative 3D (F, 17, 3) mm, the camera."""

    entry: Entry
    joints_2d: FloatArray
    truth: FloatArray
    camera: Camera | None


def lift_group(lifter: PoseLifter, group: list[Loaded]) -> FloatArray:
    """Lift the recordings of a group, put together: (F, 17, 3) mm in the cameras' axes."""
    if lifter.matched is not None:
        return np.concatenate([lifter.saved_poses(e.entry.key, len(e.truth)) for e in group])
    poses = lifter.lift_arrays(np.concatenate([each.joints_2d for each in group]))
    if lifter.checkpoint.axes == "camera":
        return poses
    for each, part in zip(group, frames_of_each(group), strict=True):
        poses[part] = lifter.to_camera_axes(poses[part], each.camera, str(each.entry.key))
    return poses


def frames_of_each(group: Iterable[Loaded]) -> list[slice]:
    """Tell which frames of a group, put together, are each recording's."""
    stops = list(itertools.accumulate(len(each.truth) for each in group))
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def in_groups(dataset: Dataset, source: str, entries: Iterable[Entry]) -> Iterator[list[Loaded]]:
    """Load recordings in groups of some thousand frames; those without truth are left out."""
    group: list[Loaded] = []
    frames = 0
    for entry in entries:
        recording = dataset.load(entry.key)
        if recording.truth is None or source not in recording.inputs:
            continue
        truth = relative_to_root(recording.truth).positions
        joints_2d = recording.inputs[source].positions
        group.append(Loaded(entry, joints_2d, truth, recording.camera))
        frames += entry.frames
        if frames >= GROUP:
            yield group
            group, frames = [], 0
    if group:
        yield group


def chosen(
    dataset: Dataset,
    source: str,
    *,
    subjects: Iterable[str] | None = None,
    actions: Iterable[str] | None = None,
    split: Split | None = "test",
) -> tuple[Entry, ...]:
    """Pick the recordings to evaluate, by exact names: SittingDown never includes Sitting.

    Raises:
        PoseFormatError: a name is unknown, or the choice leaves nothing.
    """
    subjects = None if subjects is None else tuple(subjects)
    actions = None if actions is None else tuple(actions)
    _known(dataset, "2D source", (source,), dataset.sources)
    _known(dataset, "subject", subjects or (), dataset.subjects)
    _known(dataset, "action", actions or (), dataset.actions)
    entries = dataset.select(subjects=subjects, actions=actions, split=split, source=source)
    if not entries:
        there = dataset.select(split=split)
        asked = ", ".join([*(subjects or ()), *(actions or ())]) or "any recording"
        having = tuple(dict.fromkeys(e.key.subject for e in there)) or ("nobody",)
        raise PoseFormatError(
            f"nothing to evaluate: no {split or 'train or test'} recording of {asked} has the 2D "
            f"source {source!r} (subjects in this split: {', '.join(having)})",
            file=dataset.title,
        )
    return entries


def pick_source(dataset: Dataset, wanted: str | None = None, *, detector: bool = False) -> str:
    """Choose a 2D source: `wanted` by name, else a detector's, else the ground truth.

    Args:
        dataset: whose sources.
        wanted: an exact name, or how one and only one begins; capitals don't matter.
        detector: take hourglass, or the first source that is not the ground truth.

    Raises:
        PoseFormatError: there is no such source; it names those that there are.
    """
    if wanted is not None:
        matching = [s for s in dataset.sources if s.lower().startswith(wanted.lower())]
        exact = [s for s in matching if s.lower() == wanted.lower()]
        if len(exact or matching) == 1:
            return (exact or matching)[0]
        _known(dataset, "2D source", (wanted,), dataset.sources)
    if detector:
        found = [s for s in dataset.sources if s != GROUND_TRUTH]
        hourglass = [s for s in found if s.startswith("hourglass")]
        if not found:
            raise PoseFormatError(
                f"no detector's 2D in this data set; there is {', '.join(dataset.sources)}",
                file=dataset.title,
            )
        return (hourglass or found)[0]
    if GROUND_TRUTH in dataset.sources or not dataset.sources:
        return GROUND_TRUTH
    return dataset.sources[0]


def _known(dataset: Dataset, what: str, names: Iterable[str], there: tuple[str, ...]) -> None:
    for name in names:
        if name not in there:
            by_lower = {t.lower(): t for t in there}
            near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
            hint = f" (did you mean {by_lower[near[0]]}?)" if near else ""
            raise PoseFormatError(
                f"no {what} {name!r}{hint}; there is {', '.join(there) or 'none'}",
                file=dataset.title,
            )
