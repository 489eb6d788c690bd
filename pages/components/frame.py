"""The frame around every page: its configuration, the menu, and how errors are said.

Every page calls `show(title)` first. The menu is drawn here and not by Streamlit's navigation,
which breaks shared links beside a `pages/` folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from core import scratch
from core.errors import PoseFormatError
from pages.components import choice, memory

PRODUCT = "Pose Baseline Studio"
# Script, label, and the fields of the choice that stand in its address.
PAGES: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("app.py", "Browse", choice.FIELDS),
    ("pages/compare.py", "Compare", choice.COMPARED),
    ("pages/errors.py", "Errors", choice.FIELDS),
    ("pages/robustness.py", "Robustness", choice.MEASURED),
    ("pages/training.py", "Training", choice.TRAINING),
    ("pages/lift.py", "Lift your own", ()),
    ("pages/files.py", "Open files", ()),
)
ASSETS = Path(__file__).resolve().parents[2] / "assets"


def show(title: str) -> None:
    """Configure the page and draw the menu; the first call of every page."""
    memory.give_back_early()
    st.set_page_config(
        page_title=f"{title} · {PRODUCT}",
        page_icon=ASSETS / "icon.svg",
        layout="wide",
        initial_sidebar_state="auto",
    )
    choice.enter(title)
    _sweep()
    st.html(ASSETS / "page.css")
    with st.sidebar.container(horizontal=True, key="menu", gap="small"):
        for script, label, fields in PAGES:
            # With the whole address, a page in another tab shows the same, and going back stops
            # at no address that is still empty.
            st.page_link(script, label=label, query_params=choice.address(fields))
        st.html(ASSETS / "menu.html", unsafe_allow_javascript=True)


@st.cache_resource(show_spinner=False)
def _sweep() -> None:
    """Remove what a killed server left, once a start."""
    scratch.sweep()


@contextmanager
def errors_shown() -> Iterator[None]:
    """Say what is wrong with a file, offer a way out, and stop the page; catch nothing else.

    A data set that is still to be converted is no error: it is shown how far that is.
    """
    from pages.components import conversion, loaders

    try:
        yield
    except loaders.NotConvertedError as waiting:
        conversion.show(waiting.spec)
        st.stop()
    except PoseFormatError as error:
        st.error(f"**This file can't be used.**\n\n{escape(str(error))}", icon=":material/error:")
        st.button("Start over with what ships", key="start_over", on_click=choice.start_over)
        st.stop()


def escape(text: str) -> str:
    """Keep a message's own characters from being read as Markdown."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]<>#|$~:" else c for c in text)
