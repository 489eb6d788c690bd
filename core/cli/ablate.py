"""`python -m core ablate`: the paper's ablations, trained one after another, and their table."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import Commands, WrongUseError, names, positive, whole_number
from core.cli.judging import add_format
from core.cli.progress import ProgressLine

if TYPE_CHECKING:
    from core.workflows.ablate import Ablation, Moment

# What all variants have in common, by the options' own names.
COMMON = ("epochs", "train_batch", "lr", "schedule", "loss", "precision", "at_most",
          "test_at_most", "source")  # fmt: skip


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ablate",
        help="train the paper's ablations and print their table",
        description="Train the published network and what it becomes without batch norm, dropout\n"
        "or skips, with other sizes, in the world's axes, and with clipped weights, each with\n"
        "several seeds; print the errors on the test subjects. What is done is not done again,\n"
        "and what was interrupted goes on, when the same command is given once more.",
        epilog="example: python -m core ablate --data_dir cmu.safetensors --out runs/ablation \\\n"
        "           --epochs 10 --seeds 3 --format markdown",
    )
    add = parser.add_argument
    add(
        "--data_dir",
        default="data/",
        metavar="DATA",
        help="synthetic, a data set file, or a folder of .pth.tar (default: data/)",
    )
    add(
        "--out",
        default="runs/ablation",
        metavar="DIR",
        help="folder of the runs (default: runs/ablation)",
    )
    add(
        "--variants",
        type=names,
        metavar="NAMES",
        help="only these, with commas between: full, no_batch_norm, no_dropout, neither, "
        "no_residual, stages_1, stages_4, width_512, width_2048, world_frame, weight_clipping",
    )
    add(
        "--seeds",
        type=whole_number,
        default=3,
        metavar="N",
        help="train each with so many seeds: 0, 1, ... (default: 3)",
    )
    add("--epochs", type=whole_number, metavar="N", help="200 as published")
    add("--train_batch", type=whole_number, metavar="N", help="poses a step; 64 as published")
    add("--lr", type=positive, metavar="RATE", help="learning rate; 1e-3 as published")
    add("--schedule", choices=("stairs", "one_cycle"), help="stairs as published")
    add("--loss", choices=("mse", "distance"), help="mse as published")
    add("--precision", choices=("float32", "bfloat16"), help="float32 as published")
    add("--source", metavar="NAME", help="2D source by its name in the data (default: gt)")
    add(
        "--at_most",
        type=whole_number,
        metavar="N",
        help="train on so many poses, evenly spaced",
    )
    add(
        "--test_at_most",
        type=whole_number,
        metavar="N",
        help="test on so many between the epochs; after the last one on all",
    )
    add("--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)")
    add("--threads", type=whole_number, metavar="N", help="CPU threads")
    add("--table", action="store_true", help="train nothing, print what is there")
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train what is missing, and print the table."""
    from core import tables
    from core.workflows.ablate import ablate, table

    wanted = _ablation(options)
    if not options.table:
        try:
            with ProgressLine("ablation", "steps") as line:
                for moment in ablate(wanted):
                    _say(line, moment)
        except KeyboardInterrupt:
            print(
                "python -m core ablate: stopped; the same command goes on from there",
                file=sys.stderr,
            )
            return 130
    write = {
        "text": tables.as_text,
        "markdown": tables.as_markdown,
        "latex": tables.as_latex,
        "csv": tables.as_csv,
        "json": tables.as_json,
    }
    print(write[options.format](table(wanted)))
    return 0


def _ablation(options: argparse.Namespace) -> Ablation:
    from core.workflows.ablate import BY_NAME, VARIANTS, Ablation, chosen_recipe

    asked = options.variants or tuple(BY_NAME)
    strange = [name for name in asked if name not in BY_NAME]
    if strange:
        raise WrongUseError(
            f"there is no variant {strange[0]!r}; the variants are {', '.join(BY_NAME)}"
        )
    wanted = Ablation(
        data_dir=options.data_dir,
        folder=Path(options.out),
        variants=tuple(variant for variant in VARIANTS if variant.name in asked),
        seeds=tuple(range(options.seeds)),
        options={n: v for n in COMMON if (v := getattr(options, n)) is not None},
        threads=options.threads,
        device=options.device,
        command="python -m core " + shlex.join(options.arguments),
    )
    try:
        for variant in wanted.variants:
            chosen_recipe(wanted, variant, 0)
    except ValueError as error:
        raise WrongUseError(str(error)) from None
    return wanted


def _say(line: ProgressLine, moment: Moment) -> None:
    """Tell of a step on the progress line, and of a run's end in a line of its own."""
    name = f"{moment.variant.name}, seed {moment.seed} ({moment.number} of {moment.in_all})"
    at = moment.progress
    if moment.diverged or at is None:
        line.clear()
        print(f"{name}: {'diverged' if moment.diverged else 'is there'}", file=sys.stderr)
    elif at.epoch_done and at.epoch == at.epochs:
        line.clear()
        error = "" if at.test_mpjpe_mm is None else f"test {at.test_mpjpe_mm:.1f} mm, "
        print(f"{name}: {error}{at.samples_per_s:,.0f} poses/s", file=sys.stderr)
    else:
        line(at.step, at.steps, name)
