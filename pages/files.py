"""Open files: a data set by its path, a checkpoint by its path or upload, and what ships."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.workflows import open as opening
from core.workflows import plain
from pages.components import array_reading, choice, cmu, conversion, frame, loaders, pickers

# What was asked for and is not open yet: it converts, or has to be told what it is.
ASKED = "dataset_asked"
MODEL_CARD = Path(__file__).resolve().parents[1] / "assets" / "weights" / "README.md"


def open_a_dataset() -> None:
    """Ask for a path, open it, and say what is in it."""
    st.subheader("A data set")
    st.write(
        "Human3.6M in any of its layouts: its owners' `S1`, `S5` … with `metadata.xml`, the "
        "PyTorch re-implementation's `.pth.tar` files, VideoPose3D's `data_3d_h36m.npz`, MMPose's "
        "`h36m_test.npz`, the original's `.h5`; a file that `python -m core prepare` wrote; or an "
        "array of poses (`.npy`, `.npz`, `.csv`, `.json`). It stays where it is."
    )
    with st.form("dataset", border=False):
        path = st.text_input("Path on this machine", key="dataset_path", placeholder="/data/h36m")
        asked = st.form_submit_button("Open the data set", type="primary")
    if asked:
        st.session_state.pop(ASKED, None)
        if not path.strip():
            st.warning("Type the path of a folder or file first.")
            return
        st.session_state[ASKED] = str(pickers.path_typed(path))


def show_what_was_asked_for() -> None:
    """Open what was asked for, above both forms: questions about an array need the width."""
    if ASKED not in st.session_state:
        return
    try:
        open_or_ask(st.session_state[ASKED])
    except PoseFormatError as error:
        st.session_state.pop(ASKED, None)
        st.error(frame.escape(str(error)), icon=":material/error:")


def open_or_ask(spec: str) -> None:
    """Open what says what it is; convert what is slow to open; ask about bare numbers."""
    path, options = plain.split(spec)
    layout = opening.recognise(path)
    if layout == "pose file" and not options and plain.is_bare(path):
        accepted = array_reading.ask(path)
        if accepted is None:
            return
        spec = accepted
    try:
        data = loaders.dataset(spec)
    except loaders.NotConvertedError:
        conversion.show(spec, leave=lambda: st.session_state.pop(ASKED, None))
        return
    st.session_state.pop(ASKED, None)
    tell(spec, data)


def tell(spec: str, data: Dataset) -> None:
    """Say what a data set holds, and choose it."""
    st.session_state.setdefault(loaders.DATASETS_OPENED, {})[spec] = pickers.name_of_path(spec)
    choice.put(data=spec)
    st.success(
        f"{data.title}: {len(data.entries):,} recordings, {data.frames:,} frames, "
        f"{len(data.subjects)} subjects, {len(data.actions)} actions. "
        f"2D inputs: {', '.join(data.sources)}.",
        icon=":material/check:",
    )
    for note in data.notes:
        st.info(frame.escape(note))
    st.page_link("app.py", label="Browse it", icon=":material/arrow_forward:")


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
            st.warning("Type a path or choose a file first.")
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


frame.show("Open files")
st.title("Open files")
# What was asked for is answered here, in the whole width and where one looks.
answer = st.container()
left, right = st.columns(2, gap="large")
with left:
    open_a_dataset()
    cmu.offer()
with right:
    open_a_checkpoint()
with answer:
    show_what_was_asked_for()
with st.expander("What ships: the two checkpoints' model card"):
    st.markdown(MODEL_CARD.read_text(encoding="utf-8"))
