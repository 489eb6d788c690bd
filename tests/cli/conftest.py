"""Toy files on disk, and a way to run a command and see what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from core import checkpoint
from core.cli import main
from core.formats import dataset_file
from tests.toys import toy_checkpoint, toy_dataset


class Said(NamedTuple):
    """A command's exit code and what it wrote."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_command(*arguments: str | Path) -> Said:
        code = main([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return run_command


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder: data toy.safetensors, weights.safetensors, and bare without statistics."""
    folder = tmp_path_factory.mktemp("toys")
    dataset_file.write(folder / "toy.safetensors", toy_dataset())
    checkpoint.save(folder / "weights.safetensors", toy_checkpoint())
    checkpoint.save(folder / "bare.safetensors", toy_checkpoint(statistics=False))
    return folder


def one_line(said: Said) -> str:
    """Check that a command refused with exit code 2 and one line; return the line."""
    assert said.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    return said.err
