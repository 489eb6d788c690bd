"""A Plotly figure on a page, with buttons that save it as PNG or SVG, drawn by the browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components import viewer

# No mode bar: its tools are for other figures than these.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "showTips": False}
BOX = "figure_"

CSS = """
.figure-save { display: flex; justify-content: flex-end; gap: 4px; }
.figure-save button { padding: 0 6px; height: 22px; font: inherit; font-size: 11px;
  color: color-mix(in srgb, var(--st-text-color) 72%, var(--st-background-color));
  background: none; border-radius: 6px; cursor: pointer; border: 1px solid
  color-mix(in srgb, var(--st-text-color) 18%, var(--st-background-color)); }
.figure-save button:hover { background:
  color-mix(in srgb, var(--st-text-color) 6%, var(--st-background-color)); }
.figure-save button:focus-visible { outline: 2px solid var(--st-primary-color); }
@media (pointer: coarse) { .figure-save button { height: 32px; padding: 0 12px; } }
"""

# `st.plotly_chart` puts a new figure in the old one's place at every change: it flickers, and a
# zoom is lost. This one takes new points in place, for what grows while somebody looks at it.
_live = st.components.v2.component(
    "figure_live", js=viewer.loaded_from("live"), isolate_styles=False
)
_save = st.components.v2.component(
    "figure_save", css=CSS, js=viewer.loaded_from("save"), isolate_styles=False
)


def show(
    drawn: go.Figure,
    name: str,
    title: str,
    *,
    key: str | None = None,
    on_select: Callable[[], None] | None = None,
    min_width_px: int = 0,
    live: bool = False,
) -> None:
    """Draw a figure in the page's theme.

    Args:
        drawn: the figure.
        name: what a saved file is called, without its ending; letters, digits, - and _. Once a
            page.
        title: what the figure shows, with its unit; for a saved file, and for who can't see it.
        key: the chart's key in the session, which holds what is selected; `name` if None.
        on_select: called when a point is clicked.
        min_width_px: on a narrower screen the figure scrolls sideways in its place.
        live: the figure grows while it is looked at; it must have a height, and nothing in it can
            be selected.
    """
    box = f"{BOX}{name}"
    if min_width_px:
        st.html(f"<style>.st-key-{box}_chart {{ overflow-x: auto; }}"
                f".st-key-{box}_chart > * {{ min-width: {min_width_px}px; }}</style>")  # fmt: skip
    with st.container(key=box, gap=None):
        with st.container(key=f"{box}_chart"):
            options: dict[str, Any] = {}
            if on_select is not None:
                options = {"on_select": on_select, "selection_mode": "points"}
            if live:
                _draw_in_place(drawn, name, title)
            else:
                st.plotly_chart(drawn, key=key or name, config=CONFIG, alt=title, **options)
        data = {
            "modules": viewer.module_address("save.js"),
            "plotly": viewer.plotly_address(),
            "box": box,
            "file": name,
            "title": title,
        }
        _save(key=f"{box}_save", data=data, height="content")


def _draw_in_place(drawn: go.Figure, name: str, title: str) -> None:
    # Without Plotly's template, which brings a theme of its own.
    drawn = go.Figure(drawn).update_layout(template={"data": {}, "layout": {}})
    data = {
        "modules": viewer.module_address("live.js"),
        "plotly": viewer.plotly_address(),
        "figure": drawn.to_json(),
        "label": title,
        "config": CONFIG,
    }
    _live(key=f"{name}_live", data=data, height="content")
