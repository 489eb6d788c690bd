"""The viewer's mount: hands a packet to the browser and hears where it stopped.

The browser plays alone. Python hears a frame number when playback pauses, a seek ends or a
heatmap is clicked; it can ask for a frame or a protocol without sending the packet again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly
import streamlit as st
from streamlit.components import v1

from core.viz.packet import Packet

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "viewer"

# A digest in the served path: a browser never mixes an old module with a new one.
_SOURCES = sorted(path for path in ASSETS.iterdir() if path.suffix in (".js", ".css"))
_VERSION = hashlib.blake2b(
    b"".join(path.read_bytes() for path in _SOURCES), digest_size=6
).hexdigest()

# Streamlit serves the folders of declared components; plotly.js comes out of the Python package
# that requirements.txt pins, so no copy of it lies in this repository.
_MODULES = v1.declare_component(f"viewer_{_VERSION}", path=str(ASSETS))
_PLOTLY = v1.declare_component("plotlyjs", path=str(Path(plotly.__file__).parent / "package_data"))

_LOAD = """
const address = (data) => new URL(data.modules, document.baseURI).href;
export default async function (component) {
  const { %s } = await import(address(component.data));
  return %s(component);
}
"""


def loaded_from(name: str) -> str:
    """Write a component's JavaScript: what `name` is in the module that its data names."""
    return _LOAD % (name, name)


_viewer = st.components.v2.component(
    "pose_viewer",
    css=(ASSETS / "viewer.css").read_text(encoding="utf-8"),
    js=loaded_from("mount"),
    isolate_styles=False,
)
_control = st.components.v2.component("pose_viewer_control", js=loaded_from("control"))


@dataclass(frozen=True)
class ViewerState:
    """What the viewer last reported.

    Attributes:
        frame: where it stood when it last paused, sought or was clicked.
    """

    frame: int


@dataclass
class _Memory:
    """What was last asked of one viewer, kept in the session; `frame` is what the page was told."""

    digest: str
    timeline: str
    payload: dict[str, Any]
    frame: int
    nonce: int


def show(packet: Packet, *, key: str, frame: int = 0) -> ViewerState:
    """Mount the viewer.

    Args:
        packet: what to show. Another packet redraws without resetting viewpoint, speed or
            overlay; on the same timeline it stays at its frame, too.
        key: the widget's key; the session keeps the frame under it.
        frame: what this function returned the last time: the page keeps it. Any other frame
            sends the viewer there; so does another timeline.
    """
    reported = _reported_frame(st.session_state.get(key), packet.timeline)
    memory: _Memory | None = st.session_state.get(f"{key}_memory")
    fresh = memory is None or memory.timeline != packet.timeline
    moved = memory is not None and frame not in (memory.frame, reported)
    nonce = (0 if memory is None else memory.nonce) + (1 if fresh or moved else 0)
    if memory is not None and memory.digest == packet.digest:
        payload = memory.payload
    else:
        payload = {
            **packet.payload(),
            "modules": module_address("main.js"),
            "plotly": plotly_address(),
            "key": key,
        }
    told = _Memory(packet.digest, packet.timeline, payload, frame, nonce)
    st.session_state[f"{key}_memory"] = told
    # A viewer that was away for a run comes back as a new one: it is told where the old one was.
    stands = frame if fresh or moved or reported is None else reported
    stands = min(max(stands, 0), packet.frames - 1)
    _control(
        key=f"{key}_control",
        data={
            "modules": payload["modules"],
            "key": key,
            "frame": stands,
            "nonce": nonce,
            "timeline": packet.timeline,
            "protocol": packet.protocol,
        },
    )
    _viewer(key=key, data=payload, on_position_change=_ignore, height="content")
    # Not through the session: a run that is broken off there would remember what no page heard.
    told.frame = stands
    return ViewerState(stands)


def _reported_frame(state: Any, timeline: str) -> int | None:
    """Read the frame that the browser last reported for this timeline, if it did."""
    position = state.get("position") if isinstance(state, Mapping) else None
    if not isinstance(position, Mapping) or position.get("timeline") != timeline:
        return None
    frame = position.get("frame")
    return int(frame) if isinstance(frame, int | float) else None


def module_address(file: str) -> str:
    """Where the browser gets one of the viewer's modules."""
    return _url(_MODULES, file)


def plotly_address() -> str:
    """Where the browser gets plotly.js of the pinned version."""
    return _url(_PLOTLY, "plotly.min.js")


def _url(component: Any, file: str) -> str:
    """Where Streamlit serves a declared component's file, also behind a base path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    prefix = f"/{base}" if base else ""
    return f"{prefix}/component/{component.name}/{file}"


def _ignore() -> None:
    """Do nothing: a registered callback is what makes "position" a state of the component."""
