"""`python -m core prepare`: folders of recordings into one data set file."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import Commands, Parser
from core.cli.progress import ProgressLine

if TYPE_CHECKING:
    from core.cameras import Distortion
    from core.workflows.prepare import Prepared, Progress


def add_to(commands: Commands) -> None:
    """Add the command and its kinds of folder."""
    parser = commands.add_parser(
        "prepare",
        help="turn a folder of recordings into a data set file",
        description="Turn a folder of recordings into one data set file that the app and the\n"
        "commands open at once.",
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    cmu = kinds.add_parser(
        "cmu",
        help="CMU motion capture: ASF/AMC and BVH",
        description="Read CMU's ASF/AMC and BVH, put four cameras around each clip, and write\n"
        "2D and 3D of 17 joints. A clip that can't be read is named and left out.",
        epilog="example: python -m core prepare cmu cmu_mocap --out cmu.safetensors",
    )
    _add_paths(cmu, "folder of clips, with or without an index.csv")
    cmu.add_argument("--distortion", choices=("opencv", "human36m"), default="opencv",
                     help="lens formula of the projection (default: opencv)")  # fmt: skip
    pose2sim = kinds.add_parser(
        "pose2sim",
        help="a Pose2Sim project: calibration, keypoints, markers",
        description="Read a Pose2Sim project: calibrated cameras, 2D keypoints and 3D markers.\n"
        "Where there is no file of markers, the 3D is triangulated from the keypoints.",
    )
    _add_paths(pose2sim, "the project's folder")


def _add_paths(parser: Parser, what: str) -> None:
    parser.add_argument("folder", metavar="DIR", help=what)
    parser.add_argument("--out", required=True, metavar="FILE", help="the data set file to write")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prepare, show how it goes, and name at the end what was left out."""
    from core.workflows.prepare import prepare_pose2sim

    out = Path(options.out)
    if options.kind == "cmu":
        return run_cmu(options.folder, out, options.distortion)
    with ProgressLine("preparing", "clips") as line:
        found = prepare_pose2sim(options.folder, out, progress=_reporting(line))
    _tell(found, out)
    return 0


def run_cmu(folder: str | Path, out: Path, distortion: Distortion = "opencv") -> int:
    """Prepare a folder of CMU's, as `run` does."""
    from core.workflows.prepare import prepare_cmu

    with ProgressLine("preparing", "clips") as line:
        found = prepare_cmu(folder, out, distortion=distortion, progress=_reporting(line))
    _tell(found, out)
    return 0


def _reporting(line: ProgressLine) -> Callable[[Progress], None]:
    return lambda step: line(step.done, step.total, step.name)


def _tell(found: Prepared, out: Path) -> None:
    size = out.stat().st_size / 1e6
    print(f"{out}: {found.recordings:,} recordings, {found.frames:,} frames, {size:,.1f} MB")
    print(f"open it: python -m core test --data_dir {shlex.quote(str(out))}")
    if found.left_out_views:
        print(
            f"left out, a joint within 1 m of the camera: {', '.join(found.left_out_views)}",
            file=sys.stderr,
        )
    if found.skipped:
        print(f"skipped {len(found.skipped)} that can't be read:", file=sys.stderr)
        for name, reason in found.skipped.items():
            print(f"  {name}: {' '.join(reason.split())}", file=sys.stderr)
