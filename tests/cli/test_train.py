"""`python -m core train`: options become a run; a line an epoch; wrong use in one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.training import Progress
from core.workflows.open import open_checkpoint
from core.workflows.training_run import TrainingRun
from tests.cli.conftest import one_line


def step(epoch: int, *, done: bool = True, error: float | None = None) -> Progress:
    return Progress(epoch, 3, epoch * 10, 30, 0.05, 1e-3, 12_345.0, error, done)


@pytest.fixture
def runs(monkeypatch) -> list[TrainingRun]:
    """Replace training; the runs that were asked for."""
    asked: list[TrainingRun] = []

    def train(run: TrainingRun) -> Iterator[Progress]:
        asked.append(run)
        yield step(1, done=False)
        yield step(1, error=80.0)
        yield step(2, error=70.0)
        yield step(3, error=75.0)

    monkeypatch.setattr("core.workflows.train.train", train)
    return asked


def test_an_epoch_is_a_line_and_the_end_says_where_it_is(run, runs):
    said = run("train", "--data_dir", "d", "--exp", "mine")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[1] == (
        "epoch   2 of 3, loss 0.0500, test 70.0 mm (Protocol #1), lr 1.00e-03, 12,345 poses/s"
    )
    assert lines[3] == (
        "runs/mine: ckpt_best.safetensors, ckpt_last.safetensors, best test error 70.0 mm"
    )


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [("--seed", "9" * 30, "a whole number below 2^63"),
     ("--linear_size", "9" * 9, "GB of memory here; a smaller --linear_size"),
     ("--num_stage", "9" * 9, "GB of memory here; a smaller --linear_size or --num_stage"),
     ("--at_most", "1", "1 training samples; at least 2 were expected")],
)  # fmt: skip
def test_values_that_nothing_can_be_trained_with_are_one_line(run, tmp_path, option, value, says):
    arguments = ["--data_dir", "synthetic", "--ckpt", tmp_path, "--epochs", "1"]
    assert says in one_line(run("train", *arguments, option, value))


def test_who_has_learnt_nothing_is_told_so(run, tmp_path):
    tiny = ["--linear_size", "8", "--num_stage", "1", "--at_most", "600", "--test_at_most", "200"]
    arguments = ["--data_dir", "synthetic", "--ckpt", tmp_path, *tiny, "--epochs", "3"]
    exploded = run("train", *arguments, "--exp", "a", "--lr", "1e6")
    assert exploded.code == 0
    assert "the network has learnt nothing: the mean pose has 1; a lower --lr" in exploded.err
    learnt = run("train", *arguments, "--exp", "b", "--lr", "0.03", "--dropout", "0")
    assert learnt.code == 0
    assert "learnt nothing" not in learnt.err


def test_the_best_of_a_resumed_run_is_the_whole_runs(run, tmp_path):
    tiny = ["--linear_size", "8", "--num_stage", "1", "--at_most", "600", "--test_at_most", "200"]
    said = run("train", "--data_dir", "synthetic", "--ckpt", tmp_path, "--exp", "x",
               "--load", "gt", "--epochs", "1", *tiny[4:])  # fmt: skip
    best = said.out.rpartition("best test error ")[2]
    again = run("train", "--ckpt", tmp_path, "--exp", "x", "--resume", "--epochs", "2")
    assert float(again.out.rpartition("best test error ")[2].split()[0]) <= float(best.split()[0])


@pytest.mark.parametrize(
    ("arguments", "part", "expected"),
    [
        ([], "training", {"epochs": 200, "train_batch": 64, "lr": 1e-3, "max_norm": 1.0}),
        ([], "training", {"lr_decay": 100_000, "lr_gamma": 0.96}),
        ([], "network", {"linear_size": 1024, "num_stage": 2, "dropout": 0.5}),
        (["--linear_size", "64"], "network", {"linear_size": 64}),
        (["--num_stage", "3"], "network", {"num_stage": 3}),
        (["--dropout", "0", "--no_batch_norm"], "network", {"dropout": 0.0, "batch_norm": False}),
        (["--no-residual"], "network", {"residual": False}),
        (["--epochs", "3", "--seed", "7"], "training", {"epochs": 3, "seed": 7}),
        (["--train_batch", "32", "--lr", "0.01"], "training", {"train_batch": 32, "lr": 0.01}),
        (["--max_norm"], "training", {"max_norm": 1.0}),
        (["--max", "2.5"], "training", {"max_norm": 2.5}),
        (["--no_max"], "training", {"max_norm": None}),
        (["--no_max", "--clip_weights"], "training", {"clip_weights": True, "max_norm": None}),
        (["--schedule", "one_cycle", "--warm_up", "0.2"], "training",
         {"schedule": "one_cycle", "warm_up": 0.2}),
        (["--precision", "bfloat16", "--loss", "distance"], "training",
         {"precision": "bfloat16", "loss": "distance"}),
        (["--lr_decay", "5", "--lr_gamma", "0.5", "--test_batch", "9"], "training",
         {"lr_decay": 5, "lr_gamma": 0.5, "test_batch": 9}),
        ([], "exposure", {"flip": False, "jitter_deg": 0.0, "noise_px": 0.0, "actions": None,
                          "source": "gt", "cameras": "recorded", "frame": "camera"}),
        (["--flip", "--noise_px", "3"], "exposure", {"flip": True, "noise_px": 3.0}),
        (["--cameras", "rig", "--jitter_deg", "2"], "exposure",
         {"cameras": "rig", "jitter_deg": 2.0}),
        (["--frame", "world", "--source", "cpn", "--at_most", "99"], "exposure",
         {"frame": "world", "source": "cpn", "at_most": 99}),
        (["--action", "Sitting,Walking"], "exposure", {"actions": ("Sitting", "Walking")}),
        (["--action", "All"], "exposure", {"actions": None}),
    ],
)  # fmt: skip
def test_options_reach_the_training(run, runs, arguments, part, expected):
    assert run("train", *arguments).code == 0
    config: Any = getattr(runs[0].recipe, part)
    assert {name: getattr(config, name) for name in expected} == expected


def test_the_run_knows_its_folder_data_and_command(run, runs):
    run("train", "--data-dir", "d", "--ckpt", "all", "--exp", "a b", "--half", "--threads", "2")
    asked = runs[0]
    assert (asked.data_dir, str(asked.exp), asked.half, asked.threads) == ("d", "all/a b", True, 2)
    assert asked.command == (
        "python -m core train --data_dir d --ckpt all --exp 'a b' --half --threads 2"
    )


def test_use_hg_trains_on_the_detectors_2d(run, runs, toys):
    run("train", "--data_dir", toys / "toy.safetensors", "--use_hg")
    assert runs[0].recipe.exposure.source == "hourglass"


def test_ctrl_c_says_what_is_kept(run, monkeypatch):
    def train(_: TrainingRun) -> Iterator[Progress]:
        yield step(1, error=80.0)
        raise KeyboardInterrupt

    monkeypatch.setattr("core.workflows.train.train", train)
    said = run("train", "--exp", "mine")
    assert said.code == 130
    assert said.err == (
        "python -m core train: stopped after step 10 of 30; --resume continues runs/mine\n"
    )


def test_a_training_that_diverged_ends_with_1(run, monkeypatch):
    def train(_: TrainingRun) -> Iterator[Progress]:
        yield step(1, error=80.0)
        raise FloatingPointError("the loss is not finite after step 12")

    monkeypatch.setattr("core.workflows.train.train", train)
    said = run("train")
    assert (said.code, said.err) == (
        1, "python -m core train: the loss is not finite after step 12\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "secret"], "there is no recipe 'secret'; the recipes are paper"),
        (["--epochs", "0"], "argument --epochs: expected a whole number above 0, not '0'"),
        (["--dropout", "1"], "expected a number from 0 to below 1, not '1'"),
        (["--train_batch", "1"], "batches of at least 2 samples"),
        (["--lr", "nan"], "expected a number above 0, not 'nan'"),
        (["--no_max", "--max_norm"], "not allowed with argument"),
        (["--data_dir", "nowhere", "--use_hg"], "nowhere: no such file or folder"),
        (["--use_hg", "--source", "gt"], "not allowed with argument"),
        (["--jitter_deg", "2"], "recorded 2D can't be seen from other cameras; take the cameras"),
        (["--cameras", "rig", "--frame", "world"], "the world's axes are for recorded views only"),
        (["--resume", "--lr", "0.1"], "the run's own options, so --lr can't be given"),
        (["--resume", "--use_hg"], "the run's own options, so --use_hg can't be given"),
        (["--resume", "--exp", "none"], "runs/none: holds no training run: run.json can't be read"),
        (["--test"], "testing is a command of its own: python -m core test"),
    ],
)
def test_wrong_use_is_one_line(run, arguments, message):
    assert message in one_line(run("train", *arguments))


def test_a_tiny_training_runs_and_its_checkpoint_opens(run, toys, tmp_path):
    said = run(
        "train", "--data_dir", toys / "toy.safetensors", "--ckpt", tmp_path, "--exp", "x",
        "--epochs", "2", "--linear_size", "8", "--num_stage", "1", "--train_batch", "2",
    )  # fmt: skip
    assert said.code == 0
    assert said.out.startswith("epoch   1 of 2, loss ")
    trained = open_checkpoint(tmp_path / "x" / "ckpt_best.safetensors")
    assert trained.config.linear_size == 8
    assert "--linear_size 8" in str(trained.provenance["command"])


def test_a_run_is_not_overwritten_by_typing_its_command_again(run, toys, tmp_path):
    command = ("train", "--data_dir", toys / "toy.safetensors", "--ckpt", tmp_path, "--exp", "x",
               "--epochs", "1", "--linear_size", "8", "--train_batch", "2")  # fmt: skip
    assert run(*command).code == 0
    assert "x: holds a run already (state.safetensors); --resume continues it" in one_line(
        run(*command)
    )
    assert run(*command, "--overwrite").code == 0


def test_a_run_is_resumed_with_its_own_options_and_to_more_epochs(run, toys, tmp_path):
    place = ("--ckpt", tmp_path, "--exp", "x")
    run("train", "--data_dir", toys / "toy.safetensors", *place, "--epochs", "1",
        "--linear_size", "8", "--train_batch", "2", "--seed", "5")  # fmt: skip
    said = run("train", *place, "--resume", "--epochs", "3")
    assert said.code == 0
    assert [line[:14] for line in said.out.splitlines()[:2]] == ["epoch   2 of 3", "epoch   3 of 3"]
    resumed = open_checkpoint(tmp_path / "x" / "ckpt_last.safetensors").provenance
    assert resumed["recipe"]["training"]["seed"] == 5
