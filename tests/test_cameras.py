"""Cameras: known values, round trips, OpenCV and a second implementation as referees."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cameras import (
    MEAN_PITCH_RAD,
    Camera,
    camera_from_image,
    camera_from_world,
    image_from_camera,
    image_from_world,
    level_rotation,
    looking_at,
    pitch_rotation,
    world_from_camera,
)

LENS: dict[str, Any] = {
    "focal_px": (1145.0494, 1143.7811),
    "centre_px": (512.5415, 515.4515),
    "radial": (-0.20709891, 0.24777518, -0.00307515),
    "tangential": (-0.00142447, -0.0009757),
    "size_px": (1000, 1002),
}


def camera(distortion: str = "opencv", centre: tuple[float, ...] = (3000, -4000, 1800)) -> Camera:
    R = looking_at(centre, (0, 0, 900))
    return Camera.from_arrays("54138969", R, centre, distortion=distortion, **LENS)


def people(seed: int = 0, count: int = 200) -> Any:
    return np.random.default_rng(seed).normal((0, 0, 900), 450, (count, 3))


def test_projection_agrees_with_opencv_to_a_thousandth_of_a_pixel() -> None:
    cam = camera()
    K = np.array([[LENS["focal_px"][0], 0, LENS["centre_px"][0]],
                  [0, LENS["focal_px"][1], LENS["centre_px"][1]], [0, 0, 1]])  # fmt: skip
    k1, k2, k3 = LENS["radial"]
    coefficients = np.array([k1, k2, *LENS["tangential"], k3])
    rotation = cv2.Rodrigues(cam.R)[0]
    expected, _ = cv2.projectPoints(people(), rotation, -cam.R @ cam.t, K, coefficients)
    np.testing.assert_allclose(image_from_world(people(), cam), expected[:, 0], atol=1e-3)


def human36m_by_the_letter(point: Any, cam: Camera) -> tuple[float, float]:
    """Project one point as the facts state it, coordinate by coordinate."""
    X = cam.R @ (point - cam.t)
    x, y = X[0] / X[2], X[1] / X[2]
    (k1, k2, k3), (p0, p1) = cam.radial, cam.tangential
    r2 = x**2 + y**2
    bracket = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p0 * y + p1 * x
    u, v = x * bracket + p1 * r2, y * bracket + p0 * r2
    return cam.focal_px[0] * u + cam.centre_px[0], cam.focal_px[1] * v + cam.centre_px[1]


def test_human36m_projection_agrees_with_a_second_implementation() -> None:
    cam = camera("human36m")
    expected = np.array([human36m_by_the_letter(p, cam) for p in people(1)])
    np.testing.assert_allclose(image_from_world(people(1), cam), expected, atol=1e-9)


def test_the_two_distortion_formulas_differ_but_by_less_than_a_tenth_of_a_pixel_on_people() -> None:
    difference = image_from_world(people(2), camera("human36m")) - image_from_world(
        people(2), camera("opencv")
    )
    assert 1e-4 < np.abs(difference).max() < 1.0
    assert np.median(np.abs(difference)) < 0.1


@given(seed=st.integers(0, 2**32 - 1), distortion=st.sampled_from(["opencv", "human36m"]))
def test_world_to_image_and_back_by_depth_gives_the_points(seed: int, distortion: str) -> None:
    cam = camera(distortion)
    world = people(seed, 20)
    in_camera = camera_from_world(world, cam.R, cam.t)
    lifted = camera_from_image(image_from_camera(in_camera, cam), in_camera[:, 2], cam)
    np.testing.assert_allclose(world_from_camera(lifted, cam.R, cam.t), world, atol=1e-5)


def test_a_point_behind_the_camera_is_not_in_the_picture() -> None:
    assert np.isnan(image_from_camera([[0.0, 0.0, -1000.0], [0.0, 0.0, 0.0]], camera())).all()


def test_a_point_beyond_the_lens_model_comes_back_missing_and_not_wrong() -> None:
    assert np.isnan(camera_from_image([[90000.0, 0.0]], [1000.0], camera())).any()


def test_camera_axes_are_right_down_and_away() -> None:
    R = looking_at((0, -5000, 900), (0, 0, 900))
    in_camera = camera_from_world([[100.0, 0.0, 1000.0]], R, (0, -5000, 900))
    np.testing.assert_allclose(in_camera, [[100, -100, 5000]], atol=1e-9)


@given(azimuth=st.floats(0, 6.28), height=st.floats(200, 4000), distance=st.floats(1000, 8000))
def test_levelling_stands_people_upright_as_the_camera_saw_them(
    azimuth: float, height: float, distance: float
) -> None:
    centre = (distance * np.cos(azimuth), distance * np.sin(azimuth), height)
    R = looking_at(centre, (0, 0, 900))
    upright = np.array([0.0, 0.0, 1000.0]) @ R.T
    levelled = upright @ level_rotation(R)
    np.testing.assert_allclose(levelled, [0, 0, 1000], atol=1e-6)
    right_of_the_camera = np.array([1.0, 0.0, 0.0]) @ level_rotation(R)
    np.testing.assert_allclose(right_of_the_camera, [1, 0, 0], atol=1e-9)


def test_the_mean_pitch_levels_a_camera_that_looks_down_by_it() -> None:
    R = pitch_rotation(MEAN_PITCH_RAD)
    np.testing.assert_allclose(np.array([0, 0, 1.0]) @ R.T @ level_rotation(R), [0, 0, 1])
    assert R[2, 2] < 0


def test_a_camera_survives_json() -> None:
    assert Camera.from_dict(json.loads(json.dumps(camera().as_dict()))) == camera()


@pytest.mark.parametrize(
    ("R", "message"),
    [(np.eye(3) * 2, "not a rotation"), (np.diag([1, 1, -1]), "mirrors")],
    ids=["scaled", "mirrored"],
)
def test_what_is_no_rotation_is_refused(R: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Camera.from_arrays("c", R, (0, 0, 0), focal_px=(1, 1), centre_px=(0, 0))


def test_a_camera_that_looks_straight_down_is_refused() -> None:
    with pytest.raises(ValueError, match="straight"):
        looking_at((0, 0, 3000), (0, 0, 0))
    with pytest.raises(ValueError, match="own centre"):
        looking_at((0, 0, 0), (0, 0, 0))
