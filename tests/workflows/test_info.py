"""What `describe` finds in each kind of file."""

from __future__ import annotations

import numpy as np
import pytest

from core import checkpoint
from core.errors import PoseFormatError
from core.formats import bvh, bvh_writer, dataset_file, keypoints
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.workflows.info import describe
from core.workflows.open import open_dataset
from tests.formats import field_writers as writers
from tests.formats.test_keypoints import people, pixels
from tests.toys import toy_checkpoint, toy_dataset


def test_a_data_set_is_described(tmp_path):
    path = tmp_path / "my toy.safetensors"
    dataset_file.write(path, toy_dataset())
    found = describe(path)
    assert found.layout == "data set file"
    assert found.facts["recordings"] == 5
    assert found.facts["frames"] == 26
    assert found.facts["subjects"] == ["S1 (train)", "S9 (test)", "S11 (test)"]
    assert found.facts["2D sources"] == ["gt: 5 of 5 recordings", "hourglass: 4 of 5 recordings"]
    assert found.facts["3D"] == "17 joints (human36m_17), mm, camera space"
    assert found.commands == (f"python -m core test --data_dir '{path}'",)


def test_what_ships_is_described_by_name():
    assert describe("synthetic").facts["kind"] == "synthetic"
    for name in checkpoint.shipped():
        assert describe(name).layout == "checkpoint"


def test_the_reimplementations_folder_is_described_with_its_estimates(shared):
    folder = shared / "fixtures" / "reimplementation" / "data"
    found = describe(folder / "stat_3d.pth.tar")
    assert found.layout == "re-implementation's data folder"
    assert found.facts["frames"] == 14_360
    assert found.facts["3D"] == "17 joints (human36m_17), mm, root space"
    assert any("hourglass" in odd and "estimated" in odd for odd in found.odd)


def test_a_checkpoint_is_described(tmp_path):
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, toy_checkpoint(provenance={"epoch": 3, "data": {"title": "Toy"}}))
    found = describe(path)
    assert str(found.facts["network"]).startswith("width 8, 1 stages, batch norm on")
    assert found.facts["parameters"] == 888
    assert (found.facts["epoch"], found.facts["data"]) == (3, '{"title": "Toy"}')
    assert found.odd == ()


def test_a_checkpoint_without_statistics_says_what_it_needs(tmp_path):
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, toy_checkpoint(statistics=False))
    found = describe(path)
    assert found.facts["statistics"] == ["2D in: none", "3D out: none"]
    assert "it has no statistics of its own" in found.odd[0]
    assert "THE_FOLDER_IT_WAS_TRAINED_ON" in found.commands[0]


def test_poses_are_described(tmp_path):
    path = tmp_path / "p.csv"
    positions = pixels()[:, H36M_17.indices(INPUT_16.joints)]
    positions[1, 2] = np.nan
    keypoints.write(path, PoseSequence(positions, INPUT_16, "image", 25.0))
    found = describe(path)
    assert found.layout == "pose file"
    assert found.facts["poses"] == "16 joints (baseline_input_16), px, image space"
    assert (found.facts["frames"], found.facts["complete frames"]) == (4, 3)
    assert found.odd == ("1 of 4 frames lack a joint",)
    assert found.commands == (f"python -m core predict {path} --out poses_3d.npz",)


def test_poses_upside_down_or_outside_are_pointed_out(tmp_path):
    path = tmp_path / "p.npz"
    upside_down = (pixels() * (1, -1))[:, H36M_17.indices(INPUT_16.joints)]
    keypoints.write(path, PoseSequence(upside_down, INPUT_16, "image", 25.0))
    odd = describe(path).odd
    assert odd[0] == "the head is below the feet: y seems to point up, it should point down"
    assert odd[1] == "some joints lie outside the picture (negative px)"


def test_3d_poses_need_no_lifting(tmp_path):
    path = tmp_path / "p.json"
    keypoints.write(path, PoseSequence(people(), H36M_17, "root", 25.0))
    found = describe(path)
    assert found.facts["poses"] == "17 joints (human36m_17), mm, root space"
    assert found.commands == (f"python -m core test --data_dir {path}",)
    assert open_dataset(path).frames == len(people())


def test_predictions_that_others_saved_are_described_with_what_judges_them(tmp_path):
    world = writers.skeleton_32(12, 3)
    poses = writers.camera_frame(world, writers.place(9, 0))[:, writers.MOVING]
    poses = poses - poses[:, :1]
    for name in ("S9 Walking 1 54138969", "S9 Walking 1 60457274"):
        np.save(tmp_path / f"{name}.npy", poses)
    theirs = tmp_path / "all" / "theirs.npz"
    theirs.parent.mkdir()
    np.savez(theirs, **{"S9/Walking 1/54138969": poses, "S9/Sitting/54138969": poses})
    for path in (theirs, tmp_path):
        found = describe(path)
        assert found.layout == "saved predictions"
        recordings = found.facts["recordings"]
        assert isinstance(recordings, list) and len(recordings) == 2
        assert found.facts["frames"] == 2 * len(poses)
        (command,) = found.commands
        assert command.startswith("python -m core test --data_dir DATA --load ")


def test_our_own_bvh_is_read_where_it_stands_and_sent_to_prepare_by_its_name(tmp_path):
    poses = np.repeat(writers.skeleton_32(1, 3)[:, writers.MOVING], 3, axis=0)
    for name in ("motion.bvh", "01_02.bvh"):
        bvh_writer.write(tmp_path / name, poses, 25.0)
    found = describe(tmp_path / "motion.bvh")
    assert found.facts["poses"] == "17 joints (human36m_17), mm, world space"
    assert not found.commands and "named like 02_01.bvh" in found.odd[-1]
    assert describe(tmp_path / "01_02.bvh").commands
    np.testing.assert_allclose(bvh.read(tmp_path / "01_02.bvh").positions, poses, atol=0.01)


def test_arrays_that_are_no_poses_are_listed_with_what_is_wrong(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, keypoints=np.zeros((7, 25, 2), np.float32), scores=np.ones((7, 25)))
    found = describe(path)
    assert found.layout == "arrays"
    assert found.facts["arrays"] == ["keypoints (7, 25, 2) float32", "scores (7, 25) float64"]
    assert "25 joints in 2D without names (OpenPose's BODY_25" in found.odd[0]
    np.save(tmp_path / "b.npy", np.zeros((3, 3)))
    assert describe(tmp_path / "b.npy").facts["arrays"] == ["the array (3, 3) float64"]


def test_motion_capture_is_described(shared):
    folder = shared / "data" / "cmu_mocap"
    found = describe(folder)
    assert found.layout == "motion capture folder"
    assert found.facts["clips"] == 289
    assert found.commands[0].startswith("python -m core prepare cmu ")
    clip = next(iter(sorted(folder.rglob("*.amc"))))
    described = describe(clip)
    assert described.facts["poses"] == "17 joints (human36m_17), mm, world space"
    skeleton = next(iter(sorted(folder.rglob("*.asf"))))
    assert describe(skeleton).facts["holds"] == "a skeleton, no motion"


def test_pose2sims_folders_are_described(shared):
    folder = shared / "data" / "pose2sim_demo"
    assert describe(folder).commands == (
        f"python -m core prepare pose2sim {folder} --out pose2sim_demo.safetensors",
    )
    keypoint_folder = describe(folder / "pose" / "cam1_json")
    assert keypoint_folder.layout == "openpose folder"
    assert keypoint_folder.facts["files"] == 100
    assert keypoint_folder.facts["layout"] == "BODY_25B, 25 points"
    markers = describe(folder / "Balancing_for_IK.trc")
    assert (markers.layout, markers.facts["frames"]) == ("marker file", 100)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"words", "nothing here is understood"),
        ("a.npz", b"PK", "is no NPZ file, or cut short"),
        ("a.safetensors", b"\x08", "cut short"),
        ("a.json", b"{", "is not JSON"),
        ("a.c3d", b"", "C3D is not read; export the markers as TRC"),
        ("a.bvh", b"HIERARCHY", r"a\.bvh"),
    ],
)
def test_broken_files_are_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PoseFormatError, match=message):
        describe(tmp_path / name)


def test_an_empty_folder_and_no_file_are_told(tmp_path):
    with pytest.raises(PoseFormatError, match="nothing here is understood"):
        describe(tmp_path)
    with pytest.raises(PoseFormatError, match="no such file or folder"):
        describe(tmp_path / "none")


def test_a_bare_array_is_described_with_what_could_be_told(tmp_path):
    world = writers.skeleton_32(20, 3)
    camera = writers.camera_frame(world, writers.place(9, 0))[:, writers.MOVING]
    path = tmp_path / "poses.npy"
    np.save(path, camera / 1000)
    found = describe(path)
    assert found.layout == "pose array"
    assert found.facts["unit"] == "m, told from the numbers"
    assert found.commands == (
        f"python -m core test --data_dir {path} --joint_order h36m17 --unit m --axes camera",
        f"python -m core test --data_dir DATA --load {path}",
    )
    np.save(path, camera * (1, -1, -1))
    found = describe(path)
    assert "can't be told" in str(found.facts["axes"])
    assert "--axes camera-y-up|world-y-up" in found.commands[0]
    np.save(path, writers.project(world, writers.place(9, 0), 0)[:, writers.MOVING])
    said = "--joint_order h36m17 --unit px --axes y-down --out poses_3d.npz"
    assert describe(path).commands == (f"python -m core predict {path} {said}",)


def test_swapped_sides_are_pointed_out(tmp_path):
    world = writers.skeleton_32(20, 3)
    camera = writers.camera_frame(world, writers.place(9, 0))[:, writers.MOVING]
    np.save(tmp_path / "poses.npy", camera[:, list(H36M_17.flip_order)])
    assert any(
        "left and right seem to be swapped" in odd for odd in describe(tmp_path / "poses.npy").odd
    )


def test_folders_of_the_field_are_described_with_what_is_missing(tmp_path):
    world = writers.skeleton_32(12, 3)
    writers.videopose3d(tmp_path, {(9, "Walking"): world}, sources=("detectron_pt_coco",))
    found = describe(tmp_path)
    assert found.layout == "VideoPose3D's archives"
    assert found.facts["2D sources"] == ["detectron: 4 of 4 recordings"]
    assert any("metadata.xml" in note for note in found.notes)
    assert any("no 3D" in odd for odd in found.odd)
    official = writers.official(tmp_path / "official", {(9, "Walking"): world})
    assert describe(official).facts["3D"] == "17 joints (human36m_17), mm, camera space"
