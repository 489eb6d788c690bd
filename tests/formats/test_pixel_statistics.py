"""2D statistics that no file holds are found from the poses themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.cameras import image_from_camera
from core.formats import pixel_statistics
from core.formats.pixel_statistics import View
from core.human36m import PUBLISHED_INPUT
from core.normalization import Statistics, normalize
from core.rig import HUMAN36M_INTRINSICS

RNG = np.random.default_rng(3)
OWN = Statistics(
    PUBLISHED_INPUT.mean + RNG.normal(0, 15, 32), PUBLISHED_INPUT.std * RNG.uniform(0.8, 1.2, 32)
)


def views(statistics: Statistics, formula, frames: int = 60, noise_px: float = 0.0) -> list[View]:
    rng = np.random.default_rng(4)
    result = []
    for name in HUMAN36M_INTRINSICS:
        camera = pixel_statistics.lens(name)
        assert camera is not None
        joints = rng.normal(0, (250, 400, 250), (frames, 16, 3))
        joints -= joints[:, :1]
        roots = rng.uniform((-700, -300, 3500), (700, 300, 6000), (frames, 1, 3))
        seen = image_from_camera(joints + roots, replace(camera, distortion=formula))
        seen = (seen + rng.normal(0, noise_px, seen.shape)).reshape(frames, 32)
        result.append(View(camera, normalize(seen, statistics.mean, statistics.std), joints))
    return result


@pytest.mark.parametrize("formula", ["human36m", "opencv"])
def test_a_rig_s_own_statistics_are_recovered_exactly(formula):
    found = pixel_statistics.recover(views(OWN, formula), PUBLISHED_INPUT)
    assert found is not None
    assert found.estimated
    np.testing.assert_allclose(found.mean, OWN.mean, atol=1e-3)
    np.testing.assert_allclose(found.std, OWN.std, rtol=1e-5)


def test_noise_moves_them_little():
    found = pixel_statistics.recover(views(OWN, "human36m", noise_px=0.5), PUBLISHED_INPUT)
    assert found is not None
    np.testing.assert_allclose(found.mean, OWN.mean, atol=5)
    np.testing.assert_allclose(found.std, OWN.std, rtol=0.03)


def test_the_misfit_tells_right_statistics_from_wrong_ones():
    made = views(PUBLISHED_INPUT, "human36m")
    assert pixel_statistics.misfit_px(made, PUBLISHED_INPUT) < 0.1
    assert pixel_statistics.misfit_px(made, OWN) > 2


def test_poses_that_do_not_belong_together_have_no_solution():
    made = [replace(v, inputs=RNG.normal(size=v.inputs.shape)) for v in views(OWN, "opencv")]
    assert pixel_statistics.recover(made, PUBLISHED_INPUT) is None


def test_too_few_frames_have_no_solution():
    assert pixel_statistics.recover(views(OWN, "opencv", frames=2), PUBLISHED_INPUT) is None


def test_an_unknown_camera_has_no_lens():
    assert pixel_statistics.lens("1") is None


def test_a_detector_s_statistics_come_out_of_its_noise():
    truth = RNG.normal(size=(20_000, 32))
    pixels = truth * PUBLISHED_INPUT.std + PUBLISHED_INPUT.mean
    detected = normalize(pixels + RNG.normal(0, 8, pixels.shape), OWN.mean, OWN.std)
    pairs = zip(np.array_split(truth, 7), np.array_split(detected, 7), strict=True)
    found = pixel_statistics.of_detections(pairs, PUBLISHED_INPUT)
    assert found is not None
    assert found.estimated
    assert "20,000 frames" in found.origin
    np.testing.assert_allclose(found.mean, OWN.mean, atol=0.3)
    np.testing.assert_allclose(found.std, OWN.std, rtol=0.005)


@pytest.mark.parametrize(
    "pairs",
    [
        [(np.ones((10, 32)), np.ones((10, 32)))],
        [(np.ones((50, 32)), np.ones((50, 32)))],
        [(RNG.normal(size=(50, 32)), np.zeros((50, 32)))],
    ],
    ids=["too few", "never moves", "does not follow"],
)
def test_detections_that_tell_nothing_give_none(pairs):
    assert pixel_statistics.of_detections(pairs, PUBLISHED_INPUT) is None
