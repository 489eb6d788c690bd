"""`python -m core robustness`: errors against how bad the 2D input is."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import Commands, WrongUseError, whole_number
from core.cli.judging import add_format, add_judged, add_split, open_judged, split_of
from core.cli.progress import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.workflows.robustness import Robustness

FRAMES = 2000


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "robustness",
        help="measure how errors grow as the 2D input gets worse",
        description="Make the 2D input worse, level by level, and measure the errors on an even\n"
        "sample of frames, per action, Protocol #1 and #2.",
        epilog="example: python -m core robustness --data_dir balancing --load gt detector \\\n"
        "             --noise gaussian --levels 0,5,10,15,20",
    )
    add = parser.add_argument
    add_judged(parser, several=True)
    add("--noise", default="gaussian", metavar="KIND",
        help="gaussian (px), detector (times a detector's errors), dropped (%% of joints), "
        "quantisation (px), swaps (%% of frames), scale (times the resolution); default: "
        "gaussian")  # fmt: skip
    add("--levels", metavar="N,N,...", help="in the unit of the kind (default: the kind's own)")
    add("--frames", default=str(FRAMES), metavar="N",
        help=f"size of the sample, or all (default: {FRAMES})")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="decides what is drawn (default: 0)")
    add_split(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    from core.cli.statistics import with_statistics
    from core.workflows import robustness
    from core.workflows.lift import PoseLifter
    from core.workflows.open import checkpoint_for, open_checkpoint, told_apart
    from core.workflows.robustness_table import names_of

    try:
        perturbation = robustness.perturbation_named(options.noise)
        levels = perturbation.levels
        if options.levels is not None:
            levels = robustness.levels_from(options.levels, perturbation)
    except ValueError as error:
        raise WrongUseError(str(error)) from None
    dataset, source = open_judged(options)
    setting = robustness.Setting(
        dataset,
        source,
        perturbation,
        levels,
        size=_size(options.frames),
        seed=options.seed,
        split=split_of(options),
    )
    specs = list(dict.fromkeys(options.load or [checkpoint_for(source)]))
    lifters = [
        with_statistics(
            PoseLifter(open_checkpoint(spec), precision=options.precision), options.statistics
        )
        for spec in specs
    ]
    with ProgressLine("measuring", "frames") as progress:
        found = robustness.measure(setting, lifters, progress=progress)
    if found.note:
        print(f"note: {found.note}", file=sys.stderr)
    if options.format == "json":
        print(json.dumps(found.as_dict(), indent=1))
    else:
        paths = [
            str(Path(spec).parent / lifter.checkpoint.name)
            for spec, lifter in zip(specs, lifters, strict=True)
        ]
        titles = told_apart(paths)
        print(_report(found, names_of([titles[path] for path in paths], lifters), options.format))
    return 0


def _size(text: str) -> int | None:
    if text.strip().lower() == "all":
        return None
    try:
        return whole_number(text)
    except argparse.ArgumentTypeError:
        raise WrongUseError(f"--frames is a whole number above 0, or all, not {text!r}") from None


def _report(found: Robustness, names: Mapping[str, str], how: str) -> str:
    """Write the table, and what its figures mean where the format has a place for it."""
    from core import tables
    from core.workflows.robustness_table import as_table, notes

    table = as_table(found, names)
    if how == "csv":
        return tables.as_csv(table)
    if how == "text":
        return "\n".join([*notes(found), "", tables.as_text(table)])
    write = tables.as_latex if how == "latex" else tables.as_markdown
    return write(table, notes(found))
