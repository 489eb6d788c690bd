"""Triangulation: what is projected is found again, and who contradicts is not believed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core import rig
from core.cameras import Camera, image_from_world, looking_at
from core.triangulation import triangulate

CAMERAS = rig.four_cameras()
POINTS = np.random.default_rng(0).uniform([-500, -500, 200], [500, 500, 1800], (5, 7, 3))


def views(cameras=CAMERAS, points=POINTS) -> np.ndarray:
    return np.stack([image_from_world(points, camera) for camera in cameras])


@pytest.mark.parametrize("count", [2, 3, 4])
def test_what_is_projected_is_found_again_through_bent_lenses(count):
    found = triangulate(views(CAMERAS[:count]), CAMERAS[:count])
    np.testing.assert_allclose(found.points, POINTS, atol=0.01)
    assert (found.views == count).all()
    assert found.off_px.max() < 1e-3


def test_noise_of_a_px_is_a_few_mm():
    noisy = views() + np.random.default_rng(1).normal(0, 1, views().shape)
    found = triangulate(noisy, CAMERAS)
    off = np.linalg.norm(found.points - POINTS, axis=-1)
    assert np.median(off) < 6
    assert 0.5 < np.median(found.off_px) < 2


@pytest.mark.parametrize("which", range(4))
def test_a_view_that_contradicts_the_others_is_left_out(which):
    seen = views()
    seen[which, 2, 3] += [90, -60]
    found = triangulate(seen, CAMERAS)
    np.testing.assert_allclose(found.points, POINTS, atol=5)
    assert found.views[2, 3] == 3
    assert (found.views.sum(), found.off_px[2, 3] < 3) == (5 * 7 * 4 - 1, True)


def test_two_views_that_contradict_each_other_make_nothing_up():
    seen = views(CAMERAS[:2])
    seen[1, 0, 0, 1] += 200
    found = triangulate(seen, CAMERAS[:2])
    assert np.isnan(found.points[0, 0]).all()
    assert np.isnan(found.off_px[0, 0])
    assert np.isfinite(found.points).all(axis=-1).sum() == 34


@pytest.mark.parametrize("left", [[], [0]])
def test_what_fewer_than_two_cameras_saw_is_missing(left):
    seen = views()
    seen[[i for i in range(4) if i not in left], 1, 1] = np.nan
    found = triangulate(seen, CAMERAS)
    assert np.isnan(found.points[1, 1]).all()
    assert np.isfinite(np.delete(found.points.reshape(-1, 3), 8, axis=0)).all()


def test_a_view_without_confidence_does_not_count():
    seen = views()
    seen[0] += 9
    sure = np.ones(seen.shape[:-1])
    sure[0] = 0
    found = triangulate(seen, CAMERAS, sure)
    np.testing.assert_allclose(found.points, POINTS, atol=0.01)
    assert (found.views == 3).all()


def test_surer_views_pull_more():
    seen = views()
    seen[0] += 8
    sure = np.ones(seen.shape[:-1])
    alike = np.linalg.norm(triangulate(seen, CAMERAS, sure).points - POINTS, axis=-1)
    sure[0] = 0.1
    doubted = np.linalg.norm(triangulate(seen, CAMERAS, sure).points - POINTS, axis=-1)
    assert (doubted < alike).all()


def test_two_cameras_side_by_side_leave_the_depth_open():
    def at(x: float) -> Camera:
        place = (x, -5000, 1000)
        return Camera.from_arrays("", looking_at(place, (0, 0, 1000)), place,
                                  focal_px=(1100, 1100), centre_px=(500, 500))  # fmt: skip

    near = (at(0), at(50))
    assert np.isnan(triangulate(views(near), near).points).all()
    apart = (at(0), at(1500))
    np.testing.assert_allclose(triangulate(views(apart), apart).points, POINTS, atol=0.01)


def test_larger_pictures_may_be_further_off():
    seen = views()
    seen[:, 0, 0] += np.array([[20, 0], [-20, 0], [0, 20], [0, -20]])
    small = triangulate(seen, CAMERAS).points[0, 0]
    large = [dataclasses.replace(camera, size_px=(4000, 4000)) for camera in CAMERAS]
    assert np.isfinite(triangulate(seen, large).points[0, 0]).all()
    assert not np.allclose(small, triangulate(seen, large).points[0, 0], atol=1e-6, equal_nan=True)


@pytest.mark.parametrize(("count", "cameras"), [(1, 1), (4, 3)])
def test_each_view_needs_its_camera_and_there_are_two_at_least(count, cameras):
    with pytest.raises(ValueError, match=f"{count} views of {cameras} cameras: two are the least"):
        triangulate(views()[:count], CAMERAS[:cameras])
