"""Rigs: where the cameras stand, and that what they see is the sequence they were given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import rig
from core.cameras import Camera, image_from_world, world_from_camera
from core.dataset import Key, Recording
from core.formats import cmu
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16


def people(frames: int = 4, seed: int = 0, centre: tuple[float, ...] = (0, 0, 900)) -> PoseSequence:
    joints = np.random.default_rng(seed).normal(centre, 300, (frames, 17, 3))
    return PoseSequence(joints, H36M_17, "world", 50, source="made up")


def seen(sequence: PoseSequence, **options: float) -> list[Recording]:
    cameras = rig.four_cameras()
    return list(
        rig.views(sequence, cameras, subject="S1", action="Walking", take="1", **options)  # type: ignore[arg-type]
    )


def test_intrinsics_are_those_that_were_published(shared: Path) -> None:
    stats = json.loads((shared / "human36m/published_stats.json").read_text())
    published = stats["cameras_intrinsics_px"]
    assert list(rig.HUMAN36M_INTRINSICS) == list(published)
    for name, lens in rig.HUMAN36M_INTRINSICS.items():
        fields = published[name]
        assert lens.focal_px == tuple(fields["focal"])
        assert lens.centre_px == tuple(fields["centre"])
        assert lens.radial == tuple(fields["radial"])
        assert lens.tangential == tuple(fields["tangential"])
        assert lens.size_px == tuple(fields["size"])


def test_the_four_cameras_stand_where_the_rig_says() -> None:
    cameras = rig.four_cameras()
    assert [c.name for c in cameras] == ["54138969", "55011271", "58860488", "60457274"]
    for camera, azimuth in zip(cameras, (70, -70, 110, -110), strict=True):
        x, y, z = camera.t
        assert np.hypot(x, y) == pytest.approx(5000)
        assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(azimuth)
        assert z == 1550


def test_every_camera_sees_the_target_ahead_and_its_picture_upright() -> None:
    for camera in rig.four_cameras():
        toward = camera.R @ (np.array(rig.TARGET_MM) - camera.t)
        np.testing.assert_allclose(toward, [0, 0, np.hypot(5000, 700)], atol=1e-9)
        x, y, _ = camera.R @ np.array([0, 0, 1.0])
        assert x == pytest.approx(0, abs=1e-12)
        assert y < 0


def test_the_lens_formula_is_the_one_asked_for() -> None:
    assert {c.distortion for c in rig.four_cameras()} == {"opencv"}
    assert {c.distortion for c in rig.four_cameras("human36m")} == {"human36m"}


def test_a_camera_keeps_its_distance_from_wherever_its_target_is() -> None:
    lens = rig.HUMAN36M_INTRINSICS["54138969"]
    camera = rig.camera_at(
        "x", lens, azimuth_deg=90, distance_mm=3000, height_mm=1000, target_mm=(100, 200, 500)
    )
    np.testing.assert_allclose(camera.t, [100, 3200, 1000])


@given(st.floats(-20_000, 20_000), st.floats(-20_000, 20_000), st.integers(0, 99))
def test_placing_a_clip_centres_its_hip_and_keeps_its_height(x: float, y: float, seed: int) -> None:
    sequence = people(seed=seed, centre=(x, y, 900))
    placed = rig.place_in_rig(sequence)
    np.testing.assert_allclose(placed.positions[:, 0, :2].mean(axis=0), 0, atol=0.01)
    np.testing.assert_array_equal(placed.positions[..., 2], sequence.positions[..., 2])
    shift = placed.positions - sequence.positions
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:1, :1], shift.shape), atol=0.01)


def test_a_view_holds_the_joints_in_its_cameras_frame_and_their_projection() -> None:
    sequence = people()
    recordings = seen(sequence)
    assert [r.key for r in recordings] == [
        Key("S1", "Walking", "1", c.name) for c in rig.four_cameras()
    ]
    for recording in recordings:
        camera, truth, image = recording.camera, recording.truth, recording.inputs["gt"]
        assert isinstance(camera, Camera) and truth is not None
        assert (truth.space, truth.skeleton, truth.fps) == ("camera", H36M_17, 50)
        assert (image.space, image.skeleton, image.fps) == ("image", INPUT_16, 50)
        back = world_from_camera(truth.positions, camera.R, camera.t)
        np.testing.assert_allclose(back, sequence.positions, atol=0.01)
        order = H36M_17.indices(INPUT_16.joints)
        expected = image_from_world(sequence.positions[:, order].astype(float), camera)
        np.testing.assert_allclose(image.positions, expected, atol=1e-3)


def test_a_camera_that_somebody_comes_too_near_is_left_out() -> None:
    near = people().positions.copy()
    near[2, 5] = rig.four_cameras()[1].t * (0.82, 0.82, 1)  # 900 mm before the second camera
    names = [r.key.camera for r in seen(people().with_positions(near))]
    assert names == ["54138969", "58860488", "60457274"]
    assert len(seen(people().with_positions(near), nearest_mm=500)) == 4


def test_missing_joints_stay_missing_and_leave_no_view_out() -> None:
    joints = people().positions.copy()
    joints[1, 4] = np.nan
    recordings = seen(people().with_positions(joints))
    assert len(recordings) == 4
    for recording in recordings:
        assert recording.truth is not None
        assert np.isnan(recording.truth.positions[1, 4]).all()
        assert np.isnan(recording.inputs["gt"].positions[1, 4]).all()


def test_only_world_sequences_can_be_seen() -> None:
    sequence = people().with_positions(people().positions, space="camera")
    with pytest.raises(ValueError, match="views need a sequence in world space, not camera"):
        seen(sequence)


def test_cmu_in_this_rig_has_the_samples_that_the_reference_was_trained_on(shared: Path) -> None:
    samples = {"train": 0, "test": 0}
    for clip, sequence in cmu.read(cmu.find(shared / "data/cmu_mocap")):
        assert isinstance(sequence, PoseSequence) and clip.split is not None
        samples[clip.split] += len(sequence) * len(seen(rig.place_in_rig(sequence)))
    assert samples == {"train": 232_474, "test": 115_392}
