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
# The people who are not picked stay in sight, but pale; their numbers stay readable.
PALE = 0.35
PICKED_NUMBER, OTHER_NUMBER = "#0072B2", "#4B5563"
PREVIEW_HEIGHT_PX = 420
# The limbs' points carry their names where the person is drawn at least so tall.
NAMED = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LEAST_NAMED_PX = 200


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
    (left, top), (right, bottom) = _box_of(people) if size is None else ((0, 0), size)
    for i, person in enumerate(people):
        _draw_person(figure, person, points, limbs, i, stands_out=i == picked)
    if picked < len(people):
        _name_limbs(figure, people[picked], points, PREVIEW_HEIGHT_PX / (bottom - top))
    if pictures is not None:
        width, height = pictures.size_px
        encoded = base64.b64encode(pictures.encoded[frame]).decode()
        figure.add_layout_image(
            source=f"data:image/jpeg;base64,{encoded}", xref="x", yref="y", x=0, y=0,
            sizex=width, sizey=height, sizing="stretch", layer="below",
        )  # fmt: skip
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, height=PREVIEW_HEIGHT_PX, showlegend=False,
        plot_bgcolor="rgba(0,0,0,0)", paper_bgcolor="rgba(0,0,0,0)", dragmode=False,
        xaxis={"visible": False, "range": [left, right]},
        yaxis={"visible": False, "range": [bottom, top], "scaleanchor": "x"},
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
        bgcolor=PICKED_NUMBER if stands_out else OTHER_NUMBER, borderpad=3,
    )  # fmt: skip


def _name_limbs(figure: go.Figure, person: Array, points: Sequence[str], scale: float) -> None:
    """Write the names of the limbs' points beside them, away from the body.

    Args:
        figure: what to write into.
        person: (N, 3).
        points: the N names.
        scale: how large a px of the picture is drawn.
    """
    there = np.isfinite(person[:, 0]) & (person[:, 2] > 0)
    if not there.any() or np.ptp(person[there, 1]) * scale < LEAST_NAMED_PX:
        return
    middle = float(np.median(person[there, 0]))
    for i in np.flatnonzero(there).tolist():
        side, _, part = points[i].partition("_")
        if side not in ("left", "right") or part not in NAMED:
            continue
        is_left = person[i, 0] < middle
        figure.add_annotation(
            x=float(person[i, 0]), y=float(person[i, 1]), text=f"{side[0]} {part}",
            showarrow=False, xanchor="right" if is_left else "left", xshift=-8 if is_left else 8,
            font={"size": 11, "color": "white"}, bgcolor="rgba(31,41,55,0.75)", borderpad=1,
        )  # fmt: skip


def _box_of(people: Sequence[Array]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Left and top, right and bottom of what holds everybody, where there is no picture."""
    there = [person[np.isfinite(person[:, 0]) & (person[:, 2] > 0), :2] for person in people]
    found = np.concatenate([np.empty((0, 2)), *there])
    if not len(found):
        return (0, 0), (100, 100)
    low, high = found.min(axis=0), found.max(axis=0)
    room = 0.15 * max(float((high - low).max()), 1.0)
    (left, top), (right, bottom) = (low - room).tolist(), (high + room).tolist()
    return (left, top), (right, bottom)
