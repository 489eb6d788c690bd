"""One point of a robustness curve: a sample of frames, made worse by a level, judged, and kept.

A kept point holds, for R recordings of the sample:

    frames          (R,) int64: frames that count, because all joints are there
    sums.1, sums.2  (R, 17) float64, mm: errors under Protocol #1 and #2 summed over these frames

Its metadata has the recordings' keys, how many frames were skipped and how far joints moved.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.dataset import Dataset, Entry, Key, Recording
from core.perturbation import Perturbation, perturb
from core.skeleton import H36M_17, INPUT_16
from core.store import Store
from core.workflows.evaluate import Evaluation, Split, chosen
from core.workflows.lift import PoseLifter
from core.workflows.results import PROTOCOLS, provenance

# Part of every name: points of an older way to compute are not found again.
VERSION = "robustness 1"


@dataclass(frozen=True, eq=False)
class Setting:
    """What is measured, whatever the checkpoint.

    Attributes:
        dataset: recordings with truth.
        source: the 2D source that is made worse.
        perturbation: how.
        levels: how much, in ascending order.
        size: frames of the sample; None takes all.
        seed: decides what is drawn.
        split: "test" (the paper), "train", or None for both.

    Raises:
        PoseFormatError: the source is unknown, or nothing is left.
    """

    dataset: Dataset
    source: str
    perturbation: Perturbation
    levels: tuple[float, ...]
    size: int | None = None
    seed: int = 0
    split: Split | None = "test"

    def __post_init__(self) -> None:
        chosen(self.dataset, self.source, split=self.split)

    @cached_property
    def rows(self) -> dict[Key, NDArray[np.int64] | None]:
        """Spread the sample evenly: recording -> its frames, None where it is all of them."""
        entries = chosen(self.dataset, self.source, split=self.split)
        in_all = sum(entry.frames for entry in entries)
        if self.size is None or self.size >= in_all:
            return {entry.key: None for entry in entries}
        places = (2 * np.arange(self.size, dtype=np.int64) + 1) * in_all // (2 * self.size)
        rows: dict[Key, NDArray[np.int64] | None] = {}
        start = 0
        for entry in entries:
            first, last = np.searchsorted(places, (start, start + entry.frames))
            if last > first:
                rows[entry.key] = places[first:last] - start
            start += entry.frames
        return rows

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The recordings as far as they are in the sample."""
        return tuple(
            entry if rows is None else replace(entry, frames=len(rows))
            for key, rows in self.rows.items()
            for entry in (self.dataset.by_key[key],)
        )

    @property
    def frames(self) -> int:
        """Count the sample's frames."""
        return sum(entry.frames for entry in self.entries)

    def load(self, key: Key) -> Recording:
        """Load the sample's frames of one recording."""
        recording, rows = self.dataset.load(key), self.rows[key]
        joints_2d = recording.inputs[self.source].select(INPUT_16)
        truth = recording.truth
        if rows is not None:
            joints_2d = joints_2d.with_positions(joints_2d.positions[rows], confidence=None)
            truth = truth and truth.with_positions(truth.positions[rows], confidence=None)
        return Recording(key, {self.source: joints_2d}, truth, recording.camera)

    def worse(self, recording: Recording, level: float) -> Recording:
        """Make one loaded recording's 2D worse."""
        joints_2d = recording.inputs[self.source]
        positions = perturb(
            self.perturbation, joints_2d.positions, level, seed=self.seed, name=str(recording.key)
        )
        return replace(recording, inputs={self.source: joints_2d.with_positions(positions)})


@dataclass(frozen=True)
class Point:
    """What one checkpoint makes of one level.

    Attributes:
        level: how much worse the 2D was made.
        moved_px: how far joints moved on average.
        evaluation: errors on the sample.
    """

    level: float
    moved_px: float
    evaluation: Evaluation


def keep(setting: Setting, lifter: PoseLifter, point: Point, store: Store) -> str:
    """Keep a point; return why it could not be kept, empty if it was."""
    evaluation = point.evaluation
    arrays = {
        "frames": evaluation.frames,
        **{f"sums.{p}": np.asarray(evaluation.sums[p], dtype=np.float64) for p in PROTOCOLS},
    }
    metadata = {
        "keys": [list(asdict(key).values()) for key in evaluation.keys],
        "skipped": evaluation.skipped,
        "moved_px": point.moved_px,
    }
    return store.save(_name(setting, lifter, point.level), arrays, metadata)


def kept(setting: Setting, lifter: PoseLifter, level: float, store: Store) -> Point | None:
    """Open a point if it was kept."""
    stored = store.open(_name(setting, lifter, level))
    if stored is None:
        return None
    evaluation = Evaluation(
        dataset=setting.dataset.title,
        dataset_digest=setting.dataset.digest,
        checkpoint=lifter.checkpoint.name,
        checkpoint_digest=lifter.checkpoint.digest,
        source=setting.source,
        joints=H36M_17.joints,
        keys=tuple(Key(*names) for names in stored.metadata["keys"]),
        frames=stored.arrays["frames"],
        skipped=stored.metadata["skipped"],
        sums={p: stored.arrays[f"sums.{p}"] for p in PROTOCOLS},
    )
    return Point(level, stored.metadata["moved_px"], evaluation)


def _name(setting: Setting, lifter: PoseLifter, level: float) -> str:
    """Name a point by all that decides its figures."""
    decides = provenance(setting.dataset, lifter, setting.source, setting.split)
    for title in ("data_set", "checkpoint"):
        del decides[title]
    whole = all(rows is None for rows in setting.rows.values())
    decides |= {
        "version": VERSION,
        "perturbation": setting.perturbation.name,
        "level": float(level),
        "size": None if whole else setting.size,
        "seed": setting.seed,
    }
    return hashlib.blake2b(json.dumps(decides, sort_keys=True).encode(), digest_size=16).hexdigest()
