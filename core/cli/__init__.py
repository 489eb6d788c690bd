"""The command line: `python -m core test`, `report`, `predict`, `export` and others.

One file a command; each imports what is heavy only when it runs, so that --help is instant.
Errors of files end here, as one line and exit code 2.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from core.cli import ablate, export, fetch, info, predict, prepare, report, robustness, test, train
from core.cli.arguments import Parser, WrongUseError, underscored
from core.errors import PoseFormatError

WRONG_USE, STOPPED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Returns:
        0; 2 after wrong use or a file that can't be used; 130 when stopped with Ctrl-C.
    """
    arguments = underscored(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    command = "python -m core"
    try:
        if not arguments:
            parser.print_help()
            return 0
        options = parser.parse_args(arguments)
        command = f"python -m core {options.command}"
        options.arguments = arguments
        code: int = options.run(options)
        sys.stdout.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except (PoseFormatError, WrongUseError) as error:
        return _say(command, str(error), WRONG_USE)
    except BrokenPipeError:
        # Whoever read our output (head, less) has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(command, f"{where}{error.strerror or error}", WRONG_USE)
    except KeyboardInterrupt:
        return _say(command, "stopped", STOPPED)
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="python -m core",
        description="Lift 2D human poses to 3D with the 2017 baseline; measure, train, convert.",
        epilog="Each command has its own --help. Options may be written with - or _.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (test, report, robustness, predict, prepare, info, train, ablate, export, fetch):
        module.add_to(commands)
    return parser


def _version() -> str:
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _say(command: str, message: str, code: int) -> int:
    one_line = " ".join(message.split())
    print(f"{command}: {one_line}", file=sys.stderr)
    return code
