"""`python -m core predict`: 2D poses from a file, 3D poses into a file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.cli.arguments import (
    Commands,
    add_precision,
    add_statistics,
    picture_size,
    positive,
    whole_number,
)
from core.errors import PoseFormatError


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "predict",
        help="lift your own 2D poses to 3D",
        description="Lift 2D poses of one person to 3D: 17 joints, mm, relative to the hip, in\n"
        "camera axes (x right, y down, z away). A frame that lacks a joint stays empty.",
        epilog="Files: what a 2D detector wrote: OpenPose's folder or a zip of it, JSON of COCO,\n"
        "AlphaPose, MMPose or MediaPipe, arrays of (frames, points, 2 or 3); or poses of the\n"
        "baseline's own 16 or 17 joints in px, as .npz, .npy, .csv or .json. The layouts are in\n"
        "core/formats/layouts.py, the files in core/formats/detections.py and keypoints.py.\n"
        "example: python -m core predict alphapose-results.json --out poses_3d.npz",
    )
    add = parser.add_argument
    add(
        "file", metavar="FILE", help="2D poses: .json, .zip, .npz, .npy, .csv, or OpenPose's folder"
    )
    add("--out", required=True, metavar="OUT", help="the 3D file to write: .npz, .csv or .json")
    add("--load", default="detector", metavar="CHECKPOINT",
        help="detector, gt, or a file (default: detector, which suits 2D with errors)")  # fmt: skip
    add(
        "--fps",
        type=positive,
        metavar="N",
        help="frames a second, where the file does not say it (default: 50; a detector's: 30)",
    )
    add(
        "--layout",
        metavar="NAME",
        help="the detector's layout, such as COCO-17 or BODY_25 (default: told from the data)",
    )
    add(
        "--person",
        type=whole_number,
        default=1,
        metavar="N",
        help="which of several people, the most prominent first (default: 1)",
    )
    add(
        "--size",
        type=picture_size,
        metavar="WxH",
        help="size of the picture in px, where coordinates are fractions of it (MediaPipe)",
    )
    add_precision(parser)
    add_statistics(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read, lift, write, and say what came out."""
    from core.cli.statistics import with_statistics
    from core.formats import keypoints
    from core.workflows.lift import PoseLifter
    from core.workflows.open import open_checkpoint
    from core.workflows.predict import predict, read_2d

    out = Path(options.out)
    # Before the work, not after it.
    if out.suffix.lower() not in keypoints.SUFFIXES:
        known = ", ".join(keypoints.SUFFIXES)
        raise PoseFormatError(f"3D poses are written as {known}, not {out.suffix!r}", file=out)
    if not out.parent.is_dir():
        raise PoseFormatError("the folder to write into does not exist", file=out.parent)
    sequence = read_2d(
        options.file,
        fps=options.fps,
        layout=options.layout,
        person=options.person - 1,
        size_px=options.size,
    )
    lifter = with_statistics(
        PoseLifter(open_checkpoint(options.load), precision=options.precision),
        options.statistics,
    )
    found = predict(lifter, sequence)
    keypoints.write(out, found.poses)
    print(f"{out}: {len(found.poses):,} frames, 17 joints, mm relative to the hip")
    print(f"2D read: {sequence.source or options.file}")
    if found.empty:
        print(f"{found.empty:,} frames are empty: a joint is missing in 2D", file=sys.stderr)
    if found.unusual > 0:
        print(
            f"note: in {found.unusual:.0%} of the frames the person is not where, or not as large "
            "as, the persons that this checkpoint was trained on; expect larger errors there",
            file=sys.stderr,
        )
    return 0
