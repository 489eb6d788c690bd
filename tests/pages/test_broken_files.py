"""Broken and hostile files through the app: each gives its message, none a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import checkpoint
from core.model import Lifter, LifterConfig
from tests.toys import toy_checkpoint

ROOT = Path(__file__).resolve().parents[2]
KEY = (9, "Walking", "Walking.54138969.h5")


@pytest.fixture
def files() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    return app.switch_page("pages/files.py").run()


def submit(app: AppTest, field: str, path: Path, label: str) -> str:
    """Give a path to one of the two forms and return what is said."""
    app.text_input(field).set_value(str(path))
    next(b for b in app.button if b.label == label).click().run()
    assert not app.exception
    messages = [*app.error, *app.success]
    assert len(messages) == 1
    return messages[0].value.replace("\\", "")


def open_data(app: AppTest, folder: Path) -> str:
    return submit(app, "dataset_path", folder, "Open the data set")


def load(app: AppTest, file: Path) -> str:
    return submit(app, "checkpoint_path", file, "Load the checkpoint")


class Evil:
    """Runs a command in whoever unpickles it freely."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


def data_folder(folder: Path, **changed: object) -> Path:
    """Write a folder in the re-implementation's layout with one sequence of five frames."""
    rng = np.random.default_rng(0)
    files: dict[str, object] = {
        "test_2d": {KEY: rng.normal(size=(5, 32))},
        "test_3d": {KEY: rng.normal(size=(5, 48))},
        "stat_3d": {
            "mean": rng.normal(0, 100, 96),
            "std": rng.uniform(50, 100, 96),
            "dim_use": np.array([i for i in range(96) if i // 3 in
                                 (1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)]),
        },
    }  # fmt: skip
    for name, content in (files | changed).items():
        if content is not None:
            torch.save(content, folder / f"{name}.pth.tar")
    return folder


def test_a_whole_folder_opens(files: AppTest, tmp_path: Path) -> None:
    assert "1 recording, 5 frames" in open_data(files, data_folder(tmp_path))


def with_nan() -> np.ndarray:
    rows = np.zeros((5, 32))
    rows[3, 7] = np.nan
    return rows


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"test_2d": {KEY: with_nan()}}, ["test_2d", "Walking", "NaN"]),
        ({"test_2d": {KEY: np.zeros((5, 51))}}, ["test_2d", "Walking", "(5, 51)"]),
        ({"stat_3d": None}, ["stat_3d.pth.tar is missing"]),
        ({"test_2d": None, "test_3d": None, "stat_3d": None}, ["it is empty"]),
    ],
    ids=["nan", "wrong-shape", "missing-statistics", "empty-folder"],
)
def test_a_data_folder_that_is_not_right_is_said_with_file_and_place(
    files: AppTest, tmp_path: Path, changed: dict, expected: list[str]
) -> None:
    said = open_data(files, data_folder(tmp_path, **changed))
    for part in expected:
        assert part in said


def test_a_truncated_data_file_is_named(files: AppTest, tmp_path: Path) -> None:
    file = data_folder(tmp_path) / "test_3d.pth.tar"
    file.write_bytes(file.read_bytes()[:-200])
    assert "test_3d.pth.tar" in open_data(files, tmp_path)
    assert files.error


def test_a_malicious_data_file_is_refused_by_name_and_runs_nothing(
    files: AppTest, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    data_folder(tmp_path, test_2d={KEY: Evil(f"touch {marker}")})
    assert "posix.system" in open_data(files, tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_malicious_checkpoint_is_refused_by_name_and_runs_nothing(
    files: AppTest, tmp_path: Path, zipped: bool
) -> None:
    marker, path = tmp_path / "ran", tmp_path / "ckpt_best.pth.tar"
    evil = {"state_dict": Evil(f"touch {marker}")}
    torch.save(evil, path, _use_new_zipfile_serialization=zipped)
    said = load(files, path)
    assert "ckpt_best.pth.tar" in said
    assert "posix.system" in said
    assert not marker.exists()


def truncated(path: Path) -> Path:
    checkpoint.save(path, toy_checkpoint())
    path.write_bytes(path.read_bytes()[:-50])
    return path


def nan_weights(path: Path) -> Path:
    state = Lifter(LifterConfig(linear_size=8, num_stage=1)).state_dict()
    state["w2.weight"] = torch.full_like(state["w2.weight"], torch.nan)
    path = path.with_suffix(".pth.tar")
    torch.save({"state_dict": state}, path)
    return path


def contradicting_widths(path: Path) -> Path:
    state = Lifter(LifterConfig(linear_size=8, num_stage=1)).state_dict()
    state["linear_stages.0.w2.weight"] = torch.zeros(8, 9)
    path = path.with_suffix(".pth.tar")
    torch.save({"state_dict": state}, path)
    return path


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (truncated, "cut short"),
        (nan_weights, "w2.weight"),
        (contradicting_widths, "(8, 9)"),
    ],
    ids=["truncated", "nan", "widths"],
)
def test_a_checkpoint_that_is_not_right_is_said_with_its_place(
    files: AppTest, tmp_path: Path, broken: Callable[[Path], Path], expected: str
) -> None:
    path = broken(tmp_path / "odd.safetensors")
    said = load(files, path)
    assert path.name in said
    assert expected in said
    assert files.error


def test_a_checkpoint_of_another_width_is_taken(files: AppTest, tmp_path: Path) -> None:
    config = LifterConfig(linear_size=24, num_stage=3)
    other = toy_checkpoint(config=config, state=Lifter(config).state_dict())
    checkpoint.save(tmp_path / "wide.safetensors", other)
    assert "width 24, 3 stages" in load(files, tmp_path / "wide.safetensors")


def test_missing_statistics_are_told_where_they_are_needed(files: AppTest, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "bare.safetensors", toy_checkpoint(statistics=False))
    assert "no statistics of its own" in load(files, tmp_path / "bare.safetensors")
    browse = files.switch_page("app.py").run()
    assert not browse.exception
    assert "missing statistics" in browse.error[0].value
    assert "stat" in browse.error[0].value
