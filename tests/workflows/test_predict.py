"""Predicting from somebody's own 2D."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import keypoints
from core.human36m import PUBLISHED_INPUT
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.workflows.lift import PoseLifter
from core.workflows.predict import predict, read_2d
from tests.toys import toy_checkpoint

USUAL = np.repeat(PUBLISHED_INPUT.mean.reshape(1, 16, 2), 5, axis=0)


def sequence(positions: np.ndarray) -> PoseSequence:
    return PoseSequence(positions, INPUT_16, "image", 50.0)


def test_a_prediction_is_what_the_lifter_says():
    lifter = PoseLifter(toy_checkpoint())
    found = predict(lifter, sequence(USUAL))
    np.testing.assert_array_equal(found.poses.positions, lifter.lift(sequence(USUAL)).positions)
    assert (found.empty, found.unusual) == (0, 0)


def test_frames_that_lack_a_joint_and_unusual_ones_are_counted():
    positions = USUAL.copy()
    positions[0, 3] = np.nan
    positions[1:3] += 900
    found = predict(PoseLifter(toy_checkpoint()), sequence(positions))
    assert (found.empty, found.unusual) == (1, 0.5)


def test_nothing_lifted_is_not_unusual():
    found = predict(PoseLifter(toy_checkpoint()), sequence(np.full((2, 16, 2), np.nan)))
    assert (found.empty, found.unusual) == (2, 0)


def test_2d_is_read_from_files_with_a_given_rate(tmp_path):
    np.save(tmp_path / "a.npy", USUAL)
    assert read_2d(tmp_path / "a.npy", fps=12).fps == 12


def test_openposes_folder_is_read(shared):
    folder = shared / "data" / "pose2sim_demo" / "pose" / "cam1_json"
    found = read_2d(folder, fps=60)
    assert (found.skeleton, len(found), found.fps) == (INPUT_16, 100, 60)
    with pytest.raises(PoseFormatError, match="look like BODY_25B, not BODY_25"):
        read_2d(folder, layout="BODY_25")


def test_other_things_are_refused(tmp_path):
    with pytest.raises(PoseFormatError, match="this is another folder"):
        read_2d(tmp_path)
    (tmp_path / "walk.bvh").touch()
    with pytest.raises(PoseFormatError, match="this is a motion capture folder"):
        read_2d(tmp_path)
    with pytest.raises(PoseFormatError, match="no such file or folder"):
        read_2d(tmp_path / "none.csv")
    keypoints.write(tmp_path / "3d.csv", PoseSequence(np.ones((1, 17, 3)), H36M_17, "camera", 50))
    with pytest.raises(PoseFormatError, match="these are 3D already"):
        read_2d(tmp_path / "3d.csv")
