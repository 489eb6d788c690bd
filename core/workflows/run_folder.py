"""Write a training's folder: its record, its log, its checkpoints and the state to resume from.

What must agree is one file: `state.safetensors` holds the network, Adam, the chance and the
position, and replaces the one before as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from core import checkpoint, run_log, runs
from core.checkpoint import Checkpoint
from core.errors import PoseFormatError
from core.normalization import Statistics
from core.run_log import Epoch, Step
from core.runs import BEST, LAST, STATE, Run
from core.training import Progress, Training
from core.whole_file import write_whole

FORMAT, VERSION = "pose-baseline-training-state", "1"

# The same under the names and in the layout of the re-implementation.
LAST_PTH, BEST_PTH = "ckpt_last.pth.tar", "ckpt_best.pth.tar"

EVENTS = "events"


@dataclass(frozen=True)
class Saved:
    """What `state.safetensors` holds: see `Training.state`, and the statistics of the run."""

    tensors: Mapping[str, Tensor]
    numbers: Mapping[str, Any]
    statistics: tuple[Statistics, Statistics]
    data_digest: str


@dataclass(eq=False)
class RunFolder:
    """The folder of one run, written by one process.

    Attributes:
        run: the record as it stands.
        half: store the checkpoints' weight matrices as float16.
        pth_tar: write the checkpoints in the re-implementation's layout as well.
        tensorboard: write TensorBoard's event files as well.
        best_mm: the smallest test error so far.
    """

    run: Run
    half: bool = False
    pth_tar: bool = False
    tensorboard: bool = True
    best_mm: float = field(init=False, default=float("inf"))
    _events: Any = field(init=False, default=None)

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.run.folder

    def begin(self, *, resumed_at: tuple[int, int] | None) -> None:
        """Make the folder anew, or cut its log where the run is resumed: after steps and epochs.

        Raises:
            PoseFormatError: it can't be made or written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PoseFormatError(
                f"can't make the folder of the run: {error.strerror}", file=self.folder
            ) from None
        try:
            if resumed_at is None:
                for name in (run_log.LOG, run_log.TABLE, STATE, LAST, BEST, LAST_PTH, BEST_PTH):
                    (self.folder / name).unlink(missing_ok=True)
                for old in self.folder.glob(f"{EVENTS}*"):
                    old.unlink()
            else:
                run_log.cut(self.folder, *resumed_at)
                best = run_log.read_log(self.folder).best
                if best is not None and best.test_mpjpe_mm is not None:
                    self.best_mm = best.test_mpjpe_mm
            if self.tensorboard:
                self._events = _event_writer(
                    self.folder, None if resumed_at is None else resumed_at[0]
                )
        except OSError as error:
            raise _not_written(self.folder, error) from None
        self.note(self.run)

    def note(self, run: Run) -> None:
        """Replace the record.

        Raises:
            PoseFormatError: it can't be written.
        """
        self.run = run
        try:
            runs.write_run(run)
        except OSError as error:
            raise _not_written(self.folder / runs.RUN, error) from None

    def tell(self, progress: Progress, now: float) -> None:
        """Add a line to the log.

        Raises:
            PoseFormatError: it can't be written.
        """
        said = (now, progress.epoch, progress.step, progress.loss, progress.lr,
                progress.samples_per_s)  # fmt: skip
        line = Step(*said)
        if progress.epoch_done:
            line = Epoch(
                *said,
                test_mpjpe_mm=progress.test_mpjpe_mm,
                test_p_mpjpe_mm=progress.test_p_mpjpe_mm,
                train_mpjpe_mm=progress.train_mpjpe_mm,
                by_action=dict(progress.by_action),
            )
        try:
            run_log.append(self.folder, line)
            if self._events is not None:
                _add_events(self._events, line)
        except OSError as error:
            raise _not_written(self.folder / run_log.LOG, error) from None

    def keep_epoch(self, reached: Checkpoint, progress: Progress) -> None:
        """Write the checkpoints of an epoch: the last, and the best where it is the best.

        Raises:
            PoseFormatError: one can't be written; the one before stays.
        """
        names = [(LAST, LAST_PTH)]
        error = progress.test_mpjpe_mm
        if error is not None and error < self.best_mm:
            self.best_mm = error
            names.append((BEST, BEST_PTH))
        for ours, theirs in names:
            checkpoint.save(self.folder / ours, reached, half=self.half)
            if self.pth_tar:
                _save_pth(self.folder / theirs, reached, progress)

    def keep_state(
        self, training: Training, statistics: tuple[Statistics, Statistics], digest: str
    ) -> None:
        """Write what the run is resumed from.

        Raises:
            PoseFormatError: it can't be written; the one before stays.
        """
        tensors, numbers = training.state()
        said = {
            "format": FORMAT,
            "version": VERSION,
            "numbers": json.dumps(numbers),
            "data_digest": digest,
            "statistics": json.dumps(
                [
                    {**asdict(known), "mean": known.mean.tolist(), "std": known.std.tolist()}
                    for known in statistics
                ]
            ),
        }
        content = safetensors.torch.save(
            {name: tensor.contiguous() for name, tensor in tensors.items()}, metadata=said
        )
        try:
            write_whole(self.folder / STATE, content)
        except OSError as error:
            raise _not_written(self.folder / STATE, error) from None

    def end(self, state: runs.State, message: str = "") -> None:
        """Say that the run is over; a folder that can't be written keeps what it had."""
        if self._events is not None:
            self._events.close()
            self._events = None
        try:
            self.note(runs.ended(self.run, state, message))
        except PoseFormatError:
            return


def read_state(folder: Path) -> Saved:
    """Read what a run is resumed from.

    Raises:
        PoseFormatError: there is none, or it is damaged.
    """
    path = folder / STATE
    if not path.is_file():
        raise PoseFormatError(
            f"there is nothing to resume: {STATE} is written after each epoch, every few minutes "
            "and when a run is stopped",
            file=folder,
        )
    try:
        with safetensors.safe_open(str(path), framework="pt") as opened:
            said = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if (said.get("format"), said.get("version")) != (FORMAT, VERSION):
            raise PoseFormatError(
                f"is not the state of a training that this program reads ({FORMAT} {VERSION})",
                file=path,
            )
        known = [Statistics(**each) for each in json.loads(said["statistics"])]
        return Saved(
            tensors, json.loads(said["numbers"]), (known[0], known[1]), said["data_digest"]
        )
    except (
        OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, RecursionError
    ) as error:  # fmt: skip
        if isinstance(error, PoseFormatError):
            raise
        raise PoseFormatError(f"is cut short or damaged ({error})", file=path) from None


def _not_written(path: Path, error: OSError) -> PoseFormatError:
    problem = f"can't be written ({error.strerror or error})"
    if ((path if path.is_dir() else path.parent) / STATE).is_file():
        problem += "; what was saved before stays, and --resume continues from it"
    return PoseFormatError(problem, file=path)


def _save_pth(path: Path, reached: Checkpoint, progress: Progress) -> None:
    from core.formats import reimplementation_checkpoint

    unfinished = path.with_name(path.name + ".part")
    try:
        reimplementation_checkpoint.write(
            unfinished,
            reached.state,
            epoch=progress.epoch,
            step=progress.step,
            lr=progress.lr,
            err=progress.test_mpjpe_mm or 0.0,
        )
        unfinished.replace(path)
    except (OSError, RuntimeError) as error:
        unfinished.unlink(missing_ok=True)
        reason = error if isinstance(error, OSError) else OSError(str(error))
        raise _not_written(path, reason) from None


def _event_writer(folder: Path, resumed_at: int | None) -> Any:
    """Open TensorBoard's event file, or None where the package isn't installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    purge = None if resumed_at is None else resumed_at + 1
    return SummaryWriter(str(folder), purge_step=purge, flush_secs=10)


def _add_events(events: Any, line: Step) -> None:
    events.add_scalar("train/loss", line.loss, line.step)
    events.add_scalar("train/lr", line.lr, line.step)
    events.add_scalar("train/samples_per_s", line.samples_per_s, line.step)
    if isinstance(line, Epoch):
        errors = {
            "test/mpjpe_mm": line.test_mpjpe_mm,
            "test/p_mpjpe_mm": line.test_p_mpjpe_mm,
            "train/mpjpe_mm": line.train_mpjpe_mm,
            **{f"test by action/{name}": error for name, error in line.by_action.items()},
        }
        for name, error in errors.items():
            if error is not None:
                events.add_scalar(name, error, line.step)
        events.flush()


def changed(run: Run, training: Training, saved: Saved | None) -> Run:
    """Note in a run's record what is known once the data is there."""
    resumed = () if saved is None else (int(saved.numbers["step"]),)
    return replace(
        run,
        epochs=training.config.epochs,
        steps_per_epoch=training.steps_per_epoch,
        samples=len(training.samples),
        test_samples=0 if training.test is None else len(training.test),
        resumed_from=run.resumed_from + resumed,
    )
