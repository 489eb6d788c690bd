"""Runs that are killed, stopped, out of disk, or shared by processes end as one left alone."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

from core import checkpoint, run_log, runs
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import dataset_file, reimplementation_checkpoint
from core.processes import Process
from core.run_log import read_log
from core.runs import BEST, LAST, STATE, read_run
from core.workflows import train as workflow
from core.workflows.recipes import recipe
from core.workflows.train import train
from core.workflows.training_run import TrainingRun, resumption
from tests.workflows.test_train import TINY, data, made

__all__ = ["data"]

ROOT = Path(__file__).resolve().parents[2]

OPTIONS = {**TINY, "epochs": 4, "train_batch": 9, "dropout": 0.4}


def run_of(folder: Path, **fields: object) -> TrainingRun:
    known = {"threads": 1, "tensorboard": False, **fields}
    return TrainingRun("made", folder, recipe("paper", **OPTIONS), **known)  # type: ignore


def result(folder: Path) -> tuple[object, ...]:
    """What must not depend on interruptions: weights, best epoch, and the curve."""
    curve = [(e.epoch, e.step, e.loss, e.test_mpjpe_mm, e.train_mpjpe_mm, e.by_action)
             for e in read_log(folder).epochs]  # fmt: skip
    return checkpoint.load(folder / LAST).digest, checkpoint.load(folder / BEST).digest, curve


@pytest.fixture
def whole(tmp_path: Path, data: Dataset) -> tuple[object, ...]:
    list(train(run_of(tmp_path / "whole")))
    return result(tmp_path / "whole")


@pytest.mark.parametrize("reports", [1, 5, 7, 12, 13, 20])
def test_a_run_stopped_anywhere_goes_on_to_the_same_end(
    tmp_path: Path, whole: tuple[object, ...], reports: int
) -> None:
    folder = tmp_path / "parts"
    running = train(run_of(folder, save_steps=1))
    list(islice(running, reports))
    running.close()  # type: ignore[attr-defined]
    stopped = read_run(folder)
    assert (stopped.state, stopped.can_resume) == ("stopped", True)
    list(train(resumption(run_of(folder))))
    assert result(folder) == whole
    done = read_run(folder)
    assert (done.status, len(done.resumed_from), done.can_resume) == ("done", 1, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(
    tmp_path: Path, whole: tuple[object, ...], number: signal.Signals
) -> None:
    folder = tmp_path / "parts"
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        for progress in train(run_of(folder, save_steps=1)):
            if progress.step == 8:
                os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
    assert read_run(folder).state == "stopped"
    list(train(resumption(run_of(folder))))
    assert read_run(folder).resumed_from == (9,)
    assert result(folder) == whole


def test_a_stop_that_a_page_asks_for_reaches_a_run(
    tmp_path: Path, whole: tuple[object, ...]
) -> None:
    folder = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        for progress in train(run_of(folder, save_steps=1)):
            if progress.step == 3:
                assert runs.request_stop(read_run(folder))
    assert read_run(folder).state == "stopped"


@pytest.mark.parametrize("file", [STATE, LAST, run_log.LOG])
def test_a_full_disk_ends_a_run_with_one_sentence_and_the_last_good_state(
    tmp_path: Path, whole: tuple[object, ...], monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    folder = tmp_path / "parts"
    honest = Path.open

    def full(path: Path, mode: str = "r", *arguments: object, **named: object) -> object:
        if path.name.removesuffix(".part") == file and mode[0] in "wa" and fill:
            raise OSError(28, "No space left on device")
        return honest(path, mode, *arguments, **named)  # type: ignore[call-overload]

    fill = False
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(PoseFormatError, match="No space left on device"):
        for progress in train(run_of(folder)):
            fill = progress.epoch == 2
    failed = read_run(folder)
    assert failed.state == "failed"
    assert "No space left on device" in failed.message
    assert failed.can_resume
    fill = False
    list(train(resumption(run_of(folder))))
    assert result(folder) == whole


def test_a_diverged_run_keeps_its_last_good_state_and_says_so(
    tmp_path: Path, data: Dataset
) -> None:
    hot = recipe("paper", **{**OPTIONS, "epochs": 300, "lr": 1e30, "no_max": True})
    run = dataclasses.replace(run_of(tmp_path / "hot"), recipe=hot)
    with pytest.raises((FloatingPointError, PoseFormatError)):
        list(train(run))
    assert read_run(tmp_path / "hot").state == "failed"
    assert read_run(tmp_path / "hot").message


def test_other_data_cant_be_slipped_under_a_run(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(train(run_of(tmp_path / "run")))
    other = dataclasses.replace(made(), digest="other")
    monkeypatch.setattr(workflow, "open_dataset", lambda _: other)
    with pytest.raises(PoseFormatError, match="is other data than the run was started with"):
        list(train(resumption(run_of(tmp_path / "run"), epochs=9)))


def test_a_run_that_is_under_way_elsewhere_is_left_alone(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path / "run")))
    alive = dataclasses.replace(
        read_run(tmp_path / "run"), state="running", process=Process(7, "then", "elsewhere")
    )
    runs.write_run(alive)
    for wanted in (run_of(tmp_path / "run", overwrite=True), resumption(run_of(tmp_path / "run"))):
        with pytest.raises(PoseFormatError, match=r"a training is under way here \(process 7 on"):
            list(train(wanted))


def test_a_damaged_state_is_named(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path / "run")))
    path = tmp_path / "run" / STATE
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(PoseFormatError, match=r"state\.safetensors: is cut short or damaged"):
        list(train(resumption(run_of(tmp_path / "run"), epochs=9)))


def test_the_re_implementations_checkpoints_are_written_too(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path / "run", pth_tar=True)))
    ours = checkpoint.load(tmp_path / "run" / LAST)
    theirs = reimplementation_checkpoint.read(tmp_path / "run" / "ckpt_last.pth.tar")
    assert (theirs["epoch"], theirs["step"]) == (4, 24)
    assert all(torch.equal(ours.state[n], theirs["state_dict"][n]) for n in ours.state)
    assert (tmp_path / "run" / "ckpt_best.pth.tar").is_file()


def test_tensorboard_reads_the_curve(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path / "run", tensorboard=True)))
    (events,) = (tmp_path / "run").glob("events*")
    assert b"test/mpjpe_mm" in events.read_bytes()


# One process imports PyTorch once and forks a run time after time, killing it at random moments.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from core.runs import read_run
from core.workflows.recipes import recipe
from core.workflows.train import train
from core.workflows.training_run import TrainingRun, resumption
data, folder, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
options = dict(linear_size=64, num_stage=1, epochs=30, train_batch=9, dropout=0.4)
run = TrainingRun(data, folder, recipe("paper", **options), threads=1, save_steps=2,
                  tensorboard=False)
chance = random.Random(7)
killed = 0
def told():
    try:
        return (folder / "log.jsonl").read_bytes().count(b"\\n")
    except OSError:
        return 0
while True:
    before = told()
    child = os.fork()
    if not child:
        left = (folder / "state.safetensors").is_file()
        for _ in train(resumption(run) if left else run):
            pass
        os._exit(0)
    # By progress and then by time, so that a slow machine is killed at the same places.
    wanted, over = chance.randint(2, 14), (0, 0)
    while killed < kills and over == (0, 0) and abs(told() - before) < wanted:
        time.sleep(0.001)
        over = os.waitpid(child, os.WNOHANG)
    if over == (0, 0):
        if killed < kills:
            time.sleep(chance.uniform(0, 0.03))
            os.kill(child, signal.SIGKILL)
        over = os.waitpid(child, 0)
    if not os.WIFSIGNALED(over[1]):
        break
    killed += 1
print(killed, len(read_run(folder).resumed_from))
"""


def test_a_run_killed_at_random_moments_ends_as_one_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    dataset_file.write(path, made())
    options = {"linear_size": 64, "num_stage": 1, "epochs": 30, "train_batch": 9, "dropout": 0.4}
    alone = TrainingRun(str(path), tmp_path / "whole", recipe("paper", **options), threads=1)
    list(train(alone))
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(path), str(tmp_path / "killed"), "5"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    killed, resumed = (int(word) for word in done.stdout.split())
    assert killed == 5, "a kill came too late"
    assert resumed >= 4, "runs were killed before they had saved anything"
    assert result(tmp_path / "killed") == result(tmp_path / "whole")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    dataset_file.write(path, made())
    options = {"linear_size": 64, "train_batch": 11, "epochs": 20}
    list(train(TrainingRun(str(path), tmp_path / "one", recipe("paper", **options), threads=1)))
    command = [sys.executable, "-m", "core", "train", "--data_dir", str(path), "--ckpt",
               str(tmp_path), "--exp", "two", "--device", "cpu", "--threads", "1",
               "--no_tensorboard"]  # fmt: skip
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    said = []
    for process in started:
        lines, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors.decode()
        said.append(len(lines.splitlines()))
    assert said == [21, 0], "one process tells"
    one, two = (checkpoint.load(tmp_path / name / LAST) for name in ("one", "two"))
    assert read_log(tmp_path / "two").epochs[-1].step == 100
    for name, tensor in one.state.items():
        apart = float((tensor.float() - two.state[name].float()).abs().max())
        assert apart < 1e-5, f"{name} differs by {apart}"
    losses = [[e.loss for e in read_log(tmp_path / name).epochs] for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
