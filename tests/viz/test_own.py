"""The packet of one's own material, and the preview in which somebody is picked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from core.dataset import Key, Pictures, Recording
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.viz.own import own_packet, preview

FRAMES = 4


def recording(confidence: float | None = 0.75, pictures: Pictures | None = None) -> Recording:
    rng = np.random.default_rng(0)
    positions = rng.uniform(0, 500, (FRAMES, 16, 2))
    positions[1, 3] = np.nan
    sure = None if confidence is None else np.full((FRAMES, 16), confidence)
    joints = PoseSequence(positions, INPUT_16, "image", 25.0, sure, "BlazePose")
    return Recording(
        Key("own", "me.mp4", "1", "camera"), {"BlazePose": joints}, None, None, pictures
    )


def figure() -> PoseSequence:
    poses = np.random.default_rng(1).normal(0, 300, (FRAMES, 17, 3))
    poses[:, 0] = 0
    return PoseSequence(poses, H36M_17, "root", 25.0)


def spec(packet) -> dict:
    return json.loads(packet.payload()["spec"])


def test_picture_front_and_side_stand_side_by_side():
    found = spec(own_packet(recording(), "BlazePose", figure()))
    assert [panel["title"] for panel in found["panels"]] == [
        "2D · BlazePose", "3D prediction", "3D from the side",
    ]  # fmt: skip
    front, side = (panel["turn"] for panel in found["panels"][1:])
    assert (front, side) == (0, pytest.approx(np.pi / 2))
    assert found["title"] == "me.mp4"


def test_the_heatmap_shows_what_the_confidence_lacks():
    packet = own_packet(recording(0.75), "BlazePose", figure())
    (doubt,) = packet.errors
    expected = np.full((FRAMES, 16), 25.0)
    expected[1, 3] = np.nan
    np.testing.assert_allclose(doubt.values[1], expected)
    assert (doubt.unit, doubt.limit, doubt.root_counts) == ("%", 100, False)
    assert packet.heatmaps[0].title == "2D doubt"


def test_without_confidence_there_is_no_heatmap():
    packet = own_packet(recording(None), "BlazePose", figure())
    assert (packet.errors, packet.heatmaps) == ((), ())
    assert packet.layers[0].errors is None


def test_the_pitch_turns_the_figure_about_the_cameras_side():
    level = own_packet(recording(), "BlazePose", figure(), pitch_rad=0.0).layers[1].positions
    tilted = own_packet(recording(), "BlazePose", figure(), pitch_rad=0.3).layers[1].positions
    np.testing.assert_allclose(level[..., 0], tilted[..., 0], atol=1e-3)
    assert np.abs(level - tilted).max() > 50


def people() -> list[np.ndarray]:
    points = np.array([[10, 20, 0.9], [30, 60, 0.9], [20, 40, 0.0]], dtype=float)
    return [points, points + np.array([100, 0, 0]), np.full((3, 3), np.nan)]


NAMES = ("left_hip", "right_knee", "other_2")


def test_the_preview_numbers_everybody_who_is_there_and_names_their_points():
    drawn = preview(people(), NAMES, [(0, 1)], picked=1, size_px=(200, 100))
    dots = [trace for trace in drawn.data if trace.mode == "markers"]
    notes = [note for note in drawn.layout.annotations if "<b>" in note.text]
    assert [list(trace.text) for trace in dots] == [["left hip", "right knee"]] * 2
    assert [set(trace.customdata) for trace in dots] == [{0}, {1}]
    assert [note.text for note in notes] == ["<b>1</b>", "<b>2</b>"]
    assert notes[0].bgcolor != notes[1].bgcolor
    assert dots[0].opacity < dots[1].opacity == 1
    assert tuple(drawn.layout.yaxis.range) == (100, 0), "y is down, as in the picture"


def test_limbs_of_whom_one_picked_carry_their_names_where_there_is_room():
    names = ("left_hip", "right_knee", "middle_hip")
    seen = [np.abs(person) for person in people()]
    drawn = preview(seen, names, [], picked=1, size_px=(200, 80))
    written = {note.text: note for note in drawn.layout.annotations if "<b>" not in note.text}
    assert set(written) == {"l hip", "r knee"}
    assert (written["l hip"].x, written["l hip"].xanchor) == (110, "right"), "away from the body"
    assert (written["r knee"].x, written["r knee"].xanchor) == (130, "left")
    small = preview(seen, names, [], picked=1, size_px=(2000, 800))
    assert all("<b>" in note.text for note in small.layout.annotations)


def test_the_preview_lies_on_the_frames_picture():
    pictures = Pictures((b"one", b"two"), (640, 480))
    drawn = preview(people(), NAMES, [], picked=0, pictures=pictures, frame=1)
    (image,) = drawn.layout.images
    assert image.source.endswith("dHdv")
    assert (image.sizex, image.sizey) == (640, 480)


def test_the_preview_is_cut_to_the_people_where_nobody_knows_the_pictures_size():
    far = [person + np.array([2000, 1000, 0]) for person in people()]
    drawn = preview(far, NAMES, [], picked=0)
    left, right = drawn.layout.xaxis.range
    bottom, top = drawn.layout.yaxis.range
    assert 1950 < left < 2010 < 2130 < right < 2200
    assert 950 < top < 1020 < 1060 < bottom < 1100
    assert len(preview([], NAMES, [], picked=0).data) == 0


def test_another_person_is_another_timeline():
    one = own_packet(recording(0.7), "BlazePose", figure())
    other = own_packet(recording(0.8), "BlazePose", figure())
    assert one.timeline != other.timeline
    assert replace(one).timeline == one.timeline
