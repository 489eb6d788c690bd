"""Open files in a real browser: what is uploaded opens, is asked about, or is refused in words."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.browser.test_app import APP, READY_MS, open_files, picker, viewer, wait_for_drawing
from tests.formats import field_writers as writers

CAMERA = writers.camera_frame(writers.skeleton_32(20, 3), writers.place(9, 0))[:, writers.MOVING]


@pytest.fixture(scope="module")
def page(serve, open_page) -> Any:
    return open_files(open_page, serve(APP))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def upload(page: Any, form: str, files: dict[str, bytes]) -> None:
    """Choose files in one of the two forms and send it."""
    label = {"dataset": "Open the data set", "checkpoint": "Load the checkpoint"}[form]
    place = f"[class*=st-key-{form}_upload]"
    uploader = page.locator(place)
    # The uploader of the files before stays until the page's run is over.
    page.wait_for_function(
        "place => document.querySelectorAll(place).length === 1", arg=place, timeout=READY_MS
    )
    uploader.locator("input[type=file]").set_input_files(
        [{"name": n, "mimeType": "application/octet-stream", "buffer": b} for n, b in files.items()]
    )
    for name in files:
        uploader.get_by_text(name).first.wait_for(timeout=READY_MS)
    page.get_by_role("button", name=label).click()


def said(page: Any, text: str) -> None:
    page.locator("[data-testid=stAlert]").filter(has_text=text).wait_for(timeout=READY_MS)


class Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, (os.environ["EVIL"],)


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("poses.npy", npy(np.zeros((500_000, 17, 3), np.float32)))
    return file.getvalue()


def promise() -> bytes:
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (50_000_000, 17, 3)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(1000)


def objects() -> bytes:
    file = io.BytesIO()
    np.savez(file, poses=np.array([Evil()], dtype=object))
    return file.getvalue()


HOSTILE = {
    "objects.npz": (objects, "mkdir"),
    "bomb.npz": (bomb, "too large for poses, refused"),
    "promise.npy": (promise, "only 1,000 bytes of it are here"),
    "random.safetensors": (lambda: b"\x99" * 900, "is no safetensors file, or is cut short"),
    "evil.pth.tar": (lambda: pickle.dumps({"state_dict": Evil()}, 2), "torch.save wrote"),
    "empty.pth.tar": (lambda: b"", "the file is empty"),
    "film.npz": (lambda: b"\0\0\0\x20ftypisom" * 50, "is no NPZ file, or cut short"),
    "song.mp3": (lambda: b"ID3", "is no checkpoint; a .safetensors file of this project"),
}


def test_hostile_uploads_are_refused_by_name_and_the_next_one_loads(page, tmp_path, monkeypatch):
    monkeypatch.setenv("EVIL", str(tmp_path / "ran"))
    for name, (content, reason) in HOSTILE.items():
        upload(page, "checkpoint", {name: content()})
        said(page, reason)
        assert page.locator("[data-testid=stAlert]").inner_text().count(name) == 1
    assert not (tmp_path / "ran").exists()
    theirs = (CAMERA - CAMERA[:, :1]).astype(np.float32)
    upload(page, "checkpoint", {"theirs.npy": npy(theirs)})
    said(page, "theirs: 20 saved predictions")


def test_an_uploaded_array_is_asked_about_and_browsed(page):
    upside_down = np.stack([CAMERA[..., 0], -CAMERA[..., 1], -CAMERA[..., 2]], -1)
    upload(page, "dataset", {"poses.npy": npy(upside_down / 1000)})
    axes = page.locator(".st-key-array_axes input")
    axes.wait_for(timeout=READY_MS)
    assert page.get_by_role("button", name="Open it so").is_disabled()
    axes.press("ArrowDown")
    page.get_by_role("option", name="camera-y-up").click()
    page.locator(".st-key-array_still .js-plotly-plot").wait_for(timeout=READY_MS)
    page.get_by_role("button", name="Open it so").click()
    said(page, "poses.npy: 1 recording, 20 frames")
    page.get_by_role("link", name="Browse it").click()
    wait_for_drawing(page)
    assert viewer(page, "viewer.stats().frames") == 20
    assert picker(page, "data").locator("input").input_value() == "poses.npy"
    page.get_by_role("link", name="Open files").click()


def test_the_files_of_a_data_set_are_uploaded_together(page, tmp_path):
    folder = writers.videopose3d(tmp_path / "vp3d", {(9, "Walking"): writers.skeleton_32(20, 3)})
    upload(page, "dataset", {f.name: f.read_bytes() for f in folder.iterdir()})
    said(page, "4 recordings, 80 frames")
    upload(page, "dataset", {"data_3d_h36m.npz": b"PK"})
    said(page, "data_3d_h36m.npz: is no NPZ file")
    assert "pose-baseline-" not in page.locator(".stMain").inner_text(), "not where it is kept"
