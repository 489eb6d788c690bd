"""Figures of robustness: error against how bad the 2D is, and what the network sees at each level.

They carry aggregates and single poses only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.skeleton import INPUT_16, Side
from core.viz.style import BONES, GHOST, RUN_COLORS, RUN_DASHES, SIDE_COLORS

Array = NDArray[np.floating[Any]]

CURVES_PX, STRIP_PX = 340, 220
# Around the figures of a strip, as a share of their size.
MARGIN = 0.06
# Narrower panels than this show no pose; where there is less room, the strip scrolls.
PANEL_PX = 120


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        name: what it is of.
        levels: L levels.
        errors: L errors, mm.
        slot: which of the colours it has; None draws one line of many, thin and grey.
    """

    name: str
    levels: Sequence[float]
    errors: Sequence[float]
    slot: int | None = 0


@dataclass(frozen=True, eq=False)
class Seen:
    """One panel of the strip.

    Attributes:
        title: the level.
        joints_2d: (16, 2) px.
        caption: what came of it.
    """

    title: str
    joints_2d: Array
    caption: str = ""


def curves(lines: Sequence[Line], axis: str, measure: str) -> go.Figure:
    """Draw errors against levels, the thin lines beneath the bold ones.

    Args:
        lines: may differ in which levels they have.
        axis: what the levels are, with their unit.
        measure: what the errors are, with their unit.
    """
    figure = go.Figure()
    few = sum(line.slot is None for line in lines) < 2
    for line in sorted(lines, key=lambda line: line.slot is not None):
        look = _bold(line.slot) if line.slot is not None else _thin()
        figure.add_scatter(
            x=list(line.levels),
            y=list(line.errors),
            name=line.name,
            mode="lines+markers",
            cliponaxis=False,
            hovertemplate=f"<b>%{{y:.1f}} mm</b> at %{{x:g}}<extra>{line.name}</extra>",
            showlegend=line.slot is not None,
            legendrank=1 if line.slot is None else 2 + line.slot,
            **look,
        )
    if not few:
        for line in _outermost([line for line in lines if line.slot is None]):
            figure.add_annotation(
                x=line.levels[-1],
                y=line.errors[-1],
                text=line.name,
                showarrow=False,
                xanchor="left",
                xshift=6,
                font={"size": 12},
            )
    figure.update_layout(
        height=CURVES_PX,
        margin={"l": 8, "r": 8 if few else 96, "t": 8, "b": 8},
        hovermode="closest",
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        xaxis={
            "title": {"text": axis},
            "rangemode": "tozero",
            "zeroline": False,
            "fixedrange": True,
            "tickvals": sorted({level for line in lines for level in line.levels}),
        },
        yaxis={"title": {"text": measure}, "rangemode": "tozero", "fixedrange": True},
    )
    return figure


def _bold(slot: int) -> dict[str, Any]:
    dash = RUN_DASHES[slot // len(RUN_COLORS) % len(RUN_DASHES)]
    color = RUN_COLORS[slot % len(RUN_COLORS)]
    return {"line": {"color": color, "width": 3, "dash": dash}, "marker": {"size": 8}}


def _thin() -> dict[str, Any]:
    look = {"color": SIDE_COLORS["middle"], "width": 1}
    return {"line": look, "marker": {"size": 5}, "opacity": 0.7}


def _outermost(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Pick the lines that end highest and lowest, to be named where they end."""
    whole = [line for line in lines if line.levels]
    if not whole:
        return ()
    last = max(line.levels[-1] for line in whole)
    ending = sorted((ln for ln in whole if ln.levels[-1] == last), key=lambda ln: ln.errors[-1])
    return (ending[0], ending[-1]) if len(ending) > 1 else tuple(ending)


def strip(clean: Array, panels: Sequence[Seen]) -> go.Figure:
    """Draw what the network sees, a panel for each level, over the clean pose, thin and pale.

    All panels have the same scale, px downwards as in a picture.

    Args:
        clean: (16, 2) px.
        panels: from left to right.
    """
    poses = np.stack([clean, *(panel.joints_2d for panel in panels)])
    low, high = np.nanmin(poses, axis=(0, 1)), np.nanmax(poses, axis=(0, 1))
    middle, size = (low + high) / 2, max(float((high - low).max()), 1.0) * (1 + 2 * MARGIN)
    figure = go.Figure()
    width = 1 / max(len(panels), 1)
    for number, panel in enumerate(panels):
        name = "" if number == 0 else str(number + 1)
        axes = {"xaxis": f"x{name}", "yaxis": f"y{name}"}
        _draw(figure, clean, GHOST["width"] / 2, GHOST["joint"], GHOST["opacity"], axes)
        bold = BONES["input"]
        _draw(figure, panel.joints_2d, bold["width"], bold["joint"], bold["opacity"], axes,
              panel.title)  # fmt: skip
        hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
        figure.update_layout(
            {
                f"xaxis{name}": hidden
                | {
                    "domain": [number * width, (number + 1) * width],
                    "range": [middle[0] - size / 2, middle[0] + size / 2],
                    "anchor": f"y{name}",
                },
                f"yaxis{name}": hidden
                | {
                    "domain": [0.0, 1.0],
                    "range": [middle[1] + size / 2, middle[1] - size / 2],
                    "scaleanchor": f"x{name}",
                    "anchor": f"x{name}",
                },
            }
        )
        for text, y, anchor in ((f"<b>{panel.title}</b>", 1.0, "bottom"),
                                (panel.caption, 0.0, "top")):  # fmt: skip
            figure.add_annotation(
                text=text,
                x=(number + 0.5) * width,
                y=y,
                xref="paper",
                yref="paper",
                xanchor="center",
                yanchor=anchor,
                showarrow=False,
            )
    figure.update_layout(
        height=STRIP_PX,
        margin={"l": 0, "r": 0, "t": 28, "b": 28},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return figure


def _draw(
    figure: go.Figure,
    joints_2d: Array,
    width: float,
    joint: float,
    opacity: float,
    axes: dict[str, str],
    title: str = "",
) -> None:
    """Draw one pose, each side of the body in its colour; only a titled one tells its joints."""
    sides: tuple[Side, ...] = ("middle", "left", "right")
    for side in sides:
        bones = [
            bone for bone, of in zip(INPUT_16.bones, INPUT_16.bone_sides, strict=True) if of == side
        ]
        ends = np.array([[joints_2d[a], joints_2d[b], [np.nan, np.nan]] for a, b in bones])
        x, y = ends.reshape(-1, 2).T
        look = {"color": SIDE_COLORS[side]}
        figure.add_scatter(
            x=x, y=y, mode="lines", line={**look, "width": width}, opacity=opacity,
            hoverinfo="skip", **axes,
        )  # fmt: skip
        own = [i for i, of in enumerate(INPUT_16.sides) if of == side]
        figure.add_scatter(
            x=joints_2d[own, 0],
            y=joints_2d[own, 1],
            mode="markers",
            marker={**look, "size": joint},
            opacity=opacity,
            text=[INPUT_16.joints[i].replace("_", " ") for i in own],
            **(
                {
                    "hovertemplate": f"%{{text}}<br>x %{{x:.0f}} px, y %{{y:.0f}} px"
                    f"<extra>{title}</extra>"
                }
                if title
                else {"hoverinfo": "skip"}
            ),
            **axes,
        )
