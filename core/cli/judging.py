"""What `test`, `report` and `robustness` ask alike: the data, its 2D, and how it is read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from core.cli.arguments import add_precision, add_reading, add_statistics, reading_said
from core.cli.progress import ProgressLine

if TYPE_CHECKING:
    from core.dataset import Dataset

FORMATS = ("text", "markdown", "latex", "csv", "json")


def add_judged(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add what is judged, and how files are read that do not say it themselves.

    Args:
        parser: the command's.
        several: whether --load takes more than one checkpoint.
    """
    add = parser.add_argument
    add("--data_dir", default="data/", metavar="DATA",
        help="balancing, synthetic, a data set file, or a folder of .pth.tar files "
        "(default: data/)")  # fmt: skip
    if several:
        add("--load", nargs="+", metavar="CHECKPOINT",
            help="gt, detector or a file; several are compared (default: what suits the 2D "
            "input)")  # fmt: skip
    else:
        add("--load", metavar="CHECKPOINT",
            help="gt, detector, or a file (default: what suits the 2D input)")  # fmt: skip
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--use_hg", action="store_true",
                        help="2D from the data set's detector (hourglass, openpose)")  # fmt: skip
    source.add_argument("--input", metavar="SOURCE", help="2D source by name (default: gt)")
    add_reading(parser)
    add_precision(parser)
    add_statistics(parser)


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add --split; `split_of` reads it."""
    parser.add_argument("--split", choices=("test", "train", "all"), default="test",
                        help="whose subjects (default: test)")  # fmt: skip


def split_of(options: argparse.Namespace) -> Literal["test", "train"] | None:
    """Read --split; None is both."""
    return None if options.split == "all" else options.split


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add --format for a command that prints a table."""
    parser.add_argument("--format", choices=FORMATS, default="text",
        help="how to print the table: text (default), markdown, latex (for booktabs), csv or json, "
        "both with every digit")  # fmt: skip


def open_judged(
    options: argparse.Namespace, *, meanwhile: Callable[[], None] = lambda: None
) -> tuple[Dataset, str]:
    """Open the data, with progress, and settle on its 2D source.

    Args:
        options: what `add_judged` asked for.
        meanwhile: called again and again while data is converted, which takes long.

    Raises:
        PoseFormatError: it can't be read, or there is no such source.
    """
    from core.workflows import plain
    from core.workflows.open import open_dataset

    with ProgressLine("opening", "steps") as line:

        def report(what: str, done: int, in_all: int) -> None:
            meanwhile()
            line(done, in_all, what)

        spec = plain.joined(options.data_dir, reading_said(options))
        dataset = open_dataset(spec, progress=report)
    from core.workflows.evaluate import pick_source

    return dataset, pick_source(dataset, options.input, detector=options.use_hg)
