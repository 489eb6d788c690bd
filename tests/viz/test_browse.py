"""The Browse page's packet: three panels of one recording."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core.skeleton import H36M_17
from core.viz.browse import browse_packet
from core.viz.packet import ImagePanel
from core.viz.style import SIDE_COLORS
from tests.viz import walker


@pytest.fixture(scope="module")
def recording():
    return walker.recording(60)


@pytest.fixture(scope="module")
def lifted(recording):
    return walker.prediction(recording.truth)


def test_three_panels_show_input_truth_and_prediction(recording, lifted) -> None:
    packet = browse_packet(recording, "rough", *lifted)
    assert [panel.title for panel in packet.panels] == [
        "2D input · rough",
        "3D truth",
        "3D prediction",
    ]
    image = packet.panels[0]
    assert isinstance(image, ImagePanel) and image.size_px == (1000, 1000)
    np.testing.assert_array_equal(packet.layers[0].positions, recording.inputs["rough"].positions)


def test_distances_drawn_are_the_errors_under_either_protocol(recording, lifted) -> None:
    for space in ("camera", "world"):
        packet = browse_packet(recording, "gt", *lifted, space=space)
        truth, prediction = (next(x for x in packet.layers if x.id == i) for i in
                             ("truth", "prediction"))  # fmt: skip
        errors = packet.errors[0].values
        assert prediction.aligned is not None
        for drawn, stated in ((prediction.positions, errors[1]), (prediction.aligned, errors[2])):
            distance = np.linalg.norm(drawn - truth.positions, axis=-1)
            np.testing.assert_allclose(distance, stated, atol=0.01)


def test_sides_reach_the_browser_by_name(recording, lifted) -> None:
    spec = json.loads(browse_packet(recording, "gt", *lifted).payload()["spec"])
    layer = spec["layers"][2]
    assert spec["style"]["sides"] == SIDE_COLORS
    for joint, side in zip(layer["joints"], layer["sides"], strict=True):
        assert side == (joint.split()[0] if joint.startswith(("left", "right")) else "middle")
    hips = [layer["joints"].index("hip"), layer["joints"].index("left hip")]
    assert layer["bone_sides"][layer["bones"].index(hips)] == "left"


def test_another_camera_or_source_stays_on_the_timeline(recording, lifted) -> None:
    packet = browse_packet(recording, "gt", *lifted)
    other = browse_packet(recording, "rough", *lifted)
    elsewhere = replace(recording, key=replace(recording.key, camera="2"))
    action = replace(recording, key=replace(recording.key, action="Sitting"))
    assert other.timeline == packet.timeline
    assert other.digest != packet.digest
    assert browse_packet(elsewhere, "gt", *lifted).timeline == packet.timeline
    assert browse_packet(action, "gt", *lifted).timeline != packet.timeline


def test_truth_alone_and_prediction_alone_are_shown(recording, lifted) -> None:
    alone = browse_packet(recording, "gt", None, None, None)
    assert [panel.title for panel in alone.panels][1:] == ["3D truth"]
    assert not alone.errors and not alone.heatmaps
    own = browse_packet(replace(recording, truth=None), "gt", lifted[0], None, None)
    assert [panel.title for panel in own.panels][1:] == ["3D prediction"]
    assert own.layers[1].errors is None


def test_missing_frames_are_gaps(recording, lifted) -> None:
    positions = np.array(recording.truth.positions)
    positions[3] = np.nan
    gappy = replace(recording, truth=recording.truth.with_positions(positions))
    truth = browse_packet(gappy, "gt", *lifted).layers[1]
    assert truth.skeleton == H36M_17
    assert np.isnan(truth.positions[3]).all()
    assert np.isfinite(truth.positions[[2, 4]]).all()


def test_an_unknown_source_is_a_key_error(recording, lifted) -> None:
    with pytest.raises(KeyError, match="openpose"):
        browse_packet(recording, "openpose", *lifted)
