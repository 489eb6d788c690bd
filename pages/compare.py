"""Compare inputs: one recording lifted twice, and both ways over the whole test set."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from core import tables
from core.dataset import Dataset, Entry
from core.viz.compare import Lifted, compare_packet, scatter
from core.workflows import compare as comparing
from core.workflows import evaluate, export, export_file, results
from pages.components import (
    choice,
    downloads,
    frame,
    jobs,
    judging,
    loaders,
    pickers,
    take_along,
    viewer,
)
from pages.components import figure as figure_view

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint


@dataclass(frozen=True)
class Side:
    """What was picked for A or B."""

    source: str
    model: Checkpoint
    checkpoint_title: str


def pick_side(name: str, entry: Entry, source: str, checkpoint: str) -> Side:
    """Draw the two pickers of one side; `source` and `checkpoint` are their defaults."""
    letter = name.upper()
    chosen = pickers.row_or_list(
        f"{letter} · 2D input", f"{name}_input", list(entry.sources), source
    )
    spec = pickers.pick_checkpoint(
        f"{name}_checkpoint", f"{letter} · checkpoint", checkpoint, may_follow_input=False
    )
    return Side(chosen, loaders.checkpoint(spec), pickers.checkpoint_title(spec))


def pick_sides(entry: Entry) -> tuple[Side, Side]:
    """Draw both sides; by default they differ in the input, or else in the checkpoint."""
    sources = list(entry.sources)
    browsed = pickers.suited(choice.store().get("checkpoint", pickers.SUITED), sources[0])
    other = next(c for c in pickers.CHECKPOINT_TITLES if c != browsed)
    a = pick_side("a", entry, sources[0], browsed)
    rest = [source for source in sources if source != a.source]
    # What was predicted elsewhere is the same for every input.
    by_input = bool(rest) and a.model.saved is None
    b = pick_side("b", entry, rest[0] if by_input else a.source, browsed if by_input else other)
    return a, b


def what_differs(a: Side, b: Side) -> str:
    """Name what B changes, as the subject of a sentence."""
    if a.model.digest == b.model.digest:
        name = f"{b.source[:1].upper()}{b.source[1:]} input"
        return name if a.source == "gt" else f"{name} instead of {a.source}"
    if a.source == b.source:
        return f"The checkpoint “{b.checkpoint_title}”"
    return f"B ({b.source}, “{b.checkpoint_title}”)"


def show_table(comparison: comparing.Comparison, protocol: pickers.Protocol) -> None:
    """Show the comparison by action, and say what the columns are."""
    mm = st.column_config.NumberColumn(format="%.1f")
    signed = st.column_config.NumberColumn(format="%+.1f")
    table = comparing.as_table(comparison, protocol)
    rows = [row for row in table.rows if row]
    columns: dict[str, list[Any]] = {
        name: [row[i] for row in rows] for i, name in enumerate(table.header)
    }
    for name in ("95 % from", "95 % to"):
        # A column of numbers would say “None” where there is no interval.
        columns[name] = [f"{x:+.1f}" if isinstance(x, float) else "–" for x in columns[name]]
    st.dataframe(
        columns,
        hide_index=True,
        height=35 * (len(rows) + 1) + 3,
        column_config={
            "A (mm)": mm,
            "B (mm)": mm,
            "B − A (mm)": signed,
            "Frames": st.column_config.NumberColumn(format="localized"),
        },
        key="comparison",
    )
    skipped = f" {comparison.skipped:,} frames lack a joint and are left out." * bool(
        comparison.skipped
    )
    spread = (
        "The 95 % interval of B − A is a paired bootstrap over whole sequences, all cameras of a "
        "take together"
    )
    if "–" in columns["95 % from"]:
        spread += (
            ". It takes two sequences or more: a single one says nothing of the spread, and the "
            "average has an interval only if each of its actions has"
        )
    st.caption(
        f"mm, 17 joints, the root counted; lower is better. Only frames that both A and B have."
        f"{skipped} {spread}."
    )
    downloads.offer(table, "comparison", json=tables.as_json(table))


def compare_test_set(data: Dataset, a: Side, b: Side, protocol: pickers.Protocol) -> None:
    """Show the summary, or offer to compute it; the work goes on while one looks around."""
    measure = "MPJPE" if protocol == 1 else "P-MPJPE"
    st.subheader(f"Over the test set · Protocol #{protocol} ({measure})", anchor=False)
    st.caption(
        frame.escape(f"A: {a.source}, {a.checkpoint_title}  ·  B: {b.source}, {b.checkpoint_title}")
    )
    key: Hashable = ("compare", data.digest, a.source, a.model.digest, b.source, b.model.digest)
    job: jobs.Job[comparing.Comparison] | None = jobs.find(key)
    if job is None:
        sides = [
            comparing.Side(side.source, loaders.lifter(side.model, side.model.digest))
            for side in (a, b)
        ]
        frames = sum(
            sum(entry.frames for entry in evaluate.chosen(data, side.source))
            for side in sides
            if results.kept(data, side.lifter, side.source) is None
        )
        instant = frames <= judging.AT_ONCE
        # The button's place holds while the work starts, so that nothing jumps.
        place = st.empty()
        pressed = not instant and place.button(
            f"Compare over the test set ({frames:,} frames to lift)",
            key="compare_all",
            type="primary",
            help="Done once for each side: the result is kept on this machine, for Errors, too.",
        )
        if not instant and not pressed:
            return
        place.empty()
        job = jobs.start(key, lambda report: comparing.compare(data, *sides, progress=report))
        job.wait(10.0 if instant else 0.0)
    if job.running:
        follow(key)
    elif job.result is None:
        st.info(frame.escape(job.error or "The comparison ended without a result."))
    else:
        show_table(job.result, protocol)


@st.fragment(run_every=0.5)
def follow(key: Hashable) -> None:
    """Show how far a job is, until it is done."""
    job = jobs.find(key)
    if job is None or not job.running:
        st.rerun()
        return
    jobs.show_progress(job, "Lifting with A and B")
    if st.button("Cancel", key="compare_cancel"):
        jobs.forget(key)
        st.rerun()


def go_to_point() -> None:
    """Send the viewer to the frame of the point that was clicked."""
    points = st.session_state["scatter"]["selection"]["points"]
    if points and "customdata" in points[0]:
        found = points[0]["customdata"]
        choice.store()["frame"] = str(found[0] if isinstance(found, list) else found)


frame.show("Compare")
with frame.errors_shown(), st.sidebar:
    data = pickers.pick_dataset()
    entry = pickers.pick_recording(data)
    pickers.steps(data, entry.key)
    a, b = pick_sides(entry)
    lifted_a, lifted_b = (
        loaders.lifted(data, side.model, side.source, entry.key) for side in (a, b)
    )
    view = pickers.pick_view(lifted_a.recording)

choice.write_address(choice.COMPARED)
if (a.source, a.model.digest) == (b.source, b.model.digest):
    also = "" if len(entry.sources) > 1 else " This recording has a single 2D input."
    st.info(
        f"A and B are the same.{also} Choose another "
        f"{'2D input or ' if len(entry.sources) > 1 else ''}checkpoint for A or for B.",
        icon=":material/compare_arrows:",
    )
    st.stop()

sentence = comparing.verdict(lifted_a, lifted_b, view.protocol, what_differs(a, b))
st.markdown(f"#### {frame.escape(sentence)}")
drawn = [
    Lifted(side.source, side.prediction, side.aligned, side.errors) for side in (lifted_a, lifted_b)
]
recording = lifted_a.recording
packet = compare_packet(recording, *drawn, protocol=view.protocol, space=view.space)
if data.kind == "synthetic":
    # In the title it goes with every saved figure, too.
    packet = replace(packet, title=f"Synthetic · {packet.title}")
start = choice.frame_to_show(len(drawn[0].prediction), pickers.motion_of(data, entry.key))
chosen = choice.store()
state = viewer.show(packet, key="compare", frame=start)
chosen["frame"] = str(state.frame)
choice.write_address(choice.COMPARED)
choice.say_what_the_link_missed()
with st.sidebar:
    notes = (f"A: {a.source}, {a.checkpoint_title}", f"B: {b.source}, {b.checkpoint_title}")
    take_along.offer(
        export_file.Shown(packet, None, lifted_a.prediction, (*notes, *data.notes, data.credit)),
        f"compare_{export.file_name(lifted_a, '')}",
    )

compare_test_set(data, a, b, view.protocol)
figure = scatter(recording, *drawn, protocol=view.protocol, at=state.frame)
if figure is not None:
    st.subheader("2D error against 3D error, frame by frame", anchor=False)
    st.caption("Click a point to see its frame above; the ring marks where the viewer stands.")
    figure_view.show(
        figure,
        "scatter",
        "2D error (px) against 3D error (mm), frame by frame",
        on_select=go_to_point,
    )
