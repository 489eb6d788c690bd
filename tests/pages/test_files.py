"""Open files: arrays are asked about, folders open, predictions become a checkpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.workflows import conversion, converted
from pages.components import jobs
from tests.formats import field_writers as writers
from tests.pages.test_pages import ROOT

WORLD = writers.skeleton_32(20, 3)
CAMERA = writers.camera_frame(WORLD, writers.place(9, 0))[:, writers.MOVING]


@pytest.fixture
def files() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    return app.switch_page("pages/files.py").run()


def ask_for(app: AppTest, path: Path | str) -> AppTest:
    app.text_input("dataset_path").set_value(str(path))
    return app.button[0].click().run()


def test_an_array_is_asked_about_shown_and_opened_as_it_was_said(files, tmp_path):
    upside_down = np.stack([CAMERA[..., 0], -CAMERA[..., 1], -CAMERA[..., 2]], -1)
    np.save(tmp_path / "poses.npy", upside_down / 1000)
    app = ask_for(files, tmp_path / "poses.npy")
    assert app.selectbox("array_unit").value == "m"
    assert app.selectbox("array_axes").value is None, "y up may be the camera's or the world's"
    assert not app.get("plotly_chart")
    app = app.selectbox("array_axes").set_value("camera-y-up").run()
    assert app.get("plotly_chart"), "the still is there before it is accepted"
    assert not app.success
    app = app.button("array_accept").click().run()
    assert "1 recording, 20 frames, 1 subject, 1 action." in app.success[0].value
    assert not app.exception


def test_an_array_that_is_not_what_was_thought_is_left_again(files, tmp_path):
    np.save(tmp_path / "poses.npy", CAMERA / 1000)
    app = ask_for(files, tmp_path / "poses.npy")
    assert not app.text_input, "the questions stand alone, where one looks"
    app = app.button("array_cancel").click().run()
    assert not app.selectbox
    assert not app.success
    assert app.text_input("dataset_path") is not None


def test_a_wrong_answer_is_warned_of_before_it_is_accepted(files, tmp_path):
    np.save(tmp_path / "poses.npy", CAMERA / 1000)
    app = ask_for(files, tmp_path / "poses.npy").selectbox("array_unit").set_value("mm").run()
    assert any("look like metres" in warning.value for warning in app.warning)


def test_a_folder_of_the_field_opens(files, tmp_path):
    folder = writers.videopose3d(tmp_path / "vp3d", {(9, "Walking"): WORLD})
    app = ask_for(files, folder)
    assert "4 recordings, 80 frames, 1 subject," in app.success[0].value
    assert any("recovered from the exact 2D" in info.value for info in app.info)


@pytest.fixture
def large(tmp_path, monkeypatch) -> Path:
    """A folder that counts as large, and a cache of its own."""
    monkeypatch.setattr(converted, "SMALLEST_BYTES", 0)
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "cache"))
    return writers.videopose3d(tmp_path / "vp3d", {(9, "Walking"): WORLD})


def run_until(app: AppTest, is_there: Callable[[AppTest], object]) -> AppTest:
    """Run the page again and again, as its fragment makes it."""
    for _ in range(100):
        if is_there(app):
            return app
        time.sleep(0.1)
        app = app.run()
    raise AssertionError(f"it never came; errors: {[e.value for e in app.error]}")


def test_a_large_folder_converts_with_progress_and_then_opens(files, large):
    app = run_until(ask_for(files, large), lambda app: app.success)
    assert "4 recordings" in app.success[0].value
    assert not converted.is_waiting(large, "VideoPose3D's archives")


def held_up(monkeypatch) -> threading.Event:
    """Hold conversions up in the middle of a step, until the event is set."""
    goes_on = threading.Event()

    def keep(path, layout, store, name, progress):
        done = 0
        while not goes_on.wait(0.02):
            done = min(done + 1, 300)
            progress("reading", done, 1000)
        return conversion.keep(path, layout, store, name, progress)

    monkeypatch.setattr(conversion, "keep_elsewhere", keep)
    return goes_on


@pytest.mark.parametrize("page", ["app.py", "pages/errors.py"])
def test_a_link_to_a_page_with_a_large_folder_shows_how_far_it_is(large, monkeypatch, page):
    goes_on = held_up(monkeypatch)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["data"] = str(large)
    app = app.run() if page == "app.py" else app.switch_page(page).run()
    try:
        app = run_until(app, lambda app: "30%" in said(app))
        assert "Step 1 of 2, reading" in said(app)
        assert [b.label for b in app.button if b.key == "convert_cancel"] == ["Cancel"]
        assert not app.exception
    finally:
        goes_on.set()
    app = run_until(app, lambda app: any(s.key == "pick_data" for s in app.selectbox))
    assert app.selectbox("pick_data").value == str(large)
    assert not app.exception


def test_cancelling_a_links_conversion_leads_back_to_what_ships(large, monkeypatch):
    held_up(monkeypatch)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["data"] = str(large)
    app = run_until(app.run(), lambda app: any(b.key == "convert_cancel" for b in app.button))
    app = app.button("convert_cancel").click().run()
    assert app.selectbox("pick_data").value == "balancing"
    assert not list((large.parent / "cache").rglob("*.safetensors"))


def test_one_who_cancels_leaves_the_conversion_to_the_others_who_wait(large, monkeypatch):
    goes_on = held_up(monkeypatch)

    def visit() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        app.query_params["data"] = str(large)
        return run_until(app.run(), lambda app: any(b.key == "convert_cancel" for b in app.button))

    one, other = visit(), visit()
    try:
        one = one.button("convert_cancel").click().run()
        assert one.selectbox("pick_data").value == "balancing"
        (job,) = (job for key, job in jobs.all_jobs().items() if str(large) in str(key))
        before, other = job.done, other.run()
        assert job.running and job.done >= before, "it is the same job, and it goes on"
    finally:
        goes_on.set()
    other = run_until(other, lambda app: any(s.key == "pick_data" for s in app.selectbox))
    assert other.selectbox("pick_data").value == str(large)


def test_a_large_folder_that_is_broken_is_told_once_and_clearly(files, large):
    (large / "data_3d_h36m.npz").write_bytes(b"PK")
    app = run_until(ask_for(files, large), lambda app: app.error)
    assert app.error[0].value.count("data") == 1
    assert "is no NPZ file" in app.error[0].value
    assert not app.exception


def test_a_large_folder_opens_though_nothing_can_be_kept(files, large):
    (large.parent / "cache").write_text("a file where the folder should be")
    app = run_until(ask_for(files, large), lambda app: app.success)
    assert any("can't be written" in info.value for info in app.info)


def said(app: AppTest) -> str:
    """Collect what progress bars say."""
    return " ".join(bar.proto.text for bar in app.get("progress"))


def test_saved_predictions_become_a_checkpoint(files, tmp_path):
    np.save(tmp_path / "theirs.npy", (CAMERA - CAMERA[:, :1]).astype(np.float32))
    files.text_input("checkpoint_path").set_value(str(tmp_path / "theirs.npy"))
    app = next(b for b in files.button if b.label == "Load the checkpoint").click().run()
    assert "20 saved predictions" in app.success[0].value
    assert not app.exception
