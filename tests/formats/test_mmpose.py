"""MMPose's files of Human3.6M: rows become sequences, metres millimetres, its R the other way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cameras import Camera, camera_from_world, image_from_camera
from core.dataset import Dataset, Key
from core.errors import PoseFormatError
from core.formats import mmpose
from core.rig import four_cameras
from core.skeleton import H36M_17, INPUT_16
from core.workflows.open import open_dataset

CAMERAS = four_cameras("human36m")
SEQUENCES = {
    ("S1", "Directions_1"): 7, ("S1", "Directions"): 5, ("S9", "SittingDown_2"): 6,
    ("S9", "Sitting_1"): 4, ("S11", "Walking"): 8,
}  # fmt: skip


def world_of(subject: str, name: str) -> np.ndarray:
    rng = np.random.default_rng(list(f"{subject}{name}".encode()))
    return rng.normal((0, 0, 900), 300, (SEQUENCES[subject, name], 17, 3))


def write(folder: Path, *, step: int = 1, compressed: bool = False, metres: float = 1000) -> Path:
    """Write the two files and the cameras as MMPose's converter does."""
    data = folder / f"fps{50 // step}"
    data.mkdir(parents=True)
    save: Any = np.savez_compressed if compressed else np.savez
    for split, subjects in (("train", ("S1",)), ("test", ("S9", "S11"))):
        rows: dict[str, list[np.ndarray]] = {key: [] for key in ("imgname", "part", "S")}
        for (subject, name), frames in SEQUENCES.items():
            if subject not in subjects:
                continue
            for camera in CAMERAS:
                seen = camera_from_world(world_of(subject, name), camera.R, camera.t)
                pixels = image_from_camera(seen, camera)
                base = f"{subject}_{name}.{camera.name}"
                rows["imgname"].append(np.array([
                    f"{subject}/{base}/{base}_{1 + step * i:06d}.jpg" for i in range(frames)
                ]))  # fmt: skip
                ones = np.ones((frames, 17, 1))
                rows["part"].append(np.concatenate([pixels, ones], axis=2))
                rows["S"].append(np.concatenate([seen / metres, ones], axis=2))
        arrays = {key: np.concatenate(parts) for key, parts in rows.items()}
        save(data / f"h36m_{split}.npz", center=np.zeros(3), scale=np.ones(3), **arrays)
    cameras = {
        (f"S{subject}", camera.name): {
            "R": camera.R.T, "T": camera.t[:, None] / 1000,
            "c": np.array(camera.centre_px)[:, None], "f": np.array(camera.focal_px)[:, None],
            "k": np.array(camera.radial)[:, None], "p": np.array(camera.tangential)[:, None],
            "w": camera.size_px[0], "h": camera.size_px[1], "name": "camera", "id": camera.name,
        }
        for subject in range(1, 12)
        for camera in CAMERAS
    }  # fmt: skip
    (folder / "cameras.pkl").write_bytes(pickle.dumps(cameras))
    return data


def same(camera: Camera, other: Camera) -> bool:
    one, two = (np.concatenate([c.R.ravel(), c.t, c.focal_px, c.radial]) for c in (camera, other))
    return np.allclose(one, two, atol=1e-9) and camera.size_px == other.size_px


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return mmpose.read(write(tmp_path_factory.mktemp("mmpose")))


def test_every_sequence_is_there_with_its_split(dataset: Dataset):
    assert len(dataset.entries) == 4 * len(SEQUENCES)
    assert {(k.subject, k.action, k.take) for k in (e.key for e in dataset.entries)} == {
        ("S1", "Directions", "Directions 1"), ("S1", "Directions", "Directions"),
        ("S9", "SittingDown", "SittingDown 2"), ("S9", "Sitting", "Sitting 1"),
        ("S11", "Walking", "Walking"),
    }  # fmt: skip
    assert {e.key.subject for e in dataset.select(split="test")} == {"S9", "S11"}
    assert {e.fps for e in dataset.entries} == {50}


def test_each_recording_has_its_2d_its_3d_in_mm_and_its_camera(dataset: Dataset):
    for (subject, name), frames in SEQUENCES.items():
        action, _, number = name.partition("_")
        take = f"{action} {number}".strip()
        for camera in CAMERAS:
            recording = dataset.load(Key(subject, action, take, camera.name))
            expected = camera_from_world(world_of(subject, name), camera.R, camera.t)
            assert recording.truth is not None
            assert recording.camera is not None
            assert len(recording.truth) == frames
            np.testing.assert_allclose(recording.truth.positions, expected, rtol=1e-5)
            pixels = image_from_camera(expected, camera)[:, H36M_17.indices(INPUT_16.joints)]
            np.testing.assert_allclose(recording.inputs["gt"].positions, pixels, rtol=1e-4)
            assert same(recording.camera, camera)


def test_the_sampling_shows_in_the_frames_numbers(tmp_path: Path):
    found = mmpose.read(write(tmp_path, step=5))
    assert {entry.fps for entry in found.entries} == {10}
    assert "read at 10 frames a second" in found.notes[0]


def test_compressed_files_say_the_same(tmp_path: Path, dataset: Dataset):
    found = mmpose.read(write(tmp_path, compressed=True))
    key = found.entries[3].key
    np.testing.assert_array_equal(
        found.load(key).inputs["gt"].positions, dataset.load(key).inputs["gt"].positions
    )


def test_without_cameras_everything_but_the_world_is_there(tmp_path: Path):
    data = write(tmp_path)
    (tmp_path / "cameras.pkl").unlink()
    found = mmpose.read(data)
    assert any("cameras.pkl is not beside" in note for note in found.notes)
    recording = found.load(found.entries[0].key)
    assert recording.camera is None
    assert recording.truth is not None


def test_millimetres_are_refused(tmp_path: Path):
    with pytest.raises(PoseFormatError, match=r"S: metres were expected; these are millimetres"):
        mmpose.read(write(tmp_path, metres=1))


def test_another_name_is_refused_with_its_place(tmp_path: Path):
    data = write(tmp_path)
    path = data / "h36m_test.npz"
    content = dict(np.load(path))
    content["imgname"][5] = "cat.jpg"
    np.savez(path, **content)
    with pytest.raises(PoseFormatError, match=r"h36m_test\.npz, imgname\[5\]: a picture's name"):
        mmpose.read(data)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path):
    data = write(tmp_path)

    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps({("S1", "x"): Evil()}))
    with pytest.raises(PoseFormatError):
        mmpose.read(data)
    assert not (tmp_path / "ran").exists()


def test_objects_in_an_array_are_refused(tmp_path: Path):
    data = write(tmp_path)
    content = dict(np.load(data / "h36m_test.npz"))
    content["imgname"] = content["imgname"].astype(object)
    np.savez(data / "h36m_test.npz", **content)
    with pytest.raises(PoseFormatError, match="pickled objects, which are not read"):
        mmpose.read(data)


def test_other_folders_do_not_match(tmp_path: Path):
    assert not mmpose.matches(tmp_path)
    np.savez(tmp_path / "h36m_train.npz", other=np.zeros(3))
    assert not mmpose.matches(tmp_path)
    with pytest.raises(PoseFormatError, match="of MMPose was expected"):
        mmpose.read(tmp_path)


def test_it_is_recognised_and_opened_like_any_data_set(tmp_path: Path):
    folder = write(tmp_path)
    found = open_dataset(folder)
    assert found.title.startswith("Human3.6M, as ")
    assert found.frames == 4 * sum(SEQUENCES.values())


def test_one_of_its_files_stands_for_the_folder(tmp_path: Path):
    folder = write(tmp_path)
    whole = open_dataset(folder)
    for file in ("h36m_train.npz", "h36m_test.npz"):
        found = open_dataset(folder / file)
        assert (found.title, found.frames) == (whole.title, whole.frames)
