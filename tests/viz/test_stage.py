"""Figures stand level, on the floor, where the camera or the world has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.cameras import MEAN_PITCH_RAD, pitch_rotation
from core.dataset import Recording
from core.normalization import root_relative
from core.skeleton import H36M_17
from core.viz.stage import can_show_world, set_stage
from tests.viz import walker

HEAD, HIP = H36M_17.indices(["head", "hip"])
ANKLES = H36M_17.indices(["left_ankle", "right_ankle"])


@pytest.fixture(scope="module")
def recording() -> Recording:
    return walker.recording(120)


def relative(recording: Recording) -> np.ndarray:
    assert recording.truth is not None
    return root_relative(np.asarray(recording.truth.positions, dtype=float))


def without_place(recording: Recording) -> Recording:
    assert recording.truth is not None
    rootless = recording.truth.with_positions(relative(recording), space="root")
    return replace(recording, truth=rootless, camera=None)


def test_the_world_is_the_world_that_was_filmed(recording) -> None:
    stage = set_stage(recording, None, "world")
    np.testing.assert_allclose(stage.place(relative(recording)), walker.walk(120), atol=0.05)
    assert stage.floor_mm == 0
    assert np.hypot(*stage.front) == pytest.approx(1)


def test_camera_space_keeps_heights_and_centres_the_root(recording) -> None:
    placed = set_stage(recording, None).place(relative(recording))
    np.testing.assert_allclose(placed[..., 2], walker.walk(120)[..., 2], atol=0.05)
    np.testing.assert_allclose(placed[:, HIP, :2], 0, atol=1e-6)


def test_camera_space_shows_right_what_the_camera_saw_right(recording) -> None:
    placed = set_stage(recording, None).place(relative(recording))
    across = relative(recording)[..., 0]
    np.testing.assert_allclose(placed[..., 0], across, atol=1e-3)


def test_without_a_camera_the_mean_pitch_levels_and_feet_rest_on_the_floor(recording) -> None:
    lost = without_place(recording)
    leaning = relative(recording) @ pitch_rotation(0.0)
    stage = set_stage(lost, None)
    np.testing.assert_allclose(stage.rotation, pitch_rotation(MEAN_PITCH_RAD))
    placed = stage.place(relative(recording))
    np.testing.assert_allclose(placed[..., 2].min(axis=1), 0, atol=1e-3)
    lean = [np.abs(p[:, HEAD, 1] - p[:, HIP, 1]).mean() for p in (placed, leaning)]
    assert lean[0] < 0.5 * lean[1]


def test_a_prediction_alone_stands_on_its_own_feet(recording) -> None:
    guess, _, _ = walker.prediction(recording.truth)
    alone = replace(without_place(recording), truth=None)
    placed = set_stage(alone, guess).place(guess.positions)
    seen = placed[np.isfinite(placed).all(axis=(1, 2))]
    assert 0 < len(seen) < len(placed)
    np.testing.assert_allclose(seen[..., 2].min(axis=1), 0, atol=1e-3)


def test_a_world_whose_zero_is_not_the_floor_gets_its_floor_from_the_feet(recording) -> None:
    camera = recording.camera
    lifted = replace(camera, centre_mm=(*camera.centre_mm[:2], camera.centre_mm[2] + 2000))
    moved = replace(recording, camera=lifted)
    assert set_stage(moved, None, "world").floor_mm == pytest.approx(2070, abs=20)
    placed = set_stage(moved, None).place(relative(recording))
    assert placed[:, ANKLES, 2].min() == pytest.approx(0, abs=20)


def test_a_frame_without_the_root_leaves_the_others_in_place(recording) -> None:
    positions = np.array(recording.truth.positions)
    positions[5] = np.nan
    gappy = replace(recording, truth=recording.truth.with_positions(positions))
    stage = set_stage(gappy, None, "world")
    assert np.isfinite(stage.root_mm).all()
    np.testing.assert_allclose(stage.root_mm[5], stage.root_mm[[4, 6]].mean(axis=0))


def test_the_world_needs_a_camera_and_a_place(recording) -> None:
    assert can_show_world(recording)
    assert not can_show_world(without_place(recording))
    with pytest.raises(ValueError, match="the world frame needs the camera and 3D truth"):
        set_stage(without_place(recording), None, "world")


def test_nothing_in_3d_is_an_error(recording) -> None:
    with pytest.raises(ValueError, match="neither 3D truth nor prediction"):
        set_stage(replace(recording, truth=None), None)
