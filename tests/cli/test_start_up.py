"""Help is there at once: nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import _parser

ROOT = Path(__file__).resolve().parents[2]

HEAVY = ("numpy", "torch", "streamlit", "plotly", "cv2", "safetensors")


def commands() -> list[str]:
    (choices,) = (a.choices for a in _parser()._actions if a.dest == "command")
    assert choices is not None
    return sorted(choices)


CALLS = [[], ["--help"], ["--version"], *([command, "--help"] for command in commands())]


@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from core.cli import main; code = main(sys.argv[1:]); "
        f"found = [m for m in {HEAVY!r} if m in sys.modules]; "
        "sys.exit(' '.join(found) or code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{arguments} imports {done.stderr}"
    assert done.stdout


def test_every_command_is_covered():
    assert {"test", "predict", "export", "info", "prepare", "train"} <= set(commands())
