"""The Compare packet: four panels, both inputs in one picture, errors of both."""

from __future__ import annotations

import numpy as np
import pytest

from core.viz.compare import Lifted, compare_packet, input_errors, scatter
from core.viz.packet import Packet
from core.workflows.lift import PoseLifter, lift_recording
from tests.toys import toy_checkpoint, toy_dataset

DATASET = toy_dataset()
RECORDING = DATASET.load(DATASET.select(split="test", source="hourglass")[0].key)


def lifted(source: str) -> Lifted:
    found = lift_recording(PoseLifter(toy_checkpoint()), DATASET, RECORDING, source)
    return Lifted(source, found.prediction, found.aligned, found.errors)


def packet(a: str = "gt", b: str = "hourglass") -> Packet:
    return compare_packet(RECORDING, lifted(a), lifted(b))


def test_four_panels_show_input_truth_and_both_predictions() -> None:
    titles = [panel.title for panel in packet().panels]
    assert titles[0].startswith("2D input")
    assert titles[1:] == ["3D truth", "3D from A", "3D from B"]
    assert packet().panels[0].layers == ("input A", "input B")


def test_errors_of_both_and_their_difference_are_there() -> None:
    assert [e.id for e in packet().errors] == ["A", "B", "input B"]
    assert [(h.errors, h.minus) for h in packet().heatmaps] == [("B", "A")]


def test_the_same_input_twice_is_drawn_once() -> None:
    assert packet("gt", "gt").panels[0].layers == ("input A",)


def test_the_2d_error_is_the_distance_from_the_exact_2d_in_px() -> None:
    wrong = input_errors(RECORDING, "hourglass")
    assert wrong is not None
    apart = RECORDING.inputs["hourglass"].positions - RECORDING.inputs["gt"].positions
    np.testing.assert_allclose(wrong, np.hypot(apart[..., 0], apart[..., 1]), rtol=1e-5)
    assert input_errors(RECORDING, "gt") is None


def test_the_scatter_has_a_point_for_each_frame_of_the_side_with_2d_error() -> None:
    figure = scatter(RECORDING, lifted("gt"), lifted("hourglass"))
    assert figure is not None
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == len(RECORDING.inputs["gt"])


def test_the_packet_can_be_sent() -> None:
    assert packet().payload()


def test_an_input_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        other = lifted("gt")
        compare_packet(RECORDING, other, Lifted("openpose", other.prediction, None, None))


def test_a_ring_marks_the_frame_of_the_viewer() -> None:
    figure = scatter(RECORDING, lifted("gt"), lifted("hourglass"), at=1)
    assert figure is not None
    points, ring = figure.data[0], figure.data[-1]
    place = list(points.customdata).index(1)
    assert ring.name == "frame 1"
    assert (ring.x[0], ring.y[0]) == (points.x[place], points.y[place])
    elsewhere = scatter(RECORDING, lifted("gt"), lifted("hourglass"), at=9999)
    assert elsewhere is not None
    assert len(elsewhere.data) == 1
