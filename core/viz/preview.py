"""A still of one pose, to see whether its numbers are read rightly: 2D or 3D, coloured by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.cameras import MEAN_PITCH_RAD, pitch_rotation
from core.sequence import PoseSequence
from core.viz.style import SIDE_COLORS

HEIGHT_PX = 380
PLAIN = {"showticklabels": False, "title": "", "showbackground": False}


def still(sequence: PoseSequence, frame: int) -> go.Figure:
    """Draw one frame; 3D stands upright where it is read rightly.

    Args:
        sequence: 2D in px, or 3D in camera, root or world space.
        frame: which one.
    """
    pose = sequence.positions[frame].astype(np.float64)
    flat = sequence.space == "image"
    if not flat and sequence.space != "world":
        pose = (pose - pose[sequence.skeleton.root]) @ pitch_rotation(MEAN_PITCH_RAD)
    figure = go.Figure()
    for side, color in SIDE_COLORS.items():
        bones = [
            bone
            for bone, of in zip(sequence.skeleton.bones, sequence.skeleton.bone_sides, strict=True)
            if of == side
        ]
        lines = [np.vstack([pose[a], pose[b], np.full(pose.shape[1], np.nan)]) for a, b in bones]
        points = np.concatenate(lines)
        said: dict[str, Any] = {
            "mode": "lines+markers",
            "name": side,
            "line": {"color": color, "width": 4 if flat else 7},
            "marker": {"color": color, "size": 6 if flat else 3},
            "hoverinfo": "skip",
        }
        if flat:
            figure.add_scatter(x=points[:, 0], y=points[:, 1], **said)
        else:
            figure.add_scatter3d(x=points[:, 0], y=points[:, 1], z=points[:, 2], **said)
    figure.update_layout(
        height=HEIGHT_PX,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        legend={"orientation": "h", "y": 0, "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    if flat:
        figure.update_yaxes(autorange="reversed", scaleanchor="x", visible=False)
        figure.update_xaxes(visible=False)
    else:
        # One cube that holds the figure: nothing is cut off, and lengths compare.
        low, high = np.nanmin(pose, axis=0), np.nanmax(pose, axis=0)
        reach = 0.52 * float((high - low).max())
        for axis, middle in zip("xyz", (low + high) / 2, strict=True):
            figure.update_layout(
                {f"scene_{axis}axis": {"range": [middle - reach, middle + reach], **PLAIN}}
            )
        figure.update_scenes(aspectmode="cube", camera={"eye": {"x": 0.6, "y": -1.7, "z": 0.35}})
    return figure
