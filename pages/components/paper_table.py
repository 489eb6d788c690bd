"""The paper's table on a page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.tables import Table
from core.workflows.paper_html import STYLE, plain_html, table_html
from core.workflows.paper_table import Row


def show(rows: Sequence[Row]) -> None:
    """Draw the table."""
    st.html(STYLE + table_html(rows))
    notes = [f"{row.name}: {row.note}." for row in rows if row.note]
    if notes:
        st.caption(" ".join(notes))


def show_plain(table: Table) -> None:
    """Draw any table in the same dress."""
    st.html(STYLE + plain_html(table))
