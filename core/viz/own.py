"""The packet of the page Lift your own, and the preview in which its visitor picks the person.

Where there is no truth, the heatmap shows how much the detector doubts each joint.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.cameras import MEAN_PITCH_RAD, Array
from core.dataset import Pictures, Recording
from core.sequence import PoseSequence
from core.skeleton import side_of
from core.viz.packet import Errors, Heatmap, ImagePanel, Layer, Packet, ScenePanel
from core.viz.stage import set_stage
from core.viz.style import DOUBT_LIMIT_PERCENT, SIDE_COLORS

SOURCE_LAYER, DOUBT = "input", "doubt"
# The people who are not picked stay in sight, but pale.
PALE = 0.35


def own_packet(
    recording: Recording,
    source: str,
    prediction: PoseSequence,
    *,
    pitch_rad: float = MEAN_PITCH_RAD,
    note: str = "",
) -> Packet:
    """Make the packet of a recording without truth: picture, 3D, and 3D from the side.

    Args:
        recording: one input, perhaps pictures.
        source: the input's name.
        prediction: H36M_17, root-relative, camera axes, mm.
        pitch_rad: how far the camera looks down.
        note: one line that is shown with the panels.
    """
    joints_2d = recording.inputs[source]
    stage = set_stage(recording, prediction, pitch_rad=pitch_rad)
    doubts = _doubts(joints_2d)
    figure = Layer(
        "prediction",
        "Prediction",
        "prediction",
        prediction.skeleton,
        stage.place(prediction.positions),
    )
    seen = Layer(
        SOURCE_LAYER,
        source,
        "input",
        joints_2d.skeleton,
        joints_2d.positions,
        errors=DOUBT if doubts else None,
    )
    return Packet(
        title=recording.key.action,
        timeline=f"own/{joints_2d.digest}",
        fps=joints_2d.fps,
        panels=(
            ImagePanel(f"2D · {source}", (SOURCE_LAYER,), recording.size_px, recording.pictures),
            ScenePanel("3D prediction", ("prediction",)),
            ScenePanel("3D from the side", ("prediction",), turn_rad=math.pi / 2),
        ),
        layers=(seen, figure),
        errors=doubts,
        heatmaps=(Heatmap("2D doubt", DOUBT),) if doubts else (),
        stage=stage,
        note=note,
    )


def _doubts(joints_2d: PoseSequence) -> tuple[Errors, ...]:
    if joints_2d.confidence is None:
        return ()
    missing = ~np.isfinite(joints_2d.positions[..., 0])
    doubt = np.where(missing, np.nan, 100 * (1 - joints_2d.confidence))
    return (
        Errors(
            DOUBT, "", joints_2d.skeleton, {1: doubt}, "%", DOUBT_LIMIT_PERCENT, root_counts=False
        ),
    )


def preview(
    people: Sequence[Array],
    points: Sequence[str],
    limbs: Sequence[tuple[int, int]],
    *,
    picked: int,
    pictures: Pictures | None = None,
    size_px: tuple[int, int] | None = None,
    frame: int = 0,
) -> go.Figure:
    """Draw everybody in one frame, numbered, every point with its name.

    Args:
        people: one array (N, 3) of x, y, confidence a person, NaN where they are not there.
        points: the N names.
        limbs: pairs of points that a line connects.
        picked: the index of the person who stands out.
        pictures: what lies behind.
        size_px: the picture's size where there are no pictures.
        frame: which picture.
    """
    figure = go.Figure()
    size = size_px if pictures is None else pictures.size_px
    seen = [person for person in people if np.isfinite(person[:, 0]).any()]
    if size is None:
        size = _size_of(seen)
    for i, person in enumerate(people):
        _draw_person(figure, person, points, limbs, i, stands_out=i == picked)
    width, height = size
    if pictures is not None:
        encoded = base64.b64encode(pictures.encoded[frame]).decode()
        figure.add_layout_image(
            source=f"data:image/jpeg;base64,{encoded}", xref="x", yref="y", x=0, y=0,
            sizex=width, sizey=height, sizing="stretch", layer="below",
        )  # fmt: skip
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, height=420, showlegend=False,
        plot_bgcolor="rgba(0,0,0,0)", paper_bgcolor="rgba(0,0,0,0)", dragmode=False,
        xaxis={"visible": False, "range": [0, width]},
        yaxis={"visible": False, "range": [height, 0], "scaleanchor": "x"},
    )  # fmt: skip
    return figure


def _draw_person(
    figure: go.Figure,
    person: Array,
    points: Sequence[str],
    limbs: Sequence[tuple[int, int]],
    number: int,
    *,
    stands_out: bool,
) -> None:
    there = np.isfinite(person[:, 0]) & (person[:, 2] > 0)
    if not there.any():
        return
    opacity = 1.0 if stands_out else PALE
    for side, color in SIDE_COLORS.items():
        x: list[float | None] = []
        y: list[float | None] = []
        for a, b in limbs:
            if there[a] and there[b] and side_of(points[b]) == side:
                x += [float(person[a, 0]), float(person[b, 0]), None]
                y += [float(person[a, 1]), float(person[b, 1]), None]
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": color, "width": 3}, opacity=opacity,
            hoverinfo="skip", customdata=[number] * len(x),
        )  # fmt: skip
    named = [i for i in np.flatnonzero(there).tolist() if not points[i].startswith("other_")]
    figure.add_scatter(
        x=person[named, 0], y=person[named, 1], mode="markers", opacity=opacity,
        marker={"size": 8, "color": [SIDE_COLORS[side_of(points[i])] for i in named],
                "line": {"width": 1, "color": "white"}},
        text=[points[i].replace("_", " ") for i in named],
        hovertemplate="%{text}<extra>person " + str(number + 1) + "</extra>",
        customdata=[number] * len(named),
    )  # fmt: skip
    top = np.nanmin(person[there, 1])
    figure.add_annotation(
        x=float(np.nanmean(person[there, 0])), y=float(top), yshift=14, showarrow=False,
        text=f"<b>{number + 1}</b>", font={"color": "white", "size": 14},
        bgcolor="#31333F", borderpad=3, opacity=opacity,
    )  # fmt: skip


def _size_of(people: Sequence[Array]) -> tuple[int, int]:
    """A picture that holds everybody, where nobody knows its size."""
    if not people:
        return 100, 100
    high = np.nanmax([np.nanmax(np.where(p[:, 2:] > 0, p[:, :2], np.nan), axis=0) for p in people],
                     axis=0)  # fmt: skip
    return int(high[0] * 1.1) + 1, int(high[1] * 1.1) + 1
