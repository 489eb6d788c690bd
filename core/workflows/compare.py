"""Compare two ways to lift the same frames: other 2D, another checkpoint, or both.

A difference is always B - A, in mm: above zero A is better. Only frames count that both sides
could lift and that have truth, so that each difference is of one and the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.dataset import Dataset, Key, in_paper_order
from core.errors import PoseFormatError
from core.store import Store
from core.tables import ALL_FRAMES, AVERAGE, Cell, Table
from core.workflows.evaluate import Split, chosen
from core.workflows.lift import LiftedRecording, PoseLifter, Protocol
from core.workflows.results import PROTOCOLS, Results, judge

FloatArray = NDArray[np.floating[Any]]

DRAWS = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Side:
    """One of the two: a 2D source and the checkpoint that lifts it."""

    source: str
    lifter: PoseLifter


@dataclass(frozen=True)
class Difference:
    """What both sides' errors are over the same frames.

    Attributes:
        a, b: mean errors, mm.
        interval: of b - a, the 95 % bootstrap interval, mm; None where there are not two
            sequences of each action to draw from.
        frames: that both sides have.
        sequences: takes that they come from; the cameras of a take are one sequence.
    """

    a: float
    b: float
    interval: tuple[float, float] | None
    frames: int
    sequences: int

    @property
    def change(self) -> float:
        """How much worse B is, mm."""
        return self.b - self.a


@dataclass(frozen=True)
class Comparison:
    """Both sides over a data set.

    Attributes:
        actions: protocol -> action, in the paper's order -> difference.
        average: protocol -> mean of the actions, each counting once, as in the paper.
        all_frames: protocol -> mean of the frames, its interval over all takes together.
        skipped: frames that one side or both could not judge.
    """

    actions: dict[Protocol, dict[str, Difference]]
    average: dict[Protocol, Difference]
    all_frames: dict[Protocol, Difference]
    skipped: int


def compare(
    dataset: Dataset,
    a: Side,
    b: Side,
    *,
    split: Split | None = "test",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    store: Store | None = None,
) -> Comparison:
    """Compare the errors of both sides frame by frame, on the recordings that have both's 2D.

    The errors are those that the Errors page and `test` keep: what is kept is not computed again.

    Args:
        dataset: recordings with truth.
        a: one side.
        b: the other.
        split: "test" (the paper), "train", or None for both.
        seed: of the bootstrap's draws.
        progress: called with frames done and frames in all, both sides counted, if there is
            something to compute; it may raise to stop.
        store: where results are kept; None takes the user's.

    Raises:
        PoseFormatError: a source is unknown, statistics are missing, or no frame has both.
    """
    frames = [
        sum(entry.frames for entry in chosen(dataset, side.source, split=split)) for side in (a, b)
    ]

    def judged(side: Side, before: int) -> Results:
        def report(done: int, _: int) -> None:
            if progress is not None:
                progress(before + done, sum(frames))

        return judge(dataset, side.lifter, side.source, split=split, progress=report, store=store)

    of_a, of_b = judged(a, 0), judged(b, frames[0])
    having_b = set(of_b.keys)
    both = {
        key: _complete(of_a, key) & _complete(of_b, key) for key in of_a.keys if key in having_b
    }
    skipped = sum(int((~shared).sum()) for shared in both.values())
    keys = [key for key, shared in both.items() if shared.any()]
    if not keys:
        raise PoseFormatError(
            f"nothing to compare: no frame has all joints in {a.source!r}, in {b.source!r} and in "
            "3D",
            file=dataset.title,
        )
    actions: dict[Protocol, dict[str, Difference]] = {}
    average: dict[Protocol, Difference] = {}
    all_frames: dict[Protocol, Difference] = {}
    # As if all were one action: two takes are enough then, of whatever actions.
    as_one = [replace(key, action="", take=f"{key.action}/{key.take}") for key in keys]
    for protocol in PROTOCOLS:
        sums = [[_sum(of, k, both[k], protocol) for of in (of_a, of_b)] for k in keys]
        counts = [int(both[k].sum()) for k in keys]
        actions[protocol], average[protocol] = summarize(keys, np.array(sums), counts, seed=seed)
        _, all_frames[protocol] = summarize(as_one, np.array(sums), counts, seed=seed)
    return Comparison(actions, average, all_frames, skipped)


def summarize(
    keys: Iterable[Key], sums: FloatArray, counts: Iterable[int], *, seed: int = 0
) -> tuple[dict[str, Difference], Difference]:
    """Average by action, then over the actions, with bootstrap intervals.

    Args:
        keys: R recordings.
        sums: (R, 2) errors of A and B summed over the frames that count, mm.
        counts: (R,) those frames.
        seed: of the draws.

    Returns:
        Action -> difference, and the mean of the actions; its interval draws within each action.
    """
    keys, counts = tuple(keys), np.fromiter(counts, dtype=np.int64)
    rng = np.random.default_rng(seed)
    by_action: dict[str, Difference] = {}
    drawn: list[FloatArray] = []
    for action in in_paper_order(key.action for key in keys):
        mask = np.array([key.action == action for key in keys])
        # The cameras of a take see one and the same motion: drawn apart, they would feign
        # more evidence than there is.
        takes = [(k.subject, k.take) for k in keys if k.action == action]
        _, sequence = np.unique(np.array(takes), axis=0, return_inverse=True)
        sequence = sequence.reshape(-1)
        frames = np.bincount(sequence, weights=counts[mask]).astype(np.float64)
        apart = sums[mask, 1] - sums[mask, 0]
        differences = np.bincount(sequence, weights=apart).astype(np.float64)
        means = bootstrap_means(differences, frames, rng)
        if means is not None:
            drawn.append(means)
        total = int(counts[mask].sum())
        mean_a, mean_b = (sums[mask].sum(axis=0) / total).tolist()
        by_action[action] = Difference(mean_a, mean_b, interval(means), total, len(frames))
    all_drawn = np.mean(drawn, axis=0) if len(drawn) == len(by_action) else None
    found = by_action.values()
    average = Difference(
        float(np.mean([d.a for d in found])),
        float(np.mean([d.b for d in found])),
        interval(all_drawn),
        sum(d.frames for d in found),
        sum(d.sequences for d in found),
    )
    return by_action, average


def bootstrap_means(
    sums: FloatArray, counts: FloatArray, rng: np.random.Generator, draws: int = DRAWS
) -> FloatArray | None:
    """Draw S sequences with replacement, again and again, and average over their frames.

    Args:
        sums: (S,) a quantity summed over each sequence's frames.
        counts: (S,) the frames.
        rng: decides the draws.
        draws: how many.

    Returns:
        (draws,) means, or None for a single sequence, which says nothing of the spread.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", percentile interval.
    """
    if len(sums) < 2:
        return None
    picked = rng.integers(0, len(sums), (draws, len(sums)))
    means: FloatArray = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
    return means


def interval(means: FloatArray | None) -> tuple[float, float] | None:
    """Cut off the same share of drawn means on both sides."""
    if means is None:
        return None
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def as_table(comparison: Comparison, protocol: Protocol) -> Table:
    """Lay out a row for each action, the averages last; no interval is an empty cell."""
    found = {
        **comparison.actions[protocol],
        AVERAGE: comparison.average[protocol],
        ALL_FRAMES: comparison.all_frames[protocol],
    }
    rows: list[tuple[Cell, ...]] = []
    for name, d in found.items():
        if name == AVERAGE:
            rows.append(())
        rows.append((name, d.a, d.b, d.change, *(d.interval or ("", "")), d.frames, d.sequences))
    heads = ("Action", "A (mm)", "B (mm)", "B − A (mm)", "95 % from", "95 % to")
    return Table((*heads, "Frames", "Sequences"), tuple(rows))


def here(a: LiftedRecording, b: LiftedRecording, protocol: Protocol) -> tuple[float, float] | None:
    """Average A and B over one recording's frames that both have; None if there are none."""
    of_a, of_b = a.frame_errors(protocol), b.frame_errors(protocol)
    if of_a is None or of_b is None:
        return None
    both = np.isfinite(of_a) & np.isfinite(of_b)
    return (float(of_a[both].mean()), float(of_b[both].mean())) if both.any() else None


def verdict(a: LiftedRecording, b: LiftedRecording, protocol: Protocol, subject: str) -> str:
    """Say in one sentence what B costs or saves in this recording.

    Args:
        a: the recording, lifted one way.
        b: the same recording, lifted the other way.
        protocol: which error.
        subject: what of B differs ("openpose input").
    """
    means = here(a, b, protocol)
    if means is None:
        return "Nothing to compare here: no frame has 3D truth and all joints in both A and B."
    # What is shown must add up: the difference of the figures as they are printed.
    of_a, of_b = (round(mean, 1) for mean in means)
    change = round(of_b - of_a, 1)
    figures = f"({of_a:.1f} → {of_b:.1f})"
    if change == 0:
        return f"{subject} makes no difference here {figures}"
    return f"{subject} {'costs' if change > 0 else 'saves'} {abs(change):.1f} mm here {figures}"


def _complete(found: Results, key: Key) -> NDArray[np.bool_]:
    """Tell which frames (F,) of a recording have all joints."""
    rows = found.frames_of(key)
    whole = [np.isfinite(found.frame_errors(p)[rows]) for p in PROTOCOLS]
    return np.logical_and(*whole)


def _sum(found: Results, key: Key, shared: NDArray[np.bool_], protocol: Protocol) -> float:
    """Add up the mean errors of a recording's shared frames, mm."""
    rows = found.frames_of(key)
    if shared.sum() == _complete(found, key).sum():
        # All that the tables count: their own sums, so that the figures are the same.
        return found.recording_sum(key, protocol)
    return float(found.errors[protocol][rows][shared].mean(axis=1, dtype=np.float64).sum())
