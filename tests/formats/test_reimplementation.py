"""Folders in the re-implementation's layout: written here from known poses, then read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from core import human36m
from core.dataset import Key
from core.errors import PoseFormatError
from core.formats import reimplementation, reimplementation_checkpoint
from core.model import Lifter, LifterConfig
from core.normalization import Statistics, normalize
from core.rig import HUMAN36M_INTRINSICS
from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS
from tests.formats.writers import legacy_torch_file, python2_array_pickle

CAMERAS = tuple(HUMAN36M_INTRINSICS)
HIDDEN_MEAN = human36m.PUBLISHED_INPUT.mean + np.tile([20.0, -35.0], 16)
HIDDEN_STD = human36m.PUBLISHED_INPUT.std * np.linspace(0.7, 1.1, 32)
Files = dict[str, Any]


def walker(frames: int, seed: int) -> np.ndarray:
    """Root-relative poses (F, 17, 3) in camera axes: the mean pose, each turned and bent."""
    rng = np.random.default_rng(seed)
    mean = np.zeros((17, 3))
    mean[H36M_17.indices(OUTPUT_16_JOINTS)] = human36m.PUBLISHED_OUTPUT.mean.reshape(16, 3)
    mean += rng.normal(0, 120, (17, 3)) * (1, 0.5, 1)
    angles = rng.uniform(0, 2 * np.pi, frames)
    turns = np.zeros((frames, 3, 3))
    turns[:, 0, 0] = turns[:, 2, 2] = np.cos(angles)
    turns[:, 0, 2], turns[:, 2, 0] = np.sin(angles), -np.sin(angles)
    turns[:, 1, 1] = 1
    poses = (mean + rng.normal(0, 30, (frames, 17, 3))) @ turns
    return poses - poses[:, :1]


def seen(poses: np.ndarray, camera: str, seed: int) -> np.ndarray:
    """Pixels (F, 16, 2) of the input joints, by OpenCV, each person somewhere before the camera."""
    rng = np.random.default_rng(seed)
    lens = HUMAN36M_INTRINSICS[camera]
    K = np.array(
        [[lens.focal_px[0], 0, lens.centre_px[0]], [0, lens.focal_px[1], lens.centre_px[1]]]
    )
    K = np.vstack([K, [0, 0, 1]])
    bend = np.array([*lens.radial[:2], *lens.tangential, lens.radial[2]])
    places = rng.uniform((-600, -200, 4000), (600, 200, 5500), (len(poses), 3))
    joints = poses[:, H36M_17.indices(INPUT_16.joints)] + places[:, None]
    pixels, _ = cv2.projectPoints(joints.reshape(-1, 3), np.zeros(3), np.zeros(3), K, bend)
    return pixels.reshape(len(poses), 16, 2)


@pytest.fixture(scope="module")
def files() -> Files:
    """What the seven files hold: S9 and S11 test, S1 trains; hourglass of all but one sequence."""
    mean, std = np.zeros(96), np.ones(96)
    used = np.array(human36m.OUTPUT_DIMENSIONS)
    mean[used], std[used] = human36m.PUBLISHED_OUTPUT.mean, human36m.PUBLISHED_OUTPUT.std
    result: Files = {"stat_3d": {"mean": mean, "std": std, "dim_use": used}}
    rng = np.random.default_rng(5)
    for split, subjects in (("test", (9, 11)), ("train", (1,))):
        flat: Files = {"2d": {}, "2d_ft": {}, "3d": {}}
        for subject in subjects:
            for take in ("Sitting 1", "SittingDown 2"):
                for number, camera in enumerate(CAMERAS):
                    seed = subject * 100 + number + 10 * len(take)
                    poses = walker(25, seed)
                    pixels = seen(poses, camera, seed).reshape(-1, 32)
                    noisy = pixels + rng.normal(0, 6, pixels.shape)
                    key = (subject, take.split()[0], f"{take}.{camera}.h5")
                    rows = poses[:, H36M_17.indices(OUTPUT_16_JOINTS)].reshape(-1, 48)
                    published = human36m.PUBLISHED_INPUT
                    flat["3d"][key] = normalize(rows, mean[used], std[used])
                    flat["2d"][key] = normalize(pixels, published.mean, published.std)
                    if (subject, take, number) != (11, "Sitting 1", 0):
                        sh = (*key[:2], key[2] + "-sh")
                        flat["2d_ft"][sh] = normalize(noisy, HIDDEN_MEAN, HIDDEN_STD)
        result |= {f"{split}_{kind}": poses for kind, poses in flat.items()}
    return result


@pytest.fixture
def write(tmp_path: Path, files: Files) -> Callable[..., Path]:
    """Write the folder, with some files changed (None leaves one out)."""

    def _write(**changes: Any) -> Path:
        folder = tmp_path / "data"
        folder.mkdir(exist_ok=True)
        for name, content in (files | changes).items():
            if isinstance(content, bytes):
                (folder / f"{name}.pth.tar").write_bytes(content)
            elif content is not None:
                legacy = name.startswith("test")
                torch.save(
                    content,
                    folder / f"{name}.pth.tar",
                    _use_new_zipfile_serialization=not legacy,
                )
        return folder

    return _write


def first(content: Files, changed: Any) -> Files:
    return {**content, next(iter(content)): changed}


def test_keys_splits_and_sources_come_from_the_files(write):
    dataset = reimplementation.read(write())
    assert dataset.subjects == ("S9", "S11", "S1")
    assert dataset.splits == {"S9": "test", "S11": "test", "S1": "train"}
    assert dataset.actions == ("Sitting", "SittingDown")
    assert dataset.sources == ("gt", "hourglass")
    assert dataset.entries[0].key == Key("S9", "Sitting", "Sitting 1", CAMERAS[0])
    assert (len(dataset.entries), dataset.frames) == (24, 600)
    assert {e.fps for e in dataset.entries} == {50.0}
    assert dataset.id == str(write())


def test_poses_come_back_in_px_and_mm(write, files):
    dataset = reimplementation.read(write())
    key = Key("S11", "SittingDown", "SittingDown 2", CAMERAS[2])
    recording = dataset.load(key)
    seed = 11 * 100 + 2 + 10 * len(key.take)
    poses = walker(25, seed)
    assert recording.truth is not None
    assert recording.truth.space == "root"
    np.testing.assert_allclose(recording.truth.positions, poses, atol=1e-3)
    np.testing.assert_allclose(
        recording.inputs["gt"].positions, seen(poses, CAMERAS[2], seed), atol=1e-3
    )


def test_the_statistics_give_the_files_own_numbers(write, files):
    dataset = reimplementation.read(write())
    for split, subject in (("test", 9), ("train", 1)):
        key = (subject, "Sitting", f"Sitting 1.{CAMERAS[1]}.h5")
        recording = dataset.load(Key(f"S{subject}", "Sitting", "Sitting 1", CAMERAS[1]))
        assert recording.truth is not None
        numbers = {
            "gt": (recording.inputs["gt"].positions, files[f"{split}_2d"][key]),
            "hourglass": (
                recording.inputs["hourglass"].positions,
                files[f"{split}_2d_ft"][(*key[:2], key[2] + "-sh")],
            ),
            "3d": (recording.truth.positions[:, 1:], files[f"{split}_3d"][key]),
        }
        # 3D has every joint but the hip, which comes first in both layouts.
        assert H36M_17.joints[1:] == OUTPUT_16_JOINTS
        for name, (positions, expected) in numbers.items():
            statistics = dataset.statistics[name]
            rows = positions.reshape(len(expected), -1).astype(np.float64)
            found = normalize(rows, statistics.mean, statistics.std)
            np.testing.assert_allclose(found, expected, atol=2e-6)


def test_hourglass_statistics_are_estimated_and_said_to_be(write):
    dataset = reimplementation.read(write())
    found = dataset.statistics["hourglass"]
    assert found.estimated
    assert not dataset.statistics["gt"].estimated
    np.testing.assert_allclose(found.mean, HIDDEN_MEAN, atol=2.5)
    np.testing.assert_allclose(found.std, HIDDEN_STD, rtol=0.03)
    assert any("Hourglass 2D in px is an estimate" in note for note in dataset.notes)


def test_a_folder_with_2d_statistics_of_its_own_is_noticed_and_they_are_recovered(write, files):
    published = human36m.PUBLISHED_INPUT
    own = Statistics(published.mean * 0.95 + 5, published.std * np.linspace(0.8, 0.95, 32))
    changes = {
        name: {
            key: normalize(rows * published.std + published.mean, own.mean, own.std)
            for key, rows in files[name].items()
        }
        for name in ("test_2d", "train_2d")
    }
    dataset = reimplementation.read(write(**changes))
    found = dataset.statistics["gt"]
    assert found.estimated
    np.testing.assert_allclose(found.mean, own.mean, atol=0.05)
    np.testing.assert_allclose(found.std, own.std, rtol=1e-3)
    assert any("Its own were recovered" in note for note in dataset.notes)
    np.testing.assert_allclose(dataset.statistics["hourglass"].mean, HIDDEN_MEAN, atol=2.5)


def test_2d_that_no_statistics_explain_is_said_to_be_distorted(write, files):
    rng = np.random.default_rng(0)
    changes = {
        name: {key: rng.normal(size=rows.shape) for key, rows in files[name].items()}
        for name in ("test_2d", "train_2d")
    } | {"test_2d_ft": None, "train_2d_ft": None}
    dataset = reimplementation.read(write(**changes))
    assert dataset.statistics["gt"] is human36m.PUBLISHED_INPUT
    assert any("could not be recovered" in note for note in dataset.notes)


def test_a_sequence_without_hourglass_keeps_its_ground_truth(write):
    dataset = reimplementation.read(write())
    lone = Key("S11", "Sitting", "Sitting 1", CAMERAS[0])
    assert dataset.by_key[lone].sources == ("gt",)
    assert set(dataset.load(lone).inputs) == {"gt"}
    assert any(str(lone) in note for note in dataset.notes)
    assert lone not in {e.key for e in dataset.select(source="hourglass")}


def test_missing_hourglass_files_are_noted(write):
    dataset = reimplementation.read(write(test_2d_ft=None, train_2d_ft=None))
    assert dataset.sources == ("gt",)
    assert "hourglass" not in dataset.statistics
    assert any("test has no hourglass 2D" in note for note in dataset.notes)


def test_a_folder_of_the_test_split_alone_is_enough(write):
    dataset = reimplementation.read(write(train_2d=None, train_2d_ft=None, train_3d=None))
    assert dataset.subjects == ("S9", "S11")


def test_keys_that_only_one_file_has_are_left_out_and_counted(write, files):
    test_2d = dict(files["test_2d"])
    del test_2d[next(iter(test_2d))]
    dataset = reimplementation.read(write(test_2d=test_2d))
    assert len(dataset.entries) == 23
    assert "1 sequence of test_3d left out, the other file has no such key." in dataset.notes


def test_files_of_python_2_are_read(write, files):
    changes = {
        name: legacy_torch_file(python2_array_pickle(files[name]))
        for name in ("train_2d", "train_3d", "train_2d_ft")
    }
    dataset = reimplementation.read(write(**changes))
    assert dataset.digest == reimplementation.read(write()).digest


def test_the_digest_follows_the_content(write, files):
    before = reimplementation.read(write()).digest
    rows = next(iter(files["test_3d"].values())).copy()
    rows[3, 4] += 1e-3
    after = reimplementation.read(write(test_3d=first(files["test_3d"], rows))).digest
    assert before != after


def test_statistics_of_the_world_frame_are_noticed(write, files):
    stat = {k: v.copy() for k, v in files["stat_3d"].items()}
    xyz = stat["mean"].reshape(32, 3)
    xyz[:] = np.stack([xyz[:, 0], xyz[:, 2], -xyz[:, 1]], axis=1)
    dataset = reimplementation.read(write(stat_3d=stat))
    assert "is of the world frame (mean z of the ankles -7" in dataset.notes[0]
    assert "wrong errors on this folder" in dataset.notes[0]
    assert not any("world" in note for note in reimplementation.read(write()).notes)


def test_only_such_folders_match(write, tmp_path):
    assert reimplementation.matches(write())
    assert not reimplementation.matches(tmp_path)
    assert not reimplementation.matches(tmp_path / "none")


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(PoseFormatError, match=r"with test_2d, test_3d and stat_3d .* \.pth\.tar"):
        reimplementation.read(tmp_path)
    with pytest.raises(PoseFormatError, match="no such folder"):
        reimplementation.read(tmp_path / "none")


def with_nan(files: Files) -> Files:
    rows = next(iter(files["test_2d"].values())).copy()
    rows[7:9, 3] = np.nan
    return {"test_2d": first(files["test_2d"], rows)}


def changed_statistics(files: Files, **changes: Any) -> Files:
    return {"stat_3d": files["stat_3d"] | changes}


FIRST_KEY = r"key \(S9, Sitting, Sitting 1\.54138969\.h5\)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: {"stat_3d": None}, r"data: stat_3d\.pth\.tar is missing: without the 3D's mean"),
        (lambda f: {"test_3d": None}, r"test_2d\.pth\.tar is here but test_3d\.pth\.tar is miss"),
        (lambda f: {"train_2d": None}, r"train_3d\.pth\.tar is here but train_2d"),
        (lambda f: {"test_2d": b"PK\x03\x04 cut"}, r"test_2d\.pth\.tar: damaged or cut off"),
        (lambda f: {"test_3d": b"\x80\x02cut"}, r"test_3d\.pth\.tar: not a file that torch"),
        (with_nan, rf"test_2d\.pth\.tar, {FIRST_KEY}: 2 of 25 frames are NaN or infinite, first 7"),
        (
            lambda f: {"test_2d": first(f["test_2d"], np.zeros((25, 34)))},
            rf"{FIRST_KEY}: an array of \(frames, 32\) was expected, not \(25, 34\)",
        ),
        (
            lambda f: {"test_3d": first(f["test_3d"], np.zeros((24, 48)))},
            rf"data, {FIRST_KEY}: 2D has 25 frames and 3D 24",
        ),
        (
            lambda f: {"test_3d": first(f["test_3d"], "abc")},
            rf"{FIRST_KEY}: an array of \(frames, 48\) was expected, not str",
        ),
        (lambda f: {"test_2d": [1]}, r"a dict of poses by \(subject, action, file\)"),
        (lambda f: {"test_2d": {"a": np.zeros((2, 32))}}, r"a key \(subject number, action, file"),
        (
            lambda f: {"test_3d": {(8, *k[1:]): v for k, v in f["test_3d"].items()}},
            r"test_2d\.pth\.tar: no key of it is in test_3d",
        ),
        (
            lambda f: {k.replace("test", "train"): v for k, v in f.items() if "test" in k},
            "subject S11 is in the train files and in the test files",
        ),
        (lambda f: {"stat_3d": {"mean": 1}}, "a dict with mean, std and dim_use was expected"),
        (
            lambda f: changed_statistics(f, mean=np.zeros(48)),
            "mean and std of 96 numbers were expected, not 48 and 96",
        ),
        (
            lambda f: changed_statistics(f, dim_use=np.arange(48)),
            "dim_use: the 48 numbers of the 16 output joints were expected",
        ),
        (
            lambda f: changed_statistics(f, std=np.zeros(96)),
            "can't be used: a standard deviation is not above 0",
        ),
        (
            lambda f: {"test_2d_ft": {k: -v for k, v in f["test_2d_ft"].items()},
                       "train_2d_ft": None},
            "the hourglass 2D does not follow the ground truth",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_file_and_place(write, files, change, said):
    folder = write()
    changes = change(files)
    for name, content in changes.items():
        if content is None:
            (folder / f"{name}.pth.tar").unlink()
    write(**changes)
    with pytest.raises(PoseFormatError, match=said):
        reimplementation.read(folder)


def test_the_fixture_gives_the_numbers_of_the_project_that_wrote_it(shared):
    """Its own evaluation in NumPy and torch alone, on two actions, 17 joints, Protocol #1."""
    fixture = shared / "fixtures" / "reimplementation"
    dataset = reimplementation.read(fixture / "data")
    assert dataset.select(split="test") and dataset.select(split="train")
    assert sum(e.frames for e in dataset.select(split="test")) == 11_480
    model = Lifter(LifterConfig())
    saved = reimplementation_checkpoint.read(fixture / "ckpt_best.pth.tar")
    model.load_state_dict(saved["state_dict"])
    model.eval()
    expected = json.loads((fixture / "expected.json").read_text())
    out = dataset.statistics["3d"]
    for source in ("gt", "hourglass"):
        used = dataset.statistics[source]
        for action in ("Directions", "Photo"):
            errors = []
            for entry in dataset.select(split="test", actions=[action], source=source):
                recording = dataset.load(entry.key)
                assert recording.truth is not None
                rows = recording.inputs[source].positions.reshape(-1, 32).astype(np.float64)
                with torch.no_grad():
                    said = model(torch.tensor((rows - used.mean) / used.std).float()).numpy()
                moving = (said * out.std + out.mean).reshape(-1, 16, 3)
                apart = np.linalg.norm(moving - recording.truth.positions[:, 1:], axis=-1)
                errors.append(np.concatenate([np.zeros((len(apart), 1)), apart], axis=1))
            found = np.concatenate(errors).mean()
            assert found == pytest.approx(expected[source]["protocol_1"][action], abs=0.01)


def test_the_fixture_s_2d_statistics_are_found_without_being_told(shared):
    fixture = shared / "fixtures" / "reimplementation"
    hidden = np.load(fixture / "truth_stats.npz")
    found = reimplementation.read(fixture / "data").statistics
    np.testing.assert_allclose(found["gt"].mean, hidden["mean_2d"], atol=0.01)
    np.testing.assert_allclose(found["gt"].std, hidden["std_2d"], rtol=1e-4)
    np.testing.assert_allclose(found["hourglass"].mean, hidden["mean_2d_hourglass"], atol=0.3)
    np.testing.assert_allclose(found["hourglass"].std, hidden["std_2d_hourglass"], rtol=0.006)
