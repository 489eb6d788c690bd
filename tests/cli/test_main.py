"""The front of the command line: help, version, exit codes, one line on wrong use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import main
from core.cli.arguments import underscored
from core.cli.progress import ProgressLine
from tests.cli.conftest import one_line

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("test", "robustness", "predict", "prepare", "info", "train")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_command_or_with_help_the_commands_are_listed(run, arguments):
    said = run(*arguments)
    assert said.code == 0
    for command in COMMANDS:
        assert f"\n    {command}" in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_its_help(run, command):
    said = run(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"usage: python -m core {command}")


def test_the_version_is_the_projects(run):
    assert run("--version").out == "python -m core 0.1.0\n"


def test_an_unknown_command_or_option_is_one_line(run):
    assert "invalid choice: 'tst'" in one_line(run("tst"))
    assert one_line(run("test", "--nonsense")) == (
        "python -m core: unrecognized arguments: --nonsense (see python -m core --help)\n"
    )


def test_options_may_be_written_with_dashes():
    assert underscored(["--data-dir", "a-b", "--use-hg", "--x-y=c-d", "--", "--e-f"]) == [
        "--data_dir", "a-b", "--use_hg", "--x_y=c-d", "--", "--e-f"
    ]  # fmt: skip


def test_help_needs_neither_torch_nor_numpy():
    code = (
        "import sys; from core.cli import main; main(['--help']); "
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True)
    assert done.returncode == 0


def test_the_module_runs_and_hands_on_its_exit_code():
    done = subprocess.run(
        [sys.executable, "-m", "core", "info", "nowhere"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "python -m core info: nowhere: no such file or folder\n"


def test_ctrl_c_ends_with_a_line_and_130(run, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.workflows.info.describe", interrupted)
    said = run("info", "balancing")
    assert (said.code, said.err) == (130, "python -m core info: stopped\n")


def test_a_reader_that_left_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "core", "--help"], cwd=ROOT, check=False, stdout=gone,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_can_not_be_written_is_one_line(run, toys, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "x.csv")

    monkeypatch.setattr("core.workflows.predict.read_2d", full)
    said = run("predict", "a.npz", "--out", toys / "x.csv")
    assert one_line(said) == "python -m core predict: x.csv: No space left on device\n"


def test_a_message_of_several_lines_becomes_one(run, monkeypatch):
    from core.errors import PoseFormatError

    def broken(*_: object, **__: object) -> None:
        raise PoseFormatError("first\n  second", file="f")

    monkeypatch.setattr("core.workflows.open.open_dataset", broken)
    assert one_line(run("test")) == "python -m core test: f: first second\n"


class Screen:
    def __init__(self, on_terminal: bool) -> None:
        self.text, self.on_terminal = "", on_terminal

    def isatty(self) -> bool:
        return self.on_terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_on_a_terminal_progress_rewrites_its_line_and_leaves_nothing(monkeypatch):
    screen = Screen(True)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("core.cli.progress.EVERY_S_ON_TERMINAL", 0)
    with ProgressLine("testing", "frames") as line:
        line(1000, 2000, "S9")
        assert screen.text.startswith("\r\x1b[Ktesting: 1,000 of 2,000 frames, 0 s left (S9)")
    assert screen.text.endswith("\r\x1b[K")
    assert "\n" not in screen.text


def test_elsewhere_progress_is_whole_lines_now_and_then(monkeypatch):
    screen = Screen(False)
    monkeypatch.setattr("sys.stderr", screen)
    with ProgressLine("testing", "frames") as line:
        line(1, 2)
        assert screen.text == ""
        monkeypatch.setattr("core.cli.progress.EVERY_S_ELSEWHERE", 0)
        line(2, 2)
    assert screen.text == "testing: 2 of 2 frames, 0 s left\n"


def test_main_takes_the_programs_arguments(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["core", "--version"])
    assert main() == 0
    assert "0.1.0" in capsys.readouterr().out
