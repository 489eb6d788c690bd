"""BVH files that we write, read again by a parser of the tests' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats import bvh, bvh_writer
from core.skeleton import H36M_17
from tests.formats import bvh_reader

MM_PER_CM = 10.0


def rigid_clip(seed: int, frames: int = 6) -> np.ndarray:
    """Poses (F, 17, 3), mm, z up, whose bones turn at will and never change in length."""
    rng = np.random.default_rng(seed)
    lengths = rng.uniform(60, 500, len(H36M_17))
    poses = np.zeros((frames, len(H36M_17), 3))
    poses[:, 0] = rng.normal(0, 2000, (frames, 3))
    for parent, child in H36M_17.bones:
        way = rng.normal(size=(frames, 3))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        poses[:, child] = poses[:, parent] + lengths[child] * way
    return poses


def read_again(text: str) -> np.ndarray:
    """Joints (F, 17, 3), mm, z up, as the tests' own parser finds them."""
    root, _, rows = bvh_reader.parse(text)
    frames = [bvh_reader.places(root, row) for row in rows]
    found = np.array([[frame[joint] for joint in H36M_17.joints] for frame in frames])
    x, y, z = np.moveaxis(found * MM_PER_CM, -1, 0)
    return np.stack([x, -z, y], axis=-1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_a_rigid_clip_comes_back_within_a_hundredth_of_a_mm(seed: int) -> None:
    poses = rigid_clip(seed)
    text, loss = bvh_writer.to_text(poses, 50.0)
    np.testing.assert_allclose(read_again(text), poses, atol=0.01)
    assert loss.largest_mm < 0.01 and loss.filled == 0


def test_the_loss_is_what_another_parser_measures() -> None:
    poses = rigid_clip(1, 20)
    poses += np.random.default_rng(2).normal(0, 15, poses.shape)  # as predictions do
    text, loss = bvh_writer.to_text(poses, 50.0)
    errors = np.linalg.norm(read_again(text) - poses, axis=2)
    assert loss.mean_mm == pytest.approx(errors.mean(), abs=1e-3)
    assert loss.largest_mm == pytest.approx(errors.max(), abs=1e-3)
    assert errors.mean() > 1
    assert f"{errors.mean():.1f} mm on average, {errors.max():.1f} mm at most" in str(loss)


def test_a_bone_is_as_long_as_its_median() -> None:
    poses = rigid_clip(3, 5)
    knee, ankle = H36M_17.indices(["left_knee", "left_ankle"])
    shin = (poses[:, ankle] - poses[:, knee]) / np.linalg.norm(
        poses[:, ankle] - poses[:, knee], axis=1, keepdims=True
    )
    poses[:, ankle] = poses[:, knee] + shin * np.array([300, 400, 410, 420, 9000.0])[:, None]
    found = read_again(bvh_writer.to_text(poses, 50.0)[0])
    lengths = np.linalg.norm(found[:, ankle] - found[:, knee], axis=1)
    np.testing.assert_allclose(lengths, 410, atol=0.01)


def test_our_own_reader_reads_it_too(tmp_path: Path) -> None:
    poses = rigid_clip(4)
    bvh_writer.write(tmp_path / "clip.bvh", poses, 59.94)
    motion = bvh.read_motion(tmp_path / "clip.bvh")
    assert motion.fps == pytest.approx(59.94, abs=1e-4)
    found = motion.positions(H36M_17.joints)
    again = np.stack([found[j] for j in H36M_17.joints], axis=1) * MM_PER_CM
    np.testing.assert_allclose(again, bvh_writer.y_up_from_z_up(poses), atol=0.01)


def test_the_rest_pose_is_a_person_standing_with_the_arms_out() -> None:
    text, _ = bvh_writer.to_text(rigid_clip(5), 50.0)
    root, frame_time, rows = bvh_reader.parse(text)
    assert frame_time == 0.02
    rest = bvh_reader.places(root, [0.0] * len(rows[0]))
    assert rest["head"][1] > rest["thorax"][1] > rest["hip"][1] > rest["right_ankle"][1]
    assert rest["left_wrist"][0] > rest["left_shoulder"][0] > 0 > rest["right_wrist"][0]
    assert root.channels[:3] == ["Xposition", "Yposition", "Zposition"]


def test_angles_do_not_jump_when_a_limb_goes_round() -> None:
    poses = np.repeat(rigid_clip(6, 1), 120, axis=0)
    elbow, wrist = H36M_17.indices(["left_elbow", "left_wrist"])
    way = np.linspace(0, 4 * np.pi, 120)
    poses[:, wrist] = poses[:, elbow] + 250 * np.stack(
        [np.cos(way), np.sin(way), np.zeros(120)], axis=1
    )
    text, loss = bvh_writer.to_text(poses, 50.0)
    assert loss.largest_mm < 0.01
    _, _, rows = bvh_reader.parse(text)
    steps = np.abs(np.diff(np.array(rows), axis=0))
    assert np.median(steps.max(axis=1)) < 45
    np.testing.assert_allclose(read_again(text), poses, atol=0.01)


@pytest.mark.parametrize("straight", [1.0, -1.0], ids=["as in the rest pose", "against it"])
def test_bones_along_and_against_the_rest_pose_are_defined(straight: float) -> None:
    poses = np.zeros((2, 17, 3))
    for parent, child in H36M_17.bones:
        x, y, z = bvh_writer.REST_DIRECTIONS[H36M_17.joints[child]]
        poses[:, child] = poses[:, parent] + straight * 200 * np.array([x, -z, y])
    text, loss = bvh_writer.to_text(poses, 50.0)
    assert loss.largest_mm < 0.01
    np.testing.assert_allclose(read_again(text), poses, atol=0.01)


def test_missing_joints_stand_between_their_neighbours_and_are_counted() -> None:
    poses = np.repeat(rigid_clip(7, 1), 5, axis=0) + np.arange(5)[:, None, None] * 10.0
    whole = poses.copy()
    poses[2, 3] = np.nan
    poses[0, 10] = np.nan
    poses[4] = np.nan
    text, loss = bvh_writer.to_text(poses, 50.0)
    found = read_again(text)
    assert loss.filled == 2 + 17
    np.testing.assert_allclose(found[:4], whole[:4], atol=0.01)
    np.testing.assert_allclose(found[4], whole[3], atol=0.01)
    assert "19 missing joints were filled in" in str(loss)


@pytest.mark.parametrize("poses", [np.zeros((0, 17, 3)), np.full((3, 17, 3), np.nan)])
def test_nothing_to_write_is_said_with_the_files_name(poses: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match=r"clip\.bvh: a joint is missing in every frame"):
        bvh_writer.write(tmp_path / "clip.bvh", poses, 50.0)
    assert not (tmp_path / "clip.bvh").exists()


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="it can't be written: No such file"):
        bvh_writer.write(tmp_path / "none" / "clip.bvh", rigid_clip(8), 50.0)
