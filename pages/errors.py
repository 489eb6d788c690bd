"""Errors by action: the paper's table, where the error sits, and the worst frames to look at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import streamlit as st

from core.dataset import Dataset, Key
from core.published import is_human36m
from core.skeleton import H36M_17
from core.viz import errors as figures
from core.workflows import evaluate, paper_table, results
from pages.components import choice, downloads, frame, loaders, pickers
from pages.components import figure as figure_view
from pages.components import paper_table as table_view

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.workflows.evaluate import JointSet
    from core.workflows.results import Results

# Fewer frames than this are judged at once, more when the visitor says so.
AT_ONCE = 20_000
LISTED = 200
ALL = "All"
ORDERS: dict[results.Order, str] = {
    "mpjpe": "Mean of joints",
    "joint": "One joint",
    "jump": "Jump",
}
JOINTS_SHOWN = {
    17: "17 joints, the root counted with zero error, as in the paper",
    16: "16 joints, without the hip",
    14: "14 joints, without hip, spine and neck",
}


# Underscored arguments are not part of the cache's key: the digests stand for them.
@st.cache_resource(show_spinner=False, max_entries=8)
def opened(_found: Results, data_digest: str, model_digest: str, source: str) -> Results:  # noqa: ARG001
    """Keep one object for each result, so that its means are computed once."""
    return _found


def judged(data: Dataset, model: Checkpoint, source: str) -> Results:
    """Open the results or compute them, with a button before what takes long; stops without."""
    found = results.kept(data, loaders.lifter(model, model.digest), source)
    if found is None:
        entries = evaluate.chosen(data, source)
        in_all = sum(entry.frames for entry in entries)
        if in_all > AT_ONCE and not st.session_state.pop("errors_asked", False):
            st.info(
                f"{len(entries):,} test recordings with {in_all:,} frames have not been judged "
                "with this checkpoint and input yet. It takes about a minute, once; the result is "
                "kept on this machine.",
                icon=":material/timer:",
            )
            st.button("Compute the errors", key="errors_compute", type="primary", on_click=ask)
            st.stop()
        place = st.empty()
        with place.container():
            bar = st.progress(0.0, "Loading the network…")
            st.button("Cancel", key="errors_cancel", help="Nothing is kept of a part.")
        found = results.judge(
            data, loaders.lifter(model, model.digest), source, progress=Progress(bar)
        )
        place.empty()
        if found.note:
            st.toast(found.note)
    return opened(found, data.digest, model.digest, source)


def ask() -> None:
    """Remember that the visitor wants it computed, so that the next run does nothing else."""
    st.session_state["errors_asked"] = True


class Progress:
    """Tells how many frames are done and how long the rest takes, a few times a second."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._began = self._said = time.monotonic()

    def __call__(self, done: int, in_all: int) -> None:
        """Show `done` of `in_all` frames."""
        now = time.monotonic()
        if now - self._said < 0.2 and done < in_all:
            return
        self._said = now
        left = (now - self._began) * (in_all - done) / max(done, 1)
        self._bar.progress(
            done / in_all, f"Lifting and judging: {done:,} of {in_all:,} frames, {left:.0f} s left"
        )


def rows_of(
    data: Dataset, found: Results, spec: str, joint_set: JointSet
) -> tuple[paper_table.Row, ...]:
    """Collect published rows, what else was judged on this data, and the chosen one last."""
    others: list[paper_table.Row] = []
    opened = st.session_state.get(loaders.CHECKPOINTS_OPENED, {})
    for other in (*pickers.CHECKPOINT_TITLES, *opened):
        model = loaders.checkpoint(other)
        for source in data.sources:
            if (other, source) == (spec, found.source):
                continue
            known: Results | None
            if found.frames <= AT_ONCE and other in pickers.CHECKPOINT_TITLES:
                known = results.judge(data, loaders.lifter(model, model.digest), source)
            else:
                known = results.kept(data, loaders.lifter(model, model.digest), source)
            if known is not None:
                others.extend(
                    paper_table.own_rows(
                        known.evaluation(joint_set), pickers.checkpoint_title(other)
                    )
                )
    own = paper_table.own_rows(found.evaluation(joint_set), pickers.checkpoint_title(spec))
    return (*paper_table.published_rows(data, joint_set), *others, *own)


def show_table(data: Dataset, rows: tuple[paper_table.Row, ...], joint_set: JointSet) -> None:
    """Show the table, what it may be compared with, and the download."""
    st.caption(
        f"{data.title}. Mean joint error in mm, lower is better; {JOINTS_SHOWN[joint_set]}. Rows "
        "of other checkpoints and inputs stand here once they were judged."
    )
    table_view.show(rows)
    if not is_human36m(data):
        st.caption(
            "Published figures are not shown: they were measured on Human3.6M's subjects S9 and "
            "S11, and errors on other people, motion and cameras do not compare with them."
        )
    elif joint_set != 17:
        st.caption("Published figures are not shown: they count 17 joints.")
    downloads.offer(paper_table.as_table(rows), "errors_by_action")


def show_figures(found: Results, protocol: results.Protocol, joint_set: JointSet, tag: str) -> None:
    """Show where the error sits, and how many frames have how much of it."""
    left, right = st.columns([2, 1], gap="medium")
    with left:
        shown = st.segmented_control(
            "Mean error, mm; click a cell to list its worst frames",
            ("Joint × action", "Joint × camera", "Subject × action"),
            default="Joint × action",
            key="errors_heatmap_kind",
            required=True,
        )
        if shown == "Subject × action":
            of_each = {
                subject: found.evaluation(joint_set, subjects=[subject]).action_errors(protocol)
                for subject in found.table(protocol, joint_set, by="subject")
            }
            values = [[row.get(a, float("nan")) for a in found.actions] for row in of_each.values()]
            figure = figures.error_heatmap(tuple(of_each), found.actions, np.array(values))
        else:
            by: results.By = "camera" if shown == "Joint × camera" else "action"
            figure = figures.joint_heatmap(*found.joint_table(protocol, by))
        key = f"errors_heatmap_{shown}_{tag}"
        figure_view.show(
            figure,
            "errors_heatmap",
            f"Mean error by {shown.lower()}, mm, Protocol #{protocol}",
            key=key,
            on_select=lambda: narrow(key, str(shown), tag),
            min_width_px=680,
        )
    with right:
        st.caption("Share of frames with at most this error, mean of 17 joints")
        labels = {p: f"Protocol #{p}" for p in results.PROTOCOLS}
        figure_view.show(
            figures.cumulative_curve(
                {label: found.frame_errors(p) for p, label in labels.items()}, labels[protocol]
            ),
            "errors_curve",
            "Share of frames with at most an error (mm)",
        )


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


def show_worst(found: Results, protocol: results.Protocol, tag: str) -> None:
    """List the worst frames after the filters; a click opens one on Browse."""
    st.subheader("Worst first")
    order, joint, action, subject, camera, most = st.columns([2.2, 1.2, 1.2, 1, 1.2, 1])
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
    high = most.number_input(
        "At most (mm)",
        value=None,
        min_value=0.0,
        step=10.0,
        placeholder="any",
        key=f"errors_most_{tag}",
    )
    frames = found.worst(
        protocol,
        LISTED,
        by=by or "mpjpe",
        joint=of_joint if by == "joint" else None,
        high=high,
        actions=only(actions),
        subjects=only(subjects),
        cameras=only(cameras),
    )
    if not frames:
        st.info("No frame matches. Widen a filter, or clear “At most”.", icon=":material/search:")
        return
    st.caption(
        f"The {len(frames)} worst, at most one in each second of a recording. "
        "Click one to see it on Browse."
    )
    unit = "Jump (mm/frame)" if by == "jump" else "Error (mm)"
    fps = dict(zip(found.keys, found.fps, strict=True))
    event: Any = st.dataframe(
        {
            unit: [mm for _, _, mm in frames],
            "Subject": [key.subject for key, _, _ in frames],
            "Action": [key.action for key, _, _ in frames],
            "Take": [key.take for key, _, _ in frames],
            "Camera": [key.camera for key, _, _ in frames],
            "Frame": [place for _, place, _ in frames],
            "Time (s)": [place / fps[key] for key, place, _ in frames],
        },
        column_config={
            unit: st.column_config.NumberColumn(format="%.1f"),
            "Frame": st.column_config.NumberColumn(format="%d"),
            "Time (s)": st.column_config.NumberColumn(format="%.2f"),
        },
        hide_index=True,
        height=360,
        # Another list is another table: one that stays takes the next click for its focus.
        key=f"errors_worst_{tag}_{by}_{of_joint}_{actions}_{subjects}_{cameras}_{high}",
        on_select="rerun",
        selection_mode="single-cell",
    )
    if event.selection.cells:
        key, place, _ = frames[event.selection.cells[0][0]]
        open_in_browse(key, place, found.source)


def only(name: str) -> tuple[str, ...] | None:
    """Turn a filter's choice into the names it keeps; None keeps all."""
    return None if name == ALL else (name,)


def open_in_browse(key: Key, place: int, source: str) -> None:
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


frame.show("Errors by action")
with frame.errors_shown(), st.sidebar:
    data = pickers.pick_dataset()
    chosen = pickers.pick_checkpoint()
    source = choice.pick_from_list("2D input", "input", data.sources)
    spec = pickers.suited(chosen, source)
    model = loaders.checkpoint(spec)
    asked = choice.pick_from_row(
        "Protocol",
        "protocol",
        ("1", "2"),
        show=lambda p: f"#{p}",
        help="What the heatmap and the list show; the table has both. Lower is better.",
    )
    protocol: results.Protocol = 2 if asked == "2" else 1
    joint_sets: dict[str, JointSet] = {str(n): n for n in get_args(evaluate.JointSet)}
    joint_set = joint_sets[
        choice.pick_from_row(
            "Joints",
            "joints",
            tuple(joint_sets),
            help="Which joints the table counts: " + "; ".join(JOINTS_SHOWN.values()) + ".",
        )
    ]
choice.write_address()
choice.say_what_the_link_missed()
st.title("Errors by action")
with frame.errors_shown():
    found = judged(data, model, source)
    rows = rows_of(data, found, spec, joint_set)
tag = data.digest[:8]
show_table(data, rows, joint_set)
show_figures(found, protocol, joint_set, tag)
show_worst(found, protocol, tag)
