"""The viewer's Python side: what reaches the browser, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

DEMO = Path(__file__).resolve().parents[1] / "browser" / "viewer_demo.py"


@pytest.fixture(scope="module")
def running() -> AppTest:
    """The demo after its first run."""
    return AppTest.from_file(DEMO, default_timeout=30).run()


@pytest.fixture
def app(running: AppTest) -> AppTest:
    """The demo, back at its start."""
    for key in ("wanted", "viewer", "viewer_memory"):
        if key in running.session_state:
            del running.session_state[key]
    running.radio(key="source").set_value("gt")
    running.checkbox(key="protocol_2").set_value(False)
    running.run()
    assert not running.exception
    return running


def parts(app: AppTest) -> tuple[Any, dict[str, Any]]:
    """The viewer's message and what its companion says."""
    protos = {p.proto.component_name: p.proto for p in app.get("bidi_component")}
    return protos["pose_viewer"], json.loads(protos["pose_viewer_control"].json)


def report(app: AppTest, frame: int, timeline: str | None = None) -> None:
    """Play the browser's part: it came to rest at a frame."""
    timeline = timeline or parts(app)[1]["timeline"]
    app.session_state["viewer"] = {"position": {"frame": frame, "timeline": timeline}}
    app.run()


def known_frame(app: AppTest) -> int:
    return int(app.caption[0].value.rsplit(" ", 1)[1])


def test_the_packet_travels_as_arrays_and_one_text(app) -> None:
    message, wish = parts(app)
    described = json.loads(message.mixed.json)
    spec = json.loads(described["spec"])
    assert spec["frames"] == 500
    assert len(message.mixed.arrow_blobs) >= 6
    assert wish["timeline"] == spec["timeline"]
    assert described["modules"].endswith("/main.js")
    assert described["plotly"].endswith("/plotly.min.js")


def test_a_rerun_sends_the_same_bytes(app) -> None:
    before = parts(app)[0].SerializeToString(deterministic=True)
    report(app, 17)
    assert parts(app)[0].SerializeToString(deterministic=True) == before


def test_what_the_browser_reports_is_what_python_knows(app) -> None:
    assert known_frame(app) == 0
    report(app, 123)
    assert known_frame(app) == 123
    assert parts(app)[1]["nonce"] == 1, "a report must not send the viewer anywhere"


def test_a_report_from_another_timeline_is_not_believed(app) -> None:
    report(app, 123, "S11/Sitting/1/900")
    assert known_frame(app) == 0


def test_a_changed_frame_sends_the_viewer_there_once(app) -> None:
    report(app, 123)
    app.button(key="go").click().run()
    assert known_frame(app) == 42
    assert (parts(app)[1]["frame"], parts(app)[1]["nonce"]) == (42, 2)
    report(app, 300)
    assert known_frame(app) == 300
    assert parts(app)[1]["nonce"] == 2


def test_wherever_it_stops_it_is_left_there(app) -> None:
    for frame in (51, 50, 0, 499, 0, 7):
        report(app, frame)
        assert known_frame(app) == frame
        assert parts(app)[1]["nonce"] == 1, "a report must not send the viewer anywhere"


def test_it_can_be_sent_to_one_frame_again(app) -> None:
    for nonce in (2, 3):
        app.button(key="go").click().run()
        assert (parts(app)[1]["frame"], parts(app)[1]["nonce"]) == (42, nonce)
        report(app, 300)


def test_the_protocol_changes_the_wish_and_not_the_packet(app) -> None:
    before = parts(app)[0].SerializeToString(deterministic=True)
    app.checkbox(key="protocol_2").check().run()
    assert parts(app)[1]["protocol"] == 2
    assert parts(app)[0].SerializeToString(deterministic=True) == before


def test_another_source_is_another_packet_on_the_same_timeline(app) -> None:
    report(app, 123)
    before = parts(app)[0].SerializeToString(deterministic=True)
    app.radio(key="source").set_value("rough").run()
    assert parts(app)[0].SerializeToString(deterministic=True) != before
    assert known_frame(app) == 123
    assert parts(app)[1]["nonce"] == 1
