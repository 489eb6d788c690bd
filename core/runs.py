"""A training run's folder: what a run writes, and what pages and people read while it goes on.

`run.json` says what the run is and how it stands; it is replaced as a whole. `log.jsonl` grows by
a line about once a second (`"kind": "step"`) and after each epoch (`"kind": "epoch"`); `log.csv`
is the table of the epochs, for people. Beside them lie the checkpoints `ckpt_best.safetensors`
and `ckpt_last.safetensors`, and `state.safetensors`, from which the run is resumed.

Knows nothing of how training works.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from core.errors import PoseFormatError
from core.processes import Process
from core.whole_file import write_whole

FORMAT, VERSION = "pose-baseline-run", 1
RUN, LOG, TABLE = "run.json", "log.jsonl", "log.csv"
LAST, BEST, STATE = "ckpt_last.safetensors", "ckpt_best.safetensors", "state.safetensors"

T = TypeVar("T", bound="Step")

State = Literal["running", "stopped", "done", "failed"]

# Runs of an ablation lie in folders of folders.
DEPTH = 3

# What numbers come as from JSON; a missing one as None.
NUMBERS = (int, float, type(None))

# A run on another machine that has written nothing for so long is taken for dead.
SILENT_S = 120.0


@dataclass(frozen=True)
class Run:
    """One run as `run.json` has it.

    Attributes:
        folder: where it lies; its last part is the run's name.
        state: as the run itself said it last; one that was killed still says "running", see
            `status`.
        message: why it failed or stopped, a sentence; empty otherwise.
        command: how it was started, as a line for a shell.
        argv: the same as a list, `python -m core` left out: ["train", "--data_dir", ...].
        options: all choices by part: {"name": recipe, "network": {...}, "training": {...},
            "exposure": {...}}.
        data: the training data: {"spec": what was asked for, "cwd": the folder in which,
            "title", "digest"}.
        process: who trains.
        device: "cpu", "cuda", ...
        threads: CPU threads.
        started, ended: Unix time, seconds; `ended` is None while it runs.
        stretch: when it was last started or resumed.
        epochs, steps_per_epoch: how much is to do.
        samples, test_samples: samples an epoch, and in the test.
        resumed_from: the steps after which it was taken up again, in order.
        seconds: time spent before it was last resumed.
    """

    folder: Path
    state: State
    message: str = ""
    command: str = ""
    argv: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    process: Process = field(default_factory=lambda: Process(0, "", ""))
    device: str = "cpu"
    threads: int = 0
    started: float = 0.0
    ended: float | None = None
    stretch: float = 0.0
    epochs: int = 0
    steps_per_epoch: int = 0
    samples: int = 0
    test_samples: int = 0
    resumed_from: tuple[int, ...] = ()
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def data_spec(self) -> str:
        """What opens its data again, wherever one is: a relative path is one from its `cwd`."""
        spec = str(self.data.get("spec", ""))
        from_there = Path(str(self.data.get("cwd", ""))) / spec
        return str(from_there) if not Path(spec).exists() and from_there.exists() else spec

    @property
    def steps(self) -> int:
        """All steps of the run; 0 while the data is still being read."""
        return self.epochs * self.steps_per_epoch

    @property
    def status(self) -> Literal["running", "stopped", "done", "failed", "killed"]:
        """The state, or "killed" for a run that says it is running but whose process is gone."""
        return "killed" if self.state == "running" and not self.is_alive() else self.state

    @property
    def can_resume(self) -> bool:
        """Whether `--resume` has something to continue and something left to do."""
        return self.status in ("stopped", "killed", "failed") and (self.folder / STATE).is_file()

    def is_alive(self) -> bool:
        """Tell whether its process still runs.

        Of a run on another machine only the files are seen: it lives while they change.
        """
        if self.state != "running":
            return False
        if self.process.is_here() and self.process.started:
            return self.process.is_alive()
        return time.time() - self._last_written() < SILENT_S

    def _last_written(self) -> float:
        times = [0.0]
        for name in (RUN, LOG):
            try:
                times.append((self.folder / name).stat().st_mtime)
            except OSError:
                continue
        return max(times)


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

    def seconds_left(self, run: Run) -> float | None:
        """Estimate how long the run still takes at its latest speed; None if unknown."""
        last = self.last
        if last is None or not run.steps or not last.samples_per_s > 0:
            return None
        samples = (run.steps - last.step) / run.steps_per_epoch * run.samples
        return samples / last.samples_per_s


def read_run(folder: str | Path) -> Run:
    """Read a run's `run.json`.

    Raises:
        PoseFormatError: there is none, or it is not one.
    """
    path = Path(folder) / RUN
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PoseFormatError(
            f"holds no training run: {RUN} can't be read ({error.strerror})", file=folder
        ) from None
    except (ValueError, RecursionError):
        raise PoseFormatError("is not JSON", file=path) from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise PoseFormatError(f'does not say "format": "{FORMAT}"', file=path)
    if said.get("version") != VERSION:
        raise PoseFormatError(
            f"has version {said.get('version')!r}; this program reads version {VERSION}", file=path
        )
    if said.get("state") not in get_args(State):
        raise PoseFormatError(
            f"is {said.get('state')!r}; expected one of {', '.join(get_args(State))}",
            file=path,
            place="state",
        )
    try:
        known = {f.name: said[f.name] for f in fields(Run) if f.name in said}
        known["process"] = Process(**known["process"])
        for name in ("argv", "resumed_from"):
            known[name] = tuple(known[name])
        for f in fields(Run):
            value = known.get(f.name, 0)
            if f.type in ("int", "float", "float | None") and type(value) not in NUMBERS:
                raise TypeError(f"{f.name} is {value!r}")
            if f.name in ("options", "data") and not isinstance(known.get(f.name, {}), dict):
                raise TypeError(f"{f.name} is {value!r}")
        return Run(**{**known, "folder": Path(folder)})
    except (KeyError, TypeError) as error:
        raise PoseFormatError(f"lacks what a run has ({error})", file=path) from None


def find_runs(folder: str | Path) -> list[Run]:
    """List the runs in a folder and in the folders of it, the latest first; broken ones are left.

    `folder` may itself be a run.
    """
    found = []
    for depth in range(DEPTH + 1):
        for path in Path(folder).glob("*/" * depth + RUN):
            try:
                found.append(read_run(path.parent))
            except PoseFormatError:
                continue
    return sorted(found, key=lambda run: run.started, reverse=True)


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


def request_stop(run: Run) -> bool:
    """Ask a run of this machine to save what it has and end; False if it doesn't run here.

    It ends some seconds later, with the state "stopped".
    """
    if run.state != "running" or not run.process.is_alive():
        return False
    try:
        os.kill(run.process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def write_run(run: Run) -> None:
    """Write `run.json`: whoever reads it sees the old or the whole new one.

    Raises:
        OSError: it can't be written.
    """
    said = {"format": FORMAT, "version": VERSION, **asdict(run)}
    del said["folder"]
    write_whole(run.folder / RUN, (json.dumps(said, indent=1) + "\n").encode())


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


def ended(run: Run, state: State, message: str = "") -> Run:
    """Say of a run that it is over."""
    return replace(run, state=state, message=message, ended=time.time())


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
