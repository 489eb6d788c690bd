"""Figures of errors over a whole data set: heatmaps by name, and the cumulative curve.

They carry aggregates only, so that a browser never gets a million points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.skeleton import H36M_17
from core.viz.packet import rows as grouped_rows
from core.viz.style import (
    CLIPPED_COLOR,
    ERROR_LIMIT_MM,
    INKS,
    SIDE_COLORS,
    VIRIDIS,
    error_color,
    ink_on,
)

FloatArray = NDArray[np.floating[Any]]

ROW_PX = 25
AROUND_PX = 118
# What a heatmap's figures need: the names of its rows with the scale, and each column.
BESIDE_PX, COLUMN_PX = 190, 34
# From so many columns on their names stand aslant.
UPRIGHT = 4
CURVE_POINTS = 151
STEP_MM = 5.0

# Legs, spine, arms: as the heatmap over time groups them.
JOINT_ROWS = tuple(H36M_17.joints[row["joint"]] for row in grouped_rows(H36M_17))


def spoken(name: str) -> str:
    """Write a joint's name as people do."""
    return name.replace("_", " ")


def joint_heatmap(names: Sequence[str], joints: Sequence[str], values: FloatArray) -> go.Figure:
    """Draw joints down, actions or cameras across.

    Args:
        names: A columns.
        joints: J rows, by their names in the skeleton.
        values: (A, J) mm; NaN leaves a cell empty.
    """
    grouped = [j for j in JOINT_ROWS if j in joints]
    order = [list(joints).index(joint) for joint in grouped]
    return error_heatmap(grouped, names, np.asarray(values).T[order])


def error_heatmap(rows: Sequence[str], columns: Sequence[str], values: FloatArray) -> go.Figure:
    """Draw mean errors on the one scale of all errors; what is beyond it has its own colour.

    A click on a cell selects a point whose `customdata` is (row name, column name).

    Args:
        rows: R names, from the top.
        columns: C names.
        values: (R, C) mm; NaN leaves a cell empty.
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    beyond = known & (values > ERROR_LIMIT_MM)
    labels = [spoken(row) for row in rows]
    figure = go.Figure()
    figure.add_heatmap(
        x=list(columns),
        y=labels,
        z=_cells(values, known),
        zmin=0,
        zmax=ERROR_LIMIT_MM,
        colorscale=[[i / (len(VIRIDIS) - 1), color] for i, color in enumerate(VIRIDIS)],
        colorbar={"title": {"text": "mm"}, "thickness": 10, "outlinewidth": 0, "dtick": 50},
        xgap=1,
        ygap=1,
        hoverinfo="skip",
    )
    if beyond.any():
        figure.add_heatmap(
            x=list(columns),
            y=labels,
            z=_cells(values, beyond),
            colorscale=[[0, CLIPPED_COLOR], [1, CLIPPED_COLOR]],
            showscale=False,
            xgap=1,
            ygap=1,
            hoverinfo="skip",
        )
    # Heatmaps can't be selected from, so unseen markers lie on their cells, and bear the figures:
    # a heatmap's own have one colour for all cells.
    for ink in INKS:
        places = [(r, c) for r, c in np.argwhere(known) if ink_on(error_color(values[r, c])) == ink]
        if not places:
            continue
        unchanged = {"marker": {"opacity": 0}, "textfont": {"color": ink}}
        figure.add_scatter(
            x=[columns[c] for _, c in places],
            y=[labels[r] for r, _ in places],
            customdata=[[rows[r], columns[c]] for r, c in places],
            text=[f"{values[r, c]:.1f}" for r, c in places],
            mode="markers+text",
            textposition="middle center",
            textfont={"size": 11, "color": ink},
            marker={"symbol": "square", "size": ROW_PX - 3, "opacity": 0},
            selected=unchanged,
            unselected=unchanged,
            hovertemplate="%{y}, %{x}<br><b>%{text} mm</b><extra></extra>",
            showlegend=False,
        )
    aslant = len(columns) > UPRIGHT
    figure.update_layout(
        height=(AROUND_PX if aslant else AROUND_PX // 2) + ROW_PX * len(rows),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        clickmode="event+select",
        dragmode=False,
        hovermode="closest",
        xaxis={
            "type": "category",
            "categoryarray": list(columns),
            # The cells fill the figure, markers or not.
            "range": [-0.5, len(columns) - 0.5],
            "tickangle": -45 if aslant else 0,
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
        yaxis={
            "type": "category",
            "categoryarray": labels,
            "range": [len(rows) - 0.5, -0.5],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
            "dtick": 1,
        },
    )
    return figure


def least_width_px(columns: int) -> int:
    """Tell how wide a heatmap of so many columns must be for its figures to stand apart."""
    return BESIDE_PX + COLUMN_PX * columns


def _cells(values: FloatArray, drawn: NDArray[np.bool_]) -> list[list[float | None]]:
    """Leave out the cells that are not drawn, as Plotly does it."""
    return [
        [float(value) if shown else None for value, shown in zip(row, mask, strict=True)]
        for row, mask in zip(values, drawn, strict=True)
    ]


def distribution(frames: Mapping[str, FloatArray], first: str) -> go.Figure:
    """Draw how many frames have which error, in steps of 5 mm; what is beyond is in the last step.

    Args:
        frames: a label -> errors (N,) of frames, mm; NaN is left out.
        first: the label drawn as bars, the others as lines.
    """
    figure = go.Figure()
    middles = np.arange(STEP_MM / 2, ERROR_LIMIT_MM + STEP_MM, STEP_MM)
    for label, errors in frames.items():
        known = np.asarray(errors)[np.isfinite(errors)]
        if not len(known):
            continue
        steps = np.minimum(known / STEP_MM, len(middles) - 1).astype(np.int64)
        shares = 100 * np.bincount(steps, minlength=len(middles)) / len(known)
        spans = [f"{m - STEP_MM / 2:g} to {m + STEP_MM / 2:g} mm" for m in middles[:-1]]
        common = {
            "x": middles,
            "y": shares,
            "name": label,
            "customdata": [*spans, f"{ERROR_LIMIT_MM:g} mm and more"],
            "hovertemplate": "%{customdata}<br>%{y:.1f} % of frames<extra>" + label + "</extra>",
        }
        if label == first:
            # Pale, so that the line can be followed in front of them.
            bars = {"color": SIDE_COLORS["middle"], "opacity": 0.5}
            figure.add_bar(**common, marker=bars, width=STEP_MM * 0.9)
        else:
            line = {"color": SIDE_COLORS["middle"], "width": 2, "dash": "dot", "shape": "hvh"}
            figure.add_scatter(**common, mode="lines", line=line)
    figure.update_layout(
        height=AROUND_PX + ROW_PX * len(H36M_17),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest",
        dragmode=False,
        legend={"x": 0.98, "xanchor": "right", "y": 0.98, "yanchor": "top"},
        xaxis={
            "title": {"text": "error of a frame (mm); last step: all beyond"},
            "range": [0, ERROR_LIMIT_MM + STEP_MM],
            "dtick": 25,
            "fixedrange": True,
        },
        yaxis={
            "title": {"text": "share of frames (%)"},
            "rangemode": "tozero",
            "fixedrange": True,
        },
    )
    return figure


def cumulative_curve(frames: Mapping[str, FloatArray], first: str) -> go.Figure:
    """Draw which share of frames has at most an error.

    Args:
        frames: a label -> errors (N,) of frames, mm; NaN is left out.
        first: the label drawn as a solid line.
    """
    figure = go.Figure()
    thresholds = np.linspace(0, ERROR_LIMIT_MM, CURVE_POINTS)
    for label, errors in frames.items():
        sorted_errors = np.sort(np.asarray(errors)[np.isfinite(errors)])
        if not len(sorted_errors):
            continue
        below = np.searchsorted(sorted_errors, thresholds, side="right") / len(sorted_errors)
        figure.add_scatter(
            x=thresholds,
            y=100 * below,
            name=label,
            mode="lines",
            line={
                "color": SIDE_COLORS["middle"],
                "width": 3 if label == first else 2,
                "dash": "solid" if label == first else "dot",
            },
            hovertemplate="%{y:.1f} % of frames<extra>" + label + "</extra>",
        )
    figure.update_layout(
        height=AROUND_PX + ROW_PX * len(H36M_17),
        # Room for the last step's label.
        margin={"l": 8, "r": 20, "t": 8, "b": 8},
        hovermode="x unified",
        dragmode=False,
        legend={"x": 0.98, "xanchor": "right", "y": 0.04, "yanchor": "bottom"},
        xaxis={
            "title": {"text": "error of a frame (mm), at most"},
            "range": [0, ERROR_LIMIT_MM],
            "dtick": 25,
            "hoverformat": ".0f",
            "fixedrange": True,
        },
        yaxis={
            "title": {"text": "share of frames (%)"},
            "range": [0, 101],
            "dtick": 25,
            "fixedrange": True,
        },
    )
    return figure
