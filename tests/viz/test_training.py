"""Figures of training runs: what is drawn where, and that it stays when more of it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.viz import training
from core.viz.style import RUN_COLORS, SIDE_COLORS
from core.viz.training import PROTOCOL_1, PROTOCOL_2, Curve

BACKGROUNDS = {"light": "#ffffff", "dark": "#0e1117"}


def curve(epochs: int = 3, **fields: Any) -> Curve:
    step = np.arange(1.0, 10.0 * epochs + 1)
    ends = np.arange(1.0, epochs + 1)
    known: dict[str, Any] = {
        "name": "mine",
        "steps_per_epoch": 10,
        "step": step,
        "loss": 1 / step,
        "lr": np.full(len(step), 1e-3),
        "samples_per_s": np.full(len(step), 500.0),
        "epoch": ends,
        "test_mm": 100 - ends,
        "test_p_mm": 80 - ends,
        "train_mm": 60 - ends,
        "by_action": {"Walking": 50 - ends, "Eating": 70 - ends},
    }
    return Curve(**{**known, **fields})


def lines(figure: Any) -> list[Any]:
    return [trace for trace in figure.data if "lines" in trace.mode]


def test_the_loss_lies_over_epochs_or_steps() -> None:
    (line,) = training.loss_figure([curve()]).data
    assert (line.x[0], line.x[-1]) == (0.1, 3.0)
    (line,) = training.loss_figure([curve()], across="step").data
    assert (line.x[0], line.x[-1]) == (1.0, 30.0)
    assert line.y[-1] == pytest.approx(1 / 30)


def test_every_run_has_its_own_colour_and_keeps_it() -> None:
    both = training.loss_figure([curve(name="a", slot=0), curve(name="b", slot=1)])
    alone = training.loss_figure([curve(name="b", slot=1)])
    assert both.data[0].line.color != both.data[1].line.color
    assert alone.data[0].line.color == both.data[1].line.color
    assert (both.layout.showlegend, alone.layout.showlegend) == (True, False)


def test_beyond_the_colours_lines_are_dashed() -> None:
    looks = {
        (line.line.color, line.line.dash)
        for slot in range(12)
        for line in training.loss_figure([curve(slot=slot)]).data
    }
    assert len(looks) == 12


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("background", BACKGROUNDS.values(), ids=BACKGROUNDS)
@pytest.mark.parametrize("color", RUN_COLORS)
def test_a_runs_colour_can_be_seen_and_is_no_sides(color: str, background: str) -> None:
    light, dark = sorted((luminance(color), luminance(background)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3
    assert color not in SIDE_COLORS.values()


def test_the_best_epoch_is_marked_the_first_of_equals() -> None:
    errors = np.array([70.0, 60.0, np.nan, 60.0])
    drawn = curve(4, test_mm=errors, by_action={})
    star = next(t for t in training.error_figure([drawn]).data if t.marker.symbol == "star")
    assert (star.x, star.y) == ((2.0,), (60.0,))
    assert "epoch 2" in star.hovertemplate


def test_an_epoch_without_a_test_leaves_a_gap_and_no_star() -> None:
    drawn = curve(2, test_mm=np.array([np.nan, np.nan]), by_action={}, train_mm=np.empty(0))
    assert not training.error_figure([drawn]).data
    assert drawn.best is None


@pytest.mark.parametrize(
    ("of", "first", "title", "traces"),
    [
        (PROTOCOL_1, 99.0, "MPJPE (mm)", 3),
        (PROTOCOL_2, 79.0, "P-MPJPE (mm)", 2),
        ("Walking", 49.0, "MPJPE, Walking (mm)", 2),
        ("Sleeping", None, "MPJPE, Sleeping (mm)", 0),
    ],
)
def test_errors_are_of_the_whole_test_or_of_an_action(
    of: str, first: float | None, title: str, traces: int
) -> None:
    figure = training.error_figure([curve()], of=of)
    assert len(figure.data) == traces
    assert figure.layout.yaxis.title.text == title
    if first is not None:
        assert lines(figure)[-1].y[0] == first


def test_the_training_error_lies_beneath_the_tests_and_out_of_the_legend() -> None:
    beneath, above, _ = training.error_figure([curve()]).data
    assert (beneath.y[0], above.y[0]) == (59.0, 99.0)
    assert beneath.line.width < above.line.width
    assert (beneath.line.dash, beneath.showlegend) == ("dot", False)


def test_a_zoom_survives_more_points_but_not_another_meaning_of_the_axes() -> None:
    def revision(epochs: int = 3, **options: Any) -> str:
        return str(training.error_figure([curve(epochs)], **options).layout.uirevision)

    assert revision(3) == revision(9)
    others = {revision(), revision(log=True), revision(across="step"), revision(of="Walking")}
    assert len(others) == 4


def test_a_logarithmic_scale_is_one_of_values_only() -> None:
    figure = training.loss_figure([curve()], log=True)
    assert (figure.layout.yaxis.type, figure.layout.xaxis.type) == ("log", None)


def test_rates_begin_at_zero_so_that_a_slow_run_looks_slow() -> None:
    figure = training.rate_figure([curve()], "samples_per_s")
    assert figure.layout.yaxis.rangemode == "tozero"
    assert figure.data[0].y[0] == 500


def test_actions_stand_in_the_papers_order_at_the_best_epoch() -> None:
    figure = training.action_figure([curve()])
    assert figure.layout.yaxis.categoryarray == ("Eating", "Walking")
    (points,) = figure.data
    assert dict(zip(points.y, points.x, strict=True)) == {"Eating": 67.0, "Walking": 47.0}


def test_a_name_is_no_markup() -> None:
    figure = training.loss_figure([curve(name="<b>a & b</b>")])
    assert figure.data[0].name == "&lt;b&gt;a &amp; b&lt;/b&gt;"


def test_runs_of_which_nothing_is_known_draw_nothing() -> None:
    empty = Curve("new")
    assert not training.loss_figure([empty]).data
    assert not training.error_figure([empty]).data
    assert not training.action_figure([empty]).data


@given(arrays.arrays(np.float64, st.integers(0, 400), elements=st.floats(-1e6, 1e6)))
def test_thinning_keeps_ends_peaks_and_order(y: Any) -> None:
    x = np.arange(len(y), dtype=float)
    kept_x, kept_y = training.thinned(x, y, most=50)
    assert len(kept_x) <= 50
    assert (np.diff(kept_x) > 0).all()
    if len(y):
        assert (kept_x[0], kept_x[-1]) == (0, len(y) - 1)
        assert (kept_y.min(), kept_y.max()) == (y.min(), y.max())
        np.testing.assert_array_equal(kept_y, y[kept_x.astype(int)])


def test_thinning_leaves_out_what_is_not_known() -> None:
    x, y = training.thinned(np.array([1.0, 2.0, 3.0]), np.array([5.0, np.nan, 7.0]))
    assert (x.tolist(), y.tolist()) == ([1.0, 3.0], [5.0, 7.0])
