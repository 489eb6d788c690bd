"""Bring CMU's motion capture from its own site, in the background, and open it."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import streamlit as st

from core.workflows import fetch_cmu
from core.workflows.fetch_cmu import Fetched
from core.workflows.prepare import Prepared
from pages.components import choice, frame, jobs, loaders, pickers

# In the session: the key of the job that the visitor began or joined.
FETCHING = "fetching_cmu"
# And the folder, as it was typed.
FOLDER = "fetching_cmu_into"
DATA_SET = "cmu.safetensors"


def offer() -> None:
    """Ask where to put it, and show how far it is and what came."""
    st.subheader("CMU motion capture")
    st.write(
        "289 clips of 19 people, 12 actions, measured with markers: the program brings them from "
        f"mocap.cs.cmu.edu (about {fetch_cmu.ABOUT_MB} MB, two files at a time) and puts four "
        "cameras around each. Free for all uses but to be sold as data. Stopped or broken off, it "
        "goes on where it was."
    )
    key: Hashable = st.session_state.get(FETCHING)
    job: jobs.Job[tuple[Fetched, Prepared]] | None = jobs.find(key) if key else None
    if job is not None and job.running:
        _follow(key)
        return
    if job is not None:
        _tell(job)
    with st.form("cmu", border=False):
        # A form that was away while the job ran comes back as it was sent.
        typed = st.text_input(
            "Folder on this machine for the files and the data set",
            st.session_state.get(FOLDER, ""),
            key="cmu_folder",
            placeholder="/data/cmu_mocap",
        )
        asked = st.form_submit_button("Fetch and prepare", type="primary")
    if asked and not typed.strip():
        st.warning("Type the path of a folder first.")
    elif asked:
        folder = pickers.path_typed(typed)
        key = ("fetch cmu", str(folder))
        st.session_state[FETCHING], st.session_state[FOLDER] = key, typed
        found = jobs.find(key)
        if found is None or not found.running:
            jobs.start(key, lambda report: _work(folder, report)).wait(0.3)
        st.rerun()


def _work(folder: Path, report: jobs.Steps) -> tuple[Fetched, Prepared]:
    return fetch_cmu.fetch_and_prepare(
        folder,
        folder / DATA_SET,
        progress=lambda done, in_all, _, problem: report(done, in_all, problem),
    )


def _tell(job: jobs.Job[tuple[Fetched, Prepared]]) -> None:
    if job.result is None:
        error = job.error or "It ended without a data set."
        if error == "Stopped.":
            st.info("Stopped. What has arrived is kept; the next time goes on from there.")
        else:
            st.error(frame.escape(error), icon=":material/error:")
        return
    fetched, prepared = job.result
    st.success(
        f"{prepared.recordings:,} recordings, {prepared.frames:,} frames of {fetched.trials:,} "
        f"clips, in {frame.escape(str(prepared.path))}",
        icon=":material/check:",
    )
    left_out = {**fetched.missing, **prepared.skipped}
    if left_out:
        with st.expander(f"{len(left_out)} files could not be had or read"):
            for name, reason in left_out.items():
                st.caption(frame.escape(f"{name}: {reason}"))
    if st.button("Browse it", key="cmu_browse", icon=":material/arrow_forward:"):
        spec = str(prepared.path)
        st.session_state.setdefault(loaders.DATASETS_OPENED, {})[spec] = pickers.name_of_path(spec)
        choice.put(data=spec)
        st.switch_page("app.py")


@st.fragment(run_every=0.5)
def _follow(key: Hashable) -> None:
    """Show how far it is, until it is done."""
    job = jobs.find(key)
    if job is None or not job.running:
        st.rerun()
        return
    jobs.show_progress(job, "Fetching and preparing", "steps")
    if job.what:
        st.caption(frame.escape(f"{job.what}."))
    if st.button("Stop", key="cmu_stop"):
        job.stop()
