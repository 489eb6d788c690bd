"""Measure how errors grow as the 2D input gets worse, level by level, on a sample of frames.

Each level of each checkpoint is measured once and kept in the store that results are in, so that
a run that was stopped goes on where it was, and another level costs only itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.dataset import Key, Recording, in_paper_order
from core.errors import PoseFormatError
from core.perturbation import PERTURBATIONS, Perturbation
from core.store import Store, default_store
from core.workflows import robustness_points as kept_points
from core.workflows.evaluate import evaluate
from core.workflows.lift import PoseLifter, Protocol, judge, relative_to_root
from core.workflows.results import PROTOCOLS
from core.workflows.robustness_points import Point, Setting

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint

MOST_LEVELS = 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Robustness:
    """The points measured so far.

    Attributes:
        setting: what is measured.
        lifters: the checkpoints.
        points: (checkpoint's digest, level) -> point.
        note: why a point could not be kept on disk; empty if all were.
    """

    setting: Setting
    lifters: tuple[PoseLifter, ...]
    points: Mapping[tuple[str, float], Point]
    note: str = ""

    @property
    def missing(self) -> int:
        """Count the points that are not measured yet."""
        return len(self.lifters) * len(self.setting.levels) - len(self.points)

    def of(self, lifter: PoseLifter) -> tuple[Point, ...]:
        """Give one checkpoint's points that are there, by level."""
        digest = lifter.checkpoint.digest
        return tuple(
            self.points[digest, level]
            for level in self.setting.levels
            if (digest, level) in self.points
        )

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Actions with at least one frame that counts, in the paper's order."""
        return in_paper_order(a for p in self.points.values() for a in p.evaluation.actions)

    def as_dict(self) -> dict[str, Any]:
        """Give all that was measured for machines, figures to the last digit."""
        setting = self.setting
        first = next(iter(self.points.values()), None)
        return {
            "data_set": setting.dataset.title,
            "data_set_digest": setting.dataset.digest,
            "input_2d": setting.source,
            "perturbation": setting.perturbation.name,
            "unit": setting.perturbation.unit,
            "seed": setting.seed,
            "frames": 0 if first is None else int(first.evaluation.frames.sum()),
            "frames_left_out": 0 if first is None else first.evaluation.skipped,
            "checkpoints": [
                {
                    "checkpoint": lifter.checkpoint.name,
                    "checkpoint_digest": lifter.checkpoint.digest,
                    "levels": [
                        {
                            "level": point.level,
                            "moved_px": point.moved_px,
                            **point.evaluation.as_dict(),
                            "all_frames": {
                                f"protocol_{p}": point.evaluation.frame_average(p)
                                for p in PROTOCOLS
                            },
                        }
                        for point in self.of(lifter)
                    ],
                }
                for lifter in self.lifters
            ],
        }


def measure(
    setting: Setting,
    lifters: Sequence[PoseLifter],
    *,
    progress: Progress | None = None,
    store: Store | None = None,
) -> Robustness:
    """Measure the levels that were not measured yet.

    Args:
        setting: what to measure.
        lifters: the checkpoints.
        progress: called with frames done and frames in all, counted for each point; none is done
            while recordings are loaded. It may raise to stop; points that were whole stay kept.
        store: where points are kept; None takes the user's.

    Raises:
        PoseFormatError: there is no truth, no frame has all joints, or statistics are missing.
    """
    store = store or default_store()
    found = kept(setting, lifters, store=store)
    points = dict(found.points)
    wanted = [
        (level, [one for one in lifters if (one.checkpoint.digest, level) not in points])
        for level in setting.levels
    ]
    rounds = sum(len(missing) for _, missing in wanted)
    steps = _Steps(progress, setting.frames * rounds)
    if not rounds:
        return found
    loaded: dict[Key, Recording] = {}
    for entry in setting.entries:
        loaded[entry.key] = setting.load(entry.key)
        steps.add(0)
    if all(recording.truth is None for recording in loaded.values()):
        raise PoseFormatError(
            "there is no 3D truth in these recordings, so no error can be measured",
            file=setting.dataset.title,
        )
    note = ""
    for level, missing in wanted:
        if not missing:
            continue
        worse = {}
        for key, recording in loaded.items():
            worse[key] = setting.worse(recording, level)
            steps.add(0)
        moved_px = _moved_px(loaded.values(), worse, setting.source)
        data = replace(setting.dataset, entries=setting.entries, read=worse.__getitem__)
        for lifter in missing:
            evaluation = evaluate(
                data, lifter, setting.source, split=setting.split, progress=steps.within
            )
            steps.add(setting.frames)
            point = Point(level, moved_px, evaluation)
            note = kept_points.keep(setting, lifter, point, store) or note
            points[lifter.checkpoint.digest, level] = point
    return Robustness(setting, tuple(lifters), points, note)


def kept(
    setting: Setting, lifters: Sequence[PoseLifter], *, store: Store | None = None
) -> Robustness:
    """Open the points that were kept; compute nothing."""
    store = store or default_store()
    points = {}
    for lifter in lifters:
        for level in setting.levels:
            point = kept_points.kept(setting, lifter, level, store)
            if point is not None:
                points[lifter.checkpoint.digest, level] = point
    return Robustness(setting, tuple(lifters), points)


@dataclass(frozen=True, eq=False)
class Example:
    """One frame of the sample, as the network sees it.

    Attributes:
        key: the recording.
        frame: its frame there.
        clean: (16, 2) px.
        seen: level -> (16, 2) px.
        errors: level -> protocol -> mean of the joints, mm; empty without truth.
    """

    key: Key
    frame: int
    clean: NDArray[Any]
    seen: Mapping[float, NDArray[Any]]
    errors: Mapping[float, Mapping[Protocol, float]]


def example(setting: Setting, lifter: PoseLifter, place: int) -> Example:
    """Look at one frame of the sample at every level, just as it is measured.

    Args:
        setting: what is measured.
        lifter: whose errors are told.
        place: of the frame in the sample; the next one that has all joints is taken.

    Raises:
        PoseFormatError: the recording has no frame with all joints, or statistics are missing.
    """
    place %= setting.frames
    for entry in setting.entries:
        if place < entry.frames:
            break
        place -= entry.frames
    recording = setting.load(entry.key)
    clean = recording.inputs[setting.source].positions
    whole = np.flatnonzero(np.isfinite(clean).all(axis=(1, 2)))
    if not len(whole):
        raise PoseFormatError(
            "no frame has all joints in 2D", file=setting.dataset.title, place=str(entry.key)
        )
    row = int(whole[min(int(np.searchsorted(whole, place)), len(whole) - 1)])
    seen = {
        level: setting.worse(recording, level).inputs[setting.source].positions[row]
        for level in setting.levels
    }
    errors: dict[float, dict[Protocol, float]] = {}
    if recording.truth is not None:
        truth = relative_to_root(recording.truth).positions[[row] * len(seen)]
        suited = lifter.suited_to(setting.dataset, setting.source)
        poses = suited.lift_arrays(np.stack([*seen.values()]))
        poses = suited.to_camera_axes(poses, recording.camera, str(entry.key))
        _, by_protocol = judge(poses, truth)
        errors = {
            level: {p: float(by_protocol[p][i].mean()) for p in PROTOCOLS}
            for i, level in enumerate(seen)
        }
    rows = setting.rows[entry.key]
    return Example(entry.key, row if rows is None else int(rows[row]), clean[row], seen, errors)


def levels_from(text: str, perturbation: Perturbation) -> tuple[float, ...]:
    """Read levels, numbers with commas between; sorted, each once.

    Raises:
        ValueError: it is no such list; the message is a sentence for people.
    """
    low, high = 0.0, perturbation.most
    levels = set()
    for part in text.replace(";", ",").split(","):
        if not part.strip():
            continue
        try:
            level = float(part)
        except ValueError:
            level = math.nan
        if not low <= level <= high or (level == 0 and perturbation.neutral == 1):
            above = "above 0 and up to" if perturbation.neutral == 1 else "from 0 to"
            raise ValueError(
                f"a level is a number {above} {perturbation.shown(high)}, not {part.strip()!r}"
            )
        levels.add(level)
    if not 1 <= len(levels) <= MOST_LEVELS:
        raise ValueError(f"1 to {MOST_LEVELS} levels are measured at once, not {len(levels)}")
    return tuple(sorted(levels))


def perturbation_named(name: str) -> Perturbation:
    """Find a perturbation; `ValueError` lists those that there are."""
    if name not in PERTURBATIONS:
        raise ValueError(f"there is no {name!r}; there is {', '.join(PERTURBATIONS)}")
    return PERTURBATIONS[name]


def traits(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Say in what a checkpoint differs from the published network, as far as its file tells."""
    config, recipe = checkpoint.config, checkpoint.provenance.get("recipe")
    parts = [
        ("without batch norm", not config.batch_norm),
        ("without residual connections", not config.residual),
        # Weights alone do not tell what was dropped in training: only a recipe does.
        ("without dropout", isinstance(recipe, dict) and config.dropout == 0),
        ("world frame", checkpoint.axes == "world"),
    ]
    return tuple(words for words, so in parts if so)


class _Steps:
    """Adds up the progress of many small evaluations."""

    def __init__(self, progress: Progress | None, in_all: int) -> None:
        self._progress, self._in_all, self._done = progress, in_all, 0

    def add(self, frames: int) -> None:
        self._done += frames
        self.within(0, 0)

    def within(self, done: int, _: int) -> None:
        if self._progress is not None:
            self._progress(self._done + done, self._in_all)


def _moved_px(clean: Iterable[Recording], worse: Mapping[Key, Recording], source: str) -> float:
    """Average how far the joints of frames that have all of them moved."""
    total, joints = 0.0, 0
    for recording in clean:
        apart = worse[recording.key].inputs[source].positions - recording.inputs[source].positions
        distances = np.linalg.norm(apart.astype(np.float64), axis=-1)
        distances = distances[np.isfinite(distances).all(axis=1)]
        total, joints = total + float(distances.sum()), joints + distances.size
    return total / joints if joints else 0.0
