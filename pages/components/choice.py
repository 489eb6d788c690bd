"""What the visitor chose, shared by the pages: kept in the session, written into the address.

The address holds plain text, so a link opens the same view on a fresh server. A value that the
data no longer has gives way to the nearest one that it has, and the visitor is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

STORE = "choice"
FIELDS = (
    "data", "checkpoint", "subject", "action", "take", "camera", "input", "protocol", "joints",
    "space",
    "frame",
)  # fmt: skip
# What the Compare page asks twice, for A and for B, instead of once.
TWICE = ("input", "checkpoint")
COMPARED = tuple(
    twin for name in FIELDS for twin in ((f"a_{name}", f"b_{name}") if name in TWICE else (name,))
)
# What the Robustness page asks: how the 2D is made worse, and for which checkpoints beside one.
MEASURED = (
    "data", "checkpoint", "others", "input", "noise", "levels", "frames", "protocol", "curve",
)  # fmt: skip
# What the Training page asks.
TRAINING = ("runs", "shown", "across", "error_of", "scale")
EVERY = {*FIELDS, *COMPARED, *MEASURED, *TRAINING}
# Between the values of a field that has several: in no name, and hardly in a path.
SEPARATOR = "|"


def store() -> dict[str, str]:
    """Return the session's choice; the first call reads it from the address."""
    if STORE not in st.session_state:
        asked = st.query_params
        st.session_state[STORE] = {name: asked[name] for name in EVERY if name in asked}
        st.session_state["asked_by_link"] = dict(st.session_state[STORE])
    chosen: dict[str, str] = st.session_state[STORE]
    return chosen


def enter(page: str) -> None:
    """Take the choice from the address if the browser went back, and the pickers' values from it.

    The pickers follow when another page opens, too: a widget of the same key there is another
    widget, and Streamlit keeps the old one's value under the key, but draws the new one at its
    first option.
    """
    went_back = _browser_went_back()
    if went_back:
        asked = st.query_params
        store().update({name: asked[name] for name in EVERY if name in asked})
    if went_back or st.session_state.get("page_shown") != page:
        st.session_state["page_shown"] = page
        for key in [k for k in st.session_state if str(k).startswith("pick_")]:
            del st.session_state[key]


def _browser_went_back() -> bool:
    """Tell whether this run shows an entry of the browser's history, by its Back or Forward."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def put(**values: str) -> None:
    """Choose from code, e.g. for "next": the pickers follow at the next run."""
    for name, value in values.items():
        store()[name] = value
        st.session_state.pop(f"pick_{name}", None)


def start_over() -> None:
    """Forget the choice and the address: the way out of a link that can't be opened."""
    store().clear()
    st.query_params.clear()
    for name in EVERY:
        st.session_state.pop(f"pick_{name}", None)


def settle(name: str, options: Sequence[str], default: str | None = None) -> str:
    """Settle a field on one of the options before its widget is drawn.

    The widget's own state wins over the stored choice, the stored choice over the default.
    """
    key = f"pick_{name}"
    candidates = (st.session_state.get(key), store().get(name), default)
    value = next((c for c in candidates if c in options and c is not None), options[0])
    asked = st.session_state.get("asked_by_link", {}).pop(name, None)
    if asked is not None and asked not in options:
        st.session_state.setdefault("link_misses", []).append((name, asked, value))
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    store()[name] = value
    return value


def pick_from_list(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    default: str | None = None,
    show: Callable[[str], str] = str,
    help: str | None = None,  # noqa: A002  Streamlit's word
) -> str:
    """Draw a drop-down for one field and return what is chosen."""
    settle(name, options, default)
    chosen = st.selectbox(label, options, key=f"pick_{name}", format_func=show, help=help)
    return _keep(name, chosen or options[0])


def pick_from_row(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    default: str | None = None,
    show: Callable[[str], str] = str,
    help: str | None = None,  # noqa: A002  Streamlit's word
) -> str:
    """Draw a row of buttons for one field and return what is chosen."""
    settle(name, options, default)
    chosen: Any = st.segmented_control(
        label,
        options,
        key=f"pick_{name}",
        format_func=show,
        help=help,
        required=True,
        width="stretch",
    )
    return _keep(name, chosen or options[0])


def several(name: str) -> list[str] | None:
    """Read what was chosen for a field that has several values; None if nothing ever was."""
    chosen = store().get(name)
    return None if chosen is None else [value for value in chosen.split(SEPARATOR) if value]


def pick_several(
    label: str,
    name: str,
    options: Sequence[str],
    *,
    default: Sequence[str] = (),
    show: Callable[[str], str] = str,
    help: str | None = None,  # noqa: A002  Streamlit's word
) -> list[str]:
    """Draw a drop-down of which several may be chosen, or none."""
    key = f"pick_{name}"
    stored = several(name)
    wanted = st.session_state.get(key, default if stored is None else stored)
    missed = set(wanted) - set(options)
    if name in st.session_state.get("asked_by_link", {}):
        del st.session_state["asked_by_link"][name]
        misses = st.session_state.setdefault("link_misses", [])
        misses += [(name, asked, "the rest") for asked in sorted(missed)]
    st.session_state[key] = [value for value in wanted if value in options]
    chosen = st.multiselect(label, options, key=key, format_func=show, help=help)
    _keep(name, SEPARATOR.join(chosen))
    return chosen


def pick_text(label: str, name: str, default: str, *, help: str | None = None) -> str:  # noqa: A002
    """Draw a line of text for one field and return what it says; empty is the default."""
    key = f"pick_{name}"
    st.session_state.setdefault(key, store().get(name, default))
    if not st.session_state[key].strip():
        st.session_state[key] = default
    return _keep(name, st.text_input(label, key=key, help=help) or default)


def _keep(name: str, value: str) -> str:
    store()[name] = value
    return value


def frame_to_show(frames: int, motion: str) -> int:
    """Take the frame from the link or the last pause; another motion starts in its middle."""
    stored = store().get("frame", "")
    seen = st.session_state.get("motion_shown")
    st.session_state["motion_shown"] = motion
    if stored.isdecimal() and seen in (None, motion) and int(stored) < frames:
        return int(stored)
    return frames // 2


def address(fields: Sequence[str]) -> dict[str, str]:
    """Give what a page's address holds of the choice: of the fields that the page asks."""
    return {name: store()[name] for name in fields if name in store()}


def write_address(fields: Sequence[str] = FIELDS) -> None:
    """Put the choice into the address, if it changed; `fields` are those that the page asks."""
    wanted = address(fields)
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def say_what_the_link_missed() -> None:
    """Tell once which parts of a shared link this data does not have, and what is shown."""
    for name, asked, value in st.session_state.pop("link_misses", []):
        owner = {"a_": "A's ", "b_": "B's "}.get(name[:2], "")
        words = owner + name[2:] if owner else name
        st.toast(f"The link asks for {words} “{asked}”, which is not here. Showing “{value}”.")
