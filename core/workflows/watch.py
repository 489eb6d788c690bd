"""What a run's files say, in the figures that people follow: how far, how good, how long still.

Reads without PyTorch, so that a page can look every few seconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import run_log, runs
from core.run_log import Log
from core.runs import Run
from core.viz.training import Curve

# Epochs whose durations tell how long the rest takes.
RECENT = 5


@dataclass(frozen=True)
class Watched:
    """A run and what it has told so far.

    Attributes:
        run: as its folder says.
        log: its log.
        name: its folder within the folder of runs.
    """

    run: Run
    log: Log
    name: str

    @property
    def epochs_done(self) -> int:
        """Count whole epochs."""
        return self.log.epochs[-1].epoch if self.log.epochs else 0

    @property
    def share(self) -> float:
        """Tell how much of all steps is done, 0 to 1."""
        last = self.log.last
        return min(last.step / self.run.steps, 1.0) if last and self.run.steps else 0.0

    @property
    def recipe(self) -> str:
        """Name the recipe."""
        return str(self.run.options.get("name", ""))

    @property
    def seconds_left(self) -> float | None:
        """Estimate how long it still takes, tests between epochs included; None if it is over."""
        last = self.log.last
        if last is None or not self.run.steps or self.run.status != "running":
            return None
        ends = [epoch.time for epoch in self.log.epochs[-RECENT - 1 :]]
        if len(ends) < 4:
            return self.run.seconds_left(self.log)
        # The median: the pause between a stop and a resume lies between two of them, too.
        took = [after - before for before, after in pairwise(ends)]
        return (self.run.epochs - last.step / self.run.steps_per_epoch) * statistics.median(took)


def in_folder(folder: Path) -> list[Watched]:
    """Read the runs of a folder with their logs, the latest first."""
    return [
        Watched(run, _follower(run.folder).read(), name_in(folder, run.folder))
        for run in runs.find_runs(folder)
    ]


@lru_cache(maxsize=256)
def _follower(folder: Path) -> run_log.LogFollower:
    """Keep one reader for each log: people look every few seconds, and logs grow long."""
    return run_log.LogFollower(folder)


def name_in(folder: Path, run_folder: Path) -> str:
    """Name a run by its place in the folder of runs."""
    inner = run_folder.relative_to(folder)
    return inner.as_posix() if inner.parts else run_folder.name


def curve(watched: Watched, slot: int) -> Curve:
    """Lay out a run's log for the figures, in the colour of `slot`."""
    epochs = watched.log.epochs
    # An epoch that is over sooner than steps are told has its end alone.
    steps = sorted([*watched.log.steps, *epochs], key=lambda line: line.step)
    return Curve(
        name=watched.name,
        slot=slot,
        steps_per_epoch=max(watched.run.steps_per_epoch, 1),
        step=_column(line.step for line in steps),
        loss=_column(line.loss for line in steps),
        lr=_column(line.lr for line in steps),
        samples_per_s=_column(line.samples_per_s for line in steps),
        epoch=_column(line.epoch for line in epochs),
        test_mm=_column(line.test_mpjpe_mm for line in epochs),
        test_p_mm=_column(line.test_p_mpjpe_mm for line in epochs),
        train_mm=_column(line.train_mpjpe_mm for line in epochs),
        by_action={
            action: _column(line.by_action.get(action) for line in epochs)
            for action in actions_of(watched)
        },
    )


def actions_of(watched: Watched) -> tuple[str, ...]:
    """Name the actions that a run was tested on."""
    return tuple(dict.fromkeys(a for line in watched.log.epochs for a in line.by_action))


def options_of(run: Run) -> dict[str, str]:
    """Tell all choices of a run by their options' names, what it learned from first."""
    told = {"data": str(run.data.get("title") or run.data.get("spec") or "")}
    if started_from := run.data.get("started_from"):
        # Runs of one name write checkpoints of one name; the digest tells them apart.
        told["load"] = f"{run.data.get('load', 'checkpoint')} ({started_from[:8]})"
    for name, value in run.options.items():
        if isinstance(value, Mapping):
            told |= {option: _told(chosen) for option, chosen in value.items()}
        else:
            told["recipe" if name == "name" else name] = _told(value)
    return told


def differing(compared: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Name the options in which runs differ: option -> what each has, "–" where it has none."""
    told = [options_of(run) for run in compared]
    names = dict.fromkeys(name for options in told for name in options)
    found = {name: tuple(options.get(name, "–") for options in told) for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _told(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _column(values: Any) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
