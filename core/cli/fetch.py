"""`python -m core fetch`: bring once what does not ship, for use offline."""

from __future__ import annotations

import argparse

from core.cli.arguments import Commands
from core.cli.progress import ProgressLine


def add_to(commands: Commands) -> None:
    """Add the command and what it can bring."""
    parser = commands.add_parser(
        "fetch",
        help="bring once what does not ship: the detector's weights",
        description="Bring once, checked, what does not ship. Afterwards it is used offline.",
    )
    things = parser.add_subparsers(dest="thing", metavar="WHAT", required=True)
    detector = things.add_parser(
        "detector",
        help="weights of the 2D detector for photos and videos",
        description="Bring BlazePose's weights (Apache-2.0) out of the package mediapipe, with "
        "pip:\n36 MB to download, 9 MB to keep. Needs, to work: pip install -r "
        "requirements-detect.txt",
        epilog="example: python -m core fetch detector",
    )
    detector.add_argument(
        "--heavy",
        action="store_true",
        help="the heavy landmark model, too: errs less, three times slower; with npm, 47 MB more",
    )
    detector.set_defaults(run=run_detector)


def run_detector(options: argparse.Namespace) -> int:
    """Bring the weights and say where they are."""
    from core.detector import models
    from core.workflows.fetch_detector import fetch_detector

    with ProgressLine("downloading", "bytes") as line:
        files = fetch_detector("heavy" if options.heavy else "full", progress=line)
    for file in files:
        print(f"{file}: {file.stat().st_size:,} bytes, as published")
    if not models.is_installed():
        print(f"to use them: {models.INSTALL}")
    return 0
