"""The worst frames first, after filters; a click opens one on Browse, a heatmap's cell narrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from core import tables
from core.dataset import Key
from core.skeleton import H36M_17
from core.viz import errors as figures
from core.workflows import results, worst_table
from pages.components import choice, downloads

if TYPE_CHECKING:
    from core.workflows.results import Results

LISTED = 200
ALL = "All"
ORDERS: dict[results.Order, str] = {
    "mpjpe": "Mean of joints",
    "joint": "One joint",
    "jump": "Jump",
}


def narrow(key: str, shown: str, tag: str) -> None:
    """Narrow the list to the cell that was clicked; a click beside the cells widens it again."""
    points = st.session_state[key]["selection"]["points"]
    row, column = points[0]["customdata"] if points else (None, None)
    state = st.session_state
    if shown == "Subject × action":
        state[f"errors_subject_{tag}"] = row or ALL
    else:
        state[f"errors_order_{tag}"] = "joint" if row else "mpjpe"
        if row:
            state[f"errors_joint_{tag}"] = row
    across = "camera" if shown == "Joint × camera" else "action"
    state[f"errors_{across}_{tag}"] = column or ALL


def show(found: Results, protocol: results.Protocol, tag: str) -> None:
    """List the worst frames after the filters; a click opens one on Browse."""
    st.subheader("Worst first")
    order, joint, action, subject, camera, least, most = st.columns(
        [2.7, 1.15, 1.15, 0.95, 1.15, 0.85, 0.85]
    )
    # A click on a heatmap sets these, too: Streamlit wants one place for the first value.
    st.session_state.setdefault(f"errors_order_{tag}", "mpjpe")
    st.session_state.setdefault(f"errors_joint_{tag}", H36M_17.joints[-1])
    by = order.segmented_control(
        "Order by",
        tuple(ORDERS),
        format_func=lambda o: ORDERS[o],
        key=f"errors_order_{tag}",
        required=True,
        help="Jump: how much the step from the frame before differs from the true step, "
        "mm per frame, the same under both protocols.",
    )
    of_joint = joint.selectbox(
        "Joint",
        figures.JOINT_ROWS,
        format_func=figures.spoken,
        key=f"errors_joint_{tag}",
        disabled=by != "joint",
    )
    actions = action.selectbox("Action", (ALL, *found.actions), key=f"errors_action_{tag}")
    subjects = subject.selectbox("Subject", (ALL, *found.subjects), key=f"errors_subject_{tag}")
    cameras = camera.selectbox("Camera", (ALL, *found.cameras), key=f"errors_camera_{tag}")
    mm = "mm/frame" if by == "jump" else "mm"
    low, high = (
        column.number_input(
            f"{bound} ({mm})",
            value=None,
            min_value=0.0,
            step=10.0,
            placeholder="any",
            key=f"errors_{bound.split()[1]}_{tag}",
        )
        for column, bound in ((least, "At least"), (most, "At most"))
    )
    if low is not None and high is not None and low > high:
        st.info(
            f"No error is at least {low:g} and at most {high:g} {mm}: swap the two.",
            icon=":material/search:",
        )
        return
    frames = found.worst(
        protocol,
        LISTED,
        by=by or "mpjpe",
        joint=of_joint if by == "joint" else None,
        low=low,
        high=high,
        actions=_only(actions),
        subjects=_only(subjects),
        cameras=_only(cameras),
    )
    if not frames:
        st.info(
            "No frame matches. Widen a filter, or clear “At least” and “At most”.",
            icon=":material/search:",
        )
        return
    st.caption(
        f"The {len(frames)} worst, at most one in each second of a recording. "
        "Click one to see it on Browse."
    )
    table = worst_table.as_table(found, frames, by or "mpjpe")
    value = worst_table.HEADINGS[by or "mpjpe"]
    event: Any = st.dataframe(
        {name: [row[i] for row in table.rows] for i, name in enumerate(table.header)},
        column_config={
            value: st.column_config.NumberColumn(format="%.1f"),
            "Frame": st.column_config.NumberColumn(format="%d"),
            "Time (s)": st.column_config.NumberColumn(format="%.2f"),
        },
        # What the list is ordered by stands first.
        column_order=(value, *(name for name in table.header if name != value)),
        hide_index=True,
        height=min(360, 35 * (len(frames) + 1) + 3),
        # Another list is another table: one that stays takes the next click for its focus.
        key=f"errors_worst_{tag}_{by}_{of_joint}_{actions}_{subjects}_{cameras}_{low}_{high}",
        on_select="rerun",
        selection_mode="single-cell",
    )
    downloads.offer(table, "worst_frames", json=tables.as_json(table))
    if event.selection.cells:
        key, place, _ = frames[event.selection.cells[0][0]]
        _open_in_browse(key, place, found.source)


def _only(name: str) -> tuple[str, ...] | None:
    """Turn a filter's choice into the names it keeps; None keeps all."""
    return None if name == ALL else (name,)


def _open_in_browse(key: Key, place: int, source: str) -> None:
    """Go to Browse at a frame."""
    choice.put(
        subject=key.subject,
        action=key.action,
        take=key.take,
        camera=key.camera,
        input=source,
        frame=str(place),
    )
    # Browse starts another recording in mid-motion unless it has seen none.
    st.session_state.pop("motion_shown", None)
    st.switch_page("app.py")
