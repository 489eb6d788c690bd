"""Open files: a data set by its path, a checkpoint by its path or upload, and what ships."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.errors import PoseFormatError
from core.workflows import open as opening
from pages.components import choice, frame, loaders, pickers

MODEL_CARD = Path(__file__).resolve().parents[1] / "assets" / "weights" / "README.md"


def open_a_dataset() -> None:
    """Ask for a path, open it, and say what is in it."""
    st.subheader("A data set")
    st.write(
        "The folder with `train_2d.pth.tar`, `test_2d.pth.tar`, `test_3d.pth.tar`, "
        "`stat_3d.pth.tar` … of the PyTorch re-implementation, or a file that "
        "`python -m core prepare` wrote. It stays where it is."
    )
    with st.form("dataset", border=False):
        path = st.text_input("Path on this machine", key="dataset_path", placeholder="/data/h36m")
        asked = st.form_submit_button("Open the data set", type="primary")
    if asked and not path.strip():
        st.warning("Type the path of a folder or file first.")
    elif asked:
        spec = str(pickers.path_typed(path))
        try:
            data = loaders.dataset(spec)
        except PoseFormatError as error:
            st.error(frame.escape(str(error)), icon=":material/error:")
            return
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
        "project. A file never runs code here: anything but weights in it is refused by name."
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
left, right = st.columns(2, gap="large")
with left:
    open_a_dataset()
with right:
    open_a_checkpoint()
with st.expander("What ships: the two checkpoints' model card"):
    st.markdown(MODEL_CARD.read_text(encoding="utf-8"))
