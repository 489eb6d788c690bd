"""The front door: browse predictions. Pick a recording, lift it, look at it from all sides."""

from __future__ import annotations

import streamlit as st

from core.workflows import export, export_file
from pages.components import choice, frame, loaders, pickers, take_along, viewer

frame.show("Browse")
with frame.errors_shown(), st.sidebar:
    selection = pickers.pick()
    lifted = loaders.lifted(selection.data, selection.model, selection.source, selection.key)
    view = pickers.pick_view(lifted.recording)

shown = export_file.shown(lifted, selection.data, protocol=view.protocol, space=view.space)
start = choice.frame_to_show(
    len(lifted.prediction), pickers.motion_of(selection.data, selection.key)
)
chosen = choice.store()
state = viewer.show(shown.packet, key="browse", frame=start)
chosen["frame"] = str(state.frame)
choice.write_address()
choice.say_what_the_link_missed()

with st.sidebar:
    take_along.offer(shown, export.file_name(lifted, ""))
if selection.data.notes:
    with st.expander("About this data"):
        for note in (*selection.data.notes, selection.data.credit):
            st.caption(frame.escape(note))
