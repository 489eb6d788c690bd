"""Figures of training runs: loss, test error, learning rate and pace, laid over each other.

A figure stays as its reader zoomed it while new points come in: `uirevision` changes only with
what its axes mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.dataset import in_paper_order
from core.viz.style import RUN_COLORS, RUN_DASHES

FloatArray = NDArray[np.float64]
Across = Literal["epoch", "step"]
Rate = Literal["lr", "samples_per_s"]

HEIGHT_PX = 300
SMALL_PX = 200
# More points than this no screen is wide enough for, and they are sent every few seconds.
POINTS = 1500
# Up to so many epochs each one is a dot of its own.
DOTTED = 60

PROTOCOL_1, PROTOCOL_2 = "Protocol #1", "Protocol #2"
AXES: dict[Across, str] = {"epoch": "epoch", "step": "step"}
RATES: dict[Rate, str] = {"lr": "learning rate", "samples_per_s": "samples per second"}


def _none() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Curve:
    """One run's curves.

    Attributes:
        name: the run's.
        slot: which of the runs' colours it has.
        steps_per_epoch: what turns steps into epochs.
        step: (N,) steps done at each report within an epoch.
        loss, lr, samples_per_s: (N,) at these steps; NaN where a report lacks it.
        epoch: (E,) whole epochs.
        test_mm, test_p_mm: (E,) Protocol #1 and #2 over the test samples after each; NaN where
            there was no test.
        train_mm: (E,) Protocol #1 over training samples.
        by_action: action -> (E,) mm, the same.
    """

    name: str
    slot: int = 0
    steps_per_epoch: int = 1
    step: FloatArray = field(default_factory=_none)
    loss: FloatArray = field(default_factory=_none)
    lr: FloatArray = field(default_factory=_none)
    samples_per_s: FloatArray = field(default_factory=_none)
    epoch: FloatArray = field(default_factory=_none)
    test_mm: FloatArray = field(default_factory=_none)
    test_p_mm: FloatArray = field(default_factory=_none)
    train_mm: FloatArray = field(default_factory=_none)
    by_action: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def best(self) -> int | None:
        """Find the epoch's place in `epoch` with the smallest test error, the first of equals."""
        known = np.isfinite(self.test_mm)
        return int(np.nanargmin(self.test_mm)) if known.any() else None


def run_color(slot: int) -> str:
    """Give the colour of a run's slot."""
    return RUN_COLORS[slot % len(RUN_COLORS)]


def actions_of(curves: Sequence[Curve]) -> tuple[str, ...]:
    """Name the actions that any of the runs was tested on, in the paper's order."""
    return in_paper_order(action for curve in curves for action in curve.by_action)


def loss_figure(
    curves: Sequence[Curve], *, across: Across = "epoch", log: bool = False
) -> go.Figure:
    """Draw the training loss; the loss has no unit: its targets are normalised."""
    figure = go.Figure()
    for curve in curves:
        x = curve.step / curve.steps_per_epoch if across == "epoch" else curve.step
        _add_line(figure, curve, x, curve.loss, "%{y:.4f}")
    return _finished(figure, "training loss (normalised)", across, log=log, revision="loss")


def error_figure(
    curves: Sequence[Curve],
    *,
    of: str = PROTOCOL_1,
    across: Across = "epoch",
    log: bool = False,
) -> go.Figure:
    """Draw the test error after each epoch, mark each run's best epoch, and the training error.

    Args:
        curves: the runs.
        of: `PROTOCOL_1`, which has the training error as a thin line beneath; `PROTOCOL_2`; or
            an action, under Protocol #1.
        across: what lies across.
        log: a logarithmic scale of errors.
    """
    figure = go.Figure()
    for curve in curves:
        x = _at_epochs(curve, across)
        values = _errors(curve, of)
        if of == PROTOCOL_1:
            _add_line(figure, curve, x, curve.train_mm, "%{y:.1f} mm", beneath="training")
        _add_line(figure, curve, x, values, "%{y:.1f} mm", dotted=len(values) <= DOTTED)
        # By the whole test, as the checkpoint "best" is chosen, whichever error is drawn.
        best = curve.best
        if best is not None and len(values) and np.isfinite(values[best]):
            figure.add_scatter(
                x=[float(x[best])],
                y=[float(values[best])],
                name=f"{_safe(curve.name)}, best epoch",
                mode="markers",
                marker={
                    "symbol": "star",
                    "size": 14,
                    "color": run_color(curve.slot),
                    "line": {"width": 1, "color": "white"},
                },
                showlegend=False,
                hovertemplate=f"best: epoch {curve.epoch[best]:.0f}<extra>{_safe(curve.name)}"
                "</extra>",
            )
    titles = {PROTOCOL_1: "MPJPE (mm)", PROTOCOL_2: "P-MPJPE (mm)"}
    title = titles.get(of, f"MPJPE, {_safe(of)} (mm)")
    return _finished(figure, title, across, log=log, revision=f"error {of}")


def rate_figure(
    curves: Sequence[Curve], rate: Rate, *, across: Across = "epoch", log: bool = False
) -> go.Figure:
    """Draw the learning rate or the pace."""
    figure = go.Figure()
    form = "%{y:.3g}" if rate == "lr" else "%{y:,.0f} /s"
    for curve in curves:
        x = curve.step / curve.steps_per_epoch if across == "epoch" else curve.step
        _add_line(figure, curve, x, getattr(curve, rate), form)
    _finished(figure, RATES[rate], across, log=log, revision=rate)
    figure.update_layout(height=SMALL_PX, showlegend=False)
    if not log:
        figure.update_yaxes(rangemode="tozero")
    return figure


def action_figure(curves: Sequence[Curve]) -> go.Figure:
    """Draw each action's test error at each run's best epoch, one row an action."""
    figure = go.Figure()
    actions = actions_of(curves)
    for curve in curves:
        best = curve.best
        if best is None:
            continue
        known = [
            (action, float(curve.by_action[action][best]))
            for action in actions
            if action in curve.by_action and np.isfinite(curve.by_action[action][best])
        ]
        figure.add_scatter(
            x=[mm for _, mm in known],
            y=[action for action, _ in known],
            name=_safe(curve.name),
            mode="markers",
            marker={"color": run_color(curve.slot), "size": 10, "symbol": _symbol(curve.slot)},
            hovertemplate="%{y}: %{x:.1f} mm<extra>" + _safe(curve.name) + "</extra>",
        )
    figure.update_layout(
        height=90 + 24 * max(len(actions), 3),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="closest",
        dragmode=False,
        uirevision="actions",
        showlegend=len(figure.data) > 1,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        xaxis={
            "title": {"text": "test MPJPE at the best epoch (mm)"},
            "rangemode": "tozero",
            "fixedrange": True,
            "showgrid": True,
        },
        yaxis={
            "type": "category",
            "categoryarray": list(actions),
            "autorange": "reversed",
            "fixedrange": True,
            "automargin": True,
            "showgrid": True,
            "dtick": 1,
        },
    )
    return figure


def thinned(x: FloatArray, y: FloatArray, most: int = POINTS) -> tuple[FloatArray, FloatArray]:
    """Keep at most `most` points, the first and the last of them, and every peak and valley.

    The points fall into groups of neighbours; each gives its smallest and its largest.
    """
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) <= most:
        return x, y
    groups = np.array_split(np.arange(1, len(x) - 1), (most - 2) // 2)
    kept = {0, len(x) - 1}
    for group in groups:
        kept |= {int(group[np.argmin(y[group])]), int(group[np.argmax(y[group])])}
    places = sorted(kept)
    return x[places], y[places]


def _errors(curve: Curve, of: str) -> FloatArray:
    if of == PROTOCOL_1:
        return curve.test_mm
    return curve.test_p_mm if of == PROTOCOL_2 else curve.by_action.get(of, _none())


def _at_epochs(curve: Curve, across: Across) -> FloatArray:
    return curve.epoch if across == "epoch" else curve.epoch * curve.steps_per_epoch


def _add_line(
    figure: go.Figure,
    curve: Curve,
    x: FloatArray,
    y: FloatArray,
    form: str,
    *,
    dotted: bool = False,
    beneath: str = "",
) -> None:
    x, y = thinned(x, y) if len(x) == len(y) else (_none(), _none())
    if not len(x):
        return
    said = f"{_safe(curve.name)}, {beneath}" if beneath else _safe(curve.name)
    figure.add_scatter(
        # Plain lists: packed arrays would make every figure differ from the one before.
        x=[float(v) for v in x],
        y=[float(v) for v in y],
        name=said,
        mode="lines+markers" if dotted or len(x) == 1 else "lines",
        line={
            "color": run_color(curve.slot),
            "width": 1 if beneath else 2,
            "dash": "dot" if beneath else _dash(curve.slot),
        },
        marker={"size": 5},
        showlegend=not beneath,
        hovertemplate=f"{form}<extra>{said}</extra>",
    )


def _finished(
    figure: go.Figure, title: str, across: Across, *, log: bool, revision: str
) -> go.Figure:
    figure.update_layout(
        height=HEIGHT_PX,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hovermode="x unified",
        dragmode="zoom",
        uirevision=f"{revision} {across} {log}",
        showlegend=sum(trace.showlegend is not False for trace in figure.data) > 1,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        xaxis={
            "title": {"text": AXES[across]},
            "rangemode": "tozero",
            "hoverformat": ".2~f" if across == "epoch" else ",.0f",
        },
        yaxis={"title": {"text": title}, "type": "log" if log else "linear", **_log_ticks(log)},
    )
    return figure


def _log_ticks(log: bool) -> dict[str, Any]:
    return {"dtick": "D2", "exponentformat": "power", "minor": {"showgrid": False}} if log else {}


def _dash(slot: int) -> str:
    return RUN_DASHES[slot // len(RUN_COLORS) % len(RUN_DASHES)]


def _symbol(slot: int) -> str:
    return ("circle", "diamond", "square", "triangle-up", "x", "cross")[slot % 6]


def _safe(name: str) -> str:
    """Keep a run's name from being read as Plotly's own HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
