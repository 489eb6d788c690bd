"""What is shown as a file for another tool: numbers at once, motion, a film or a page by choice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core.viz.packet import Packet
from core.workflows import export_file
from core.workflows.export_file import Look, Shown
from pages.components import frame, jobs

# Ending -> what it is for.
KINDS = {
    ".bvh": "BVH: Blender, Maya",
    ".trc": "TRC: OpenSim, Pose2Sim",
    ".c3d": "C3D: motion-capture software",
    ".mp4": "MP4: a film of the panels",
    ".gif": "GIF: a film for slides and READMEs",
    ".html": "HTML: this viewer as one page that works offline",
}
NUMBERS = {
    ".csv": ("Prediction and errors, CSV", "text/csv"),
    ".npz": ("Prediction and errors, NPZ", "application/octet-stream"),
    ".json": ("Prediction, JSON", "application/json"),
}
WIDTHS = {"640": "640 px", "960": "960 px", "1280": "1280 px", "1920": "1920 px"}
MIME = {".html": "text/html", ".mp4": "video/mp4", ".gif": "image/gif"}


class Made(NamedTuple):
    """A file that is ready."""

    content: bytes
    note: str


# In the session: the key of the visitor's job and the name of its file.
MAKING = "taking_along"


def offer(what: Shown, stem: str) -> None:
    """Draw the menu, and below it what is being made or is ready.

    Args:
        what: as the viewer shows it.
        stem: name of the files, without their ending.
    """
    with st.popover("Download", icon=":material/download:", width="stretch"):
        if what.lifted is not None:
            for suffix, (label, mime) in NUMBERS.items():
                st.download_button(
                    label,
                    _lazily(what, suffix),
                    f"{stem}{suffix}",
                    mime,
                    key=f"download_{suffix[1:]}",
                    on_click="ignore",
                    width="stretch",
                )
        asked = st.button(
            "Motion, film or page …",
            key="take_along",
            help="BVH, TRC, C3D, MP4, GIF, or the viewer as one HTML file",
            width="stretch",
        )
    if asked:
        _dialog(what, stem)
    _show_what_is_made()


def make(
    what: Shown, suffix: str, progress: jobs.Progress | None = None, **choices: object
) -> Made:
    """Make one file in memory; `choices` are those of `export_file.write`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"export{suffix}"
        note = export_file.write(path, what, progress=progress, **choices)  # type: ignore[arg-type]
        return Made(path.read_bytes(), note)


def _lazily(what: Shown, suffix: str) -> Callable[[], bytes]:
    return lambda: make(what, suffix).content


@st.dialog("Take it along")
def _dialog(what: Shown, stem: str) -> None:
    suffix = st.selectbox("As", list(KINDS), format_func=KINDS.__getitem__, key="take_as")
    packet = what.packet
    frames = _pick_frames(packet)
    figure, look = "prediction", Look()
    if suffix in (".bvh", ".trc", ".c3d"):
        figure = _pick_figure(packet)
    elif suffix in export_file.FILMS:
        look = _pick_look(packet, suffix)
    if st.button("Make the file", type="primary", key="take_make"):
        key = ("take along", packet.digest, packet.protocol, stem, suffix, figure, frames, look)
        # One file at a time is kept for each visitor.
        if (before := st.session_state.get(MAKING)) is not None:
            jobs.forget(before[0])
        st.session_state[MAKING] = (key, f"{stem}{suffix}")
        work = partial(make, what, suffix, figure=figure, frames=frames, look=look)
        jobs.start(key, lambda report: work(progress=report)).wait(0.5)
        st.toast(f"{stem}{suffix} is being made: see below Download.")
        # Closes the dialog: the file is made while one looks on.
        st.rerun()


def _show_what_is_made() -> None:
    key, name = st.session_state.get(MAKING, (None, ""))
    job: jobs.Job[Made] | None = jobs.find(key)
    if job is None:
        return
    if job.running:
        _follow(key, name)
    elif job.result is None:
        st.info(frame.escape(job.error or "It ended without a file."))
    else:
        st.download_button(
            f"{name} ({len(job.result.content) / 1e6:.1f} MB)",
            job.result.content,
            name,
            MIME.get(Path(name).suffix, "application/octet-stream"),
            key="take_download",
            type="primary",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
        st.caption(frame.escape(_sentence(job.result.note)))


@st.fragment(run_every=0.5)
def _follow(key: Hashable, name: str) -> None:
    """Show how far the file is, until it is done."""
    job = jobs.find(key)
    if job is None or not job.running:
        st.rerun()
        return
    jobs.show_progress(job, name)
    if st.button("Stop", key="take_stop"):
        job.stop()


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}." if note else ""


def _pick_frames(packet: Packet) -> range | None:
    last = packet.frames - 1
    if last < 1:
        return None
    first, end = st.slider("Frames", 0, last, (0, last), key="take_frames")
    seconds = (end - first + 1) / packet.fps
    st.caption(f"{end - first + 1:,} of {packet.frames:,} frames, {seconds:.1f} s")
    return range(first, end + 1)


def _pick_figure(packet: Packet) -> str:
    figures = {layer.id: layer.title for layer in packet.layers if layer.positions.shape[2] == 3}
    picked = st.segmented_control(
        "Figure", list(figures), format_func=figures.__getitem__, key="take_figure",
        default="prediction" if "prediction" in figures else next(iter(figures)),
    )  # fmt: skip
    return picked or next(iter(figures))


def _pick_look(packet: Packet, suffix: str) -> Look:
    left, right = st.columns(2)
    with left:
        view = st.segmented_control(
            "View", ["front", "side", "top"], format_func=str.title, default="front",
            key="take_view",
        )  # fmt: skip
        colors = False
        if packet.errors:
            colors = st.toggle("Joints coloured by error", key="take_colors")
    with right:
        theme = st.segmented_control(
            "Background", ["light", "dark"], format_func=str.title, default="light",
            key="take_theme",
        )  # fmt: skip
        default = "960" if suffix == ".gif" else "1280"
        width = st.selectbox(
            "Width", list(WIDTHS), index=list(WIDTHS).index(default),
            format_func=WIDTHS.__getitem__, key=f"take_width{suffix}",
        )  # fmt: skip
    return Look(
        view or "front",
        int(width),
        theme="dark" if theme == "dark" else "light",
        error_colors=colors,
    )
