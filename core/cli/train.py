"""`python -m core train`: a checkpoint from a data set."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import Commands, WrongUseError, positive, whole_number
from core.cli.progress import ProgressLine

if TYPE_CHECKING:
    from core.training import Progress
    from core.workflows.train import Recipe

DIVERGED = 1

# Options that replace the recipe's value where they are given.
OVERRIDES = ("linear_size", "num_stage", "dropout", "epochs", "train_batch", "lr", "lr_decay",
             "lr_gamma", "max_norm", "seed")  # fmt: skip


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        help="train a checkpoint",
        description="Train the network on a data set's training subjects; after each epoch it is\n"
        "tested on the test subjects and saved. Ctrl-C keeps the last whole epoch.",
        epilog='Options that are not given are the recipe\'s. The recipe "paper" is the published\n'
        "one: 200 epochs, batch 64, Adam 1e-3, gradient norm 1, dropout 0.5, width 1024.\n"
        "example: python -m core train --data_dir cmu.safetensors --exp mine --epochs 5",
    )
    add = parser.add_argument
    add("--data_dir", default="data/", metavar="DATA",
        help="synthetic, a data set file, or a folder of .pth.tar (default: data/)")  # fmt: skip
    add("--ckpt", default="runs", metavar="DIR", help="folder of all runs (default: runs)")
    add("--exp", default="test", metavar="NAME", help="the run's own folder in it (default: test)")
    add("--recipe", default="paper", metavar="NAME",
        help="paper, fixed-rig, general-gt or general-detector (default: paper)")  # fmt: skip
    add("--load", metavar="CHECKPOINT", help="start from these weights: gt, detector, or a file")
    add("--use_hg", action="store_true", help="train on the data set's detector 2D")
    add("--epochs", type=whole_number, metavar="N", help="passes over the training data")
    add("--train_batch", type=whole_number, metavar="N", help="poses a step")
    add("--lr", type=positive, metavar="RATE", help="learning rate")
    add("--lr_decay", type=whole_number, metavar="STEPS", help="steps between decays of the rate")
    add("--lr_gamma", type=positive, metavar="FACTOR", help="what a decay multiplies it with")
    add("--dropout", type=_share, metavar="P", help="share of hidden units dropped, 0 to below 1")
    add("--linear_size", type=whole_number, metavar="N", help="width of the hidden layers")
    add("--num_stage", type=whole_number, metavar="N", help="residual blocks")
    add("--no_batch_norm", action="store_true", help="train without batch normalisation")
    add("--no_residual", action="store_true", help="train without the skips")
    norm = parser.add_mutually_exclusive_group()
    norm.add_argument("--max_norm", "--max", nargs="?", type=positive, const=1.0, metavar="NORM",
                      help="clip the gradient's norm (to 1 if no number is given)")  # fmt: skip
    norm.add_argument("--no_max", action="store_true", help="do not clip the gradient")
    add("--seed", type=_seed, metavar="N", help="decides all chance")
    add("--half", action="store_true", help="store the weights in half precision")
    add("--threads", type=whole_number, metavar="N", help="CPU threads (default: PyTorch's choice)")
    add("--job", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to below 1, not {text!r}")
    return share


def _seed(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Train, and print a line an epoch."""
    from core import checkpoint
    from core.workflows.train import TrainingRun, train

    load = options.load
    started = TrainingRun(
        data_dir=options.data_dir,
        exp=Path(options.ckpt) / options.exp,
        recipe=_recipe(options),
        load=None if load is None else checkpoint.shipped().get(load, Path(load)),
        half=options.half,
        threads=options.threads,
        command="python -m core " + shlex.join(options.arguments),
    )
    best = float("inf")
    last: Progress | None = None
    try:
        with ProgressLine("training", "steps") as line:
            for step in train(started):
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
        kept = last is not None and (last.epoch > 1 or last.epoch_done)
        what = f"the last whole epoch is in {started.exp}" if kept else "no epoch was finished"
        print(f"python -m core train: stopped; {what}", file=sys.stderr)
        return 130
    figure = f", best test error {best:.1f} mm" if best < float("inf") else ""
    print(f"{started.exp}: ckpt_best.safetensors, ckpt_last.safetensors{figure}")
    return 0


def _recipe(options: argparse.Namespace) -> Recipe:
    from core.workflows.evaluate import pick_source
    from core.workflows.open import open_dataset
    from core.workflows.train import recipe

    source = None
    if options.use_hg:
        source = pick_source(open_dataset(options.data_dir), detector=True)
    try:
        return recipe(
            options.recipe,
            **{name: getattr(options, name) for name in OVERRIDES},
            no_max=options.no_max,
            source=source,
            batch_norm=False if options.no_batch_norm else None,
            residual=False if options.no_residual else None,
        )
    except ValueError as error:
        raise WrongUseError(str(error)) from None


def _epoch_line(step: Progress) -> str:
    parts = [f"epoch {step.epoch:>3} of {step.epochs}", f"loss {step.loss:.4f}"]
    if step.test_mpjpe_mm is not None:
        parts.append(f"test {step.test_mpjpe_mm:.1f} mm (Protocol #1)")
    parts += [f"lr {step.lr:.2e}", f"{step.samples_per_s:,.0f} poses/s"]
    return ", ".join(parts)
