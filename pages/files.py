"""Open files: a data set or a checkpoint by its path or upload, CMU's, and what ships."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.workflows import open as opening
from core.workflows import plain
from pages.components import (
    array_reading,
    choice,
    cmu,
    conversion,
    frame,
    loaders,
    pickers,
    uploads,
)

# What was asked for and is not open yet: it converts, or has to be told what it is.
ASKED = "dataset_asked"
# How often files were uploaded.
UPLOADS = "dataset_uploads"
MODEL_CARD = Path(__file__).resolve().parents[1] / "assets" / "weights" / "README.md"


def open_a_dataset() -> None:
    """Ask for a path or files; what they hold is said where one looks."""
    st.subheader("A data set")
    st.write(
        "Human3.6M in any of its layouts: its owners' `S1`, `S5` … with `metadata.xml`, the "
        "PyTorch re-implementation's `.pth.tar` files, VideoPose3D's `data_3d_h36m.npz`, MMPose's "
        "`h36m_test.npz`, the original's `.h5`; a file that `python -m core prepare` wrote; or an "
        "array of poses (`.npy`, `.npz`, `.csv`, `.json`)."
    )
    with st.form("dataset", border=False):
        path = st.text_input("Path on this machine", key="dataset_path", placeholder="/data/h36m")
        files = st.file_uploader(
            "or upload it, all of its files at once",
            accept_multiple_files=True,
            key=f"dataset_upload_{st.session_state.get(UPLOADS, 0)}",
            help="Kept until you leave. Large data sets open faster by their path.",
        )
        asked = st.form_submit_button("Open the data set", type="primary")
    if asked:
        _forget()
        if files:
            st.session_state[ASKED] = str(uploads.keep(files))
            # An empty uploader for the next ones, which are no part of these.
            st.session_state[UPLOADS] = st.session_state.get(UPLOADS, 0) + 1
        elif path.strip():
            st.session_state[ASKED] = str(pickers.path_typed(path))
        else:
            st.warning(
                "Type the path of a folder or file, or choose files and wait until they are here."
            )
            return
        st.rerun()


def ask_what_it_is() -> bool:
    """Ask about an array, in the forms' place: it needs the width, and to be seen at once.

    Returns:
        Whether there is something to ask. What is wrong with a file is said by who opens it.
    """
    try:
        path, options = plain.split(st.session_state[ASKED])
        if options or opening.recognise(path) != "pose file" or not plain.is_bare(path):
            return False
        accepted = array_reading.ask(path, leave=_forget)
    except PoseFormatError:
        return False
    if accepted is not None:
        st.session_state[ASKED] = accepted
        st.rerun()
    return True


def open_what_was_asked_for() -> None:
    """Open what says what it is; convert what is slow to open; say what is wrong."""
    spec = st.session_state[ASKED]
    try:
        tell(spec, loaders.dataset(spec))
    except loaders.NotConvertedError:
        conversion.show(spec, leave=_forget)
        return
    except PoseFormatError as error:
        st.error(frame.escape(uploads.without_place(str(error))), icon=":material/error:")
    _forget()


def _forget() -> None:
    st.session_state.pop(ASKED, None)


def tell(spec: str, data: Dataset) -> None:
    """Say what a data set holds, and choose it."""
    title = uploads.title_of(spec) or pickers.name_of_path(spec)
    st.session_state.setdefault(loaders.DATASETS_OPENED, {})[spec] = title
    choice.put(data=spec)
    st.success(
        f"{frame.escape(data.title)}: {_count(len(data.entries), 'recording')}, "
        f"{_count(data.frames, 'frame')}, {_count(len(data.subjects), 'subject')}, "
        f"{_count(len(data.actions), 'action')}. "
        f"2D inputs: {', '.join(data.sources)}.",
        icon=":material/check:",
    )
    for note in data.notes:
        st.info(frame.escape(note))
    st.page_link("app.py", label="Browse it", icon=":material/arrow_forward:")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


def open_a_checkpoint() -> None:
    """Take a checkpoint by path or upload and say what it is."""
    st.subheader("A checkpoint")
    st.write(
        "`ckpt_best.pth.tar` of the PyTorch re-implementation, or a `.safetensors` file of this "
        "project. Predictions that others saved (`.npy`, `.npz`, 17 joints in 3D) count as one, "
        "too. A file never runs code here: anything but numbers in it is refused by name."
    )
    with st.form("checkpoint", border=False):
        path = st.text_input(
            "Path on this machine", key="checkpoint_path", placeholder="runs/ckpt_best.pth.tar"
        )
        upload = st.file_uploader("or upload it", key="checkpoint_upload")
        asked = st.form_submit_button("Load the checkpoint", type="primary")
    if not asked:
        return
    opened = st.session_state.setdefault(loaders.CHECKPOINTS_OPENED, {})
    try:
        if upload is not None:
            spec = upload.name
            model = opening.open_uploaded_checkpoint(upload.getvalue(), upload.name)
            opened[spec] = model
        elif path.strip():
            spec = str(pickers.path_typed(path))
            model = loaders.checkpoint(spec)
            opened[spec] = None
        else:
            st.warning("Type a path, or choose a file and wait until it is here.")
            return
    except PoseFormatError as error:
        st.error(frame.escape(str(error)), icon=":material/error:")
        return
    choice.put(checkpoint=spec)
    if model.saved is not None:
        st.success(
            f"{frame.escape(model.name)}: {model.saved.frames:,} saved predictions. They are "
            "matched to the data set by name or length where they are shown.",
            icon=":material/check:",
        )
        st.page_link("app.py", label="Browse with it", icon=":material/arrow_forward:")
        return
    config = model.config
    own = model.input_statistics is not None and model.output_statistics is not None
    st.success(
        f"{frame.escape(model.name)}: width {config.linear_size}, {config.num_stage} stages, "
        f"dropout {config.dropout}. "
        + (
            "It brings its own statistics."
            if own
            else "It has no statistics of its own; the data set's are used."
        ),
        icon=":material/check:",
    )
    st.page_link("app.py", label="Browse with it", icon=":material/arrow_forward:")


def forms() -> None:
    """Draw what can be opened, side by side."""
    left, right = st.columns(2, gap="large")
    with left:
        open_a_dataset()
        if ASKED in st.session_state:
            open_what_was_asked_for()
        cmu.offer()
    with right:
        open_a_checkpoint()
    with st.expander("What ships: the two checkpoints' model card"):
        st.markdown(MODEL_CARD.read_text(encoding="utf-8"))


frame.show("Open files")
st.title("Open files")
if ASKED not in st.session_state or not ask_what_it_is():
    forms()
