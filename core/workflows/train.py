"""Train a network on a data set: from its name to a run's folder, by a named recipe.

A run can be stopped or killed at any moment and resumed: it then goes on as if nothing had been.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from core import checkpoint, runs
from core.checkpoint import Checkpoint
from core.errors import PoseFormatError
from core.runs import Run
from core.samples import Samples, Scales
from core.training import Progress, Share, Training, new_model
from core.workflows import training_data
from core.workflows.open import open_dataset
from core.workflows.processes import joined
from core.workflows.recipes import Recipe, options_of
from core.workflows.run_folder import RunFolder, Saved, changed, read_state
from core.workflows.stopping import Stop, stopping
from core.workflows.training_run import TrainingRun, check_memory, left_in, record_of


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
        check_memory(run.recipe.network, device)
        if share.rank > 0:
            saved = read_state(run.exp) if run.resume else None
            _help(run, saved, share, device)
            return
        saved = left_in(run)
        record = record_of(run, device, saved)
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
        data["load"], data["started_from"] = start.name, start.digest
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
