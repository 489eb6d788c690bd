"""A run's folder: what was written is read, by whoever, whenever, also after a crash."""

from __future__ import annotations

import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import run_log, runs
from core.errors import PoseFormatError
from core.processes import Process, this_process
from core.run_log import Epoch, Log, Step
from core.runs import Run


def made(folder: Path, **fields: object) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    known = {"state": "running", "process": this_process(), "epochs": 3, "steps_per_epoch": 10,
             "samples": 640, "started": 100.0}  # fmt: skip
    run = Run(folder, **{**known, **fields})  # type: ignore[arg-type]
    runs.write_run(run)
    return run


def step(number: int, epoch: int = 1) -> Step:
    return Step(100.0 + number, epoch, number, 0.5, 1e-3, 1000.0)


def epoch(number: int, error: float | None = 70.0) -> Epoch:
    return Epoch(100.0, number, 10 * number, 0.4, 1e-3, 800.0, test_mpjpe_mm=error,
                 by_action={"walk": 60.5, "run, fast": 71.0})  # fmt: skip


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def process_of(sleeper: subprocess.Popen[bytes]) -> Process:
    from core.processes import _started

    return Process(sleeper.pid, _started(sleeper.pid), this_process().host)


def test_what_is_written_of_a_run_is_read(tmp_path: Path) -> None:
    run = made(
        tmp_path / "a run", message="why", argv=("train", "--exp", "a run"), resumed_from=(10, 20),
        options={"name": "paper", "network": {"dropout": 0.5}}, data={"spec": "d"}, ended=3.5,
    )  # fmt: skip
    assert runs.read_run(tmp_path / "a run") == run
    assert (run.name, run.steps) == ("a run", 30)


def test_what_is_logged_is_read_in_order(tmp_path: Path) -> None:
    for line in (step(5), epoch(1), step(15, 2), epoch(2, None)):
        run_log.append(tmp_path, line)
    log = run_log.read_log(tmp_path)
    assert log == Log((step(5), step(15, 2)), (epoch(1), epoch(2, None)))
    assert log.last == epoch(2, None)
    assert log.best == epoch(1)


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    run_log.append(tmp_path, step(5))
    with (tmp_path / run_log.LOG).open("a") as file:
        file.write('{"kind": "step", "time": 1')
    assert run_log.read_log(tmp_path).steps == (step(5),)
    assert run_log.read_log(tmp_path / "nowhere") == Log()


WHOLE = {"time": 1, "epoch": 1, "step": 1, "loss": 1, "lr": 1, "samples_per_s": 1}


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        "[1, 2]",
        json.dumps({"kind": "song", **WHOLE}),
        json.dumps({"kind": "step", **WHOLE, "loss": "low"}),
        json.dumps({"kind": "step", **WHOLE, "loss": None}),
        json.dumps({"kind": "step", **WHOLE, "loss": float("nan")}),
        json.dumps({"kind": "step", "time": 1, "step": 1}),
        json.dumps({"kind": "epoch", **WHOLE, "by_action": {"walk": "far"}}),
        json.dumps({"kind": "epoch", **WHOLE, "by_action": 7}),
    ],
)
def test_foreign_lines_are_left_out_and_counted(tmp_path: Path, line: str) -> None:
    run_log.append(tmp_path, step(5))
    with (tmp_path / run_log.LOG).open("a") as file:
        file.write(f"{line}\n")
    run_log.append(tmp_path, epoch(1))
    with (tmp_path / run_log.LOG).open("a") as file:
        file.write('{"kind": "st')
    assert run_log.read_log(tmp_path) == Log((step(5),), (epoch(1),), skipped=1)


def test_a_log_that_grows_is_read_on_and_one_that_was_cut_anew(tmp_path: Path) -> None:
    follower = run_log.LogFollower(tmp_path)
    assert follower.read() == Log(), "there is none yet"
    run_log.append(tmp_path, step(5))
    assert follower.read() == Log((step(5),))
    with (tmp_path / run_log.LOG).open("a") as file:
        file.write("broken\n")
        file.write('{"kind": "st')
    assert follower.read() == Log((step(5),), skipped=1)
    with (tmp_path / run_log.LOG).open("a") as file:
        file.write('ory"}\n')
    run_log.append(tmp_path, epoch(1))
    run_log.append(tmp_path, step(15, 2))
    known = follower.read()
    assert known == Log((step(5), step(15, 2)), (epoch(1),), skipped=2)
    assert known == run_log.read_log(tmp_path)
    assert follower.read() is known, "nothing new"
    run_log.cut(tmp_path, 10, 1)
    run_log.append(tmp_path, step(11, 2))
    cut = Log((step(5), step(11, 2)), (epoch(1),), skipped=1)
    assert follower.read() == run_log.read_log(tmp_path) == cut


def test_an_epoch_that_was_told_of_but_not_kept_is_told_once(tmp_path: Path) -> None:
    for line in (epoch(1), step(19, 2), epoch(2)):
        run_log.append(tmp_path, line)
    run_log.cut(tmp_path, run_log.read_log(tmp_path).epochs[-1].step, 1)
    assert [e.epoch for e in run_log.read_log(tmp_path).epochs] == [1]
    assert len(run_log.read_log(tmp_path).steps) == 1


def test_a_log_cut_at_a_step_goes_on_as_if_nothing_had_come_after(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
        for line in (step(5), epoch(1)):
            run_log.append(folder, line)
    for line in (step(15, 2), epoch(2)):
        run_log.append(cut, line)
    run_log.cut(cut, 10, 1)
    for name in (run_log.LOG, run_log.TABLE):
        assert (whole / name).read_bytes() == (cut / name).read_bytes()
    run_log.append(cut, epoch(2))
    assert [e.epoch for e in run_log.read_log(cut).epochs] == [1, 2]


def test_the_table_has_a_row_an_epoch_and_a_column_an_action(tmp_path: Path) -> None:
    for line in (step(5), epoch(1), epoch(2, None)):
        run_log.append(tmp_path, line)
    rows = list(csv.DictReader((tmp_path / run_log.TABLE).open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["test_mpjpe_mm"] for row in rows] == ["70.0", ""]
    assert rows[0]["test_mpjpe_mm run, fast"] == "71.0"


def test_the_time_left_follows_from_the_latest_speed(tmp_path: Path) -> None:
    run = made(tmp_path)
    log = Log((step(5),), (epoch(1),))
    assert run.seconds_left(log) == pytest.approx(2 * 640 / 800.0)
    assert run.seconds_left(Log()) is None
    assert dataclasses.replace(run, steps_per_epoch=0).seconds_left(log) is None


def test_runs_are_found_in_folders_the_latest_first_and_broken_ones_left(tmp_path: Path) -> None:
    first = made(tmp_path / "one", started=1.0)
    second = made(tmp_path / "ablation" / "full" / "seed0", started=2.0)
    made(tmp_path / "broken")
    (tmp_path / "broken" / runs.RUN).write_text("{")
    assert runs.find_runs(tmp_path) == [second, first]
    assert runs.find_runs(tmp_path / "one") == [first]
    assert runs.find_runs(tmp_path / "nowhere") == []


def test_a_run_lives_as_long_as_its_process(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    run = made(tmp_path, process=process_of(sleeper))
    assert run.is_alive()
    assert run.status == "running"
    sleeper.kill()
    while sleeper.poll() is None and run.is_alive():
        time.sleep(0.01)
    assert not run.is_alive(), "a process that is dead but not yet waited for is dead"
    assert str(run.status) == "killed"


def test_another_process_with_the_same_number_is_not_the_run(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    run = made(tmp_path, process=dataclasses.replace(process_of(sleeper), started="long ago"))
    assert not run.is_alive()
    assert not runs.request_stop(run)
    assert sleeper.poll() is None


def test_a_run_of_another_machine_lives_while_its_files_change(tmp_path: Path) -> None:
    run = made(tmp_path, process=Process(1, "boot 1", "elsewhere"))
    assert run.is_alive()
    assert not runs.request_stop(run)
    import os

    os.utime(tmp_path / runs.RUN, (1.0, 1.0))
    assert not run.is_alive()


def test_a_stop_reaches_the_process_once(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    run = made(tmp_path, process=process_of(sleeper))
    assert runs.request_stop(run)
    assert sleeper.wait(10) == -signal.SIGTERM
    assert not runs.request_stop(run)
    assert not runs.request_stop(runs.ended(run, "done"))


def test_a_run_can_be_resumed_if_it_left_a_state_and_is_not_done(tmp_path: Path) -> None:
    stopped = made(tmp_path, state="stopped")
    assert not stopped.can_resume
    (tmp_path / runs.STATE).touch()
    assert stopped.can_resume
    assert not runs.ended(stopped, "done").can_resume
    assert not made(tmp_path).can_resume, "it is running"


def test_data_that_was_named_from_another_folder_is_found_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.safetensors").touch()
    monkeypatch.chdir(tmp_path)

    def spec(asked: str) -> str:
        return Run(tmp_path, "done", data={"spec": asked, "cwd": str(tmp_path / "there")}).data_spec

    assert spec("mine.safetensors") == str(tmp_path / "there" / "mine.safetensors")
    assert spec("synthetic") == "synthetic"
    (tmp_path / "mine.safetensors").touch()
    assert spec("mine.safetensors") == "mine.safetensors", "what is here comes first"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no training run: run.json can't be read"),
        ("{", "run.json: is not JSON"),
        ("[]", 'does not say "format": "pose-baseline-run"'),
        ('{"format": "pose-baseline-run", "version": 9}', "has version 9; this program reads"),
        ({"state": "asleep"}, "state: is 'asleep'; expected one of running, stopped"),
        ({"process": 3}, "lacks what a run has"),
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"started": [1]}, r"started is \[1\]"),
        ({"options": "all"}, "lacks what a run has"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, content: object, message: str) -> None:
    if isinstance(content, dict):
        made(tmp_path)
        said = json.loads((tmp_path / runs.RUN).read_text())
        content = json.dumps({**said, **content})
    if content is not None:
        (tmp_path / runs.RUN).write_text(str(content))
    with pytest.raises(PoseFormatError, match=message):
        runs.read_run(tmp_path)


def test_a_file_that_cant_be_replaced_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        runs.write_run(runs.ended(run, "done"))
    assert runs.read_run(tmp_path) == run
    assert [p.name for p in tmp_path.iterdir()] == [runs.RUN]
