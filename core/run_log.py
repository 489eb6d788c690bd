"""A training run's log: what it tells while it goes on, written line by line and read as it grows.

`log.jsonl` grows by a line about once a second (`"kind": "step"`) and after each epoch
(`"kind": "epoch"`); `log.csv` is the table of the epochs, for people.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from core.whole_file import write_whole

LOG, TABLE = "log.jsonl", "log.csv"

# What numbers come as from JSON; a missing one as None.
NUMBERS = (int, float, type(None))

T = TypeVar("T", bound="Step")


@dataclass(frozen=True)
class Step:
    """A moment of an epoch.

    Attributes:
        time: Unix time, seconds.
        epoch: 1-based.
        step: steps so far in the whole run.
        loss: mean over the epoch so far.
        lr: learning rate.
        samples_per_s: over the epoch so far.
    """

    time: float
    epoch: int
    step: int
    loss: float
    lr: float
    samples_per_s: float


@dataclass(frozen=True)
class Epoch(Step):
    """The end of an epoch; errors are over 17 joints, mm, None where not measured.

    Attributes:
        test_mpjpe_mm, test_p_mpjpe_mm: Protocols #1 and #2 on the test subjects.
        train_mpjpe_mm: Protocol #1 on (some of) the training samples.
        by_action: Protocol #1 on the test subjects by action.
    """

    test_mpjpe_mm: float | None = None
    test_p_mpjpe_mm: float | None = None
    train_mpjpe_mm: float | None = None
    by_action: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Log:
    """What a run has told so far, in order.

    Attributes:
        steps: moments within epochs.
        epochs: ends of epochs.
        skipped: lines that could not be read; a last one that is still being written is none.
    """

    steps: tuple[Step, ...] = ()
    epochs: tuple[Epoch, ...] = ()
    skipped: int = 0

    @property
    def last(self) -> Step | None:
        """The latest of all."""
        ends = [*self.steps[-1:], *self.epochs[-1:]]
        return max(ends, key=lambda line: line.step, default=None)

    @property
    def best(self) -> Epoch | None:
        """The epoch with the smallest test error, the first of equals."""
        tested = [(e.test_mpjpe_mm, e) for e in self.epochs if e.test_mpjpe_mm is not None]
        return min(tested, key=lambda pair: pair[0])[1] if tested else None


def read_log(folder: str | Path) -> Log:
    """Read what a run has told so far; a last line that is still being written is left out."""
    return LogFollower(folder).read()


class LogFollower:
    """Reads a log again and again, and of each only what is new.

    Several threads may share one.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / LOG
        self._lock = threading.Lock()
        self._log, self._file, self._end = Log(), 0, 0

    def read(self) -> Log:
        """Read what the run has told so far, as `read_log` does."""
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    status = os.fstat(file.fileno())
                    # A resumed run puts a shorter log in the place of the old one.
                    if status.st_ino != self._file or status.st_size < self._end:
                        self._log, self._file, self._end = Log(), status.st_ino, 0
                    file.seek(self._end)
                    whole, newline, _ = file.read().rpartition(b"\n")
            except OSError:
                return Log()
            if newline:
                self._end += len(whole) + 1
                self._log = _continued(self._log, whole.decode("utf-8", "replace"))
            return self._log


def _continued(log: Log, text: str) -> Log:
    """Add lines to a log."""
    steps: list[Step] = []
    epochs: list[Epoch] = []
    lines, skipped = _objects(text)
    for said in lines:
        kind = said.pop("kind", None)
        try:
            if kind == "epoch":
                epochs.append(_checked(Epoch(**said)))
            elif kind == "step":
                steps.append(_checked(Step(**said)))
            else:
                skipped += 1
        except TypeError:
            skipped += 1
    return Log((*log.steps, *steps), (*log.epochs, *epochs), log.skipped + skipped)


def _checked(line: T) -> T:
    """Return a line if its values are numbers; `TypeError` if it is somebody else's."""
    values = [getattr(line, f.name) for f in fields(line) if f.name != "by_action"]
    if isinstance(line, Epoch):
        values += line.by_action.values() if isinstance(line.by_action, dict) else ["none"]
    if not all(type(value) in NUMBERS for value in values):
        raise TypeError("not numbers")
    if None in (line.time, line.epoch, line.step, line.loss, line.lr, line.samples_per_s):
        raise TypeError("not complete")
    return line


def append(folder: Path, line: Step) -> None:
    """Add a line to the log, and after an epoch write the table anew.

    Raises:
        OSError: it can't be written.
    """
    kind = "epoch" if isinstance(line, Epoch) else "step"
    said = {"kind": kind, **{k: v for k, v in asdict(line).items() if v is not None}}
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(said) + "\n")
    if isinstance(line, Epoch):
        write_table(folder)


def cut(folder: Path, step: int, epochs: int) -> None:
    """Take from the log what was told after a moment, as if the run had ended there.

    Args:
        folder: the run's.
        step: the last step that counts.
        epochs: how many were over. An epoch's line comes with its last step, but after it: a run
            that was killed in between tells of that epoch once more.

    Raises:
        OSError: it can't be written.
    """
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    kept = [
        said
        for said in _objects(text)[0]
        if said.get("step", 0) <= step
        and (said.get("kind") != "epoch" or said.get("epoch", 0) <= epochs)
    ]
    write_whole(folder / LOG, "".join(json.dumps(said) + "\n" for said in kept).encode())
    write_table(folder)


def write_table(folder: Path) -> None:
    """Write `log.csv`, a row an epoch, a column more for each action.

    Raises:
        OSError: it can't be written.
    """
    epochs = read_log(folder).epochs
    names = [f.name for f in fields(Epoch) if f.name != "by_action"]
    actions = list(dict.fromkeys(action for e in epochs for action in e.by_action))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names + [f"test_mpjpe_mm {action}" for action in actions])
    for epoch in epochs:
        writer.writerow(
            [getattr(epoch, name) for name in names]
            + [epoch.by_action.get(action) for action in actions]
        )
    write_whole(folder / TABLE, file.getvalue().encode())


def _objects(text: str) -> tuple[list[dict[str, Any]], int]:
    """Read JSON lines; what is cut off or no object is left out and counted."""
    found: list[dict[str, Any]] = []
    lines = text.splitlines()
    for line in lines:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and _finite(said):
            found.append(said)
    return found, len(lines) - len(found)


def _finite(said: Mapping[str, Any]) -> bool:
    return all(not isinstance(v, float) or math.isfinite(v) for v in said.values())
