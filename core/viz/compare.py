"""The packet of the Compare page: both 2D inputs, truth, what came of each, and the difference.

Also 2D error against 3D error, frame by frame, as a Plotly figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from core.cameras import Array
from core.dataset import Recording
from core.normalization import root_relative
from core.sequence import PoseSequence
from core.skeleton import INPUT_16
from core.viz.packet import Errors, Heatmap, ImagePanel, Layer, Packet, Protocol, ScenePanel
from core.viz.stage import DrawnSpace, set_stage
from core.viz.style import DIVERGING, ERROR_LIMIT_PX, SIDE_COLORS

# The 2D source that is no detector's: the others are measured against it.
EXACT = "gt"
# A page stays quick, and more points than this no eye tells apart.
POINTS = 2000


@dataclass(frozen=True, eq=False)
class Lifted:
    """One side of the comparison.

    Attributes:
        source: the 2D input.
        prediction: H36M_17, root-relative, camera axes, mm.
        aligned: (F, 17, 3) after Procrustes alignment; None without truth.
        errors: protocol -> (F, 17) mm; None without truth.
    """

    source: str
    prediction: PoseSequence
    aligned: Array | None
    errors: Mapping[Protocol, Array] | None


def compare_packet(
    recording: Recording,
    a: Lifted,
    b: Lifted,
    *,
    protocol: Protocol = 1,
    space: DrawnSpace = "camera",
) -> Packet:
    """Make the packet of one recording, lifted twice.

    Raises:
        KeyError: the recording lacks a 2D source.
        ValueError: no world where `space` asks for it.
    """
    stage = set_stage(recording, a.prediction, space)
    sides = {"A": a, "B": b}
    layers: list[Layer] = []
    wrong_2d: list[Errors] = []
    inputs = {"A": a.source} if a.source == b.source else {"A": a.source, "B": b.source}
    for name, source in inputs.items():
        joints_2d = recording.inputs[source]
        wrong = input_errors(recording, source)
        id_2d = f"input {name}"
        if wrong is not None:
            title = f"{name} in 2D" if len(inputs) == 2 else "2D"
            wrong_2d.append(
                Errors(id_2d, title, INPUT_16, {1: wrong}, "px", ERROR_LIMIT_PX, root_counts=False)
            )
        layers.append(
            Layer(
                id_2d,
                source if len(inputs) == 1 else f"{name}: {source}",
                "input" if name == "A" else "second",
                joints_2d.skeleton,
                joints_2d.positions,
                errors=None if wrong is None else id_2d,
            )
        )
    seen = a.source if len(inputs) == 1 else "A bold, B thin"
    panels: list[ImagePanel | ScenePanel] = [
        ImagePanel(
            f"2D input · {seen}",
            tuple(layer.id for layer in layers),
            recording.size_px,
            recording.pictures,
        )
    ]
    under: tuple[str, ...] = ()
    if (truth := recording.truth) is not None:
        relative = root_relative(truth.positions, truth.skeleton.root)
        layers.append(Layer("truth", "Truth", "truth", truth.skeleton, stage.place(relative)))
        panels.append(ScenePanel("3D truth", ("truth",)))
        under = ("truth",)
    judged = []
    for name, side in sides.items():
        if side.errors is not None:
            judged.append(Errors(name, name, side.prediction.skeleton, side.errors))
        layers.append(
            Layer(
                name,
                f"From {name}",
                "prediction",
                side.prediction.skeleton,
                stage.place(side.prediction.positions),
                None if side.aligned is None else stage.place(side.aligned),
                None if side.errors is None else name,
            )
        )
        panels.append(ScenePanel(f"3D from {name}", (name,), under))
    delta = Heatmap("B − A: blue where A is better, orange where B is", "B", "A")
    key = recording.key
    return Packet(
        title=str(key),
        timeline=f"{key.subject}/{key.action}/{key.take}/{len(a.prediction)}",
        fps=a.prediction.fps,
        panels=tuple(panels),
        layers=tuple(layers),
        errors=(*judged, *wrong_2d),
        heatmaps=(delta,) if len(judged) == 2 else (),
        stage=stage,
        protocol=protocol,
    )


def input_errors(recording: Recording, source: str) -> Array | None:
    """Measure a 2D source against the exact one: (F, 16) px, or None where there is no exact."""
    exact = recording.inputs.get(EXACT)
    if exact is None or source == EXACT:
        return None
    apart = recording.inputs[source].select(INPUT_16).positions - exact.select(INPUT_16).positions
    return np.asarray(np.linalg.norm(apart, axis=-1))


def scatter(
    recording: Recording, a: Lifted, b: Lifted, *, protocol: Protocol = 1, at: int | None = None
) -> go.Figure | None:
    """Draw each frame's 2D error (px) against its 3D error (mm), A and B apart.

    Each point carries its frame in `customdata`. At most 2,000 points; a side without 2D error
    is left out, and without any side there is no figure. The frame `at` has a ring around it.
    """
    figure = go.Figure()
    rings: list[tuple[float, float]] = []
    for name, side in {"A": a, "B": b}.items():
        wrong_2d = input_errors(recording, side.source)
        if wrong_2d is None or side.errors is None:
            continue
        x, y = wrong_2d.mean(axis=1), side.errors[protocol].mean(axis=1)
        frames = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if at is not None and at in frames:
            rings.append((round(float(x[at]), 2), round(float(y[at]), 1)))
        if len(frames) > POINTS // 2:
            frames = frames[np.linspace(0, len(frames) - 1, POINTS // 2).astype(int)]
        if not len(frames):
            continue
        figure.add_scatter(
            x=x[frames].round(2),
            y=y[frames].round(1),
            customdata=frames,
            mode="markers",
            name=f"{name} · {side.source}",
            marker={
                "color": DIVERGING[-1] if name == "A" else DIVERGING[0],
                "symbol": "circle" if name == "A" else "diamond",
                "size": 6,
                "opacity": 0.8,
            },
            hovertemplate="frame %{customdata}<br>%{x:.1f} px in 2D<br>%{y:.1f} mm in 3D",
        )
    if not figure.data:
        return None
    both = len(figure.data) > 1
    if rings:
        figure.add_scatter(
            x=[x for x, _ in rings],
            y=[y for _, y in rings],
            mode="markers",
            name=f"frame {at}",
            marker={
                "symbol": "circle-open",
                "size": 15,
                "color": SIDE_COLORS["middle"],
                "line": {"width": 3},
            },
            hoverinfo="skip",
        )
    measure = "MPJPE" if protocol == 1 else "P-MPJPE"
    figure.update_layout(
        xaxis={"title": "2D error (px)", "rangemode": "tozero"},
        yaxis={"title": f"{measure} (mm)", "rangemode": "tozero"},
        showlegend=both or bool(rings),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        height=380,
    )
    return figure
