"""`python -m core report`: one HTML file with every table and figure of a checkpoint's errors."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from core.cli.arguments import Commands
from core.cli.judging import add_judged, open_judged
from core.cli.progress import ProgressLine


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="write one HTML file with the errors of a checkpoint by action",
        description="Write one HTML file, to be opened or sent without anything beside it: the\n"
        "paper's table, other measures, heatmaps, the cumulative curve, the worst frames, and\n"
        "where the figures come from.",
        epilog="example: python -m core report --data_dir balancing --use_hg --out report.html",
    )
    add = parser.add_argument
    add_judged(parser)
    add("--date", default="", metavar="TEXT",
        help="stands in the report; without it the same input gives the same file")  # fmt: skip
    add("--out", default="report.html", metavar="FILE", help="where (default: report.html)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge, or open what was judged, and write."""
    from core.cli.statistics import with_statistics
    from core.workflows import evaluate, measures, paper_table, report, results
    from core.workflows.lift import PoseLifter
    from core.workflows.open import checkpoint_for, open_checkpoint

    dataset, source = open_judged(options)
    evaluate.chosen(dataset, source)
    checkpoint = open_checkpoint(options.load or checkpoint_for(source))
    lifter = with_statistics(
        PoseLifter(checkpoint, precision=options.precision), options.statistics
    )
    with ProgressLine("testing", "frames") as progress:
        found = results.judge(dataset, lifter, source, progress=progress)
    if found.note:
        print(f"note: {found.note}", file=sys.stderr)
    own = paper_table.own_rows(found.evaluation(), found.checkpoint)
    text = report.write(
        dataset,
        measures.sums(found),
        (*paper_table.published_rows(dataset, 17), *own),
        command=shlex.join(["python", "-m", "core", *options.arguments]),
        date=options.date,
    )
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    print(f"{out}: {len(text.encode()):,} bytes")
    return 0
