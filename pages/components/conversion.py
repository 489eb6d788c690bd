"""A large folder on its way to its converted form: how far it is, on whatever page asked for it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.dataset import Dataset
from core.workflows import open as opening
from pages.components import choice, jobs, loaders, pickers

STEPS = {
    "reading": "Step 1 of 2, reading {name}",
    "converting": "Step 2 of 2, writing what opens at once from now on",
}


def show(spec: str, leave: Callable[[], None] = choice.start_over) -> None:
    """Convert a data set in the background, once for all visitors, and show how far it is.

    Args:
        spec: what `open_dataset` takes.
        leave: called when the visitor cancels.
    """
    key = loaders.conversion_key(spec)
    if jobs.find(key) is None:

        def work(report: jobs.Steps) -> Dataset:
            return opening.open_dataset(
                spec, progress=lambda what, done, in_all: report(done, in_all, what)
            )

        jobs.start(key, work)
    st.info(
        "This data set is large, and is brought into a form that opens at once: only this "
        "first time, and it goes on while you look around.",
        icon=":material/hourglass_top:",
    )
    _follow(spec, leave)


@st.fragment(run_every=0.5)
def _follow(spec: str, leave: Callable[[], None]) -> None:
    """Show how far the conversion is; when it is over, run the page again."""
    key = loaders.conversion_key(spec)
    job = jobs.look(key)
    if job is None or not job.running:
        st.rerun()
        return
    said = STEPS.get(job.what, "Getting ready").format(name=pickers.name_of_path(spec))
    share = min(job.done / job.in_all, 1.0) if job.in_all else 0.0
    left = job.seconds_left
    rest = "" if left is None else f" · about {left:.0f} s left in this step"
    st.progress(share, f"{said}: {share:.0%}{rest}".replace("_", r"\_"))
    if st.button("Cancel", key="convert_cancel", help="Nothing is kept of a part."):
        jobs.leave(key)
        leave()
        st.rerun()
