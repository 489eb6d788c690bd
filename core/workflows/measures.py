"""What one reads beside the paper's two errors: N-MPJPE, PCK, AUC, MPJVE, bones, symmetry.

All of them are means over 17 joints (the root counts) and over the frames that the paper's table
counts; MPJVE over the steps between two such frames of one recording. Page, report and command
line print these very numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.metrics import AUC_THRESHOLDS_MM, PCK_MM
from core.tables import ALL_FRAMES, AVERAGE, Cell, Table
from core.workflows.evaluate import FloatArray
from core.workflows.results import Results


class Measure(NamedTuple):
    """One column: its name in JSON, its heading with the unit, and what it means."""

    name: str
    heading: str
    meaning: str


MEASURES = (
    Measure("mpjpe", "MPJPE (mm)", "Protocol #1, roots put together"),
    Measure("p_mpjpe", "P-MPJPE (mm)", "Protocol #2, after the best rotation, shift and scale"),
    Measure("n_mpjpe", "N-MPJPE (mm)", "roots put together, after the best scale"),
    Measure("pck_150", "PCK@150 (%)", "joints less than 150 mm off, Protocol #1"),
    Measure("auc", "AUC (%)", "mean PCK over thresholds from 0 to 150 mm in steps of 5"),
    Measure(
        "mpjve",
        "MPJVE (mm/frame)",
        "how far a joint's step from frame to frame is off, at the data's own frame rate; never "
        "across two recordings",
    ),
    Measure("bones", "Bone length error (mm)", "mean of 16 bones, against the true lengths"),
    Measure(
        "asymmetry", "Left-right difference (mm)", "of the predicted bones, against their twins"
    ),
)
COLUMNS = ("scaled", "velocity", "bones", "asymmetry")
NAMES = {"scaled": "n_mpjpe", "velocity": "mpjve", "bones": "bones", "asymmetry": "asymmetry"}


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums by recording, from which any choice of recordings is averaged at once.

    Attributes:
        found: the results.
        totals: column -> (R,) sums over the frames that count.
        counts: column -> (R,) frames, or steps, in these sums.
        below: (R, T) joints below each of AUC's thresholds.
    """

    found: Results
    totals: Mapping[str, FloatArray]
    counts: Mapping[str, FloatArray]
    below: FloatArray

    def by_action(
        self, *, subjects: Iterable[str] | None = None, actions: Iterable[str] | None = None
    ) -> dict[str, dict[str, float]]:
        """Give action, in the paper's order, then both averages -> measure -> figure.

        Where no frame has all 17 joints there are none.

        Raises:
            PoseFormatError: the choice leaves no frame that has all joints.
        """
        if not self.found.counted[17].any():
            return {}
        evaluation = self.found.evaluation(subjects=subjects, actions=actions)
        chosen = set(evaluation.keys)
        of_paper = {1: evaluation.action_errors(1), 2: evaluation.action_errors(2)}
        rows: dict[str, dict[str, float]] = {}
        for action in evaluation.actions:
            mask = np.array([k in chosen and k.action == action for k in self.found.keys])
            rows[action] = {
                "mpjpe": of_paper[1][action],
                "p_mpjpe": of_paper[2][action],
                **self._means(mask),
                "frames": float(evaluation.action_frames()[action]),
            }
        every = list(rows.values())
        in_all = float(evaluation.frames.sum())
        average = {m.name: _mean(row[m.name] for row in every) for m in MEASURES}
        of_table = {"mpjpe": evaluation.average(1), "p_mpjpe": evaluation.average(2)}
        rows[AVERAGE] = {**average, **of_table, "frames": in_all}
        rows[ALL_FRAMES] = {
            "mpjpe": evaluation.frame_average(1),
            "p_mpjpe": evaluation.frame_average(2),
            **self._means(np.array([k in chosen for k in self.found.keys])),
            "frames": in_all,
        }
        return rows

    def _means(self, mask: NDArray[np.bool_]) -> dict[str, float]:
        joints = 17 * self.found.counted[17][mask].sum()
        shares = 100.0 * self.below[mask].sum(axis=0) / joints
        means: dict[str, float] = {
            "pck_150": float(shares[AUC_THRESHOLDS_MM.index(PCK_MM)]),
            "auc": float(shares.mean()),
        }
        for column, name in NAMES.items():
            count = self.counts[column][mask].sum()
            total = self.totals[column][mask].sum()
            means[name] = float(total / count) if count else math.nan
        return means


def sums(found: Results) -> Sums:
    """Add up what is kept of each frame, once for all choices of recordings."""
    recordings = len(found.keys)
    place = np.repeat(np.arange(recordings), np.diff(found.offsets))
    complete = np.isfinite(found.frame_errors(1)) & np.isfinite(found.frame_errors(2))
    totals: dict[str, FloatArray] = {}
    counts: dict[str, FloatArray] = {}
    for column in COLUMNS:
        values = getattr(found, column)
        there = complete & np.isfinite(values)
        total = np.bincount(place[there], values[there].astype(np.float64), minlength=recordings)
        totals[column] = total.astype(np.float64)
        counts[column] = np.bincount(place[there], minlength=recordings).astype(np.float64)
    # An error lies below the thresholds from the first one above it on.
    edges = np.array(AUC_THRESHOLDS_MM, dtype=np.float32)
    first = np.searchsorted(edges, found.errors[1][complete], side="right")
    bins = len(edges) + 1
    of_each = np.bincount(
        (place[complete][:, None] * bins + first).ravel(), minlength=recordings * bins
    ).reshape(recordings, bins)
    below = of_each[:, :-1].cumsum(axis=1).astype(np.float64)
    return Sums(found, totals, counts, below)


def as_table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Lay `Sums.by_action` out: a row for each action, then the averages; unknown cells empty."""
    lines: list[tuple[Cell, ...]] = []
    for name, figures in rows.items():
        if name == AVERAGE:
            lines.append(())
        cells: list[Cell] = [
            figures[m.name] if math.isfinite(figures[m.name]) else "" for m in MEASURES
        ]
        lines.append((name, *cells, int(figures["frames"])))
    return Table(("Action", *(m.heading for m in MEASURES), "Frames"), tuple(lines))


def meanings(found: Results) -> list[str]:
    """Say what the columns are, a line each, and at which frame rate."""
    rates = " and ".join(f"{fps:g}" for fps in sorted(set(found.fps)))
    lines = [f"{m.heading}: {m.meaning}." for m in MEASURES]
    return [*lines, f"The data has {rates} frames per second; MPJVE times that is in mm/s."]


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan
