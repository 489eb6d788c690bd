"""Runs in figures: how far, how good, how long still, and in which options they differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import run_log, runs
from core.processes import this_process
from core.run_log import Epoch, Step
from core.runs import Run
from core.workflows import watch


def made(folder: Path, epochs: int = 0, **fields: Any) -> Path:
    """Write a run of 10 epochs with 100 steps each; an epoch took 30 s."""
    folder.mkdir(parents=True)
    known: dict[str, Any] = {"state": "running", "process": this_process(), "epochs": 10,
                             "steps_per_epoch": 100, "samples": 6400, "started": 1.0}  # fmt: skip
    runs.write_run(Run(folder, **{**known, **fields}))
    for n in range(1, epochs + 1):
        run_log.append(folder, Step(30.0 * n - 9, n, 100 * n - 50, 0.2, 1e-3, 640.0))
        run_log.append(
            folder,
            Epoch(30.0 * n, n, 100 * n, 0.1, 1e-3, 640.0, 100.0 - n, 80.0 - n, 70.0 - n,
                  {"Walking": 50.0 - n}),
        )  # fmt: skip
    return folder


def only(folder: Path) -> watch.Watched:
    (found,) = watch.in_folder(folder)
    return found


def test_a_run_is_named_by_its_place_in_the_folder(tmp_path: Path) -> None:
    made(tmp_path / "all" / "ablation" / "full")
    assert only(tmp_path / "all").name == "ablation/full"
    assert only(tmp_path / "all" / "ablation" / "full").name == "full"


def test_what_is_done_is_told_in_epochs_and_shares(tmp_path: Path) -> None:
    run = only(made(tmp_path / "a", 4))
    assert (run.epochs_done, run.share) == (4, 0.4)
    assert run.log.best is not None
    assert run.log.best.test_mpjpe_mm == 96.0


def test_a_run_that_is_still_reading_its_data_has_nothing_done(tmp_path: Path) -> None:
    run = only(made(tmp_path / "a", steps_per_epoch=0))
    assert (run.epochs_done, run.share, run.seconds_left) == (0, 0.0, None)


def test_the_time_left_counts_the_tests_between_epochs_too(tmp_path: Path) -> None:
    assert only(made(tmp_path / "a", 4)).seconds_left == pytest.approx(6 * 30)


def test_the_time_left_forgets_the_pause_before_a_resume(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", 4)
    for n in (5, 6):
        run_log.append(folder, Epoch(90_000 + 30.0 * n, n, 100 * n, 0.1, 1e-3, 640.0, 95.0))
    assert only(folder).seconds_left == pytest.approx(4 * 30)


def test_the_first_epochs_time_follows_from_the_pace(tmp_path: Path) -> None:
    assert only(made(tmp_path / "a", 1)).seconds_left == pytest.approx(9 * 6400 / 640)


def test_a_run_that_does_not_go_on_has_no_time_left(tmp_path: Path) -> None:
    assert only(made(tmp_path / "a", 4, state="stopped")).seconds_left is None


def test_a_curve_holds_what_the_log_tells(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", 3)
    run_log.append(folder, Epoch(100.0, 4, 400, 0.1, 1e-3, 640.0))
    curve = watch.curve(only(folder), slot=2)
    assert (curve.name, curve.slot, curve.steps_per_epoch) == ("a", 2, 100)
    np.testing.assert_array_equal(curve.step, [50, 100, 150, 200, 250, 300, 400])
    np.testing.assert_array_equal(curve.epoch, [1, 2, 3, 4])
    np.testing.assert_array_equal(curve.test_mm, [99, 98, 97, np.nan])
    np.testing.assert_array_equal(curve.test_p_mm, [79, 78, 77, np.nan])
    np.testing.assert_array_equal(curve.train_mm, [69, 68, 67, np.nan])
    np.testing.assert_array_equal(curve.by_action["Walking"], [49, 48, 47, np.nan])
    assert curve.best == 2


def run_with(folder: Path, **network: Any) -> Run:
    options = {"name": "paper", "network": {"dropout": 0.5, "residual": True, **network}}
    return Run(folder, "done", options=options, data={"title": "CMU", "spec": "cmu.safetensors"})


def test_options_are_told_by_their_names_the_data_first(tmp_path: Path) -> None:
    told = watch.options_of(run_with(tmp_path))
    assert list(told.items()) == [
        ("data", "CMU"), ("recipe", "paper"), ("dropout", "0.5"), ("residual", "yes"),
    ]  # fmt: skip


def test_the_weights_that_a_run_started_from_are_told(tmp_path: Path) -> None:
    fresh = run_with(tmp_path)
    first, second = (
        replace(fresh, data={**fresh.data, "load": "gt", "started_from": digit * 64})
        for digit in "ab"
    )
    assert watch.differing([fresh, first, second]) == {
        "load": ("–", "gt (aaaaaaaa)", "gt (bbbbbbbb)")
    }


def test_only_what_differs_is_named(tmp_path: Path) -> None:
    first, second = run_with(tmp_path), run_with(tmp_path, dropout=0.0, max_norm=None)
    assert watch.differing([first, second]) == {"dropout": ("0.5", "0"), "max_norm": ("–", "none")}
    assert watch.differing([first, first]) == {}
    assert watch.differing([]) == {}
