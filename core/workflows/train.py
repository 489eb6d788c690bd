"""Train a network on a data set: from its name to a run's folder, by a named recipe.

A run can be stopped or killed at any moment and resumed: it then goes on as if nothing had been.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from core import checkpoint, run_log, runs
from core.checkpoint import Checkpoint
from core.errors import PoseFormatError
from core.processes import this_process
from core.runs import Run
from core.samples import Samples, Scales
from core.training import Progress, Share, Training, new_model
from core.training_config import TrainingConfig
from core.workflows import training_data
from core.workflows.open import open_dataset
from core.workflows.processes import joined
from core.workflows.recipes import Recipe, options_of, recipe_of
from core.workflows.run_folder import RunFolder, Saved, changed, read_state
from core.workflows.stopping import Stop, stopping


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


def train(run: TrainingRun) -> Iterator[Progress]:
    """Train, say how it goes, and keep the run's folder.

    `ckpt_last.safetensors` is the last epoch's, `ckpt_best.safetensors` the one with the smallest
    test error so far. Whoever stops iterating, and SIGTERM or Ctrl-C, stops the run after the
    step under way: its state is saved, and a run with `resume` goes on from there.

    The same run on the same machine with the same number of threads gives the same weights,
    interrupted or not. Of several processes that train together only the first one tells.

    Raises:
        PoseFormatError: the data can't be opened or does not suit the recipe, the folder holds
            another run, or a file can't be written.
        FloatingPointError: training diverged.
        KeyboardInterrupt: it was stopped by a signal; everything is saved.
    """
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    with joined(run.device) as (share, device):
        if share.rank > 0:
            saved = read_state(run.exp) if run.resume else None
            _help(run, saved, share, device)
            return
        saved = _left(run)
        record = _record(run, device, saved)
        folder = RunFolder(record, run.half, run.pth_tar, run.tensorboard)
        with runs.claimed(run.exp):
            # Another run's files go only for one that can begin.
            ready = _prepared(run, saved, share, device) if run.overwrite else None
            folder.begin(
                resumed_at=None
                if saved is None
                else (int(saved.numbers["step"]), int(saved.numbers["epoch"]))
            )
            try:
                with stopping() as stop:
                    prepared = ready or _prepared(run, saved, share, device)
                    yield from _trained(run, saved, prepared, folder, stop)
            except (KeyboardInterrupt, GeneratorExit):
                folder.end("stopped", "Stopped; --resume continues it.")
                raise
            except Exception as error:
                folder.end("failed", str(error) or type(error).__name__)
                raise
            folder.end("done")


def _trained(
    run: TrainingRun,
    saved: Saved | None,
    prepared: _Prepared,
    folder: RunFolder,
    stop: Stop,
) -> Iterator[Progress]:
    """Train in the process that keeps the folder."""
    training, statistics = prepared.training, prepared.statistics
    folder.note(
        replace(
            changed(folder.run, training, saved),
            # What a run once started from it keeps.
            data={**folder.run.data, **prepared.data},
            options=options_of(prepared.recipe),
        )
    )
    known = _provenance(folder.run, prepared)
    last_saved = time.monotonic(), training.step

    def keep() -> None:
        nonlocal last_saved
        folder.keep_state(training, statistics, prepared.data["digest"])
        last_saved = time.monotonic(), training.step

    stop.by = training.stop
    try:
        for progress in training.run(report_steps=run.save_steps):
            folder.tell(progress, time.time())
            if progress.epoch_done:
                reached = Checkpoint(
                    name=run.exp.name,
                    config=prepared.recipe.network,
                    state=training.weights,
                    input_statistics=statistics[0],
                    output_statistics=statistics[1],
                    framing=prepared.recipe.exposure.framing,
                    provenance={**known, "epoch": progress.epoch, "results": _results(progress)},
                )
                folder.keep_epoch(reached, progress)
                keep()
            elif _is_due(run, *last_saved, training.step):
                keep()
            yield progress
    except GeneratorExit:
        keep()
        raise
    if training.epoch < training.config.epochs:
        keep()
        raise KeyboardInterrupt


def _help(run: TrainingRun, saved: Saved | None, share: Share, device: torch.device) -> None:
    """Train in another process than the one that keeps the folder, and tell nothing."""
    with stopping() as stop:
        training = _prepared(run, saved, share, device).training
        stop.by = training.stop
        for _ in training.run():
            continue


@dataclass(frozen=True)
class _Prepared:
    """What a run needs once its data is there."""

    training: Training
    recipe: Recipe
    statistics: tuple[Any, Any]
    data: dict[str, str]


def _prepared(
    run: TrainingRun, saved: Saved | None, share: Share, device: torch.device
) -> _Prepared:
    """Read the data and make the network, fresh or as it was left."""
    start = None if run.load is None else checkpoint.load(run.load)
    chosen = run.recipe if start is None else _continued(run.recipe, start)
    dataset = open_dataset(run.data_dir)
    if saved is not None and saved.data_digest != dataset.digest:
        raise PoseFormatError(
            "is other data than the run was started with, so it can't be resumed",
            file=run.data_dir,
        )
    samples = training_data.training_samples(dataset, chosen.exposure)
    if len(samples) < 2:
        problem = f"{len(samples)} training samples; at least 2 were expected (--at_most)"
        raise PoseFormatError(problem, file=run.data_dir)
    test = training_data.test_samples(dataset, chosen.exposure)
    if saved is not None:
        statistics = saved.statistics
    elif start is not None and start.input_statistics and start.output_statistics:
        statistics = start.input_statistics, start.output_statistics
    else:
        seed = chosen.training.seed
        statistics = training_data.statistics(dataset, samples, chosen.exposure, seed=seed)
    data = {
        "spec": run.data_dir,
        "cwd": str(Path.cwd()),
        "title": dataset.title,
        "digest": dataset.digest,
        "credit": dataset.credit,
    }
    if start is not None:
        data["started_from"] = start.digest
    model = new_model(chosen.network, chosen.training.seed)
    if start is not None:
        model.load_state_dict(dict(start.state))
    training = Training(
        chosen.training,
        model.to(device),
        _on(samples, device),
        Scales.of(*statistics).to(device),
        None if test is None else test.to(device),
        share,
    )
    if saved is not None:
        try:
            training.restore(saved.tensors, saved.numbers)
        except (KeyError, RuntimeError, ValueError) as error:
            raise PoseFormatError(
                f"does not fit the run that it lies with ({error})", file=run.exp / runs.STATE
            ) from None
    return _Prepared(training, chosen, statistics, data)


def _on(samples: Samples, device: torch.device) -> Samples:
    """Move the samples to the device."""
    try:
        return samples.to(device)
    except torch.cuda.OutOfMemoryError:
        raise PoseFormatError(
            f"{len(samples):,} training samples don't fit into its memory; --device cpu, or "
            "--at_most for fewer of them",
            file=str(device),
        ) from None


def _left(run: TrainingRun) -> Saved | None:
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


def _record(run: TrainingRun, device: torch.device, saved: Saved | None) -> Run:
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


def _is_due(run: TrainingRun, saved_at: float, saved_step: int, step: int) -> bool:
    """Tell whether it is time to save within an epoch."""
    minutes, steps = run.save_minutes, run.save_steps
    return (minutes is not None and time.monotonic() - saved_at >= 60 * minutes) or (
        steps is not None and step - saved_step >= steps
    )


def _continued(chosen: Recipe, start: Checkpoint) -> Recipe:
    """Fit a recipe to the checkpoint that it starts from: its network, its framing."""
    network = replace(start.config, dropout=chosen.network.dropout)
    return replace(
        chosen, network=network, exposure=replace(chosen.exposure, framing=start.framing)
    )


def _provenance(run: Run, prepared: _Prepared) -> dict[str, Any]:
    training, test = prepared.training, prepared.training.test
    known = {
        "data": {key: run.data[key] for key in ("title", "digest", "credit")},
        "samples_per_epoch": len(training.samples),
        "test_samples": 0 if test is None else len(test),
        "recipe": options_of(prepared.recipe),
        "command": run.command,
        "software": {"torch": torch.__version__, "python": platform.python_version()},
    }
    if "started_from" in run.data:
        known["started_from"] = run.data["started_from"]
    return known


def _results(progress: Progress) -> dict[str, float | None]:
    return {
        "test_mpjpe_mm": progress.test_mpjpe_mm,
        "test_p_mpjpe_mm": progress.test_p_mpjpe_mm,
        "loss": progress.loss,
    }
