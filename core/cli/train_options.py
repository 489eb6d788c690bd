"""The options of `python -m core train`, and the training that they ask for."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import Parser, WrongUseError, names, positive, whole_number

if TYPE_CHECKING:
    from core.workflows.recipes import Recipe
    from core.workflows.training_run import TrainingRun

# Options that replace the recipe's value where they are given.
OVERRIDES = (
    "linear_size",
    "num_stage",
    "dropout",
    "epochs",
    "train_batch",
    "test_batch",
    "lr",
    "lr_decay",
    "lr_gamma",
    "schedule",
    "warm_up",
    "loss",
    "precision",
    "average",
    "max_norm",
    "test_at_most",
    "seed",
    "cameras",
    "frame",
    "jitter_deg",
    "noise_px",
    "at_most",
)
# Of these a resumed run may be given another value.
RESUMED = ("epochs",)


def add_options(parser: Parser) -> None:
    """Add all options, in the groups of the paper's sections."""
    _add_files(parser)
    _add_network(parser)
    _add_optimisation(parser)
    _add_data(parser)
    _add_machine(parser)


def _add_files(parser: Parser) -> None:
    add = parser.add_argument_group("data and files").add_argument
    add(
        "--data_dir",
        metavar="DATA",
        help="synthetic, a data set file, or a folder of .pth.tar (default: data/)",
    )
    add("--ckpt", default="runs", metavar="DIR", help="folder of all runs (default: runs)")
    add("--exp", default="test", metavar="NAME", help="the run's own folder in it (default: test)")
    add(
        "--recipe",
        metavar="NAME",
        help="paper, fixed-rig, general-gt or general-detector (default: paper)",
    )
    add(
        "--load",
        metavar="CHECKPOINT",
        help="start a new run from these weights: gt, detector, or a file",
    )
    add(
        "--resume",
        action="store_true",
        help="go on where the run of this --exp was left; its data and options are known",
    )
    add("--overwrite", action="store_true", help="throw away the run that this --exp holds")
    add(
        "--save_minutes",
        type=positive,
        default=10.0,
        metavar="N",
        help="save so often within an epoch too (default: 10); after each it is saved anyway",
    )
    add("--save_steps", type=whole_number, metavar="N", help="save after so many steps too")
    add("--half", action="store_true", help="store the weights in half precision")
    add(
        "--pth_tar",
        action="store_true",
        help="write ckpt_best.pth.tar and ckpt_last.pth.tar too, as the re-implementation does",
    )
    add("--no_tensorboard", action="store_true", help="write no TensorBoard event files")
    add("--test", action="store_true", help=argparse.SUPPRESS)


def _add_network(parser: Parser) -> None:
    add = parser.add_argument_group("the network (section 3.2 of the paper)").add_argument
    add(
        "--linear_size",
        type=whole_number,
        metavar="N",
        help="width of the hidden layers; 1024 as published",
    )
    add(
        "--num_stage",
        type=whole_number,
        metavar="N",
        help="residual blocks, each of two linear layers; 2 as published",
    )
    add(
        "--dropout",
        type=_share,
        metavar="P",
        help="share of hidden units dropped in training; 0.5 as published",
    )
    add("--no_batch_norm", action="store_true", help="ablation: no batch normalisation")
    add("--no_residual", action="store_true", help="ablation: no skips around the blocks")


def _add_optimisation(parser: Parser) -> None:
    group = parser.add_argument_group("optimisation (section 3.3)")
    add = group.add_argument
    add(
        "--epochs",
        type=whole_number,
        metavar="N",
        help="passes over the training data; 200 as published",
    )
    add("--train_batch", type=whole_number, metavar="N", help="poses a step; 64 as published")
    add(
        "--test_batch",
        type=whole_number,
        metavar="N",
        help="poses at once in the tests between; no matter for the result",
    )
    add(
        "--test_at_most",
        type=whole_number,
        metavar="N",
        help="test on so many poses, evenly spaced, but after the last epoch on all",
    )
    add("--lr", type=positive, metavar="RATE", help="Adam's learning rate; 1e-3 as published")
    add(
        "--lr_decay",
        type=whole_number,
        metavar="STEPS",
        help="steps between decays of the rate; 100,000 as published",
    )
    add(
        "--lr_gamma",
        type=positive,
        metavar="FACTOR",
        help="what a decay multiplies it with; 0.96 as published",
    )
    add(
        "--schedule",
        choices=("stairs", "one_cycle"),
        help="stairs: decays, as published; one_cycle: linear warm-up, then half a cosine to 0",
    )
    add("--warm_up", type=_share, metavar="P", help="share of all steps that one_cycle warms up")
    add(
        "--loss",
        choices=("mse", "distance"),
        help="mean squared error, as published, or mean distance of the joints",
    )
    norm = group.add_mutually_exclusive_group()
    norm.add_argument(
        "--max_norm",
        "--max",
        nargs="?",
        type=positive,
        const=1.0,
        metavar="NORM",
        help="clip the gradient's norm, as the re-implementation does (to 1 if no number is given)",
    )
    norm.add_argument("--no_max", action="store_true", help="do not clip the gradient")
    add(
        "--clip_weights",
        action="store_true",
        help="scale each weight matrix down to norm 1 after each step: what the paper means by "
        "a maximum norm",
    )
    add(
        "--average",
        type=_share,
        metavar="DECAY",
        help="the result is a running average of the weights; 0, none, as published",
    )
    add("--seed", type=_seed, metavar="N", help="decides all chance; 0 if not given")


def _add_data(parser: Parser) -> None:
    group = parser.add_argument_group("2D, 3D and augmentation (sections 3.1 and 4)")
    add = group.add_argument
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--source", metavar="NAME", help="2D source by its name in the data; gt as published"
    )
    source.add_argument(
        "--use_hg", action="store_true", help="train on the data set's detector 2D (the paper's SH)"
    )
    add(
        "--action",
        type=names,
        metavar="NAMES",
        help="train and test on these actions only, by exact name; All for all (default)",
    )
    add(
        "--at_most",
        type=whole_number,
        metavar="N",
        help="train on so many of the recorded poses, evenly spaced",
    )
    add(
        "--frame",
        choices=("camera", "world"),
        help="axes of the 3D; camera as published, world for the paper's ablation",
    )
    add(
        "--cameras",
        choices=("recorded", "rig", "any"),
        help="take the recorded 2D, as published, or project the 3D with the recordings' "
        "cameras, or with cameras drawn at random",
    )
    add("--flip", action="store_true", help="mirror half of the poses left to right")
    add(
        "--jitter_deg",
        type=positive,
        metavar="DEG",
        help="turn the cameras a little, anew for each pose; with --cameras rig",
    )
    add("--noise_px", type=positive, metavar="PX", help="add noise to the 2D")


def _add_machine(parser: Parser) -> None:
    add = parser.add_argument_group("machine").add_argument
    add("--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)")
    add("--threads", type=whole_number, metavar="N", help="CPU threads (default: PyTorch's choice)")
    add(
        "--precision",
        choices=("float32", "bfloat16"),
        help="bfloat16 computes faster on CPUs and GPUs that have it; float32 as published",
    )
    add(
        "--job",
        metavar="N",
        help="accepted for the re-implementation's sake: the data is in memory, nothing loads it",
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to below 1, not {text!r}")
    return share


def _seed(text: str) -> int:
    if not text.isdecimal() or not int(text) < 1 << 63:
        raise argparse.ArgumentTypeError(f"expected a whole number below 2^63, not {text!r}")
    return int(text)


def asked_run(options: argparse.Namespace) -> TrainingRun:
    """Make the run that the options ask for."""
    from core import checkpoint
    from core.workflows.training_run import TrainingRun, resumption

    load = options.load
    asked = TrainingRun(
        data_dir=options.data_dir or "data/",
        exp=Path(options.ckpt) / options.exp,
        load=None if load is None else checkpoint.shipped().get(load, Path(load)),
        half=options.half,
        threads=options.threads,
        device=options.device,
        command="python -m core " + shlex.join(options.arguments),
        argv=tuple(options.arguments),
        overwrite=options.overwrite,
        save_minutes=options.save_minutes,
        save_steps=options.save_steps,
        pth_tar=options.pth_tar,
        tensorboard=not options.no_tensorboard,
    )
    if not options.resume:
        return replace(asked, recipe=_recipe(options))
    fixed = [
        name for name in OVERRIDES if name not in RESUMED and getattr(options, name) is not None
    ]
    fixed += [
        name
        for name in ("recipe", "load", "data_dir", "source", "action")
        if getattr(options, name) is not None
    ]
    fixed += [
        name
        for name in (
            "use_hg",
            "no_max",
            "clip_weights",
            "flip",
            "no_batch_norm",
            "no_residual",
            "overwrite",
        )
        if getattr(options, name)
    ]
    if fixed:
        raise WrongUseError(
            f"--resume goes on with the run's own options, so --{fixed[0]} can't be given"
        )
    return resumption(asked, epochs=options.epochs)


def _recipe(options: argparse.Namespace) -> Recipe:
    from core.workflows.evaluate import pick_source
    from core.workflows.open import open_dataset
    from core.workflows.recipes import recipe

    source = options.source
    if options.use_hg:
        source = pick_source(open_dataset(options.data_dir or "data/"), detector=True)
    try:
        return recipe(
            options.recipe or "paper",
            **{name: getattr(options, name) for name in OVERRIDES},
            no_max=options.no_max,
            source=source,
            actions=options.action,
            clip_weights=options.clip_weights or None,
            flip=options.flip or None,
            batch_norm=False if options.no_batch_norm else None,
            residual=False if options.no_residual else None,
        )
    except ValueError as error:
        raise WrongUseError(str(error)) from None
