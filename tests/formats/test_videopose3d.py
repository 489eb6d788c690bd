"""VideoPose3D's archives, written from known poses."""

from __future__ import annotations

import numpy as np
import pytest

from core.dataset import Key
from core.errors import PoseFormatError
from core.formats import videopose3d
from tests.formats import field_writers as writers

WALK, SIT = writers.skeleton_32(24, 1), writers.skeleton_32(15, 2)
TAKES = {(9, "Walking 1"): WALK, (9, "Sitting"): SIT, (11, "Photo"): WALK, (1, "Sitting 1"): SIT}
KEY = Key("S9", "Walking", "Walking 1", "55011271")


def truth(world: np.ndarray, subject: int, camera: int) -> np.ndarray:
    return writers.camera_frame(world[:, writers.MOVING], writers.place(subject, camera))


def exact(world: np.ndarray, subject: int, camera: int) -> np.ndarray:
    joints = world[:, writers.MOVING][:, writers.SEEN_16]
    return writers.project(joints, writers.place(subject, camera), camera)


def test_videopose3d_gives_2d_and_the_truth_in_the_camera_frame_of_the_metadata(tmp_path):
    writers.videopose3d(tmp_path, TAKES)
    writers.metadata_xml(tmp_path / "metadata.xml")
    data = videopose3d.read(tmp_path)
    assert len(data.entries) == 16
    assert data.splits == {"S1": "train", "S9": "test", "S11": "test"}
    assert data.subjects == ("S1", "S9", "S11")
    recording = data.load(KEY)
    np.testing.assert_allclose(recording.inputs["gt"].positions, exact(WALK, 9, 1), atol=1e-3)
    assert recording.truth is not None
    assert recording.truth.space == "camera"
    np.testing.assert_allclose(recording.truth.positions, truth(WALK, 9, 1), atol=1e-2)
    assert (recording.truth.positions[..., 2] > 3000).all(), "everybody is in front"


def test_without_metadata_the_cameras_are_recovered_from_exact_2d(tmp_path):
    data = videopose3d.read(writers.videopose3d(tmp_path, TAKES))
    for key in data.by_key:
        recording = data.load(key)
        camera = writers.CAMERAS.index(key.camera)
        world = TAKES[int(key.subject[1:]), key.take]
        assert recording.camera is not None
        where = writers.place(int(key.subject[1:]), camera)
        np.testing.assert_allclose(recording.camera.centre_mm, where.centre, atol=1.0)
        assert recording.truth is not None
        mine = recording.truth.positions
        theirs = truth(world, int(key.subject[1:]), camera)
        np.testing.assert_allclose(mine - mine[:, :1], theirs - theirs[:, :1], atol=0.2)
    assert any("recovered from the exact 2D" in note for note in data.notes)


def test_detections_without_cameras_are_shown_and_lifted_but_not_judged(tmp_path):
    writers.videopose3d(tmp_path, TAKES, sources=("detectron_pt_coco",))
    data = videopose3d.read(tmp_path)
    assert data.load(KEY).truth is None
    assert any("can't be brought into the camera frame" in note for note in data.notes)
    assert any("metadata.xml" in note for note in data.notes)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("cpn_ft_h36m_dbb", "cpn"),
        ("sh_ft_h36m", "hourglass"),
        ("sh_pt_mpii", "hourglass (not fine-tuned)"),
        ("detectron_pt_coco", "detectron"),
    ],
)
def test_each_detector_is_put_in_order_and_cut_at_the_end_of_the_3d(tmp_path, source, name):
    writers.videopose3d(tmp_path, TAKES, sources=("gt", source), longer=7)
    data = videopose3d.read(tmp_path)
    recording = data.load(KEY)
    found, expected = recording.inputs[name].positions, exact(WALK, 9, 1)
    assert len(found) == len(WALK)
    limbs = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15]
    np.testing.assert_allclose(found[:, limbs], expected[:, limbs], atol=1e-3)
    # COCO has no hip, spine, thorax or head: they are derived, and near.
    assert np.abs(found - expected).max() < (60 if source == "detectron_pt_coco" else 1e-3)
    assert any("goes beyond the 3D's end" in note for note in data.notes)


def test_coco_under_the_name_of_a_human36m_file_is_refused(tmp_path):
    writers.videopose3d(tmp_path, TAKES, sources=("gt", "detectron_pt_coco"))
    (tmp_path / "data_2d_h36m_detectron_pt_coco.npz").rename(tmp_path / "data_2d_h36m_mine.npz")
    with pytest.raises(PoseFormatError, match="seem to be in COCO's order"):
        videopose3d.read(tmp_path)


def test_3d_alone_says_what_else_is_needed(tmp_path):
    writers.videopose3d(tmp_path, TAKES, sources=())
    with pytest.raises(PoseFormatError, match=r"no 2D: put data_2d_h36m_gt\.npz"):
        videopose3d.read(tmp_path)


def test_2d_alone_can_be_lifted(tmp_path):
    data = videopose3d.read(writers.videopose3d(tmp_path, TAKES, three_d=False))
    assert data.load(KEY).truth is None
    assert "there is no 3D truth" in data.notes[-1]


def test_a_take_without_3d_is_left_out_and_named(tmp_path):
    writers.videopose3d(tmp_path, TAKES)
    fewer = {key: poses for key, poses in TAKES.items() if key != (11, "Photo")}
    writers.videopose3d(tmp_path, fewer, sources=())
    data = videopose3d.read(tmp_path)
    assert "S11" not in data.subjects
    assert "S11, Photo has 2D but no 3D, and is left out." in data.notes


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('ran')",))


def test_object_arrays_never_run_code(tmp_path):
    content = np.empty((), dtype=object)
    content[()] = {"S1": {"Walking": Evil()}}
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=content)
    with pytest.raises(PoseFormatError, match=r"refused: it would run builtins\.exec"):
        videopose3d.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"S1": 5}, "a dict of poses by subject and take was expected"),
        ({"S9": {"Walking": np.zeros((3, 5, 3))}}, r"\(frames, 32, 3\) was expected"),
        ({"S9": {"Walking": 1000 * np.ones((3, 32, 3)) * np.arange(32)[:, None]}}, "millimetres"),
    ],
)
def test_wrong_content_is_told_with_its_place(tmp_path, content, message):
    writers.videopose3d(tmp_path, {(9, "Walking"): WALK})
    array = np.empty((), dtype=object)
    array[()] = content
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=array)
    with pytest.raises(PoseFormatError, match=message):
        videopose3d.read(tmp_path)
