"""Lift your own in a real browser: an upload, the camera, and picking by a click."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.formats import keypoints
from core.sequence import PoseSequence
from core.skeleton import INPUT_16
from tests.browser.conftest import FLAGS, find_chromium
from tests.browser.test_app import APP, viewer, wait_for_drawing
from tests.formats.film_writers import write_film
from tests.pages.test_lift import walker

# A camera that has just been started may show black for a while, as people see.
SHOWS_SOMETHING = """() => {
  const video = document.querySelector('video');
  if (!video?.videoWidth) return false;
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 16;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 16, 16);
  return context.getImageData(0, 0, 16, 16).data.some((value, i) => i % 4 < 3 && value > 40);
}"""


@pytest.fixture(scope="module")
def server(serve, detector_weights):
    return serve(APP, fresh=True, POSE_BASELINE_CACHE=str(detector_weights.parent))


def pictures_of(shared, frames: int) -> list[np.ndarray]:
    film = cv2.VideoCapture(str(shared / "data/pose2sim_demo/videos/cam04.mp4"))
    found = [film.read()[1] for _ in range(frames)]
    return [cv2.resize(picture, (408, 720), interpolation=cv2.INTER_AREA) for picture in found]


def go_there(page) -> None:
    page.locator("[data-testid=stSidebar]").get_by_text("Lift your own").click()
    page.get_by_text("Everything stays on this machine").wait_for(timeout=60_000)


def test_uploaded_keypoints_turn_in_3d(open_page, serve, tmp_path) -> None:
    path = tmp_path / "me.csv"
    keypoints.write(path, PoseSequence(walker(), INPUT_16, "image", 25.0))
    page = open_page(serve(APP))
    wait_for_drawing(page)
    go_there(page)
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_text("3D from the side").wait_for(timeout=60_000)
    page.wait_for_selector(".pv[data-ready]")
    assert page.locator(".pv .js-plotly-plot").count() == 2
    front, side = viewer(page, "viewer.scenes.map((s) => viewer.cameras.cameraOf(s).eye)")
    turned = [-front["y"], front["x"]]
    np.testing.assert_allclose([side["x"], side["y"]], turned, atol=1e-9)
    assert page.get_by_role("button", name="Worst").is_hidden()


def test_a_film_is_uploaded_looked_at_and_shown(open_page, server, shared, tmp_path) -> None:
    film = write_film(tmp_path / "me.mp4", pictures_of(shared, frames=6))
    page = open_page(server)
    wait_for_drawing(page)
    go_there(page)
    page.locator("input[type=file]").set_input_files(film)
    page.get_by_text("3D from the side").wait_for(timeout=120_000)
    page.get_by_text("2D doubt").first.wait_for()
    page.wait_for_selector(".pv[data-ready]")
    assert viewer(page, "viewer.packet.frames") == 6


def test_the_skeleton_over_ones_film_is_made_and_downloaded(open_page, server, shared, tmp_path):
    film = write_film(tmp_path / "me.mp4", pictures_of(shared, frames=6))
    page = open_page(server, accept_downloads=True)
    wait_for_drawing(page)
    go_there(page)
    page.locator("input[type=file]").set_input_files(film)
    page.get_by_text("3D from the side").wait_for(timeout=120_000)
    page.wait_for_selector(".pv[data-ready]")
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Motion, film or page").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make the file").click()
    ready = page.locator(".st-key-take_download button")
    ready.wait_for(timeout=60_000)
    with page.expect_download() as waiting:
        ready.click()
    waiting.value.save_as(tmp_path / "out.mp4")
    assert waiting.value.suggested_filename == "me_skeleton.mp4"
    made, given = (cv2.VideoCapture(str(tmp_path / name)) for name in ("out.mp4", "me.mp4"))
    for what in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH):
        assert made.get(what) == given.get(what)
    changed = np.abs(made.read()[1].astype(int) - given.read()[1]).max(axis=2) > 60
    assert 0.001 < changed.mean() < 0.05, "a skeleton and nothing else"


def test_a_picture_of_the_camera_is_lifted(server, shared, playwright_camera) -> None:
    page = playwright_camera(pictures_of(shared, frames=1)[0])
    page.goto(server)
    wait_for_drawing(page)
    go_there(page)
    page.get_by_text("The camera", exact=True).click()
    page.wait_for_function(SHOWS_SOMETHING, timeout=60_000)
    page.get_by_role("button", name="Take Photo").click(timeout=30_000)
    came = page.get_by_text("3D from the side")
    came.or_(page.get_by_role("alert")).first.wait_for(timeout=60_000)
    assert came.is_visible(), page.get_by_test_id("stMain").inner_text()
    page.wait_for_selector(".pv[data-ready]")
    assert viewer(page, "viewer.packet.frames") == 1
    assert page.get_by_label("Play (space)").is_hidden(), "a photo has nothing to play"
    assert page.locator(".pv-count").is_hidden()
    assert page.get_by_role("button", name="PNG").is_visible()
    assert page.get_by_role("button", name="Joints coloured by doubt").is_visible()
    assert page.locator(".pv-figure").count() == 1, "its doubt is not told twice"


@pytest.fixture
def playwright_camera(browser, tmp_path):
    """A Chromium whose camera shows a film's first picture."""
    started = []

    def start(picture):
        wide = np.full((720, 960, 3), 90, dtype=np.uint8)
        wide[:, 200:608] = picture
        # Motion JPEG: pictures one after another.
        (tmp_path / "camera.mjpeg").write_bytes(cv2.imencode(".jpg", wide)[1].tobytes() * 3)
        chromium = browser.browser_type.launch(
            executable_path=find_chromium(),
            args=[
                *FLAGS,
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-video-capture={tmp_path / 'camera.mjpeg'}",
            ],
        )
        started.append(chromium)
        return chromium.new_page(viewport={"width": 1366, "height": 768})

    yield start
    for chromium in started:
        chromium.close()
