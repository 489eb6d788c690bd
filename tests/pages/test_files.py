"""Open files: arrays are asked about, folders open, predictions become a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.workflows import converted
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
    assert "1 recordings, 20 frames" in app.success[0].value
    assert not app.exception


def test_a_wrong_answer_is_warned_of_before_it_is_accepted(files, tmp_path):
    np.save(tmp_path / "poses.npy", CAMERA / 1000)
    app = ask_for(files, tmp_path / "poses.npy").selectbox("array_unit").set_value("mm").run()
    assert any("look like metres" in warning.value for warning in app.warning)


def test_a_folder_of_the_field_opens(files, tmp_path):
    folder = writers.videopose3d(tmp_path / "vp3d", {(9, "Walking"): WORLD})
    app = ask_for(files, folder)
    assert "4 recordings, 80 frames, 1 subjects" in app.success[0].value
    assert any("recovered from the exact 2D" in info.value for info in app.info)


def test_a_large_folder_converts_with_progress_and_then_opens(files, tmp_path, monkeypatch):
    monkeypatch.setattr(converted, "SMALLEST_BYTES", 0)
    folder = writers.videopose3d(tmp_path / "vp3d", {(9, "Walking"): WORLD})
    app = ask_for(files, folder)
    for _ in range(40):
        if app.success:
            break
        app = app.run()
    assert "4 recordings" in app.success[0].value
    assert not converted.is_waiting(folder, "VideoPose3D's archives")


def test_saved_predictions_become_a_checkpoint(files, tmp_path):
    np.save(tmp_path / "theirs.npy", (CAMERA - CAMERA[:, :1]).astype(np.float32))
    files.text_input("checkpoint_path").set_value(str(tmp_path / "theirs.npy"))
    app = next(b for b in files.button if b.label == "Load the checkpoint").click().run()
    assert "20 saved predictions" in app.success[0].value
    assert not app.exception
