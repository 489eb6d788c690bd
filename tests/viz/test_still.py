"""Figures without a script: their cells and points are the figures given."""

from __future__ import annotations

import re

import numpy as np

from core.viz.still import HEIGHT, LEFT, TOP, WIDTH, curve, heat_table
from core.viz.style import CLIPPED_COLOR, VIRIDIS


def test_a_cell_has_its_figure_and_the_colour_of_the_one_scale() -> None:
    html = heat_table(("left_knee",), ("A", "B", "C", "D"), np.array([[0, 150, 151, np.nan]]), "x")
    assert "left knee" in html
    assert f'background:{VIRIDIS[0]};color:#FFFFFF">0.0<' in html
    assert f'background:{VIRIDIS[-1]};color:#000000">150.0<' in html
    assert f'background:{CLIPPED_COLOR};color:#FFFFFF">151.0<' in html
    assert "<td>–</td>" in html


def test_names_from_a_file_are_escaped() -> None:
    assert "<script>" not in heat_table(("<script>",), ("<b>",), np.ones((1, 1)), "x")


def test_the_curve_rises_from_no_frame_to_all_of_them() -> None:
    svg = curve({"#1": np.array([75.0, np.nan]), "none": np.array([np.nan])})
    (points, _) = re.findall(r'<polyline points="([^"]+)"', svg)
    places = [tuple(map(float, p.split(","))) for p in points.split()]
    assert places[0] == (LEFT, HEIGHT - 46)
    assert places[-1] == (WIDTH - 16, TOP)
    assert places[74][1] > places[75][1] == TOP, "the frame of 75 mm counts from 75 mm on"
