"""The still that shows whether numbers are read rightly."""

from __future__ import annotations

import numpy as np
import pytest

from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.viz.preview import still
from core.viz.style import SIDE_COLORS
from tests.formats import field_writers as writers

WORLD = writers.skeleton_32(4, 3)[:, writers.MOVING]
CAMERA = writers.camera_frame(WORLD, writers.place(9, 0))
PIXELS = writers.project(WORLD, writers.place(9, 0), 0)[:, writers.SEEN_16]


def test_each_side_has_its_colour_and_its_own_bones():
    figure = still(PoseSequence(PIXELS, INPUT_16, "image", 50.0), 2)
    by_name = {trace.name: trace for trace in figure.data}
    assert {n: t.line.color for n, t in by_name.items()} == SIDE_COLORS
    knee = PIXELS[2, INPUT_16.index("left_knee")].astype(np.float32)
    assert np.isclose(np.asarray(by_name["left"].x, float), knee[0]).any()
    assert not np.isclose(np.asarray(by_name["right"].x, float), knee[0]).any()
    assert figure.layout.yaxis.autorange == "reversed", "y points down in pictures"


@pytest.mark.parametrize(("positions", "space"), [(WORLD, "world"), (CAMERA, "camera")])
def test_3d_that_is_read_rightly_stands_upright(positions, space):
    figure = still(PoseSequence(positions, H36M_17, space, 50.0), 1)
    (middle,) = (trace for trace in figure.data if trace.name == "middle")
    heights = np.asarray(middle.z, float)
    assert np.nanmax(heights) - np.nanmin(heights) > 500
    scene = figure.layout.scene
    ranges = [scene[f"{axis}axis"].range for axis in "xyz"]
    assert scene.aspectmode == "cube"
    assert np.ptp([high - low for low, high in ranges]) < 1e-6, "lengths compare"
    low, high = scene.zaxis.range
    assert low < np.nanmin(heights) < np.nanmax(heights) < high, "nothing is cut off"
