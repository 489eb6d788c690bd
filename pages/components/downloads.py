"""A table to take along: CSV, Markdown, LaTeX and, where there is one, JSON."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import tables
from core.tables import Table


def offer(table: Table, name: str, *, notes: Sequence[str] = (), json: str = "") -> None:
    """Draw the button that opens the choice of formats.

    Args:
        table: what is written.
        name: of the file, without its ending; once a page.
        notes: what people must know of the figures, where the format has a place for it.
        json: the same for machines, or more; empty where there is none.
    """
    files = [
        ("CSV, figures to the last digit", ".csv", tables.as_csv(table), "text/csv"),
        ("Markdown", ".md", tables.as_markdown(table, notes), "text/markdown"),
        ("LaTeX (booktabs)", ".tex", tables.as_latex(table, notes), "application/x-tex"),
    ]
    if json:
        files.append(("JSON, figures to the last digit", ".json", json, "application/json"))
    with st.popover("Download the table", icon=":material/download:"):
        for label, ending, text, mime in files:
            st.download_button(
                label,
                text,
                f"{name}{ending}",
                mime,
                key=f"download_{name}{ending}",
                on_click="ignore",
                width="stretch",
            )
