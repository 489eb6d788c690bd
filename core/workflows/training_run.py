"""One training that somebody asks for, and what the folder that it goes to holds already."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from core import run_log, runs
from core.errors import PoseFormatError
from core.model import LifterConfig
from core.processes import this_process
from core.runs import Run
from core.training_config import TrainingConfig
from core.workflows.recipes import Recipe, options_of, recipe_of
from core.workflows.run_folder import Saved, read_state


@dataclass(frozen=True)
class TrainingRun:
    """One training to do.

    Attributes:
        data_dir: what `open_dataset` takes: a prepared file, a folder, or a data set's name.
        exp: the run's folder; it is made if it isn't there.
        recipe: all choices.
        load: start from this checkpoint's weights, statistics and framing.
        half: store the checkpoints' weight matrices as float16.
        threads: CPU threads; None leaves PyTorch's choice.
        device: "cpu", "cuda", "cuda:1"; None takes a GPU where there is one.
        command, argv: how the run was started.
        resume: go on where the run in `exp` was left; see `resumption`.
        overwrite: throw away what a run left in `exp`.
        save_minutes: save so often within an epoch as well; after each epoch it is saved anyway.
        save_steps: likewise after so many steps.
        pth_tar: write checkpoints in the re-implementation's layout as well.
        tensorboard: write TensorBoard's event files as well.
    """

    data_dir: str
    exp: Path
    recipe: Recipe = field(default_factory=Recipe)
    load: Path | None = None
    half: bool = False
    threads: int | None = None
    device: str | None = None
    command: str = ""
    argv: tuple[str, ...] = ()
    resume: bool = False
    overwrite: bool = False
    save_minutes: float | None = 10.0
    save_steps: int | None = None
    pth_tar: bool = False
    tensorboard: bool = True


def resumption(run: TrainingRun, *, epochs: int | None = None) -> TrainingRun:
    """Take data, recipe, device and threads from the record of the run in `run.exp`.

    Args:
        run: what else is wanted; its threads and device win where they are given.
        epochs: train to so many in all, instead of as many as planned.

    Raises:
        PoseFormatError: there is no run to resume.
    """
    known = runs.read_run(run.exp)
    try:
        chosen = recipe_of(known.options)
        planned = chosen.training
        if epochs is not None:
            chosen = replace(chosen, training=replace(chosen.training, epochs=epochs))
    except ValueError as error:
        raise PoseFormatError(str(error), file=run.exp / runs.RUN, place="options") from None
    if epochs is not None:
        _check_epochs(run.exp, planned, epochs)
    return replace(
        run,
        data_dir=known.data_spec,
        recipe=chosen,
        load=None,
        threads=run.threads or known.threads or None,
        device=run.device or known.device,
        half=run.half or "--half" in known.argv,
        pth_tar=run.pth_tar or "--pth_tar" in known.argv,
        tensorboard=run.tensorboard and "--no_tensorboard" not in known.argv,
        resume=True,
    )


def _check_epochs(folder: Path, planned: TrainingConfig, epochs: int) -> None:
    """Refuse a number of epochs that no uninterrupted run could have had."""
    last = next(iter(run_log.read_log(folder).epochs[-1:]), None)
    if last is not None and epochs < last.epoch:
        problem = f"{last.epoch} epochs are done already, more than the {epochs} asked for"
        raise PoseFormatError(problem, file=folder)
    if planned.schedule == "one_cycle" and epochs != planned.epochs:
        problem = (
            f"its learning rate runs out over {planned.epochs} epochs (one_cycle), so it "
            f"can't go on to another number, {epochs}"
        )
        raise PoseFormatError(problem, file=folder)


def check_memory(network: LifterConfig, device: torch.device) -> None:
    """Refuse a network that the device's memory can't hold; the kernel may kill who tries.

    Raises:
        PoseFormatError: weights, gradients and Adam's two averages alone need more than all of it.
    """
    if device.type == "cuda":
        there = torch.cuda.get_device_properties(device).total_memory
    else:
        there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    needed = 4 * network.parameters * torch.float32.itemsize
    if needed > there:
        raise PoseFormatError(
            f"{network.parameters:,} weights take {needed / 1e9:,.0f} GB to train, more than the "
            f"{there / 1e9:,.0f} GB of memory here; a smaller --linear_size or --num_stage was "
            "expected",
            file=str(device),
        )


def left_in(run: TrainingRun) -> Saved | None:
    """Look what the folder holds: the state to resume, or nothing that must not be lost.

    Raises:
        PoseFormatError: a run is under way in it, or it holds one that nobody said to drop.
    """
    if (run.exp / runs.RUN).is_file():
        known = runs.read_run(run.exp)
        if known.is_alive() and known.process != this_process():
            raise PoseFormatError(
                f"a training is under way here (process {known.process.pid} on "
                f"{known.process.host})",
                file=run.exp,
            )
    if run.resume:
        return read_state(run.exp)
    holds = [name for name in (runs.STATE, runs.LAST) if (run.exp / name).is_file()]
    if holds and not run.overwrite:
        raise PoseFormatError(
            f"holds a run already ({holds[0]}); --resume continues it, --overwrite starts anew, "
            "--exp names another folder",
            file=run.exp,
        )
    return None


def record_of(run: TrainingRun, device: torch.device, saved: Saved | None) -> Run:
    """Say what is known of a run before its data is there."""
    earlier = runs.read_run(run.exp) if saved is not None else None
    return Run(
        folder=run.exp,
        state="running",
        command=run.command if earlier is None else earlier.command,
        argv=run.argv if earlier is None else earlier.argv,
        options=options_of(run.recipe),
        data={
            **({} if earlier is None else earlier.data),
            "spec": run.data_dir,
            "cwd": str(Path.cwd()),
        },
        process=this_process(),
        device=str(device),
        threads=torch.get_num_threads(),
        started=time.time() if earlier is None else earlier.started,
        stretch=time.time(),
        epochs=run.recipe.training.epochs,
        resumed_from=() if earlier is None else earlier.resumed_from,
        seconds=0.0 if earlier is None else earlier.seconds + _trained_s(earlier),
    )


def _trained_s(earlier: Run) -> float:
    """Measure how long a run's last stretch took, by its log where it was killed."""
    begun = earlier.stretch
    last = run_log.read_log(earlier.folder).last
    ended = earlier.ended or (begun if last is None else last.time)
    return max(0.0, ended - begun)
