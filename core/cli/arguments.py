"""What the commands' options share: names, help, and one clear line on wrong use."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn, Protocol


class WrongUseError(Exception):
    """Options that can't be used together or as they are; the message is one sentence."""


class Commands(Protocol):
    """Where a command adds its parser (argparse keeps the type of it to itself)."""

    def add_parser(self, name: str, **options: Any) -> Parser: ...  # noqa: D102


class Parser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line, without the usage before it."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def underscored(arguments: Sequence[str]) -> list[str]:
    """Write --data-dir as --data_dir, the way the re-implementation spells its options."""
    spelled: list[str] = []
    for place, argument in enumerate(arguments):
        if argument == "--":
            return [*spelled, *arguments[place:]]
        name, equals, value = argument.partition("=")
        if name.startswith("--"):
            name = "--" + name[2:].replace("-", "_")
        spelled.append(name + equals + value)
    return spelled


def names(text: str) -> tuple[str, ...] | None:
    """Read "All" as None, and "Walking,Eating" as names."""
    if text.strip().lower() == "all":
        return None
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise argparse.ArgumentTypeError("expected a name, names with commas between, or All")
    return found


def whole_number(text: str) -> int:
    """Read an integer above 0."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, not {text!r}")
    return number


def positive(text: str) -> float:
    """Read a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return number


def picture_size(text: str) -> tuple[int, int]:
    """Read "1280x720" as width and height."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 1280x720, not {text!r}")
    return int(width), int(height)


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add what an array of poses is, where it does not say it itself.

    The names are `core.formats.plain_arrays`'s, which checks them: --help does without it.
    """
    group = parser.add_argument_group("for arrays that do not say what they are")
    group.add_argument("--joint_order", metavar="NAME",
        help="h36m17, h36m16, h36m32, mpii16, hourglass16, coco17, coco18, body25, body25b, "
        "halpe26 or mediapipe33")  # fmt: skip
    group.add_argument("--unit", metavar="UNIT",
        help="2D: px, normalised, fraction or screen; 3D: mm, cm, m or normalised")  # fmt: skip
    group.add_argument("--axes", metavar="AXES",
        help="2D: y-down or y-up; 3D: camera, camera-y-up, world-z-up or world-y-up")  # fmt: skip


def reading_said(options: argparse.Namespace, fps: float | None = None) -> dict[str, str]:
    """Collect what --joint_order, --unit and --axes say of an array, and its rate; else nothing."""
    said = {name: getattr(options, name) for name in ("joint_order", "unit", "axes")}
    given = {name: value for name, value in said.items() if value is not None}
    return {**given, "fps": f"{fps:g}"} if given and fps is not None else given


def add_statistics(parser: argparse.ArgumentParser) -> None:
    """Add --statistics, for checkpoints that do not carry their own."""
    parser.add_argument(
        "--statistics",
        metavar="WHERE",
        help="means and standard deviations for a checkpoint that has none: human36m (the "
        "published ones), or the data folder that it was trained on",
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add --precision, for figures that must not depend on the machine."""
    parser.add_argument(
        "--precision",
        choices=("auto", "float32"),
        default="auto",
        help="numbers that the network computes in: float32, or auto, what is fastest on this "
        "machine and changes no action by 0.02 mm (default: auto, as in the app)",
    )
