"""What is shown as a file for another tool: numbers at once, motion, a film or a page by choice."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from core.scratch import Scratch
from core.viz.packet import Packet
from core.workflows import export_file
from core.workflows.export_file import Look, Shown
from pages.components import frame, jobs

# What is added to the files' name -> what it is for. First the pictures themselves with the
# skeleton over them, of one frame or of several.
OF_A_PHOTO = {
    "_skeleton.png": "PNG: the photo with the skeleton over it",
    "_skeleton.jpg": "JPG: the photo with the skeleton over it",
}
OF_A_FILM = {
    "_skeleton.mp4": "MP4: the film with the skeleton over it",
    "_skeleton.gif": "GIF: the film with the skeleton over it",
}
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
MIME = {
    ".html": "text/html", ".mp4": "video/mp4", ".gif": "image/gif", ".png": "image/png",
    ".jpg": "image/jpeg",
}  # fmt: skip


# File systems take 255 bytes; a letter may need four.
LONGEST_NAME = 60


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
                    _lazily(what, f"{stem}{suffix}"),
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


def make(what: Shown, name: str, progress: jobs.Progress | None = None, **choices: object) -> Made:
    """Make one file in memory.

    Args:
        what: as the viewer shows it.
        name: the file's, which some formats repeat inside; its ending says the kind.
        progress: told of films; it may raise to stop.
        **choices: those of `export_file.write`.
    """
    with Scratch() as folder:
        path = folder / re.sub(r"[^\w.-]+", "-", name)[-LONGEST_NAME:]
        note = export_file.write(path, what, progress=progress, **choices)  # type: ignore[arg-type]
        return Made(path.read_bytes(), note)


def _lazily(what: Shown, name: str) -> Callable[[], bytes]:
    return lambda: make(what, name).content


@st.dialog("Take it along")
def _dialog(what: Shown, stem: str) -> None:
    kinds = kinds_of(what)
    kind = st.selectbox("As", list(kinds), format_func=kinds.__getitem__, key="take_as")
    suffix = Path(f"x{kind}").suffix
    packet = what.packet
    frames = _pick_frames(packet)
    figure, look = "prediction", Look()
    if kind in (OF_A_FILM | OF_A_PHOTO):
        look = _pick_size(what, suffix)
    elif suffix in (".bvh", ".trc", ".c3d"):
        figure = _pick_figure(packet)
    elif suffix in export_file.FILMS:
        look = _pick_look(packet, suffix)
    if st.button("Make the file", type="primary", key="take_make"):
        name = f"{stem}{kind}"
        # Nobody else finds what is made for this visitor, and it goes with them.
        key = ("take along", uuid.uuid4().hex)
        st.session_state[MAKING] = (jobs.Lease(key), name)
        work = partial(make, what, name, figure=figure, frames=frames, look=look)
        jobs.start(key, lambda report: work(progress=report)).wait(0.5)
        st.toast(f"{name} is being made: see below Download.")
        # Closes the dialog: the file is made while one looks on.
        st.rerun()


def _show_what_is_made() -> None:
    lease, name = st.session_state.get(MAKING, (None, ""))
    job: jobs.Job[Made] | None = None if lease is None else jobs.find(lease.key)
    if job is None:
        return
    if job.running:
        _follow(lease.key, name)
    elif job.result is None:
        st.info(frame.escape(job.error or "It ended without a file."))
    else:
        st.download_button(
            f"{name} ({export_file.size_of(len(job.result.content))})",
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


def kinds_of(what: Shown) -> dict[str, str]:
    """Say which kinds of file there are, the likeliest first: of one's own film, that film."""
    if what.behind is None:
        return KINDS
    annotated = OF_A_PHOTO if what.packet.frames == 1 else OF_A_FILM
    return KINDS | annotated if what.original is None else annotated | KINDS


def _pick_size(what: Shown, suffix: str) -> Look:
    """Ask how large the pictures shall be, of the sizes up to their own."""
    size = None if what.behind is None else what.behind.largest_px
    if size is None:
        return Look(annotated=True)
    own = f"{size[0]} x {size[1]} px, its own"
    smaller = {name: text for name, text in WIDTHS.items() if int(name) < size[0]}
    choices = {"own": own} | smaller
    start = "640" if suffix == ".gif" and "640" in smaller else "own"
    chosen = st.selectbox(
        "Width", list(choices), index=list(choices).index(start), format_func=choices.__getitem__,
        key=f"take_width_skeleton{suffix}",
    )  # fmt: skip
    return Look(annotated=True, width=size[0] if chosen == "own" else int(chosen))


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
        view=view or "front",
        width=int(width),
        theme="dark" if theme == "dark" else "light",
        error_colors=colors,
    )
