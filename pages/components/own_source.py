"""Where one's own material comes from: a file, the camera, or an example; and the wait for it.

Uploads are written to a temporary folder where a reader needs a path. Keypoints are removed once
they are read; a photo or film stays while it is in hand, so that the skeleton can be drawn over
it, and goes with the visitor's session, in which all that comes of it lives. Streamlit keeps a
session for two minutes and more after its visitor left; at the latest all goes when the app stops.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.errors import PoseFormatError
from core.scratch import Scratch
from core.workflows import fetch_detector, footage, own
from core.workflows.footage import Announced, Span
from core.workflows.own import Material
from pages.components import frame, jobs, loaders, take_along, uploads

MATERIAL, JOB, PROBLEM, ASKED = "own_material", "own_job", "own_problem", "own_asked"
# What is known of the film that is being looked at.
WAITING_FOR = "own_waiting_for"
# The picker of one person among several, and who was clicked in the preview meanwhile.
PERSON, CLICKED = "own_person_row", "own_person_clicked"
HEAVY = "own_heavy_kept"
WAYS = {"file": "A file", "camera": "The camera", "example": "An example"}
KEYPOINT_SUFFIXES = (".json", ".zip", ".npz", ".npy", ".csv")
FETCHING = ("fetch", "detector")
INSTALL = "pip install -r requirements-detect.txt"
STRIDES = {1: "every frame", 2: "every 2nd", 3: "every 3rd", 5: "every 5th"}
# A film up to here is looked at without asking which part of it is meant.
AT_ONCE_FRAMES = 900


@dataclass(frozen=True)
class Asked:
    """A photo or film that waits to be looked at.

    Attributes:
        path: where it lies.
        name: as its owner calls it.
        scratch: the temporary folder that it lies in, if it does.
        said: what it announces.
    """

    path: Path
    name: str
    scratch: Scratch | None
    said: Announced


def material() -> Material | None:
    """Return what this session has in hand."""
    found: Material | None = st.session_state.get(MATERIAL)
    return found


def forget() -> None:
    """Put away what is in hand, stop what runs, and remove what was written."""
    found = material()
    if found is not None and found.original is not None:
        if isinstance(found.original.kept_by, Scratch):
            # Downloads on offer may hold it for a while yet.
            found.original.kept_by.remove()
        st.session_state.pop(take_along.MAKING, None)
    for key in (MATERIAL, ASKED, JOB, PROBLEM, PERSON, CLICKED, "own_layout", "own_layout_asked"):
        st.session_state.pop(key, None)


def choose() -> None:
    """Draw the ways in, or the wait; afterwards `material` has what came of it."""
    if (lease := st.session_state.get(JOB)) is not None:
        _wait(lease.key)
        return
    if (asked := st.session_state.get(ASKED)) is not None:
        _ask_for_the_part(asked)
        return
    st.title("Lift your own")
    st.write(
        "A photo, a film or a detector's keypoints in; the person in 3D out. "
        "**Everything stays on this machine**: nothing is sent anywhere, and what is uploaded "
        "here is removed once you take another file, and at the latest when the app is stopped."
    )
    _say_problem()
    way = st.segmented_control(
        "From",
        list(WAYS),
        default=st.session_state.get("own_way_kept", "file"),
        format_func=WAYS.__getitem__,
        key="own_way",
        label_visibility="collapsed",
        required=True,
    )
    st.session_state["own_way_kept"] = way
    {"file": _from_file, "camera": _from_camera, "example": _from_example}[way]()


def _from_file() -> None:
    ready = fetch_detector.is_ready()
    media = footage.SUFFIXES if ready else ()
    if fetch_detector.is_ready("heavy"):
        st.session_state[HEAVY] = st.toggle(
            "Heavy detector",
            value=st.session_state.get(HEAVY, False),
            key="own_heavy",
            help="Errs less, above all about left and right, and takes three times as long.",
        )
    files = st.file_uploader(
        "Photo, film, or 2D keypoints" if ready else "2D keypoints",
        type=[s.removeprefix(".") for s in (*media, *KEYPOINT_SUFFIXES)],
        accept_multiple_files=True,
        key=f"own_upload_{st.session_state.get('own_uploads', 0)}",
        help="Several JSON files at once are the frames of one OpenPose clip; several photos are "
        "one film.",
    )
    if files:
        count = st.session_state.get("own_uploads", 0) + 1
        _take(lambda: _take_uploads(files), own_uploads=count)
    with st.form("own_path", border=False):
        path = st.text_input(
            "or a path on this machine",
            key="own_path_text",
            placeholder="/home/me/film.mp4, or a folder of OpenPose's JSON files",
        )
        if st.form_submit_button("Open"):
            if path.strip():
                _take(lambda: _take_path(Path(path.strip()).expanduser()))
            else:
                st.warning("Type a path, or choose a file above.")
    st.caption(
        "Keypoints: OpenPose (a zip or all JSON files of a clip), COCO results, AlphaPose, HALPE, "
        "MMPose, MediaPipe, Stacked Hourglass; NPZ, NPY, CSV. The layout is told from the data."
    )
    if not ready:
        _offer_detector()


def _from_camera() -> None:
    if not fetch_detector.is_ready():
        _offer_detector()
        return
    shot = st.camera_input(
        "Stand so that the whole body is in the picture", key="own_camera", width=560
    )
    if shot is not None and shot.file_id != st.session_state.get("own_shot"):
        _take(lambda: _take_uploads([shot]), own_shot=shot.file_id)


def _from_example() -> None:
    st.write(
        "*Balancing*, camera 1: a real recording with OpenPose's keypoints, and with 3D from four "
        "cameras to compare with."
    )
    left, right = st.columns(2)
    if left.button("Lift OpenPose's keypoints", key="own_example", type="primary", width="stretch"):
        _take(_take_example)
    ready = fetch_detector.is_ready()
    if right.button(
        "Lift its pictures, with the detector",
        key="own_example_pictures",
        width="stretch",
        disabled=not ready,
    ):
        _take(_take_example_pictures)
    if not ready:
        _offer_detector()


def _offer_detector() -> None:
    """Say what is missing for photos and films, and fetch what can be fetched."""
    job: jobs.Job[Any] | None = jobs.find(FETCHING)
    with st.container(border=True):
        st.markdown("**Photos, films and the camera need a 2D detector**, an optional extra.")
        if not fetch_detector.is_installed():
            st.write("Stop the app, install it, and start the app again:")
            st.code(INSTALL, language="sh")
            st.caption("A button here then brings its weights.")
            return
        if job is not None and job.running:
            _watch_fetching()
            return
        if job is not None and job.error:
            st.error(frame.escape(job.error), icon=":material/error:")
        st.write(
            "Its weights (BlazePose, Apache-2.0) are brought once, checked by their SHA-256, and "
            "used offline from then on. `python -m core fetch detector` does the same."
        )
        if st.button("Download the weights (36 MB)", key="fetch_detector", type="primary"):
            jobs.start(FETCHING, lambda report: fetch_detector.fetch_detector(progress=report))
            st.rerun()


@st.fragment(run_every=0.5)
def _watch_fetching() -> None:
    job = jobs.find(FETCHING)
    if job is None or not job.running:
        st.rerun()
        return
    share = min(job.done / job.in_all, 1.0) if job.in_all else 0.0
    st.progress(share, f"Downloading: {job.done / 1e6:.0f} of {job.in_all / 1e6:.0f} MB")
    if st.button("Cancel", key="fetch_cancel"):
        jobs.forget(FETCHING)
        st.rerun()


def _take(work: Callable[[], None], **taken: object) -> None:
    """Take something in; what is wrong with it is said at the top of the page.

    Args:
        work: reads it.
        taken: what the session notes once it is read. A script that is interrupted meanwhile, by a
            click elsewhere, notes nothing, and the next takes it again.
    """
    st.session_state.pop(PROBLEM, None)
    try:
        with st.spinner("Reading…"):
            work()
    except PoseFormatError as error:
        st.session_state.pop(ASKED, None)
        st.session_state[PROBLEM] = str(error)
    st.session_state.update(taken)
    st.rerun()


def _say_problem() -> None:
    problem = st.session_state.get(PROBLEM)
    if problem:
        st.error(frame.escape(problem), icon=":material/error:")


def _take_uploads(files: Sequence[Any]) -> None:
    suffixes = {Path(file.name).suffix.lower() for file in files}
    if len(files) > 1 and not (suffixes == {".json"} or suffixes <= {*footage.PHOTO_SUFFIXES}):
        problem = (
            "several files at once are the frames of one clip, so all must be photos, or all JSON; "
            "upload a film, or a single file of keypoints, alone"
        )
        raise PoseFormatError(problem, file=", ".join(file.name for file in files[:3]))
    scratch = Scratch()
    paths = uploads.write(files, scratch.path)
    name = files[0].name if len(files) == 1 else f"{len(files)} files"
    _take_path(paths[0] if len(paths) == 1 else scratch.path, name, scratch)


def _take_path(path: Path, name: str = "", scratch: Scratch | None = None) -> None:
    if not footage.matches(path):
        st.session_state[MATERIAL] = own.read_keypoints(path, name)
        return
    if not fetch_detector.is_ready():
        problem = "photos and films need the optional 2D detector, which is not here yet; see below"
        raise PoseFormatError(problem, file=name or path)
    said = footage.announced(path, name)
    asked = Asked(path, name or str(path), scratch, said)
    if said.frames <= AT_ONCE_FRAMES:
        _look(asked, footage.WHOLE)
    else:
        st.session_state[ASKED] = asked


def _take_example() -> None:
    data = loaders.dataset("balancing")
    st.session_state[MATERIAL] = own.from_recording(data, data.entries[0].key, "openpose")


def _take_example_pictures() -> None:
    data = loaders.dataset("balancing")
    recording = data.load(data.entries[0].key)
    if recording.pictures is None:
        raise PoseFormatError("the example has no pictures", file=data.title)
    scratch = Scratch()
    for number, picture in enumerate(recording.pictures.encoded):
        (scratch.path / f"{number:03d}.webp").write_bytes(picture)
    _take_path(scratch.path, "Balancing, camera 1, its small pictures", scratch)


def _ask_for_the_part(asked: Asked) -> None:
    """Ask which part of a long film is meant."""
    st.title("Lift your own")
    frames, fps = asked.said.frames, asked.said.fps
    st.write(
        f"**{frame.escape(asked.name)}** has {frames:,} frames, {frames / fps:.0f} s. Up to "
        f"{footage.MOST_FRAMES:,} frames are looked at in one go: choose which."
    )
    for note in asked.said.notes:
        st.caption(frame.escape(note))
    longest = max(frames - 1, 1)
    first, last = st.slider(
        "Seconds",
        0.0,
        longest / fps,
        (0.0, min(longest, AT_ONCE_FRAMES) / fps),
        step=0.1,
        format="%.1f s",
        key="own_range",
    )
    stride = st.segmented_control(
        "Take",
        list(STRIDES),
        default=1,
        format_func=STRIDES.__getitem__,
        key="own_stride",
        required=True,
    )
    span = Span(round(first * fps), round(last * fps), int(stride or 1))
    count = span.count(frames)
    look, other = st.columns([2, 1])
    if look.button(
        f"Find people in {count:,} frames", key="own_look", type="primary", width="stretch"
    ):
        st.session_state.pop(ASKED)
        _look(asked, span)
        st.rerun()
    if other.button("Another file", key="own_other", width="stretch"):
        st.session_state.pop(ASKED)
        st.rerun()


def _look(asked: Asked, span: Span) -> None:
    """Start to look at a photo or film in the background."""
    # One's own material is nobody else's: no other visitor may find the job by its file.
    key = ("own", uuid.uuid4().hex)
    eyes = loaders.eyes(
        heavy=fetch_detector.is_ready("heavy") and st.session_state.get(HEAVY, False)
    )

    def work(report: jobs.Progress) -> Material:
        seen = footage.look(
            asked.path, eyes, name=asked.name, span=span, kept_by=asked.scratch, progress=report
        )
        return own.from_footage(seen, asked.name)

    st.session_state[JOB] = jobs.Lease(key)
    st.session_state[WAITING_FOR] = asked.said.notes
    job = jobs.start(key, work)
    # A photo is done before a progress bar could be read.
    job.wait(0.6 if asked.said.frames <= 1 else 0.1)
    if not job.running:
        _finish(key)


@st.fragment(run_every=0.4)
def _wait(key: tuple[str, str]) -> None:
    job: jobs.Job[Material] | None = jobs.find(key)
    if job is None or not job.running:
        _finish(key)
        st.rerun()
        return
    st.title("Lift your own")
    jobs.show_progress(job, "Looking for people")
    for note in st.session_state.get(WAITING_FOR, ()):
        st.caption(frame.escape(note))
    st.caption("It goes on while you look at other pages.")
    if st.button("Cancel", key="own_cancel"):
        forget()
        st.rerun()


def _finish(key: tuple[str, str]) -> None:
    """Take over what a job found, or what was wrong; the server keeps nothing of it."""
    job: jobs.Job[Material] | None = jobs.find(key)
    if job is not None and job.result is not None:
        st.session_state[MATERIAL] = job.result
    elif job is not None:
        st.session_state[PROBLEM] = job.error or "It ended without a result."
    st.session_state.pop(JOB, None)
