"""A bare array opens as a data set, by what is said or what can be told."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import keypoints
from core.formats.plain_arrays import Reading
from core.sequence import PoseSequence
from core.skeleton import H36M_17
from core.workflows import plain
from core.workflows.open import open_dataset
from tests.formats import field_writers as writers

WORLD = writers.skeleton_32(40, 3)
CAMERA = writers.camera_frame(WORLD, writers.place(9, 0))[:, writers.MOVING]
PIXELS = writers.project(WORLD, writers.place(9, 0), 0)[:, writers.MOVING]


def test_an_array_that_can_be_told_opens_as_it_is(tmp_path):
    np.save(tmp_path / "poses.npy", PIXELS)
    data = open_dataset(tmp_path / "poses.npy")
    recording = data.load(data.entries[0].key)
    assert recording.truth is None
    assert len(recording.inputs["2D"]) == 40


def test_a_reading_travels_in_the_name(tmp_path):
    np.save(tmp_path / "poses.npy", CAMERA / 10)
    spec = plain.spec_of(tmp_path / "poses.npy", Reading("h36m17", "cm", "camera", 25.0))
    assert spec.endswith("poses.npy?joint_order=h36m17&unit=cm&axes=camera&fps=25")
    data = open_dataset(spec)
    assert data.id == spec
    recording = data.load(data.entries[0].key)
    assert recording.truth is not None
    np.testing.assert_allclose(recording.truth.positions, CAMERA, atol=1e-2)
    # 2D is what the published lens sees of it.
    fx, _, cx, *_ = writers.LENSES[0]
    hip = recording.truth.positions[:, 0]
    np.testing.assert_allclose(
        recording.inputs["gt"].positions[:, 0, 0], fx * hip[:, 0] / hip[:, 2] + cx, atol=15
    )


def test_what_cant_be_told_is_asked_for_by_its_option(tmp_path):
    np.save(tmp_path / "poses.npy", np.stack([CAMERA[..., 0], -CAMERA[..., 1], CAMERA[..., 2]], -1))
    with pytest.raises(PoseFormatError, match=r"please say: --axes .*-y-up or .*-y-up"):
        open_dataset(tmp_path / "poses.npy")
    assert open_dataset(f"{tmp_path}/poses.npy?axes=camera-y-up").entries


def test_3d_in_the_world_is_seen_by_a_rig_of_four(tmp_path):
    np.save(tmp_path / "poses.npy", WORLD[:, writers.MOVING] / 1000)
    data = open_dataset(tmp_path / "poses.npy")
    assert len(data.entries) == 4
    assert "a rig of four" in data.notes[0]


def test_root_relative_3d_is_put_before_a_camera(tmp_path):
    path = tmp_path / "poses.npz"
    keypoints.write(path, PoseSequence(CAMERA - CAMERA[:, :1], H36M_17, "root", 25.0))
    data = open_dataset(path)
    recording = data.load(data.entries[0].key)
    assert recording.truth is not None
    assert (data.entries[0].fps, recording.truth.space) == (25.0, "root")
    assert np.isfinite(recording.inputs["gt"].positions).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("colour=red", "option 'colour' is not known; expected joint_order, unit, axes, fps"),
        ("unit=miles", "unit 'miles' does not go with 17 joints in 2D; expected px or"),
        ("fps=fast", "fps: a number was expected"),
    ],
)
def test_wrong_options_are_told(tmp_path, options, message):
    np.save(tmp_path / "poses.npy", PIXELS)
    with pytest.raises(PoseFormatError, match=message):
        open_dataset(f"{tmp_path}/poses.npy?{options}")


def test_options_on_what_needs_none_are_refused(tmp_path):
    writers.videopose3d(tmp_path, {(9, "Walking"): WORLD})
    with pytest.raises(PoseFormatError, match="says itself what it holds"):
        open_dataset(f"{tmp_path}?unit=mm")
