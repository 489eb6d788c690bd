"""The front door: browse predictions. Pick a recording, lift it, look at it from all sides."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.viz.browse import browse_packet
from core.workflows import export
from pages.components import choice, frame, loaders, pickers, viewer

frame.show("Browse")
with frame.errors_shown(), st.sidebar:
    selection = pickers.pick()
    lifted = loaders.lifted(selection.data, selection.model, selection.source, selection.key)
    view = pickers.pick_view(lifted.recording)

packet = browse_packet(
    lifted.recording,
    selection.source,
    lifted.prediction,
    lifted.aligned,
    lifted.errors,
    protocol=view.protocol,
    space=view.space,
)
if selection.data.kind == "synthetic":
    # In the title it goes with every saved figure, too.
    packet = replace(packet, title=f"Synthetic · {packet.title}")
start = choice.frame_to_show(
    len(lifted.prediction), pickers.motion_of(selection.data, selection.key)
)
state = viewer.show(packet, key="browse", frame=start)
choice.store()["frame"] = str(state.frame)
choice.write_address()
choice.say_what_the_link_missed()

with st.sidebar.popover("Download", icon=":material/download:", width="stretch"):
    st.download_button(
        "Prediction and errors, CSV",
        lambda: export.csv_bytes(lifted),
        export.file_name(lifted, ".csv"),
        "text/csv",
        key="download_csv",
        on_click="ignore",
        width="stretch",
    )
    st.download_button(
        "Prediction and errors, NPZ",
        lambda: export.npz_bytes(lifted),
        export.file_name(lifted, ".npz"),
        "application/octet-stream",
        key="download_npz",
        on_click="ignore",
        width="stretch",
    )
if selection.data.notes:
    with st.expander("About this data"):
        for note in (*selection.data.notes, selection.data.credit):
            st.caption(frame.escape(note))
