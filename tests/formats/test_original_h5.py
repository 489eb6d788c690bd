"""The original code's h5 files: 3D, hourglass and cameras, written here as MATLAB and h5py did."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from core.cameras import camera_from_world, image_from_camera
from core.dataset import Dataset, Key
from core.errors import PoseFormatError
from core.formats import original_h5
from core.rig import four_cameras
from core.skeleton import H36M_17, INPUT_16
from core.workflows.open import open_dataset
from tests.formats import field_writers as writers

CAMERAS = four_cameras("human36m")
MOVING = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
# From the hourglass's order to the input's, as FACTS of the field give it.
PERMUTATION = [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10]
TAKES = {("S1", "TakingPhoto 1"): 6, ("S9", "SittingDown"): 5, ("S9", "Sitting 1"): 4}


def world_of(subject: str, take: str) -> np.ndarray:
    rng = np.random.default_rng(list(f"{subject}{take}".encode()))
    return rng.normal((0, 0, 900), 300, (TAKES[subject, take], 32, 3))


def detected(subject: str, take: str, camera: str) -> np.ndarray:
    rng = np.random.default_rng(list(f"{subject}{take}{camera}".encode()))
    return rng.uniform(200, 800, (TAKES[subject, take] + 2, 16, 2))


def write(folder: Path) -> Path:
    for (subject, take), frames in TAKES.items():
        poses = folder / subject / "MyPoses" / "3D_positions"
        poses.mkdir(parents=True, exist_ok=True)
        with h5py.File(poses / f"{take}.h5", "w") as file:
            file["3D_positions"] = world_of(subject, take).reshape(frames, 96).T
        hourglass = folder / subject / "StackedHourglass"
        hourglass.mkdir(exist_ok=True)
        for camera in CAMERAS[1:] if subject == "S9" else CAMERAS:
            with h5py.File(hourglass / f"{take.replace(' ', '_')}.{camera.name}.h5", "w") as file:
                file["poses"] = detected(subject, take, camera.name)
    with h5py.File(folder / "cameras.h5", "w") as file:
        for number in (1, 5, 6, 7, 8, 9, 11):
            for i, camera in enumerate(CAMERAS, start=1):
                writers.put_camera(file.create_group(f"subject{number}/camera{i}"), camera)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return original_h5.read(write(tmp_path_factory.mktemp("h36m")))


def test_takes_are_found_under_their_common_names(dataset: Dataset):
    assert {(e.key.subject, e.key.action, e.key.take) for e in dataset.entries} == {
        ("S1", "Photo", "Photo 1"), ("S9", "SittingDown", "SittingDown"),
        ("S9", "Sitting", "Sitting 1"),
    }  # fmt: skip
    assert len(dataset.entries) == 12
    first = next(e for e in dataset.entries if e.key.subject == "S9")
    assert first.sources == ("gt",)
    assert {e.sources for e in dataset.entries} == {("gt",), ("gt", "hourglass")}


def test_3d_is_brought_into_the_camera_s_frame_and_projected(dataset: Dataset):
    for subject, take, key in (("S1", "TakingPhoto 1", "Photo 1"), ("S9", "Sitting 1", "")):
        for camera in CAMERAS:
            name = key or take
            recording = dataset.load(Key(subject, name.split()[0], name, camera.name))
            expected = camera_from_world(world_of(subject, take)[:, MOVING], camera.R, camera.t)
            assert recording.truth is not None
            np.testing.assert_allclose(recording.truth.positions, expected, rtol=1e-5)
            pixels = image_from_camera(expected, camera)[:, H36M_17.indices(INPUT_16.joints)]
            np.testing.assert_allclose(recording.inputs["gt"].positions, pixels, rtol=1e-4)


def test_the_hourglass_is_put_into_the_input_s_order_and_cut_to_the_motion(dataset: Dataset):
    camera = CAMERAS[2].name
    found = dataset.load(Key("S9", "Sitting", "Sitting 1", camera)).inputs["hourglass"].positions
    expected = detected("S9", "Sitting 1", camera)[:4, PERMUTATION]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_without_cameras_it_says_which_file_is_missing(tmp_path: Path):
    folder = write(tmp_path / "a" / "b" / "c")
    (folder / "cameras.h5").unlink()
    with pytest.raises(PoseFormatError, match=r"cameras\.h5 or Human3\.6M's metadata\.xml was"):
        original_h5.read(folder)


@pytest.mark.parametrize("how", ["external", "soft", "virtual", "elsewhere"])
def test_files_that_link_to_others_are_refused(tmp_path: Path, how):
    folder = write(tmp_path)
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["3D_positions"] = np.zeros((96, 5))
    path = folder / "S9" / "MyPoses" / "3D_positions" / "SittingDown.h5"
    with h5py.File(path, "w") as file:
        if how == "external":
            file["3D_positions"] = h5py.ExternalLink(str(secret), "3D_positions")
        elif how == "soft":
            file["x"] = np.zeros((96, 5))
            file["3D_positions"] = h5py.SoftLink("/x")
        elif how == "virtual":
            layout = h5py.VirtualLayout((96, 5), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "3D_positions", (96, 5))
            file.create_virtual_dataset("3D_positions", layout)
        else:
            raw = [(str(tmp_path / "secret.bin"), 0, 96 * 5 * 8)]
            (tmp_path / "secret.bin").write_bytes(bytes(96 * 5 * 8))
            file.create_dataset("3D_positions", (96, 5), "f8", external=raw)
    with pytest.raises(PoseFormatError, match=r"SittingDown\.h5, 3D_positions: links to another"):
        original_h5.read(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is no HDF5 file, or cut short"),
        ({"other": np.zeros(3)}, "has no 3D_positions"),
        (
            {"3D_positions": np.zeros((4, 96))},
            r"3D_positions: \(96, frames\) numbers were expected",
        ),
        ({"3D_positions": np.array([b"x"])}, "3D_positions: numbers were expected"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, content, said):
    folder = write(tmp_path)
    path = folder / "S9" / "MyPoses" / "3D_positions" / "SittingDown.h5"
    if content is None:
        path.write_bytes(path.read_bytes()[:300])
    else:
        with h5py.File(path, "w") as file:
            for key, value in content.items():
                file[key] = value
    with pytest.raises(PoseFormatError, match=rf"SittingDown\.h5.*{said}"):
        original_h5.read(folder)


def test_other_folders_do_not_match(tmp_path: Path):
    assert not original_h5.matches(tmp_path)
    with pytest.raises(PoseFormatError, match=r"S\*/MyPoses/3D_positions/\*\.h5 were expected"):
        original_h5.read(tmp_path)


def test_it_is_recognised_and_opened_like_any_data_set(tmp_path: Path):
    folder = write(tmp_path)
    found = open_dataset(folder)
    assert found.title.startswith("Human3.6M, as ")
    assert found.frames == 4 * sum(TAKES.values())
