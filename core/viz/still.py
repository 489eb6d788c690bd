"""Figures that need no script: heatmaps as coloured tables, the cumulative curve as inline SVG.

For a report in one file. Colours and scales are those of the interactive figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.viz.errors import spoken
from core.viz.style import ERROR_LIMIT_MM, error_color, ink_on

FloatArray = NDArray[np.floating[Any]]

STYLE = """<style>
.heat { overflow-x: auto; }
.heat table { border-collapse: separate; border-spacing: 1px; font-size: 0.75rem; }
.heat td { padding: 3px 6px; text-align: center; min-width: 2.6em; white-space: nowrap; }
.heat th { padding: 3px 6px; font-weight: 400; text-align: right; white-space: nowrap; }
.heat thead th { text-align: center; }
.curve { width: 100%; max-width: 560px; height: auto; }
.curve text { fill: currentColor; font-size: 12px; }
.curve .rule { stroke: currentColor; opacity: 0.18; }
.curve polyline { fill: none; stroke: currentColor; stroke-width: 2; }
</style>"""

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 320, 56, 16, 12, 46
POINTS = 151


def heat_table(rows: Sequence[str], columns: Sequence[str], values: FloatArray, corner: str) -> str:
    """Write mean errors as a table coloured on the one scale of all errors.

    Args:
        rows: R names, from the top.
        columns: C names.
        values: (R, C) mm; NaN leaves a cell empty.
        corner: what stands over the names of the rows.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    lines = [f'<thead><tr><th scope="col">{escape(corner)}</th>{head}</tr></thead>']
    for name, figures in zip(rows, np.asarray(values, dtype=np.float64), strict=True):
        cells = "".join(_cell(float(mm)) for mm in figures)
        lines.append(f'<tr><th scope="row">{escape(spoken(name))}</th>{cells}</tr>')
    return f'<div class="heat" tabindex="0"><table>{"".join(lines)}</table></div>'


def _cell(mm: float) -> str:
    if not np.isfinite(mm):
        return "<td>–</td>"
    background = error_color(mm)
    text = ink_on(background)
    return f'<td style="background:{background};color:{text}">{mm:.1f}</td>'


def curve(frames: Mapping[str, FloatArray]) -> str:
    """Draw which share of frames has at most an error, as SVG; the first label solid.

    Args:
        frames: a label -> errors (N,) of frames, mm; NaN is left out.
    """
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts: list[str] = []
    for share in (0, 25, 50, 75, 100):
        y = TOP + down * (1 - share / 100)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{share}</text>')
    for mm in range(0, int(ERROR_LIMIT_MM) + 1, 25):
        x = LEFT + across * mm / ERROR_LIMIT_MM
        parts.append(f'<text x="{x:.1f}" y="{TOP + down + 18}" text-anchor="middle">{mm}</text>')
    parts.append(f'<text x="{LEFT + across / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
                 "error of a frame (mm), at most</text>")  # fmt: skip
    middle = TOP + down / 2
    parts.append(f'<text x="14" y="{middle}" text-anchor="middle" '
                 f'transform="rotate(-90 14 {middle})">share of frames (%)</text>')  # fmt: skip
    thresholds = np.linspace(0, ERROR_LIMIT_MM, POINTS)
    for i, (label, errors) in enumerate(frames.items()):
        known = np.sort(np.asarray(errors)[np.isfinite(errors)])
        if not len(known):
            continue
        shares = np.searchsorted(known, thresholds, side="right") / len(known)
        points = " ".join(
            f"{LEFT + across * mm / ERROR_LIMIT_MM:.1f},{TOP + down * (1 - share):.1f}"
            for mm, share in zip(thresholds, shares, strict=True)
        )
        dash = ' stroke-dasharray="2 4"' if i else ""
        y = TOP + down - 16 - 18 * (len(frames) - 1 - i)
        parts.append(f'<polyline points="{points}"{dash}/>')
        parts.append(f'<polyline points="{WIDTH - 150},{y - 4} {WIDTH - 120},{y - 4}"{dash}/>')
        parts.append(f'<text x="{WIDTH - 112}" y="{y}">{escape(label)}</text>')
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Share of frames with at most an error">{"".join(parts)}</svg>'
    )
