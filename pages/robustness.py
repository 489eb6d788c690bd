"""Robustness: how errors grow as the 2D input gets worse, level by level."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from core.dataset import Dataset, in_paper_order
from core.tables import ALL_FRAMES, AVERAGE
from core.viz import robustness as figures
from core.workflows import robustness
from core.workflows.robustness_table import as_table, error_of, names_of, notes
from pages.components import choice, downloads, frame, jobs, loaders, pickers
from pages.components import figure as figure_view

if TYPE_CHECKING:
    from core.perturbation import Perturbation
    from core.workflows.lift import PoseLifter
    from core.workflows.robustness import Example, Robustness, Setting

# Up to so many poses are measured at once, more when the visitor says so.
AT_ONCE = 12_000
SAMPLES = {"2000": "2,000", "10000": "10,000", "all": "All"}
MEASURES: dict[pickers.Protocol, str] = {1: "MPJPE", 2: "P-MPJPE"}
STOPPED = "Stopped."
# Steps by it come near no place twice for long.
GOLDEN = 0.618034


def pick_levels(kind: Perturbation) -> tuple[float, ...] | None:
    """Ask for levels; None if it is no list of them, which is said below the field."""
    default = ",".join(f"{level:g}" for level in kind.levels)
    # Levels of another kind are in another unit.
    if st.session_state.get("levels_of", kind.name) != kind.name:
        choice.put(levels=default)
    st.session_state["levels_of"] = kind.name
    text = choice.pick_text(
        f"Levels: {kind.axis}",
        "levels",
        default,
        help=f"Numbers with commas between. {kind.neutral:g} changes nothing.",
    )
    try:
        return robustness.levels_from(text, kind)
    except ValueError as error:
        said = str(error)
        st.error(frame.escape(f"{said[:1].upper()}{said[1:]}."))
        return None


def pick_protocol() -> pickers.Protocol:
    """Ask which error the curves show."""
    asked = choice.pick_from_row(
        "Protocol",
        "protocol",
        ("1", "2"),
        show=lambda p: f"#{p}",
        help="#1: MPJPE, hips put together. #2: P-MPJPE, after the best rotation, shift and scale. "
        "Both are measured. Lower is better.",
    )
    return 2 if asked == "2" else 1


def measured(setting: Setting, lifters: list[PoseLifter]) -> Robustness:
    """Open what is kept and measure the rest, in the background if it takes long."""
    found = robustness.kept(setting, lifters)
    if not found.missing:
        return found
    key = (
        "robustness", setting.dataset.digest, setting.source, setting.perturbation.name,
        setting.levels, setting.size, setting.seed, *(one.checkpoint.digest for one in lifters),
    )  # fmt: skip
    job: jobs.Job[Robustness] | None = jobs.find(key)
    in_all = setting.frames * found.missing
    instant = in_all <= AT_ONCE
    if job is not None and job.result is not None:
        return job.result
    if job is None or (not job.running and job.error == STOPPED):
        place = st.empty()
        if job is not None or not instant:
            with place.container():
                if not ask(found, in_all, stopped=job is not None):
                    return found
        place.empty()
        job = jobs.start(key, lambda report: robustness.measure(setting, lifters, progress=report))
        job.wait(10.0 if instant else 0.0)
        found = job.result or robustness.kept(setting, lifters)
    if job.running:
        follow(key, setting.frames, job.done // setting.frames)
    elif job.error is not None:
        st.info(frame.escape(job.error), icon=":material/info:")
    return found


def ask(found: Robustness, in_all: int, *, stopped: bool) -> bool:
    """Say what is to be measured, and tell whether the visitor wants it."""
    there = len(found.points)
    if stopped or there:
        begun = "Stopped. " * stopped
        st.info(
            f"{begun}{there} of {there + found.missing} points are measured, and kept.",
            icon=":material/pause_circle:",
        )
    label = f"Measure {'the rest' if there else 'the curve'} ({in_all:,} poses)"
    return st.button(label, key="robustness_measure", type="primary")


@st.fragment(run_every=0.5)
def follow(key: tuple[object, ...], frames: int, rounds: int) -> None:
    """Show how far the work is; what it has measured by now is drawn as soon as it is there."""
    job = jobs.find(key)
    if job is None or not job.running or job.done // frames > rounds:
        st.rerun()
        return
    jobs.show_progress(job, "Measuring", "poses")
    if st.button("Stop", key="robustness_stop", help="Levels that are measured stay."):
        job.stop()
        job.wait(5.0)
        st.rerun()


def headline(found: Robustness, names: dict[str, str], protocol: pickers.Protocol) -> str:
    """Say in one line what the worst level costs each checkpoint."""
    kind = found.setting.perturbation
    costs: dict[float, list[str]] = {}
    for lifter in found.lifters:
        points = {point.level: point for point in found.of(lifter)}
        worst = max(points, default=kind.neutral)
        if kind.neutral in points and worst != kind.neutral:
            change = error_of(points[worst], protocol, AVERAGE)
            change -= error_of(points[kind.neutral], protocol, AVERAGE)
            # Never "-0.0".
            said = f"{round(change, 1) + 0.0:+.1f} mm {names[lifter.checkpoint.digest]}"
            costs.setdefault(worst, []).append(said)
    if not costs:
        return f"{kind.title} on {found.setting.dataset.title}"
    worst = max(costs)
    more = f" and {len(costs[worst]) - 2} more" if len(costs[worst]) > 2 else ""
    return f"{kind.title}, {kind.shown(worst)}: {', '.join(costs[worst][:2])}{more}"


def show_example(shown: Example, kind: Perturbation, protocol: pickers.Protocol, name: str) -> None:
    """Draw one frame as the network sees it, at each level."""
    place = f"{shown.key}, frame {shown.frame}"
    text, again = st.columns([4, 1], vertical_alignment="bottom")
    below = f" Below: its {MEASURES[protocol]} with “{name}”." if shown.errors else ""
    text.caption(frame.escape(f"What the network sees: {place}. Pale: the 2D as it is.{below}"))
    if again.button("Another frame", key="robustness_another", width="stretch"):
        st.session_state["example"] = st.session_state.get("example", 0) + 1
        st.rerun()
    panels = [
        figures.Seen(
            kind.shown(level),
            joints_2d,
            f"{shown.errors[level][protocol]:.1f} mm" if shown.errors else "",
        )
        for level, joints_2d in shown.seen.items()
    ]
    figure_view.show(
        figures.strip(shown.clean, panels),
        "network_sees",
        f"{kind.title}, what the network sees: {place}",
        min_width_px=figures.PANEL_PX * len(panels),
    )


def pick_curve(data: Dataset) -> str:
    """Ask of which action the curves are, where there is more than one."""
    actions = in_paper_order(entry.key.action for entry in data.select(split="test"))
    if len(actions) < 2:
        return AVERAGE
    return choice.pick_from_list(
        "Curves of",
        "curve",
        (AVERAGE, ALL_FRAMES, *actions),
        show=lambda name: {AVERAGE: "Average of actions"}.get(name, name),
    )


def show_curves(
    found: Robustness, names: dict[str, str], protocol: pickers.Protocol, of: str
) -> None:
    """Draw the curves: each action of a single checkpoint, or of several a curve of `of`."""
    several = len(found.lifters) > 1

    def line(lifter: PoseLifter, action: str, name: str, slot: int | None) -> figures.Line:
        points = found.of(lifter)
        return figures.Line(
            name,
            [point.level for point in points],
            [error_of(point, protocol, action) for point in points],
            slot,
        )

    lines = [
        line(lifter, of, names[lifter.checkpoint.digest] if several else "Average of actions", slot)
        for slot, lifter in enumerate(found.lifters)
    ]
    if not several and len(found.actions) > 1:
        lines += [line(found.lifters[0], action, action, None) for action in found.actions]
    elif not several:
        lines = [line(found.lifters[0], AVERAGE, found.actions[0], 0)]
    kind, measure = found.setting.perturbation, f"{MEASURES[protocol]} (mm)"
    title = f"{measure} against {kind.axis}, {found.setting.dataset.title}"
    if several:
        title += f", {of}"
    figure_view.show(figures.curves(lines, kind.axis, measure), "robustness", title)


def show_table(found: Robustness, names: dict[str, str], protocol: pickers.Protocol) -> None:
    """Show the numbers of one protocol, and offer both."""
    table = as_table(found, names, protocols=(protocol,))
    rows = [row for row in table.rows if row]
    several = len(found.lifters) > 1
    columns = {
        name: [None if row[i] == "" and i > 2 else row[i] for row in rows]
        for i, name in enumerate(table.header)
        if name != "Protocol" and (several or i > 0)
    }
    st.dataframe(
        columns,
        hide_index=True,
        height=35 * (len(rows) + 1) + 3,
        column_config={
            name: st.column_config.NumberColumn(format="%.1f") for name in table.header[3:]
        },
        key="robustness_table",
    )
    said = notes(found)
    downloads.offer(
        as_table(found, names), "robustness", notes=said, json=json.dumps(found.as_dict(), indent=1)
    )
    framed = "; ".join(
        f"{names[one.checkpoint.digest]}: "
        + ("frames the person" if one.checkpoint.framing == "person" else "pixels as they lie")
        for one in found.lifters
    )
    st.caption(frame.escape(f"{' '.join(said)} How the 2D is framed: {framed}."))


frame.show("Robustness")
with frame.errors_shown(), st.sidebar:
    data = pickers.pick_dataset()
    chosen = pickers.pick_checkpoint()
    source = choice.pick_from_list("2D input", "input", data.sources)
    spec = pickers.suited(chosen, source)
    specs = [spec, *pickers.pick_other_checkpoints(spec)]
    kind = robustness.perturbation_named(
        choice.pick_from_list(
            "Make the 2D worse by",
            "noise",
            tuple(robustness.PERTURBATIONS),
            show=lambda name: robustness.PERTURBATIONS[name].title,
        )
    )
    levels = pick_levels(kind)
    size = choice.pick_from_row(
        "Frames",
        "frames",
        tuple(SAMPLES),
        show=lambda name: SAMPLES[name],
        help="How large the sample is, spread evenly over the test recordings.",
    )
    protocol = pick_protocol()
    of = pick_curve(data) if len(specs) > 1 else AVERAGE
choice.write_address(choice.MEASURED)
choice.say_what_the_link_missed()
if levels is None:
    st.info("Correct the levels on the left.", icon=":material/edit:")
    st.stop()
with frame.errors_shown():
    setting = robustness.Setting(
        data, source, kind, levels, size=None if size == "all" else int(size)
    )
    ready: dict[str, tuple[str, PoseLifter]] = {}
    for one in specs:
        model = loaders.checkpoint(one)
        ready.setdefault(model.digest, (one, loaders.lifter(model, model.digest)))
    lifters = [lifter for _, lifter in ready.values()]
    names = names_of([pickers.checkpoint_title(one) for one, _ in ready.values()], lifters)
    head = st.empty()
    st.caption(frame.escape(kind.meaning))
    turn = (0.6 + GOLDEN * st.session_state.get("example", 0)) % 1
    seen = robustness.example(setting, lifters[0], int(turn * setting.frames))
    show_example(seen, kind, protocol, names[lifters[0].checkpoint.digest])
    found = measured(setting, lifters)
head.markdown(f"##### {frame.escape(headline(found, names, protocol))}")
if found.note:
    st.toast(frame.escape(found.note))
if found.points:
    show_curves(found, names, protocol, of)
    show_table(found, names, protocol)
