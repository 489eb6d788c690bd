"""Start, stop and resume training runs as processes of their own, which outlive who started them.

A run is `python -m core train` in a session of its own; what it says goes to `output.txt` in its
folder. No shell is involved: options are checked against a list and handed over one by one.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core import runs
from core.errors import PoseFormatError
from core.workflows.open import BUILT_IN, open_dataset, recognise

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = "output.txt"
# The end of a long output that is read and shown.
TAIL_BYTES = 16_384
# How long a process that has said it is over may take to leave.
LEAVING_S = 10.0

# Exit codes of what is done or was stopped; a negative one is a signal's.
NO_FAILURE = (0, 128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGINT, -signal.SIGTERM, -9)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")

Value = str | int | float | bool
# What may be asked of `train` from elsewhere; True stands for an option without a value.
OPTIONS: Mapping[str, type] = {
    "recipe": str,
    "source": str,
    "frame": str,
    "epochs": int,
    "train_batch": int,
    "lr": float,
    "dropout": float,
    "linear_size": int,
    "num_stage": int,
    "at_most": int,
    "seed": int,
    "no_max": bool,
    "clip_weights": bool,
    "no_batch_norm": bool,
    "no_residual": bool,
}


@dataclass(frozen=True)
class Order:
    """A run to be started.

    Attributes:
        data: what `open_dataset` takes.
        ckpt: folder of all runs.
        exp: the run's own folder in it.
        options: of `OPTIONS`; what is left out is the recipe's.
    """

    data: str
    ckpt: Path
    exp: str
    options: Mapping[str, Value] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the run will be."""
        return self.ckpt / self.exp


@dataclass
class Process:
    """A process that was started here.

    Attributes:
        popen: the process.
        output_from: bytes that its output file had before.
        began: Unix time, seconds.
    """

    popen: subprocess.Popen[bytes]
    output_from: int
    began: float


# By folder; a server restart forgets them, and finds the runs by their files.
_processes: dict[Path, Process] = {}


def arguments(order: Order) -> list[str]:
    """Spell an order as arguments of `python -m core`.

    Each option and its value are one argument, so that no value is taken for an option.

    Raises:
        PoseFormatError: the name, an option or a value can't be used.
    """
    if not NAME.fullmatch(order.exp):
        raise PoseFormatError(
            "the run's name must begin with a letter or digit and go on with letters, digits, "
            f"spaces, dots, hyphens or underscores, at most 64; not {order.exp!r}",
            file=order.ckpt,
        )
    spelled = ["train", f"--data_dir={order.data}", f"--ckpt={order.ckpt}", f"--exp={order.exp}"]
    for name, value in order.options.items():
        # By the exact type: True is an int to Python.
        if type(value) is not OPTIONS.get(name) or not str(value).isprintable():
            raise PoseFormatError(f"can't start a run with {name}={value!r}", file=order.folder)
        if value is True:
            spelled.append(f"--{name}")
        elif value is not False:
            spelled.append(f"--{name}={value}")
    return spelled


def check(order: Order) -> None:
    """Refuse an order that can't work, before anything is written.

    Raises:
        PoseFormatError: the name, the data or an option can't be used, or the folder is taken.
    """
    arguments(order)
    if order.data not in BUILT_IN and recognise(Path(order.data)) not in (
        "data set file",
        "re-implementation's data folder",
    ):
        open_dataset(order.data)  # says in words what it is instead
    if holds_a_run(order.folder):
        raise PoseFormatError(
            "there is a run of this name already; resume it, or take another name",
            file=order.folder,
        )
    is_of_a_run = (order.folder / runs.RUN).is_file()
    if (
        not is_of_a_run
        and order.folder.is_dir()
        and any(f.name != OUTPUT for f in order.folder.iterdir())
    ):
        raise PoseFormatError("this folder holds other files; take another name", file=order.folder)


def holds_a_run(folder: Path) -> bool:
    """Tell whether a folder has a run in it that is under way, done, or has saved anything."""
    if not (folder / runs.RUN).is_file():
        return False
    if any((folder / name).is_file() for name in (runs.STATE, runs.LAST)):
        return True
    try:
        return runs.read_run(folder).status in ("running", "done")
    except PoseFormatError:
        return True


def can_resume(folder: Path) -> bool:
    """Tell whether the run in a folder could go on."""
    try:
        return runs.read_run(folder).can_resume
    except PoseFormatError:
        return False


def start(order: Order) -> None:
    """Start a run and return at once.

    Raises:
        PoseFormatError: as `check` does, or the folder can't be made.
    """
    check(order)
    _spawn(order.folder, arguments(order), anew=True)


def resume(folder: Path, *, epochs: int | None = None) -> None:
    """Let a run go on from its last state, with its own options, and return at once.

    Args:
        folder: the run's.
        epochs: train to so many in all; also lets a run go on that is done.

    Raises:
        PoseFormatError: there is none, it is still at it, it has nothing to go on from or to do,
            or its folder can't be written.
    """
    run = runs.read_run(folder)
    if run.is_alive():
        raise PoseFormatError("the run is still going on", file=folder)
    if not (folder / runs.STATE).is_file():
        raise PoseFormatError(
            f"can't be resumed: it has no {runs.STATE} to go on from", file=folder
        )
    if run.state == "done" and (epochs is None or epochs <= run.epochs):
        raise PoseFormatError(f"can't be resumed: its {run.epochs} epochs are done", file=folder)
    spelled = ["train", f"--ckpt={folder.parent}", f"--exp={folder.name}", "--resume"]
    if epochs is not None:
        spelled.append(f"--epochs={epochs:d}")
    _spawn(folder, spelled, anew=False)


def stop(folder: Path) -> None:
    """Ask a run to keep its state and end.

    Raises:
        PoseFormatError: there is no run, or it can't be reached.
    """
    run = runs.read_run(folder)
    if not runs.request_stop(run) and run.is_alive():
        raise PoseFormatError(
            f"it runs on {run.process.host}: only a command on that machine can stop it",
            file=folder,
        )


def is_starting(folder: Path) -> bool:
    """Tell whether a process started here is about to begin or resume a run in a folder."""
    process = _processes.get(folder.absolute())
    if process is None or process.popen.poll() is not None:
        return False
    if not holds_a_run(folder):
        return True
    # Until it says that it is running, the run stands as whoever was there before left it.
    run = runs.read_run(folder)
    return run.status != "running" and (run.ended or 0.0) < process.began


def is_at_work(folder: Path, found: Iterable[runs.Run]) -> bool:
    """Tell whether anything goes on in a folder of runs, where these were found."""
    return any(run.status == "running" or is_starting(run.folder) for run in found) or any(
        folder in begun.parents for begun in starting()
    )


def starting() -> tuple[Path, ...]:
    """List the folders in which a process that was started here has not yet made a run."""
    return tuple(f for f in list(_processes) if not holds_a_run(f) and is_starting(f))


def failure(folder: Path) -> str | None:
    """Say what a process that was started here died of; None where it did not.

    A stopped run isn't a failed one.
    """
    process = _processes.get(folder.absolute())
    if process is None or process.popen.poll() in (None, *NO_FAILURE):
        return None
    lines = _tail(folder / OUTPUT, process.output_from)
    if not lines:
        return f"It ended with exit code {process.popen.returncode} and without a word."
    return lines[-1].removeprefix("python -m core train: ")


def failed() -> dict[Path, str]:
    """List the folders in which nothing but a failure came of a process started here."""
    said = {f: failure(f) for f in list(_processes) if not holds_a_run(f)}
    return {folder: words for folder, words in said.items() if words is not None}


def forget(folder: Path) -> None:
    """Forget a process that has ended; what it wrote stays."""
    process = _processes.get(folder.absolute())
    if process is not None and process.popen.poll() is not None:
        del _processes[folder.absolute()]


def output(folder: Path, lines: int = 30) -> str:
    """Return the last lines of what a run's process said; empty where it said nothing."""
    return "\n".join(_tail(folder / OUTPUT)[-lines:])


def recipe_values(name: str) -> dict[str, float]:
    """Look up a recipe's numbers by the names of their options."""
    from core.workflows.recipes import RECIPES

    chosen = RECIPES[name]
    known = {**vars(chosen.network), **vars(chosen.training)}
    return {
        option: float(known[option])
        for option, kind in OPTIONS.items()
        if kind in (int, float) and known.get(option) is not None
    }


def checkpoint(folder: Path, which: str) -> Path | None:
    """Find a run's checkpoint of its "best" or "last" epoch; None before the first."""
    file = folder / {"best": runs.BEST, "last": runs.LAST}[which]
    return file if file.is_file() else None


def data_of(run: runs.Run) -> str | None:
    """Name what a run learned from, as `open_dataset` takes it; None if it is not there."""
    spec = run.data_spec
    if spec in BUILT_IN:
        return spec
    return spec if spec and Path(spec).exists() else None


def end(folder: Path) -> None:
    """Kill a run that does not end by itself; its last checkpoint stays.

    Raises:
        PoseFormatError: there is no run.
    """
    run = runs.read_run(folder)
    if run.process.is_alive():
        os.kill(run.process.pid, signal.SIGKILL)


def _spawn(folder: Path, spelled: list[str], *, anew: bool) -> None:
    folder = folder.absolute()
    before = _processes.get(folder)
    if before is not None and not is_starting(folder):
        # It has said that it is over and is about to leave.
        with contextlib.suppress(subprocess.TimeoutExpired):
            before.popen.wait(LEAVING_S)
    if before is not None and before.popen.poll() is None:
        raise PoseFormatError("a run is starting here already", file=folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / OUTPUT).open("wb" if anew else "ab") as said:
            length = said.tell()
            popen = subprocess.Popen(  # noqa: S603  a list, without a shell; each part is checked
                [sys.executable, "-m", "core", *spelled],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the server's terminal must not end it.
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
    except OSError as error:
        raise PoseFormatError(
            f"can't start a run here: {error.strerror or error}", file=folder
        ) from None
    _processes[folder] = Process(popen, length, time.time())
    # Somebody must wait for it, or a dead process keeps its number and seems to live.
    threading.Thread(target=popen.wait, daemon=True).start()


def _tail(file: Path, from_byte: int = 0) -> list[str]:
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(from_byte, size - TAIL_BYTES))
            text = opened.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()]
