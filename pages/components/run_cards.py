"""What one training run does at the moment, and what can be done with it."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from core import run_log, runs
from core.errors import PoseFormatError
from core.viz.training import run_color
from core.workflows import launch
from core.workflows.watch import Watched, options_of
from pages.components import frame

# How each state is told.
STATES = {
    "starting": "starting",
    "running": "running",
    "stopping": "stopping",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "killed": "interrupted",
}
ASKED_TO_STOP = "training_asked_to_stop"
BROWSE_WITH = "training_browse_with"
SAID = "training_said"
# A run that has not ended so long after it was asked to may be ended at once.
PATIENCE_S = 20.0


def state_of(watched: Watched) -> str:
    """Tell a run's state: what its files say, and what is about to change."""
    folder, status = watched.run.folder, watched.run.status
    asked = st.session_state.setdefault(ASKED_TO_STOP, {})
    if status == "running":
        return "stopping" if str(folder) in asked else status
    asked.pop(str(folder), None)
    return "starting" if launch.is_starting(folder) else status


def show(watched: Watched, slot: int) -> None:
    """Draw a run's line: its colour, how far it is, how good, and its buttons."""
    state = state_of(watched)
    with st.container(key=f"run_{slot}", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<span style="color:{run_color(slot)}" aria-hidden="true">&#9632;</span> '
            f"<strong>{html.escape(watched.name)}</strong> {STATES[state]} &nbsp;"
            f'<span style="opacity:.75">{html.escape(how_it_goes(watched, state))}</span>'
        )
        offer(watched, state)
    say_what_went_wrong(watched, state)


def how_it_goes(watched: Watched, state: str) -> str:
    """Say which epoch it is in, how good it is, at what pace, and how long the rest takes."""
    run, log = watched.run, watched.log
    if state == "stopping":
        return "still stopping: it ends its step and keeps its state"
    if not run.steps:
        return "reading its data"
    parts = [f"{watched.epochs_done} of {run.epochs} epochs"]
    if log.best is not None:
        parts.append(f"best {log.best.test_mpjpe_mm:.1f} mm at epoch {log.best.epoch}")
    if state == "running" and log.last is not None:
        parts.append(f"{log.last.samples_per_s:,.0f} samples/s")
    if watched.seconds_left is not None and state == "running":
        parts.append(f"{duration(watched.seconds_left)} left")
    return " · ".join(parts)


def say_what_went_wrong(watched: Watched, state: str) -> None:
    """Say why a run does not go on, and that lines of its log could not be read."""
    run, name = watched.run, frame.escape(watched.name)
    failure = run.message if state == "failed" else launch.failure(run.folder)
    if state == "failed" or (failure and state in ("killed", "stopped")):
        words = frame.escape(failure or launch.failure(run.folder) or "it did not say why.")
        st.markdown(f":red[:material/error: **{name}** failed: {words}]")
    elif state == "killed":
        kept = (
            "What it kept is there; resume goes on from it."
            if run.can_resume
            else "It had kept nothing yet."
        )
        st.markdown(
            f":orange[:material/power_off: **{name}** ended without a word: it was killed, or the "
            f"machine went down. {kept}]"
        )
    if watched.log.skipped:
        lines = "1 line" if watched.log.skipped == 1 else f"{watched.log.skipped} lines"
        st.caption(f"{lines} of {name}'s log can't be read and are left out.")


def offer(watched: Watched, state: str) -> None:
    """Draw the buttons that make sense in a state."""
    run, name = watched.run, watched.name
    if state == "running":
        st.button(
            "Stop",
            key=f"stop_{name}",
            icon=":material/stop:",
            on_click=stop,
            args=(run.folder,),
            help="It keeps its state and ends; resume goes on from there.",
        )
    elif state == "stopping":
        asked: float = st.session_state[ASKED_TO_STOP][str(run.folder)]
        if time.time() - asked > PATIENCE_S:
            st.button(
                "End at once",
                key=f"end_{name}",
                icon=":material/dangerous:",
                on_click=act,
                args=(run.folder, launch.end),
                help="Kills it. What it last kept stays.",
            )
    elif state != "starting" and run.can_resume:
        st.button(
            "Resume",
            key=f"resume_{name}",
            icon=":material/resume:",
            on_click=act,
            args=(run.folder, launch.resume),
        )
    best = launch.checkpoint(run.folder, "best") or launch.checkpoint(run.folder, "last")
    if best is not None:
        browse(watched, best, "Open in Browse", "best")
    with st.popover("More", key=f"more_{name}"):
        details(watched)


def details(watched: Watched) -> None:
    """Show how a run was started, where it is, what it said, and its files."""
    run = watched.run
    with st.container(horizontal=True, gap="small"):
        table = run.folder / run_log.TABLE
        if table.is_file():
            st.download_button(
                "Log, CSV",
                table.read_bytes,
                f"{run.name}_log.csv",
                "text/csv",
                key=f"csv_{watched.name}",
                icon=":material/download:",
                on_click="ignore",
            )
        last = launch.checkpoint(run.folder, "last")
        if last is not None:
            browse(watched, last, "Last epoch in Browse", "last")
    train_longer(watched)
    st.caption(frame.escape(str(run.folder)))
    st.code(run.command or "unknown", language="sh", wrap_lines=True)
    facts = (
        f"{run.samples:,} training samples" if run.samples else "",
        f"{run.steps_per_epoch:,} steps an epoch" if run.steps_per_epoch else "",
        f"{run.test_samples:,} test samples" if run.test_samples else "",
        run.device,
        f"{run.threads} threads" if run.threads else "",
    )
    st.caption(frame.escape(" · ".join(fact for fact in facts if fact)))
    said = launch.output(run.folder)
    if said:
        st.code(said, language=None, height=160)
    options = options_of(run)
    st.dataframe(
        {"Option": list(options), "Value": list(options.values())},
        hide_index=True,
        height=200,
        key=f"options_{watched.name}",
    )


def train_longer(watched: Watched) -> None:
    """Offer more epochs of a run that is done, where its learning rate has not run out."""
    run = watched.run
    goes_on = options_of(run).get("schedule") == "stairs" and (run.folder / runs.STATE).is_file()
    if run.status != "done" or not goes_on:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        epochs = st.number_input(
            "Epochs in all",
            min_value=run.epochs + 1,
            value=2 * run.epochs,
            key=f"longer_epochs_{watched.name}",
        )
        st.button(
            "Train longer",
            key=f"longer_{watched.name}",
            icon=":material/resume:",
            on_click=act,
            args=(run.folder, partial(launch.resume, epochs=int(epochs))),
            help="It goes on as if it had been meant to from the start.",
        )


def browse(watched: Watched, file: Path, label: str, which: str) -> None:
    """Draw a button that opens a checkpoint in Browse."""
    if st.button(
        label,
        key=f"browse_{which}_{watched.name}",
        icon=":material/arrow_forward:",
        help=f"Lift with {frame.escape(file.name)}.",
    ):
        st.session_state[BROWSE_WITH] = file
        st.rerun()


def stop(folder: Path) -> None:
    """Ask a run to end, and remember it."""
    act(folder, launch.stop)
    if SAID not in st.session_state:
        st.session_state.setdefault(ASKED_TO_STOP, {})[str(folder)] = time.time()


def act(folder: Path, what: Callable[[Path], None]) -> None:
    """Do something to a run; what goes wrong is said above the runs."""
    try:
        what(folder)
    except PoseFormatError as error:
        st.session_state[SAID] = str(error)


def duration(seconds: float) -> str:
    """Say a time as people do."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
