"""`python -m core export`: into the files of other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from core.cli.arguments import Commands, WrongUseError, add_statistics


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "export",
        help="write for other tools: a checkpoint as ONNX",
        description="Write a checkpoint as ONNX, to lift poses where there is no PyTorch.",
        epilog="example: python -m core export --load detector --onnx detector.onnx --pixels",
    )
    add = parser.add_argument
    add("--load", metavar="CHECKPOINT", help="gt, detector, or a file")
    network = parser.add_argument_group("a checkpoint")
    network.add_argument("--onnx", metavar="OUT", help="the .onnx file to write")
    network.add_argument(
        "--pixels",
        action="store_true",
        help="joints in px in and joints in mm out: framing and normalisation in the file too "
        "(default: the network alone, normalised in and out)",
    )
    add_statistics(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write what was asked for."""
    if options.onnx is None:
        raise WrongUseError("nothing to write: name a file with --onnx OUT.onnx")
    return _onnx(options)


def _onnx(options: argparse.Namespace) -> int:
    from core.cli.statistics import with_statistics
    from core.workflows import onnx_export
    from core.workflows.lift import PoseLifter
    from core.workflows.open import open_checkpoint

    out = Path(options.onnx)
    if options.load is None:
        raise WrongUseError("--onnx needs the checkpoint: --load gt, --load detector, or a file")
    if out.suffix.lower() != onnx_export.SUFFIX:
        raise WrongUseError(f"an ONNX file ends in {onnx_export.SUFFIX}, not {out.suffix!r}")
    lifter = with_statistics(PoseLifter(open_checkpoint(options.load)), options.statistics)
    onnx_export.write(out, lifter, pixels=options.pixels)
    what = "(poses, 16, 2) px in, (poses, 17, 3) mm out" if options.pixels else (
        f"(poses, {lifter.checkpoint.config.inputs}) normalised in, "
        f"(poses, {lifter.checkpoint.config.outputs}) normalised out"
    )  # fmt: skip
    print(f"{out}: {lifter.checkpoint.name}, {what}, {out.stat().st_size / 1e6:.1f} MB")
    return 0
