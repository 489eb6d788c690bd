from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.skeleton import H36M_17
from core.viz.errors import JOINT_ROWS, cumulative_curve, distribution, error_heatmap, joint_heatmap
from core.viz.style import (
    CLIPPED_COLOR,
    ERROR_LIMIT_MM,
    INKS,
    VIRIDIS,
    contrast,
    error_color,
    ink_on,
)

ACTIONS = ("Walking", "Sitting", "SittingDown")


def values() -> np.ndarray:
    return np.arange(3 * 17, dtype=float).reshape(3, 17)


def test_every_joint_has_one_row_and_limbs_stand_together() -> None:
    assert sorted(JOINT_ROWS) == sorted(H36M_17.joints)
    assert JOINT_ROWS[0] == "right_hip"
    assert JOINT_ROWS[6] == "hip", "with the spine, as in the heatmap over time"
    assert JOINT_ROWS[-1].endswith("wrist")


def test_cells_keep_their_joint_and_action() -> None:
    figure = joint_heatmap(ACTIONS, H36M_17.joints, values())
    cells, *_ = figure.data
    row = list(cells.y).index("left knee")
    assert cells.z[row][list(cells.x).index("Sitting")] == 17 + H36M_17.index("left_knee")
    assert points_of(figure)["left_knee", "Sitting"] == ("Sitting", "left knee", "22.0")


def points_of(figure) -> dict[tuple[str, str], tuple[str, str, str]]:
    """What is written and clicked: the cell's names -> where it lies, and its figure."""
    return {
        tuple(names): (x, y, text)
        for points in figure.data
        if points.type == "scatter"
        for names, x, y, text in zip(
            points.customdata, points.x, points.y, points.text, strict=True
        )
    }


def test_errors_have_the_one_scale_and_no_figure_its_own() -> None:
    cells = error_heatmap(("S9",), ("Walking",), np.array([[40.0]])).data[0]
    assert (cells.zmin, cells.zmax) == (0, ERROR_LIMIT_MM)
    assert cells.colorscale[0][1] == VIRIDIS[0]
    assert cells.colorbar.title.text == "mm"


def test_what_is_beyond_the_scale_has_a_colour_that_the_scale_lacks() -> None:
    figure = error_heatmap(("S9", "S11"), ("Walking",), np.array([[40.0], [190.0]]))
    cells, beyond = (trace for trace in figure.data if trace.type == "heatmap")
    assert [row[0] for row in cells.z] == [40.0, 190.0]
    assert [row[0] for row in beyond.z] == [None, 190.0]
    assert {color for _, color in beyond.colorscale} == {CLIPPED_COLOR}


def test_a_cell_without_frames_is_empty_and_nothing_to_click() -> None:
    figure = error_heatmap(("S9", "S11"), ("Walking",), np.array([[40.0], [np.nan]]))
    assert [row[0] for row in figure.data[0].z] == [40.0, None]
    assert list(points_of(figure)) == [("S9", "Walking")]


def test_every_figure_reads_well_on_its_cell_in_either_theme() -> None:
    errors = np.linspace(0, 1.2 * ERROR_LIMIT_MM, 61)[:, None]
    figure = error_heatmap([f"row {i}" for i in range(len(errors))], ("Walking",), errors)
    written = [points for points in figure.data if points.type == "scatter"]
    assert {points.textfont.color for points in written} == set(INKS)
    for points in written:
        ink = points.textfont.color
        for state in (points.selected, points.unselected):
            assert state.textfont.color == ink, "a click elsewhere must not fade the figures"
        for text in points.text:
            assert contrast(ink, error_color(float(text))) >= 4.5, f"{text} mm"


@given(st.integers(0, 0xFFFFFF))
def test_whatever_the_colour_one_ink_reads_well_on_it(color: int) -> None:
    assert contrast(ink_on(f"#{color:06X}"), f"#{color:06X}") >= 4.5


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)
    assert contrast("#123456", "#123456") == 1


def test_cells_fill_the_figure() -> None:
    layout = error_heatmap(("S9", "S11"), ("a", "b", "c"), np.ones((2, 3))).layout
    assert list(layout.xaxis.range) == [-0.5, 2.5]
    assert list(layout.yaxis.range) == [1.5, -0.5], "the first row on top"


def test_camera_names_stay_names() -> None:
    figure = error_heatmap(("hip",), ("54138969", "55011271"), np.array([[1.0, 2.0]]))
    assert figure.layout.xaxis.type == "category"


def test_the_curve_counts_the_frames_up_to_an_error() -> None:
    errors = np.array([10.0, 20.0, 20.0, 400.0, np.nan])
    figure = cumulative_curve({"#1": errors, "#2": errors / 2}, "#1")
    first, second = figure.data
    at = dict(zip(first.x, first.y, strict=True))
    assert at[0] == 0
    assert at[10] == pytest.approx(25)
    assert at[20] == pytest.approx(75)
    assert at[ERROR_LIMIT_MM] == pytest.approx(75)
    assert (first.line.dash, second.line.dash) == ("solid", "dot")


def test_the_curve_leaves_out_what_has_no_frames() -> None:
    assert not cumulative_curve({"#1": np.array([np.nan])}, "#1").data


def test_units_stand_on_the_axes_of_the_curve() -> None:
    layout = cumulative_curve({"#1": np.array([1.0])}, "#1").layout
    assert "mm" in layout.xaxis.title.text
    assert "%" in layout.yaxis.title.text


def test_the_distribution_counts_every_frame_once_and_keeps_what_is_beyond() -> None:
    errors = np.array([0.0, 4.9, 5.0, 149.9, 150.0, 999.0, np.nan, 12.0])
    bars, line = distribution({"#1": errors, "#2": errors / 2}, "#1").data
    assert (bars.type, line.type) == ("bar", "scatter")
    assert sum(bars.y) == pytest.approx(100)
    assert bars.y[0] == pytest.approx(200 / 7), "0 and 4.9; a missing frame does not count"
    assert bars.y[1] == pytest.approx(100 / 7), "5.0 opens the second step"
    assert bars.y[-1] == pytest.approx(200 / 7), "150 and more stand in the last step"
    assert bars.customdata[-1] == "150 mm and more"
    assert bars.customdata[1] == "5 to 10 mm"
