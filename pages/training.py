"""Training: watch the runs of a folder, start, stop and resume them, open what came of them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from core import runs
from core.dataset import in_paper_order
from core.viz import training as figures
from core.workflows import launch, watch
from core.workflows.watch import Watched
from pages.components import choice, figure, frame, loaders, pickers, run_cards, run_form

# What `train --ckpt` takes when nothing is said.
DEFAULT_FOLDER = "runs"
EVERY_S = 2.0
SHOWN_AT_FIRST, SHOWN_AT_MOST = 3, 8
SCALES = {"linear": "Linear", "log": "Log"}
FORM_OPEN = "training_form_open"


def pick_folder() -> Path:
    """Ask for the folder of runs; the address remembers it."""
    with st.sidebar:
        typed = choice.pick_text(
            "Folder of runs",
            "runs",
            DEFAULT_FOLDER,
            help="What `python -m core train` calls `--ckpt`.",
        )
    return pickers.path_typed(typed)


def go_to_browse() -> None:
    """Open a run's checkpoint on Browse, with the data that it was trained on."""
    asked = st.session_state.pop(run_cards.BROWSE_WITH, None)
    if asked is None:
        return
    spec = str(asked)
    st.session_state.setdefault(loaders.CHECKPOINTS_OPENED, {})[spec] = None
    choice.put(checkpoint=spec)
    data = launch.data_of(runs.read_run(asked.parent))
    if data is not None:
        if data not in launch.BUILT_IN:
            st.session_state.setdefault(loaders.DATASETS_OPENED, {})[data] = pickers.name_of_path(
                data
            )
        choice.put(data=data)
    st.session_state.pop("motion_shown", None)
    st.switch_page("app.py")


def pick_axes(found: list[Watched]) -> None:
    """Ask what the figures show."""
    choice.pick_from_row("Across", "across", ("epoch", "step"), show=str.capitalize)
    choice.pick_from_row("Scale", "scale", tuple(SCALES), show=lambda name: SCALES[name])
    actions = in_paper_order(a for run in found for a in watch.actions_of(run))
    choice.pick_from_list(
        "Error",
        "error_of",
        (figures.PROTOCOL_1, figures.PROTOCOL_2, *actions),
        help="Over the whole test under Protocol #1 (MPJPE) or #2 (P-MPJPE), or of one action "
        "under #1.",
    )


def first_run(folder: Path) -> None:
    """Explain how a run is started where there is none."""
    st.info(
        f"There are no runs in {frame.escape(str(folder))} yet. Start one here, or on the command "
        "line, and come back to this page.",
        icon=":material/model_training:",
    )
    where = "" if str(folder) == str(Path(DEFAULT_FOLDER).absolute()) else f" --ckpt {folder}"
    st.code(
        f"python -m core train --data_dir synthetic --exp first --epochs 5{where}", language="sh"
    )


def start_a_run(folder: Path, found: list[Watched]) -> None:
    """Draw the title with the button that opens the form, or the form."""
    taken = {run.name for run in found}
    state = st.session_state
    is_open = state.get(FORM_OPEN) or not (taken or is_at_work(found))
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.title("Training", anchor=False, width="content")
        if not is_open and st.button(
            "Start a run", key="training_open_form", icon=":material/add:"
        ):
            state[FORM_OPEN] = True
            st.rerun()
    if not taken and is_open:
        first_run(folder)
    if not is_open:
        return
    used = [spec for run in found if (spec := launch.data_of(run.run)) is not None]
    with st.container(border=True, key="training_form"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.subheader("Start a run", anchor=False)
            if taken and st.button("Close", key="training_close_form", type="tertiary"):
                state[FORM_OPEN] = False
                st.rerun()
        started = run_form.show(folder, taken, used)
    if started is not None:
        state[FORM_OPEN] = False
        choice.store()["shown"] = choice.SEPARATOR.join(
            [started.name, *(choice.several("shown") or [])][:SHOWN_AT_FIRST]
        )
        st.rerun()


def watch_runs(folder: Path, found: list[Watched]) -> None:
    """Show the runs; again and again while one goes on.

    What comes and goes is in containers of its own: a figure that changes its place on the page is
    made anew, and a zoom in it is lost.
    """
    with st.container(key="training_said"):
        said = st.session_state.pop(run_cards.SAID, None)
        if said:
            st.error(frame.escape(said), icon=":material/error:")
        say_what_starts(folder)
    if not found:
        return
    shown = pick_runs(folder, found)
    choice.write_address(choice.TRAINING)
    if not shown:
        st.caption("Choose runs in the table: their curves are laid over each other.")
        return
    slots = slots_of(shown)
    with st.container(key="training_shown"):
        for run in shown:
            run_cards.show(run, slots[run.name])
    show_curves([watch.curve(run, slots[run.name]) for run in shown])
    show_differences(shown)


def say_what_starts(folder: Path) -> None:
    """Name the runs that were started here and have written nothing yet, or never will."""
    for starting in launch.starting():
        if folder in starting.parents:
            st.info(
                f"**{frame.escape(starting.name)}** is starting: it opens its data.",
                icon=":material/hourglass_top:",
            )
    for failed, words in launch.failed().items():
        if folder in failed.parents:
            st.error(
                f"**{frame.escape(failed.name)} did not start.** {frame.escape(words)}",
                icon=":material/error:",
            )
            st.button(
                "Dismiss", key=f"dismiss_{failed.name}", on_click=launch.forget, args=(failed,)
            )


def pick_runs(folder: Path, found: list[Watched]) -> list[Watched]:
    """Show the table of runs and return those that are chosen in it."""
    names = [run.name for run in found]
    chosen = choice.several("shown")
    remembered = [name for name in chosen or () if name in names]
    if chosen is None or (chosen and not remembered):
        alive = [run.name for run in found if run.run.status == "running"]
        remembered = list(dict.fromkeys([*alive, *names]))[:SHOWN_AT_FIRST]
    best, last = [run.log.best for run in found], [run.log.last for run in found]
    mm = st.column_config.NumberColumn(format="%.1f")
    event: Any = st.dataframe(
        {
            "Run": names,
            "State": [run_cards.STATES[run_cards.state_of(run)] for run in found],
            "Recipe": [run.recipe for run in found],
            "Done": [100 * run.share for run in found],
            "Epochs": [f"{run.epochs_done} of {run.run.epochs}" for run in found],
            "Best test error (mm)": [epoch and epoch.test_mpjpe_mm for epoch in best],
            "at epoch": [epoch and epoch.epoch for epoch in best],
            "Samples/s": [line and line.samples_per_s for line in last],
            "Time left": [
                "" if (left := run.seconds_left) is None else run_cards.duration(left)
                for run in found
            ],
            "Started": [datetime.fromtimestamp(run.run.started).astimezone() for run in found],
        },
        column_config={
            "Done": st.column_config.ProgressColumn(
                format="%.0f %%", min_value=0, max_value=100, width="small"
            ),
            "Best test error (mm)": mm,
            "Samples/s": st.column_config.NumberColumn(format="%,.0f"),
            "Started": st.column_config.DatetimeColumn(format="D MMM, HH:mm"),
        },
        hide_index=True,
        placeholder="",
        height=min(35 * (len(found) + 1) + 3, 250),
        # Rows are chosen by their place: other runs make another table.
        key=f"training_table_{hashlib.blake2b(repr(names).encode(), digest_size=6).hexdigest()}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={
            "selection": {
                "rows": [names.index(name) for name in remembered],
                "columns": [],
                "cells": [],
            }
        },
    )
    rows = [row for row in event.selection.rows if row < len(found)]
    if len(rows) > SHOWN_AT_MOST:
        st.caption(f"The first {SHOWN_AT_MOST} of the chosen runs are shown.")
    shown = [found[row] for row in sorted(rows)][:SHOWN_AT_MOST]
    starting = {watch.name_in(folder, f) for f in launch.starting() if folder in f.parents}
    kept = [name for name in chosen or () if name in starting]
    choice.store()["shown"] = choice.SEPARATOR.join([*kept, *(run.name for run in shown)])
    return shown


def slots_of(shown: list[Watched]) -> dict[str, int]:
    """Give each run a colour, which it keeps while others come and go."""
    kept: dict[str, int] = st.session_state.setdefault("training_slots", {})
    for gone in set(kept) - {run.name for run in shown}:
        kept.pop(gone)
    for run in reversed(shown):
        if run.name not in kept:
            kept[run.name] = next(n for n in range(SHOWN_AT_MOST) if n not in kept.values())
    return kept


def show_curves(curves: list[figures.Curve]) -> None:
    """Show errors, losses, rates and actions."""
    across: Any = choice.store().get("across", "epoch")
    log = choice.store().get("scale") == "log"
    of = choice.store().get("error_of", figures.PROTOCOL_1)
    left, right = st.columns(2, gap="medium")
    with left:
        beneath = "; dotted: on training samples" if any(len(c.train_mm) for c in curves) else ""
        st.caption(
            f"Test error after each epoch, the best starred{beneath}",
            help="Drag over a figure to zoom in, double-click to see all again. A zoom stays "
            "while points come in.",
        )
        errors = figures.error_figure(curves, of=of, across=across, log=log)
        draw(errors, "test_error", f"Test error after each epoch, {of} (mm)")
    with right:
        st.caption("Training loss, on normalised coordinates")
        draw(figures.loss_figure(curves, across=across, log=log), "training_loss", "Training loss")
    left, right = st.columns(2, gap="medium")
    with left:
        st.caption("Learning rate")
        lr = figures.rate_figure(curves, "lr", across=across, log=log)
        draw(lr, "learning_rate", "Learning rate")
    with right:
        st.caption("Samples per second")
        pace = figures.rate_figure(curves, "samples_per_s", across=across)
        draw(pace, "samples_per_second", "Training samples per second")
    if figures.actions_of(curves):
        st.caption("Test error of each action at each run's best epoch")
        title = "Test MPJPE of each action at the best epoch (mm)"
        draw(figures.action_figure(curves), "error_by_action", title)


def draw(grown: go.Figure, name: str, title: str) -> None:
    """Draw a figure that grows in place."""
    if grown.data:
        figure.show(grown, name, title, live=True)
    else:
        st.caption("Nothing yet.")


def show_differences(shown: list[Watched]) -> None:
    """Show the options in which the chosen runs differ."""
    if len(shown) < 2:
        return
    differences = watch.differing([run.run for run in shown])
    st.subheader("What differs", anchor=False)
    if not differences:
        st.caption("The chosen runs have the same options.")
        return
    columns = {"Option": list(differences)}
    for place, run in enumerate(shown):
        columns[run.name] = [values[place] for values in differences.values()]
    st.dataframe(columns, hide_index=True, key="training_differences")


def seen_at_once(found: list[Watched]) -> tuple[Any, ...]:
    """Collect what the rest of the page hangs on."""
    return (*(run.name for run in found), any(watch.actions_of(run) for run in found))


def is_at_work(found: list[Watched]) -> bool:
    """Tell whether to look again by and by."""
    return launch.is_at_work(folder, [run.run for run in found])


def follow() -> None:
    """Show the runs; the whole page once more when there are others, or work begins or ends."""
    now = watch.in_folder(folder)
    # Before anything is drawn: curves that the whole page draws again at once would flicker.
    if seen_at_once(now) != seen_at_once(found) or is_at_work(now) != at_work:
        st.rerun()
    watch_runs(folder, now)


frame.show("Training")
go_to_browse()
folder = pick_folder()
found = watch.in_folder(folder)
if found:
    with st.sidebar:
        pick_axes(found)
with st.container(key="training_top"):
    start_a_run(folder, found)
choice.write_address(choice.TRAINING)
at_work = is_at_work(found)
st.fragment(run_every=EVERY_S if at_work else None)(follow)()
