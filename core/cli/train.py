"""`python -m core train`: a checkpoint from a data set."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from core.cli.arguments import Commands, WrongUseError
from core.cli.notes import note
from core.cli.progress import ProgressLine
from core.cli.train_options import add_options, asked_run

if TYPE_CHECKING:
    from core.training import Progress
    from core.workflows.training_run import TrainingRun

DIVERGED = 1

# By either loss the mean pose of the training data scores 1 or a little less.
LOSS_OF_THE_MEAN_POSE = 1.0


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        help="train a checkpoint",
        description="Train the network on a data set's training subjects; after each epoch it is\n"
        "tested on the test subjects and saved. Ctrl-C saves and stops; --resume goes on from\n"
        "there, also after a crash, to the very weights of a run that was never interrupted.",
        epilog='Options that are not given are the recipe\'s. The recipe "paper" is the published\n'
        "one: 200 epochs, batch 64, Adam 1e-3 falling by 0.96 every 100,000 steps, mean squared\n"
        "error, gradient norm 1, dropout 0.5, two residual blocks of width 1024.\n"
        "example: python -m core train --data_dir cmu.safetensors --exp mine --epochs 5\n"
        "         python -m core train --exp mine --resume",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, and print a line an epoch."""
    if options.test:
        raise WrongUseError("testing is a command of its own: python -m core test")
    from core.workflows.train import train

    asked = asked_run(options)
    best = _best_so_far(asked)
    last: Progress | None = None
    try:
        with ProgressLine("training", "steps") as line:
            for step in train(asked):
                last = step
                if step.epoch_done:
                    line.clear()
                    best = min(best, step.test_mpjpe_mm or best)
                    print(_epoch_line(step), flush=True)
                else:
                    line(step.step, step.steps, f"epoch {step.epoch}, loss {step.loss:.4f}")
    except FloatingPointError as error:
        print(f"python -m core train: {error}", file=sys.stderr)
        return DIVERGED
    except KeyboardInterrupt:
        what = "before the first step"
        if last is not None:
            what = f"after step {last.step:,} of {last.steps:,}; --resume continues {asked.exp}"
        print(f"python -m core train: stopped {what}", file=sys.stderr)
        return 130
    if int(os.environ.get("RANK", "0")) > 0:  # the first process of the same run tells
        return 0
    figure = f", best test error {best:.1f} mm" if best < float("inf") else ""
    print(f"{asked.exp}: ckpt_best.safetensors, ckpt_last.safetensors{figure}")
    if last is not None and last.loss > LOSS_OF_THE_MEAN_POSE:
        note(
            f"with a loss of {last.loss:.3g} the network has learnt nothing: the mean pose has "
            f"{LOSS_OF_THE_MEAN_POSE:g}; a lower --lr or more epochs may help"
        )
    return 0


def _best_so_far(asked: TrainingRun) -> float:
    """Look up the smallest test error, mm, of a run that goes on; infinite where there is none."""
    from core import run_log

    best = run_log.read_log(asked.exp).best if asked.resume else None
    return float("inf") if best is None else best.test_mpjpe_mm or float("inf")


def _epoch_line(step: Progress) -> str:
    parts = [f"epoch {step.epoch:>3} of {step.epochs}", f"loss {step.loss:.4f}"]
    if step.test_mpjpe_mm is not None:
        parts.append(f"test {step.test_mpjpe_mm:.1f} mm (Protocol #1)")
    parts += [f"lr {step.lr:.2e}", f"{step.samples_per_s:,.0f} poses/s"]
    return ", ".join(parts)
