"""`python -m core fetch`: bring once what does not ship, for use offline."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.cli.arguments import Commands
from core.cli.progress import ProgressLine
from core.errors import PoseFormatError


def add_to(commands: Commands) -> None:
    """Add the command and what it can bring."""
    parser = commands.add_parser(
        "fetch",
        help="bring once what does not ship: the detector's weights, CMU motion capture",
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
    _add_cmu(things)


def _add_cmu(things: Commands) -> None:
    cmu = things.add_parser(
        "cmu",
        help="CMU motion capture, as a data set",
        description="Bring trials of the CMU motion-capture database from its own site, and make\n"
        "a data set of them, as `python -m core prepare cmu` does. 289 clips, 19 subjects, 12\n"
        "actions: about 250 MB to download. Stopped or broken off, it goes on where it was.\n"
        "The data is free for all uses but to be sold as data.",
        epilog="example: python -m core fetch cmu --out cmu.safetensors",
    )
    add = cmu.add_argument
    add("--out", default="cmu.safetensors", metavar="FILE",
        help="the data set file to write (default: cmu.safetensors)")  # fmt: skip
    add("--folder", default="cmu_mocap", metavar="DIR",
        help="where the downloaded files stay (default: cmu_mocap)")  # fmt: skip
    add("--trials", metavar="LIST",
        help="another list: a .csv with columns subject, trial and, where known, action, split, "
        "fps, first, last, every, description, sha256")  # fmt: skip
    add("--from", dest="site", metavar="URL", help="a mirror with the same paths")
    add("--no_prepare", action="store_true", help="download only")
    cmu.set_defaults(run=run_cmu)


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


def run_cmu(options: argparse.Namespace) -> int:
    """Bring the trials, make the data set, and name what is missing."""
    from core.cli import prepare
    from core.workflows import fetch_cmu

    out = Path(options.out)
    trials = options.trials or fetch_cmu.TRIALS
    # Before the work, not after it.
    if not options.no_prepare and not out.absolute().parent.is_dir():
        raise PoseFormatError("the folder to write into does not exist", file=out.parent)
    with ProgressLine("downloading", "files") as line:
        fetched = fetch_cmu.fetch_cmu(
            options.folder, trials=trials, site=options.site or fetch_cmu.SITE, progress=line
        )
    print(f"{fetched.folder}: {fetched.trials:,} trial{'s' * (fetched.trials != 1)}")
    if fetched.missing:
        count = len(fetched.missing)
        print(f"{count} file{'s' * (count != 1)} could not be had:", file=sys.stderr)
        for name, reason in fetched.missing.items():
            print(f"  {name}: {' '.join(reason.split())}", file=sys.stderr)
    if not options.no_prepare:
        return prepare.run_cmu(fetched.folder, out)
    return 0
