"""The results of a whole test set: opened if they are kept, else computed in the background."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import streamlit as st

from core.dataset import Dataset
from core.workflows import evaluate, measures, results
from pages.components import frame, jobs, loaders

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.workflows.results import Results

# Fewer frames than this are judged at once, more when the visitor says so.
AT_ONCE = 20_000


# Underscored arguments are not part of the cache's key: the digests stand for them.
@st.cache_resource(show_spinner=False, max_entries=8)
def opened(_found: Results, data_digest: str, model_digest: str, source: str) -> measures.Sums:  # noqa: ARG001
    """Keep one object for each result, so that its means are computed once."""
    return measures.sums(_found)


def judged(data: Dataset, model: Checkpoint, source: str) -> measures.Sums:
    """Open the results, or show how far their computation is and stop the page."""
    lifter = loaders.lifter(model, model.digest)
    key: Hashable = ("errors", data.digest, model.digest, source)
    job: jobs.Job[Results] | None = jobs.find(key)
    found = results.kept(data, lifter, source)
    if found is not None:
        # The file is there; what the job holds in memory can go.
        jobs.forget(key)
        return opened(found, data.digest, model.digest, source)
    if job is None or (not job.running and job.result is None):
        entries = evaluate.chosen(data, source)
        frames = sum(entry.frames for entry in entries)
        place = st.empty()
        if job is not None or frames > AT_ONCE:
            with place.container():
                said = None if job is None else job.error
                if not _wanted(len(entries), frames, said):
                    st.stop()
        place.empty()
        job = jobs.start(key, lambda report: results.judge(data, lifter, source, progress=report))
        job.wait(10.0 if frames <= AT_ONCE else 0.2)
    if job.running:
        _follow(key)
        st.stop()
    if job.result is None:
        st.rerun()
    if job.result.note:
        st.toast(job.result.note)
    return opened(job.result, data.digest, model.digest, source)


def _wanted(recordings: int, frames: int, said: str | None) -> bool:
    """Say what there is to compute, or why it ended, and tell whether the visitor wants it."""
    if said == "Stopped.":
        st.info("Stopped; nothing is kept of a part.", icon=":material/stop_circle:")
    elif said is not None:
        st.error(frame.escape(said), icon=":material/error:")
        st.caption("Choose another 2D input, checkpoint or data set on the left.")
        return st.button("Try again", key="errors_compute")
    else:
        st.info(
            f"{recordings:,} test recordings with {frames:,} frames have not been judged with "
            "this checkpoint and input yet. It is done once, goes on while you look around, and "
            "the result is kept on this machine.",
            icon=":material/timer:",
        )
    return st.button("Compute the errors", key="errors_compute", type="primary")


@st.fragment(run_every=0.5)
def _follow(key: Hashable) -> None:
    """Show how far the work is, until it is done."""
    job = jobs.find(key)
    if job is None or not job.running:
        st.rerun()
        return
    jobs.show_progress(job, "Lifting and judging")
    if st.button("Stop", key="errors_stop", help="Nothing is kept of a part."):
        job.stop()
        job.wait(5.0)
        st.rerun()
