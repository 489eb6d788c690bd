"""The published statistics are in the order of the network's numbers."""

from __future__ import annotations

import json

import numpy as np

from core import human36m
from core.skeleton import INPUT_16, OUTPUT_16_JOINTS


def test_there_is_a_pair_for_each_number_of_the_network():
    assert human36m.PUBLISHED_INPUT.mean.shape == (2 * len(INPUT_16),)
    assert human36m.PUBLISHED_OUTPUT.mean.shape == (3 * len(OUTPUT_16_JOINTS),)
    assert len(human36m.OUTPUT_DIMENSIONS) == 48


def test_the_mean_person_stands_upright_in_the_camera_s_axes():
    pixels = dict(zip(INPUT_16.joints, human36m.PUBLISHED_INPUT.mean.reshape(16, 2), strict=True))
    body = dict(zip(OUTPUT_16_JOINTS, human36m.PUBLISHED_OUTPUT.mean.reshape(16, 3), strict=True))
    assert pixels["head"][1] < pixels["hip"][1] < pixels["left_ankle"][1]
    assert body["head"][1] < 0 < 600 < body["right_ankle"][1] < 800


def test_they_are_the_figures_of_their_source(shared):
    published = json.loads((shared / "human36m" / "published_stats.json").read_text())
    used = published["dim_use_3d"]
    assert list(human36m.OUTPUT_DIMENSIONS) == used
    np.testing.assert_array_equal(human36m.PUBLISHED_INPUT.mean, published["mean2D_16"])
    np.testing.assert_array_equal(human36m.PUBLISHED_INPUT.std, published["std2D_16"])
    np.testing.assert_array_equal(
        human36m.PUBLISHED_OUTPUT.mean, np.array(published["mean3D"])[used]
    )
    np.testing.assert_array_equal(human36m.PUBLISHED_OUTPUT.std, np.array(published["std3D"])[used])
