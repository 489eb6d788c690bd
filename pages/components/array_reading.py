"""Ask what a bare array of poses is, with a still that shows what the answers make of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import PoseFormatError
from core.formats import plain_arrays, plausibility
from core.formats.plain_arrays import MEANING, Reading
from core.viz.preview import still
from core.workflows import plain
from pages.components import frame

QUESTIONS = {"joint_order": "Order of joints", "unit": "Unit", "axes": "Axes"}


def ask(path: Path, leave: Callable[[], None]) -> str | None:
    """Draw the questions and the still; give the data set's name once it is accepted.

    Args:
        path: the array's file.
        leave: called when the visitor cancels.

    Raises:
        PoseFormatError: the file holds no array of poses.
    """
    positions = plain_arrays.read_positions(path)
    guess = plain_arrays.guess(positions, str(path))
    with st.container(border=True):
        st.markdown(
            f"**{frame.escape(path.name)}** holds {len(positions):,} poses of "
            f"{positions.shape[1]} joints in {positions.shape[2]}D. The numbers do not say what "
            "they are: check what could be told from them, and say the rest."
        )
        left, right = st.columns([1, 1.4], gap="medium")
        with left:
            reading = _complete(_questions(positions, guess))
        with right:
            fits = _show(positions, reading, path)
        with st.container(horizontal=True):
            accepted = st.button(
                "Open it so", key="array_accept", type="primary", disabled=not fits
            )
            st.button("Cancel", key="array_cancel", on_click=leave)
    return plain.spec_of(path, reading) if accepted and reading is not None else None


def _show(positions: Any, reading: Reading | None, path: Path) -> bool:
    """Draw a still of the array so read, and tell whether it can be read so."""
    if reading is None:
        st.info("The still appears once every question has its answer.", icon=":material/help:")
        return False
    try:
        sequence = plain_arrays.to_sequence(positions, reading, str(path))
    except PoseFormatError as error:
        st.error(frame.escape(error.problem), icon=":material/error:")
        return False
    last = len(sequence) - 1
    number = st.slider("Frame", 0, last, last // 2, key="array_frame") if last else 0
    st.plotly_chart(still(sequence, number), key="array_still", config={"displayModeBar": False})
    for odd in plausibility.oddities(sequence):
        st.warning(frame.escape(odd[:1].upper() + odd[1:]) + ".", icon=":material/warning:")
    return True


def _questions(positions: Any, guess: plain_arrays.Guess) -> dict[str, Any]:
    flat = positions.shape[2] == 2
    choices = {
        "joint_order": plain_arrays.orders_for(positions),
        "unit": plain_arrays.UNITS_2D if flat else plain_arrays.UNITS_3D,
        "axes": plain_arrays.AXES_2D if flat else plain_arrays.AXES_3D,
    }
    answers: dict[str, Any] = {}
    for name, label in QUESTIONS.items():
        offered = choices[name]
        undecided = guess.open.get(name)
        answers[name] = st.selectbox(
            label,
            offered,
            index=None if undecided else offered.index(getattr(guess.reading, name)),
            key=f"array_{name}",
            format_func=lambda value: f"{value} · {MEANING[value]}" if value in MEANING else value,
            placeholder=f"{' or '.join(undecided)}?" if undecided else "",
            help=None if undecided else "Told from the numbers; change it if it is wrong.",
        )
    answers["fps"] = st.number_input(
        "Frames a second", 1.0, 1000.0, float(guess.reading.fps), key="array_fps"
    )
    return answers


def _complete(answers: dict[str, Any]) -> Reading | None:
    if any(value is None for value in answers.values()):
        return None
    return Reading(**answers)
