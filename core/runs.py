"""A training run's folder: what a run writes, and what pages and people read while it goes on.

`run.json` says what the run is and how it stands; it is replaced as a whole. Beside it lie its log,
see `core.run_log`, the checkpoints `ckpt_best.safetensors` and `ckpt_last.safetensors`, and
`state.safetensors`, from which the run is resumed.

Knows nothing of how training works.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import PoseFormatError
from core.processes import Process
from core.run_log import LOG, NUMBERS, Log
from core.whole_file import write_whole

FORMAT, VERSION = "pose-baseline-run", 1
RUN = "run.json"
LAST, BEST, STATE = "ckpt_last.safetensors", "ckpt_best.safetensors", "state.safetensors"

State = Literal["running", "stopped", "done", "failed"]

# Runs of an ablation lie in folders of folders.
DEPTH = 3

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

    def seconds_left(self, log: Log) -> float | None:
        """Estimate how long it still takes at its latest speed; None if unknown."""
        last = log.last
        if last is None or not self.steps or not last.samples_per_s > 0:
            return None
        samples = (self.steps - last.step) / self.steps_per_epoch * self.samples
        return samples / last.samples_per_s

    def _last_written(self) -> float:
        times = [0.0]
        for name in (RUN, LOG):
            try:
                times.append((self.folder / name).stat().st_mtime)
            except OSError:
                continue
        return max(times)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a run's folder for this process, until it ends; it is made if it is not there.

    Raises:
        PoseFormatError: another process trains in it, or it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoseFormatError(
            f"can't make the folder of the run: {error.strerror}", file=folder
        ) from None
    if sys.platform == "win32":
        yield
        return
    import fcntl

    place = os.open(folder, os.O_RDONLY)
    try:
        # A file system that knows no locks keeps nobody away.
        with suppress(OSError):
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                problem = "a training is under way here, in another process"
                raise PoseFormatError(problem, file=folder) from None
        yield
    finally:
        os.close(place)


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


def ended(run: Run, state: State, message: str = "") -> Run:
    """Say of a run that it is over."""
    return replace(run, state=state, message=message, ended=time.time())
