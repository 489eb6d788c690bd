"""`python -m core info`: what is in this file?"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from core.cli.arguments import Commands
from core.errors import PoseFormatError

if TYPE_CHECKING:
    from core.workflows.info import FileInfo


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help="tell what is in a file or folder",
        description="Tell what is in a file or folder: layout, joints, units, counts, what looks\n"
        "odd, and the command that opens it.",
        epilog="Understood: data sets (ours, the re-implementation's folder), checkpoints, poses\n"
        "(.npz, .npy, .csv, .json), a 2D detector's keypoints (OpenPose's folder or zip, COCO,\n"
        "AlphaPose, MMPose, MediaPipe), Pose2Sim projects, ASF/AMC, BVH, TRC.",
    )
    parser.add_argument("file", nargs="+", metavar="FILE", help="file, folder, or built-in name")
    parser.add_argument("--json", action="store_true", help="print one JSON list for machines")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Describe each file; one that can't be read does not hide the others."""
    from core.workflows.info import describe

    found: list[FileInfo] = []
    failed = 0
    for path in options.file:
        try:
            found.append(describe(path))
        except PoseFormatError as error:
            failed += 1
            print(f"python -m core info: {' '.join(str(error).split())}", file=sys.stderr)
    if options.json:
        print(json.dumps([info.as_dict() for info in found], indent=1))
    elif found:
        print("\n\n".join(_text(info) for info in found))
    return 2 if failed else 0


def _text(info: FileInfo) -> str:
    from core.workflows.info import SHOWN

    lines = [f"{info.path}: {info.layout}"]
    width = max(len(name) for name in info.facts)
    for name, value in info.facts.items():
        if isinstance(value, list):
            more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
            said = ", ".join(value[:SHOWN]) + more
        else:
            said = f"{value:,}" if isinstance(value, int) else str(value)
        lines.append(f"  {name.ljust(width)}  {said}")
    lines += [f"  note: {note}" for note in info.notes]
    lines += [f"  odd: {odd}" for odd in info.odd]
    lines += [f"  open it: {command}" for command in info.commands]
    return "\n".join(lines)
