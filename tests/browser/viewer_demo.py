"""The viewer alone on generated data: what the browser tests open."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from core.viz.browse import browse_packet  # noqa: E402
from pages.components import viewer  # noqa: E402
from tests.viz import walker  # noqa: E402

st.set_page_config(layout="wide", page_title="Viewer demo")
# The space that a page's menu takes: tests look at the viewer at its real width.
with st.sidebar:
    source = st.radio("2D input", ["gt", "rough"], key="source")
    aligned_drawn = st.checkbox("Protocol 2", key="protocol_2")
    in_world = st.checkbox("World", key="world")
    frames = st.radio("Frames", [500, 5000], key="frames", horizontal=True)
    pictures = st.checkbox("Pictures", key="pictures")
    st.text_input("Notes", key="notes")
    if st.button("Go to frame 42", key="go"):
        st.session_state["wanted"] = 42


@st.cache_resource
def load(frames: int, pictures: bool) -> tuple:
    recording = walker.recording(frames, pictures=pictures)
    assert recording.truth is not None
    return recording, walker.prediction(recording.truth)


recording, (prediction, aligned, errors) = load(frames, pictures)
packet = browse_packet(
    recording,
    source,
    prediction,
    aligned,
    errors,
    protocol=2 if aligned_drawn else 1,
    space="world" if in_world else "camera",
)
state = viewer.show(packet, key="viewer", frame=st.session_state.get("wanted", 0))
st.session_state["wanted"] = state.frame
st.caption(f"Python knows frame {state.frame}")
