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
from core.workflows.predict import PLAIN, Options, predict, read_2d
from tests.formats import detection_writers as writers
from tests.toys import toy_checkpoint

USUAL = np.repeat(PUBLISHED_INPUT.mean.reshape(1, 16, 2), 5, axis=0)


def sequence(positions: np.ndarray) -> PoseSequence:
    return PoseSequence(positions, INPUT_16, "image", 50.0)


def test_a_prediction_is_what_the_lifter_says():
    lifter = PoseLifter(toy_checkpoint())
    found = predict(lifter, sequence(USUAL), PLAIN)
    np.testing.assert_array_equal(found.poses.positions, lifter.lift(sequence(USUAL)).positions)
    assert (found.empty, found.unusual) == (0, 0)


def test_frames_that_lack_a_joint_and_unusual_ones_are_counted():
    positions = USUAL.copy()
    positions[0, 3] = np.nan
    positions[1:3] += 900
    found = predict(PoseLifter(toy_checkpoint()), sequence(positions), PLAIN)
    assert (found.empty, found.unusual) == (1, 0.5)


def test_for_a_checkpoint_of_px_the_person_is_brought_to_where_its_people_were():
    lifter = PoseLifter(toy_checkpoint())
    plain = predict(lifter, sequence(USUAL), Options(average=False))
    elsewhere = predict(lifter, sequence(3.5 * USUAL + [700, -90]), Options(average=False))
    np.testing.assert_allclose(elsewhere.poses.positions, plain.poses.positions, atol=0.01)
    np.testing.assert_allclose(
        plain.poses.positions, lifter.lift(sequence(USUAL)).positions, atol=0.01
    )
    assert elsewhere.unusual == 0
    as_is = predict(lifter, sequence(3.5 * USUAL + [700, -90]), PLAIN)
    assert (as_is.unusual, len(as_is.warnings)) == (1, 1)
    np.testing.assert_array_equal(
        elsewhere.input.positions, sequence(3.5 * USUAL + [700, -90]).positions
    )


def test_who_crouches_is_small_and_who_comes_nearer_is_not_large():
    """Pace 50 fps: 6 s of standing, with half a second of crouching, then at half the distance."""
    frames = np.repeat(USUAL[:1], 300, axis=0).astype(float)
    crouched = frames.copy()
    crouched[100:125, :, 1] = 420 + 0.6 * (frames[100:125, :, 1] - 420)
    nearer = np.concatenate([frames, 2 * frames])
    lifter, options = PoseLifter(toy_checkpoint()), Options(average=False)
    standing = predict(lifter, sequence(frames), options).poses.positions[0]
    ends = predict(lifter, sequence(nearer), options).poses.positions[[0, -1]]
    np.testing.assert_allclose(ends, [standing, standing], atol=0.01)
    low = predict(lifter, sequence(crouched), options).poses.positions
    np.testing.assert_allclose(low[99], standing, atol=0.01)
    as_is = predict(
        lifter, sequence(crouched - (crouched - frames).mean(axis=1, keepdims=True)), PLAIN
    )
    np.testing.assert_allclose(low[110], as_is.poses.positions[110], atol=0.01)


def test_the_mirrored_lift_of_a_checkpoint_of_px_is_seen_from_the_same_place():
    """Mirrored about x = 0 the person would stand a picture's width off."""
    lifter = PoseLifter(toy_checkpoint())
    about = float(USUAL[0, :, 0].mean())
    mirrored = USUAL[:, list(INPUT_16.flip_order)] * [-1, 1] + [2 * about, 0]
    one, other = (
        predict(lifter, sequence(p), Options(place=False)).poses.positions
        for p in (USUAL, mirrored)
    )
    np.testing.assert_allclose(other[:, list(H36M_17.flip_order)] * [-1, 1, 1], one, atol=0.01)


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


def test_a_detector_s_file_is_read_by_what_is_in_it(tmp_path):
    joints = USUAL[0][None].repeat(3, axis=0)
    body = np.zeros((3, 17, 2))
    body[:, H36M_17.indices(INPUT_16.joints)] = joints
    body[:, H36M_17.index("neck")] = joints[:, 8:10].mean(axis=1)
    for layout, file in (("COCO-17", "coco.json"), ("HALPE-26", "halpe.json")):
        clip = writers.clip(layout, body)
        (tmp_path / file).write_text(writers.alphapose([[person] for person in clip]))
        found = read_2d(tmp_path / file)
        assert found.source == f"AlphaPose, {layout}"
        knee = INPUT_16.index("left_knee")
        np.testing.assert_allclose(found.positions[:, knee], joints[:, knee], atol=1e-2)
    np.save(tmp_path / "coco.npy", writers.clip("COCO-17", body)[..., :2])
    assert read_2d(tmp_path / "coco.npy").source == "array, COCO-17"
    np.save(tmp_path / "ours.npy", joints)
    np.testing.assert_allclose(read_2d(tmp_path / "ours.npy").positions, joints, rtol=1e-6)


def test_fractions_of_the_picture_ask_for_its_size(tmp_path):
    body = np.random.default_rng(0).uniform(300, 500, (4, 17, 2))
    clip = writers.clip("MediaPipe-33", body)
    (tmp_path / "mp.json").write_text(writers.mediapipe([[person] for person in clip]))
    with pytest.raises(PoseFormatError, match=r"mp\.json: the coordinates are fractions"):
        read_2d(tmp_path / "mp.json")
    found = read_2d(tmp_path / "mp.json", size_px=(1280, 720))
    np.testing.assert_allclose(found.positions[:, 1], body[:, 1], atol=1e-2)
