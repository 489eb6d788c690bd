"""Errors by action: the paper's table, where the error sits, and the worst frames to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import streamlit as st

from core import tables
from core.dataset import Dataset
from core.published import is_human36m
from core.viz import errors as figures
from core.workflows import evaluate, measures, paper_table, report, results
from pages.components import choice, downloads, frame, judging, loaders, pickers, worst_list
from pages.components import figure as figure_view
from pages.components import paper_table as table_view

if TYPE_CHECKING:
    from core.workflows.evaluate import JointSet
    from core.workflows.results import Results

JOINTS_SHOWN = {
    17: "17 joints, the root counted with zero error, as in the paper",
    16: "16 joints, without the hip",
    14: "14 joints, without hip, spine and neck",
}


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
            if found.frames <= judging.AT_ONCE and other in pickers.CHECKPOINT_TITLES:
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


def show_table(
    data: Dataset, rows: tuple[paper_table.Row, ...], joint_set: JointSet, skipped: int
) -> None:
    """Show the table, what it may be compared with, and the download.

    Args:
        data: what was judged.
        rows: of the table.
        joint_set: how many joints count.
        skipped: frames of the chosen checkpoint and input that do not count.
    """
    frames = "1 frame is" if skipped == 1 else f"{skipped:,} frames are"
    left_out = f" {frames} left out of the last row: a joint is missing." * bool(skipped)
    st.caption(
        f"{data.title}. Mean joint error in mm, lower is better; {JOINTS_SHOWN[joint_set]}. Rows "
        f"of other checkpoints and inputs stand here once they were judged.{left_out}"
    )
    table_view.show(rows)
    if not is_human36m(data):
        st.caption(
            "Published figures are not shown: they were measured on Human3.6M's subjects S9 and "
            "S11, and errors on other people, motion and cameras do not compare with them."
        )
    elif joint_set != 17:
        st.caption("Published figures are not shown: they count 17 joints.")
    table = paper_table.as_table(rows)
    downloads.offer(table, "errors_by_action", json=tables.as_json(table))


def show_measures(of: measures.Sums) -> None:
    """Show the other measures by action, what they mean, and the download."""
    st.subheader("Other measures by action", anchor=False)
    table = measures.as_table(of.by_action())
    table_view.show_plain(table)
    notes = measures.meanings(of.found)
    with st.expander("What the columns are"):
        st.markdown("\n".join(f"- {frame.escape(note)}" for note in notes))
    st.caption("17 joints, the root counted, whatever is chosen for the table above. " + notes[-1])
    downloads.offer(table, "measures_by_action", notes=notes, json=tables.as_json(table))


def offer_report(data: Dataset, of: measures.Sums, found: Results, spec: str) -> None:
    """Offer all of it as one HTML file; it is written when it is asked for."""
    own = paper_table.own_rows(found.evaluation(), pickers.checkpoint_title(spec))
    rows = (*paper_table.published_rows(data, 17), *own)
    st.download_button(
        "Report (one HTML file)",
        lambda: report.write(data, of, rows),
        "errors_by_action.html",
        "text/html",
        key="errors_report",
        icon=":material/description:",
        on_click="ignore",
        help="The table, the measures, heatmaps, curve and worst frames of this checkpoint and "
        "input, with the digests; opens anywhere without a network.",
    )


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
        columns = len(found.cameras if shown == "Joint × camera" else found.actions)
        key = f"errors_heatmap_{shown}_{tag}"
        figure_view.show(
            figure,
            "errors_heatmap",
            f"Mean error by {shown.lower()}, mm, Protocol #{protocol}",
            key=key,
            on_select=lambda: worst_list.narrow(key, str(shown), tag),
            min_width_px=figures.least_width_px(columns),
        )
    with right:
        labels = {p: f"Protocol #{p}" for p in results.PROTOCOLS}
        per_frame = {label: found.frame_errors(p) for p, label in labels.items()}
        drawn = st.segmented_control(
            "Error of a frame, mean of 17 joints",
            ("Cumulative", "Distribution"),
            default="Cumulative",
            key="errors_curve_kind",
            required=True,
        )
        if drawn == "Distribution":
            figure_view.show(
                figures.distribution(per_frame, labels[protocol]),
                "errors_distribution",
                "Share of frames by their error (mm)",
            )
        else:
            figure_view.show(
                figures.cumulative_curve(per_frame, labels[protocol]),
                "errors_curve",
                "Share of frames with at most an error (mm)",
            )


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
    judged = judging.judged(data, model, source)
    found = judged.found
    rows = rows_of(data, found, spec, joint_set)
tag = data.digest[:8]
show_table(data, rows, joint_set, found.evaluation(joint_set).skipped)
show_figures(found, protocol, joint_set, tag)
show_measures(judged)
offer_report(data, judged, found, spec)
worst_list.show(found, protocol, tag)
