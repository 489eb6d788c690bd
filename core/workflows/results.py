"""Results of a whole split, frame by frame: computed once, kept on disk, opened in milliseconds.

Pages and the command line read the same results. `result_columns` says what a kept file holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.dataset import Dataset, Key, in_paper_order
from core.errors import PoseFormatError
from core.skeleton import H36M_17
from core.store import Store, Stored, default_store
from core.workflows.evaluate import (
    JOINT_SETS,
    Evaluation,
    FloatArray,
    JointSet,
    Split,
    chosen,
)
from core.workflows.lift import OUTPUT, PoseLifter, Protocol
from core.workflows.result_columns import PROTOCOLS, computed

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint

# Part of every name: results of an older way to compute or to lay them out are not found again.
VERSION = "results 1"

By = Literal["action", "subject", "camera"]
Order = Literal["mpjpe", "joint", "jump"]


@dataclass(frozen=True, eq=False)
class Results:
    """Errors of one checkpoint from one 2D source on every frame of a split.

    Attributes:
        dataset, dataset_digest: title and content.
        checkpoint, checkpoint_digest: name and content.
        source: the 2D source.
        keys: the R recordings, in the data set's order.
        fps: frame rate of each.
        offsets: (R + 1,) recording i has frames offsets[i] to offsets[i + 1].
        errors: protocol -> (N, 17) float32 mm, NaN where a joint is missing.
        velocity: (N,) mm per frame, NaN in each recording's first frame.
        scaled, bones, asymmetry: (N,) mm: N-MPJPE, bone-length error, left-right asymmetry.
        counted: joint set -> frames that count (R,).
        sums: (protocol, joint set) -> errors summed over these frames (R, J), float64.
        skipped: joint set -> frames left out because a joint is missing.
        provenance: what the numbers come from, for people and exports.
        note: why the result could not be kept on disk; empty if it was.
    """

    dataset: str
    dataset_digest: str
    checkpoint: str
    checkpoint_digest: str
    source: str
    keys: tuple[Key, ...]
    fps: tuple[float, ...]
    offsets: NDArray[np.int64]
    errors: Mapping[Protocol, FloatArray]
    velocity: FloatArray
    scaled: FloatArray
    bones: FloatArray
    asymmetry: FloatArray
    counted: Mapping[JointSet, NDArray[np.int64]]
    sums: Mapping[tuple[Protocol, JointSet], FloatArray]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @cached_property
    def _places(self) -> dict[Key, int]:
        return {key: i for i, key in enumerate(self.keys)}

    @property
    def frames(self) -> int:
        """Count all frames, complete or not."""
        return int(self.offsets[-1])

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Actions in the paper's order."""
        return in_paper_order(key.action for key in self.keys)

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in the data set's order."""
        return tuple(dict.fromkeys(key.subject for key in self.keys))

    @cached_property
    def cameras(self) -> tuple[str, ...]:
        """Cameras in the data set's order."""
        return tuple(dict.fromkeys(key.camera for key in self.keys))

    def frames_of(self, key: Key) -> slice:
        """Find a recording's rows; `KeyError` if it was not evaluated."""
        place = self._places[key]
        return slice(int(self.offsets[place]), int(self.offsets[place + 1]))

    def recording_sum(self, key: Key, protocol: Protocol) -> float:
        """Add up the mean of the 17 joints over a recording's complete frames, mm."""
        return float(self.sums[protocol, 17][self._places[key]].mean())

    def evaluation(
        self,
        joint_set: JointSet = 17,
        *,
        subjects: Iterable[str] | None = None,
        actions: Iterable[str] | None = None,
    ) -> Evaluation:
        """Give the tables' figures, all from the float64 sums; None picks all, by exact names.

        Raises:
            PoseFormatError: nothing is left that has all joints.
        """
        rows = np.flatnonzero(self._mask(subjects=subjects, actions=actions))
        frames = self.counted[joint_set][rows]
        in_all = int(np.diff(self.offsets)[rows].sum())
        if not frames.sum():
            raise PoseFormatError(
                f"no frame to evaluate: of {in_all} frames none has all joints in 2D and 3D",
                file=self.dataset,
                place=f"2D source {self.source}",
            )
        return Evaluation(
            dataset=self.dataset,
            dataset_digest=self.dataset_digest,
            checkpoint=self.checkpoint,
            checkpoint_digest=self.checkpoint_digest,
            source=self.source,
            joints=JOINT_SETS[joint_set],
            keys=tuple(self.keys[row] for row in rows),
            frames=frames,
            skipped=in_all - int(frames.sum()),
            sums={protocol: self.sums[protocol, joint_set][rows] for protocol in PROTOCOLS},
        )

    def table(
        self, protocol: Protocol, joint_set: JointSet = 17, by: By = "action"
    ) -> dict[str, float]:
        """Average over joints and frames of each action (paper's order), subject or camera, mm."""
        sums = self.sums[protocol, joint_set].mean(axis=1)
        return {
            name: float(sums[mask].sum() / self.counted[joint_set][mask].sum())
            for name, mask in self._groups(by, joint_set)
        }

    def joint_table(
        self, protocol: Protocol, by: By = "action"
    ) -> tuple[tuple[str, ...], tuple[str, ...], FloatArray]:
        """Average each of the 17 joints over the frames of each action, subject or camera.

        Returns:
            A names, 17 joints, and errors (A, 17), mm.
        """
        groups = self._groups(by, 17)
        sums, frames = self.sums[protocol, 17], self.counted[17]
        values = [sums[mask].sum(axis=0) / frames[mask].sum() for _, mask in groups]
        return tuple(name for name, _ in groups), H36M_17.joints, np.array(values).reshape(-1, 17)

    def worst(
        self,
        protocol: Protocol,
        count: int,
        *,
        actions: Iterable[str] | None = None,
        subjects: Iterable[str] | None = None,
        cameras: Iterable[str] | None = None,
        joint: str | None = None,
        by: Order = "mpjpe",
        low: float | None = None,
        high: float | None = None,
    ) -> list[tuple[Key, int, float]]:
        """List the frames with the largest errors, at most one in each second of a recording.

        Args:
            protocol: whose errors; a jump has none.
            count: how many at most.
            actions: exact names; None takes all.
            subjects: exact names; None takes all.
            cameras: exact names; None takes all.
            joint: the joint that `by="joint"` looks at.
            by: mean of the joints, one joint, or the difference of the step from the frame
                before to the true step (mm per frame).
            low: the smallest value to list; None for no bound.
            high: the largest value to list; None for no bound.

        Returns:
            Recording, frame in it, and the value, the largest first.
        """
        if by == "joint" and joint is None:
            raise ValueError("by='joint' needs the name of a joint")
        values = self._values(protocol, by, joint)
        wanted = np.repeat(
            self._mask(subjects=subjects, actions=actions, cameras=cameras), np.diff(self.offsets)
        )
        wanted &= np.isfinite(values)
        if low is not None:
            wanted &= values >= low
        if high is not None:
            wanted &= values <= high
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return []
        places = np.repeat(np.arange(len(self.keys)), np.diff(self.offsets))[rows]
        frames = rows - self.offsets[places]
        seconds = (frames / np.asarray(self.fps)[places]).astype(np.int64)
        # A second's frames lie together: its largest is found without sorting all of them.
        changes = (np.diff(places, prepend=-1) != 0) | (np.diff(seconds, prepend=-1) != 0)
        starts = np.flatnonzero(changes)
        found = values[rows]
        second = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
        largest = np.flatnonzero(found == np.maximum.reduceat(found, starts)[second])
        _, first = np.unique(second[largest], return_index=True)
        each = largest[first]
        picked = each[np.argsort(-found[each], kind="stable")[: max(count, 0)]]
        return [(self.keys[int(places[i])], int(frames[i]), float(found[i])) for i in picked]

    def frame_errors(self, protocol: Protocol) -> FloatArray:
        """Average over the 17 joints: (N,) mm, NaN where one is missing."""
        return self._means[protocol]

    @cached_property
    def _means(self) -> dict[Protocol, FloatArray]:
        return {protocol: errors.mean(axis=1) for protocol, errors in self.errors.items()}

    def _values(self, protocol: Protocol, by: Order, joint: str | None) -> FloatArray:
        if by == "jump":
            return self.velocity
        if by == "joint" and joint is not None:
            return self.errors[protocol][:, H36M_17.index(joint)]
        return self.frame_errors(protocol)

    def _mask(
        self,
        *,
        subjects: Iterable[str] | None = None,
        actions: Iterable[str] | None = None,
        cameras: Iterable[str] | None = None,
    ) -> NDArray[np.bool_]:
        """Tell which recordings (R,) are wanted, by exact names."""
        mask = np.ones(len(self.keys), dtype=bool)
        for part, names in (("subject", subjects), ("action", actions), ("camera", cameras)):
            if names is not None:
                wanted = set(names)
                mask &= np.array([getattr(key, part) in wanted for key in self.keys], dtype=bool)
        return mask

    def _groups(self, by: By, joint_set: JointSet) -> list[tuple[str, NDArray[np.bool_]]]:
        """Split the recordings by what `by` says; groups without a complete frame are left out."""
        names = {"action": self.actions, "subject": self.subjects, "camera": self.cameras}[by]
        of_each = np.array([getattr(key, by) for key in self.keys])
        masks = [(name, of_each == name) for name in names]
        return [(name, mask) for name, mask in masks if self.counted[joint_set][mask].sum()]


def judge(
    dataset: Dataset,
    checkpoint: Checkpoint | PoseLifter,
    source: str,
    *,
    split: Split | None = "test",
    progress: Callable[[int, int], None] | None = None,
    store: Store | None = None,
) -> Results:
    """Open the results of a split, or compute and keep them.

    Args:
        dataset: recordings with truth; those without `source` or without truth are left out.
        checkpoint: the weights; a lifter brings statistics for weights that have none.
        source: name of the 2D source.
        split: "test" (the paper), "train", or None for both.
        progress: called with frames done and frames in all if there is something to compute; it
            may raise to stop, and nothing is kept then.
        store: where results are kept; None takes the user's.

    Raises:
        PoseFormatError: the source is unknown, nothing is left, or statistics are missing.
    """
    store = store or default_store()
    lifter = checkpoint if isinstance(checkpoint, PoseLifter) else PoseLifter(checkpoint)
    found = kept(dataset, lifter, source, split=split, store=store)
    if found is not None:
        return found
    entries = chosen(dataset, source, split=split)
    arrays, metadata = computed(dataset, lifter, source, entries, progress)
    metadata["provenance"] = provenance(dataset, lifter, source, split)
    note = store.save(_name(dataset, lifter, source, split), arrays, metadata)
    return _results(Stored(arrays, metadata), dataset, lifter, source, split, note)


def judge_part(
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    *,
    subjects: Iterable[str] | None = None,
    actions: Iterable[str] | None = None,
    split: Split | None = "test",
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Compute the results of some subjects or actions, by exact names; they are not kept.

    Raises:
        PoseFormatError: as `judge`, or a name is unknown.
    """
    entries = chosen(dataset, source, subjects=subjects, actions=actions, split=split)
    arrays, metadata = computed(dataset, lifter, source, entries, progress)
    return _results(Stored(arrays, metadata), dataset, lifter, source, split)


def kept(
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    *,
    split: Split | None = "test",
    store: Store | None = None,
) -> Results | None:
    """Open the results of a split if they were kept; compute nothing."""
    stored = (store or default_store()).open(_name(dataset, lifter, source, split))
    return None if stored is None else _results(stored, dataset, lifter, source, split)


def _name(dataset: Dataset, lifter: PoseLifter, source: str, split: Split | None) -> str:
    """Name the file by all that decides its numbers."""
    decides = provenance(dataset, lifter, source, split)
    for title in ("data_set", "checkpoint"):
        del decides[title]
    return hashlib.blake2b(json.dumps(decides, sort_keys=True).encode(), digest_size=16).hexdigest()


def provenance(
    dataset: Dataset, lifter: PoseLifter, source: str, split: Split | None
) -> dict[str, Any]:
    """Collect what decides a result, by content, with the titles of data set and checkpoint."""
    statistics = hashlib.blake2b(digest_size=16)
    known = dataset.statistics
    fallback = (
        known.get(source) or lifter.input_statistics,
        known.get(OUTPUT) or lifter.output_statistics,
    )
    for found in fallback:
        statistics.update(b"none" if found is None else found.mean.tobytes() + found.std.tobytes())
    return {
        "data_set": dataset.title,
        "data_set_digest": dataset.digest,
        "checkpoint": lifter.checkpoint.name,
        "checkpoint_digest": lifter.checkpoint.digest,
        "input_2d": source,
        "split": split or "all",
        "fallback_statistics_digest": statistics.hexdigest(),
        "precision": lifter.computed_in,
        "version": VERSION,
    }


def _results(
    stored: Stored,
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    split: Split | None,
    note: str = "",
) -> Results:
    arrays, metadata = stored.arrays, stored.metadata
    return Results(
        dataset=dataset.title,
        dataset_digest=dataset.digest,
        checkpoint=lifter.checkpoint.name,
        checkpoint_digest=lifter.checkpoint.digest,
        source=source,
        keys=tuple(Key(*names) for names in metadata["keys"]),
        fps=tuple(metadata["fps"]),
        offsets=arrays["offsets"],
        errors={protocol: arrays[f"errors.{protocol}"] for protocol in PROTOCOLS},
        velocity=arrays["velocity"],
        scaled=arrays["scaled"],
        bones=arrays["bones"],
        asymmetry=arrays["asymmetry"],
        counted={joint_set: arrays[f"frames.{joint_set}"] for joint_set in JOINT_SETS},
        sums={
            (protocol, joint_set): arrays[f"sums.{protocol}.{joint_set}"]
            for protocol in PROTOCOLS
            for joint_set in JOINT_SETS
        },
        provenance=provenance(dataset, lifter, source, split),
        note=note,
    )
