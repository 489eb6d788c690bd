"""Bringing the weights, with package managers that do as they are told."""

from __future__ import annotations

import hashlib
import sys

import pytest

from core.detector import models
from core.detector.models import ModelFile
from core.errors import PoseFormatError
from core.workflows import fetch_detector
from tests.detector.test_models import CONTENT, MODEL, wheel

HEAVY = ModelFile("b.tflite", "package/b.tflite", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def small_models(monkeypatch, tmp_path):
    """Put a one-line model in the real ones' place, and keep it in a folder of its own."""
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "store"))
    monkeypatch.setattr(models, "IN_WHEEL", (MODEL,))
    monkeypatch.setattr(models, "IN_NPM_PACKAGE", (HEAVY,))
    monkeypatch.setattr(models, "DETECTION", MODEL)
    monkeypatch.setattr(models, "LANDMARKS", {"full": MODEL, "heavy": HEAVY})
    monkeypatch.setattr(fetch_detector, "LOOK_EVERY_S", 0.01)


def manager(monkeypatch, code: str) -> None:
    monkeypatch.setattr(
        fetch_detector, "_pip", lambda: [sys.executable, "-c", code, "mediapipe==0"]
    )


def bringing(path) -> str:
    return f"import shutil; shutil.copy({str(path)!r}, 'brought.whl')"


def test_weights_are_brought_once_and_kept(monkeypatch, tmp_path):
    manager(monkeypatch, bringing(wheel(tmp_path / "w.whl")))
    (file, _) = fetch_detector.fetch_detector()
    assert file.read_bytes() == CONTENT
    manager(monkeypatch, "raise SystemExit('asked again')")
    assert fetch_detector.fetch_detector() == (file, file)


def test_damaged_weights_are_brought_again(monkeypatch, tmp_path):
    manager(monkeypatch, bringing(wheel(tmp_path / "w.whl")))
    (file, _) = fetch_detector.fetch_detector()
    file.write_bytes(b"half")
    assert fetch_detector.fetch_detector()[0].read_bytes() == CONTENT


def test_what_the_package_manager_says_reaches_the_user_in_one_sentence(monkeypatch):
    manager(
        monkeypatch,
        "import sys; print('WARNING: retrying', file=sys.stderr);"
        "print('ERROR: No route to host', file=sys.stderr); print('bye', file=sys.stderr);"
        "sys.exit(1)",
    )
    with pytest.raises(
        PoseFormatError, match=r"could not be downloaded \(ERROR: No route to host\); is there"
    ):
        fetch_detector.fetch_detector()


def test_another_package_than_expected_is_refused(monkeypatch, tmp_path):
    manager(monkeypatch, bringing(wheel(tmp_path / "w.whl", content=b"other")))
    with pytest.raises(PoseFormatError, match="SHA-256"):
        fetch_detector.fetch_detector()


def test_a_stop_ends_the_package_manager(monkeypatch, tmp_path):
    class StopError(Exception): ...

    def stop(done, in_all):
        raise StopError

    manager(monkeypatch, "import time; time.sleep(60)")
    with pytest.raises(StopError):
        fetch_detector.fetch_detector(progress=stop)


def test_the_heavy_variant_says_that_it_needs_npm(monkeypatch, tmp_path):
    manager(monkeypatch, bringing(wheel(tmp_path / "w.whl")))
    monkeypatch.setattr(fetch_detector.shutil, "which", lambda name: None)
    with pytest.raises(PoseFormatError, match="npm is not installed"):
        fetch_detector.fetch_detector("heavy")
