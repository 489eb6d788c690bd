"""The app in a real browser: first start, picking, links, downloads, uploads, phone, dark."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlparse

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app.py"
READY_MS = 60_000


@pytest.fixture(scope="module")
def url(serve) -> str:
    return serve(APP)


def link(url: str, **choice: str) -> str:
    return f"{url}/?{urlencode(choice)}"


def viewer(page: Any, expression: str) -> Any:
    return page.evaluate(
        f"() => {{ const viewer = document.querySelector('.pv').poseViewer; return {expression}; }}"
    )


def wait_for_drawing(page: Any, other_than: str | None = None) -> str:
    """Wait until the scenes of a packet are drawn and return the packet's digest."""
    page.wait_for_function(
        """before => {
          const root = document.querySelector('.pv[data-ready]');
          return root && root.dataset.ready !== before;
        }""",
        arg=other_than,
        timeout=READY_MS,
    )
    return page.get_attribute(".pv", "data-ready")


def wait_for_address(page: Any, **wanted: str) -> None:
    page.wait_for_function(
        """wanted => {
          const asked = new URLSearchParams(location.search);
          return Object.entries(wanted).every(([name, value]) => asked.get(name) === value);
        }""",
        arg=wanted,
        timeout=READY_MS,
    )


def picker(page: Any, name: str) -> Any:
    return page.locator(f".st-key-pick_{name}")


def choose(page: Any, name: str, option: str) -> None:
    """Choose in a drop-down of the sidebar as a person does."""
    picker(page, name).locator("input").click()
    page.get_by_role("option", name=option, exact=True).click()


def press(page: Any, name: str, option: str) -> None:
    """Press a button of a row in the sidebar."""
    picker(page, name).get_by_role("radiogroup").get_by_text(option, exact=True).click()


def open_files(open_page: Any, url: str) -> Any:
    """Come to Open files as a person does, by the menu."""
    page = open_page(url)
    page.get_by_role("link", name="Open files").click()
    page.get_by_role("button", name="Load the checkpoint").wait_for(timeout=READY_MS)
    return page


def test_the_first_start_shows_a_real_person_from_three_sides(open_page, url) -> None:
    page = open_page(url)
    wait_for_drawing(page)
    titles = page.locator(".pv").inner_text()
    for text in ("2D input", "3D truth", "3D prediction", "MPJPE", "P-MPJPE", "left", "right"):
        assert text in titles
    assert viewer(page, "viewer.stats().fast")
    wait_for_address(page, data="balancing")


def test_panels_transport_and_heatmap_need_no_scrolling_on_a_laptop(open_page, url) -> None:
    page = open_page(url, width=1366, height=768)
    wait_for_drawing(page)
    for part in page.locator(".pv canvas, .pv .js-plotly-plot, .pv input[type=range]").all():
        box = part.bounding_box()
        if box:
            assert box["y"] + box["height"] <= 768


def test_picking_another_action_draws_it_and_the_address_follows(open_page, url) -> None:
    page = open_page(link(url, data="synthetic"))
    first = wait_for_drawing(page)
    choose(page, "action", "Phoning")
    wait_for_drawing(page, first)
    wait_for_address(page, action="Phoning", subject="S9")
    assert picker(page, "action").locator("input").input_value() == "Phoning"
    assert "Synthetic" in page.locator(".stMain").inner_text()


def test_another_camera_keeps_the_moment_and_the_viewpoint(open_page, url) -> None:
    page = open_page(link(url, frame="30"))
    first = wait_for_drawing(page)
    assert viewer(page, "viewer.stats().frame") == 30
    press(page, "camera", "3")
    wait_for_drawing(page, first)
    assert viewer(page, "viewer.stats().frame") == 30
    wait_for_address(page, camera="cam_03", frame="30")


def test_the_protocol_is_switched_in_place(open_page, url) -> None:
    page = open_page(url)
    wait_for_drawing(page)
    press(page, "protocol", "#2")
    wait_for_address(page, protocol="2")
    page.wait_for_function(
        "() => document.querySelector('.pv').poseViewer.stats().protocol === 2", timeout=READY_MS
    )


def test_a_link_opens_the_same_view_on_a_fresh_server(open_page, serve) -> None:
    cold = serve(APP, fresh=True)
    page = open_page(
        link(cold, data="synthetic", checkpoint="detector", subject="S11", action="Walking",
             take="Walking 1", camera="60457274", input="hourglass (simulated)", protocol="2",
             space="world", frame="123")
    )  # fmt: skip
    wait_for_drawing(page)
    assert viewer(page, "viewer.stats().frame") == 123
    assert viewer(page, "viewer.stats().protocol") == 2
    asked = parse_qs(urlparse(page.url).query)
    assert (asked["subject"], asked["camera"], asked["frame"]) == (["S11"], ["60457274"], ["123"])
    assert asked["take"] == ["Walking 1"]
    assert "hourglass (simulated)" in page.locator(".pv").inner_text()


def test_where_one_pauses_is_what_the_link_holds(open_page, url) -> None:
    page = open_page(url)
    wait_for_drawing(page)
    page.evaluate("document.querySelector('.pv').poseViewer.root.focus()")
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    wait_for_address(page, frame="10")


def test_prediction_and_errors_are_downloaded_as_csv_and_npz(open_page, url) -> None:
    page = open_page(url)
    wait_for_drawing(page)
    page.locator("[data-testid=stPopover] button").click()
    contents = {}
    for kind in ("csv", "npz"):
        with page.expect_download() as waiting:
            page.locator(f".st-key-download_{kind} button").click()
        assert waiting.value.suggested_filename.endswith(f".{kind}")
        contents[kind] = Path(waiting.value.path()).read_bytes()
    with np.load(io.BytesIO(contents["npz"])) as arrays:
        prediction, errors = arrays["prediction"], arrays["errors_protocol_1"]
    assert prediction.shape == (100, 17, 3)
    rows = list(csv.DictReader(io.StringIO(contents["csv"].decode())))
    assert len(rows) == 100
    np.testing.assert_allclose(float(rows[7]["mpjpe_mm"]), errors[7].mean(), rtol=1e-5)


def test_a_checkpoint_is_uploaded_and_lifts(open_page, url) -> None:
    page = open_files(open_page, url)
    weights = ROOT / "assets" / "weights" / "gt.safetensors"
    mine = {"name": "mine.safetensors", "mimeType": "application/octet-stream",
            "buffer": weights.read_bytes()}  # fmt: skip
    page.locator(".st-key-checkpoint_upload input[type=file]").set_input_files(mine)
    page.get_by_text("mine.safetensors").first.wait_for(timeout=READY_MS)
    page.get_by_role("button", name="Load the checkpoint").click()
    page.get_by_text("width 1024, 2 stages").wait_for(timeout=READY_MS)
    page.get_by_role("link", name="Browse with it").click()
    wait_for_drawing(page)
    assert picker(page, "checkpoint").locator("input").input_value() == "mine.safetensors"


def test_an_upload_that_is_no_checkpoint_is_said_in_words(open_page, url) -> None:
    page = open_files(open_page, url)
    page.locator(".st-key-checkpoint_upload input[type=file]").set_input_files(
        {"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"ID3 not a checkpoint"}
    )
    page.get_by_text("song.mp3").first.wait_for(timeout=READY_MS)
    page.get_by_role("button", name="Load the checkpoint").click()
    alert = page.locator("[data-testid=stAlert]")
    alert.wait_for(timeout=READY_MS)
    assert "song.mp3" in alert.inner_text()
    assert "Traceback" not in page.locator("body").inner_text()


def test_a_link_to_a_folder_that_is_gone_names_it(open_page, url) -> None:
    page = open_page(link(url, data="/nowhere/h36m"))
    alert = page.locator("[data-testid=stAlert]")
    alert.wait_for(timeout=READY_MS)
    assert "/nowhere/h36m" in alert.inner_text()


@pytest.mark.parametrize("place", ["", "compare"])
def test_there_and_back_the_viewer_stays_where_it_was_stopped(open_page, url, place) -> None:
    page = open_page(f"{url}/{place}")
    wait_for_drawing(page)
    last = viewer(page, "viewer.packet.frames") - 1
    middle = viewer(page, "viewer.frame")
    keys = {"ArrowRight": middle + 1, "ArrowLeft": middle, "Home": 0, "End": last}
    for key, frame in [*keys.items(), ("Home", 0)]:
        page.keyboard.press(key)
        page.wait_for_function(
            "frame => new URLSearchParams(location.search).get('frame') === String(frame)",
            arg=frame,
            timeout=READY_MS,
        )
        # What Python would send after it has come by now.
        page.wait_for_timeout(500)
        assert viewer(page, "viewer.frame") == frame, key


def test_back_and_forward_restore_what_was_seen(open_page, url) -> None:
    page = open_page(url)
    wait_for_drawing(page)
    press(page, "camera", "3")
    wait_for_address(page, camera="cam_03")
    press(page, "protocol", "#2")
    wait_for_address(page, protocol="2")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Open files").click()
    page.get_by_text("Load the checkpoint").wait_for(timeout=READY_MS)
    for go, camera, protocol in (
        (page.go_back, "cam_03", 2),
        (page.go_back, "cam_03", 1),
        (page.go_back, "cam_01", 1),
        (page.go_forward, "cam_03", 1),
    ):
        go()
        wait_for_address(page, camera=camera, protocol=str(protocol))
        page.wait_for_function(
            """([camera, protocol]) => {
              const viewer = document.querySelector('.pv[data-ready]')?.poseViewer;
              return viewer?.packet.title.endsWith(camera) && viewer.stats().protocol === protocol;
            }""",
            arg=[camera, protocol],
            timeout=READY_MS,
        )


def test_a_link_of_the_menu_holds_the_view_for_another_tab(open_page, url) -> None:
    page = open_page(link(url, camera="cam_02", frame="30"))
    wait_for_drawing(page)
    press(page, "space", "World")
    wait_for_address(page, space="world")
    page.wait_for_timeout(500)
    press(page, "protocol", "#2")
    wait_for_address(page, protocol="2")
    address = page.get_by_test_id("stSidebar").get_by_role("link", name="Compare")
    other = open_page(urljoin(url, address.get_attribute("href")))
    wait_for_drawing(other)
    wait_for_address(other, camera="cam_02", frame="30", space="world")
    assert viewer(other, "viewer.frame") == 30


def test_a_phone_shows_everything_without_sideways_scrolling(open_page, url) -> None:
    page = open_page(url, width=390, height=844, has_touch=True, is_mobile=True)
    wait_for_drawing(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".pv .js-plotly-plot").first.is_visible()


def test_on_a_phone_the_menu_leaves_when_a_page_is_chosen(open_page, url) -> None:
    page = open_page(url, width=390, height=844, has_touch=True, is_mobile=True)
    wait_for_drawing(page)
    sidebar = page.get_by_test_id("stSidebar")
    for title in ("Robustness", "Open files"):
        page.get_by_test_id("stExpandSidebarButton").click()
        sidebar.get_by_role("link", name=title).tap()
        page.wait_for_selector("[data-testid=stSidebar][data-collapsed=true]", state="attached")
        page.wait_for_function("title => document.title.startsWith(title)", arg=title)


def test_the_dark_theme_reaches_page_and_viewer(open_page, url) -> None:
    page = open_page(url, color_scheme="dark")
    wait_for_drawing(page)
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert max(int(v) for v in background[4:-1].split(",")) < 60
    colour = page.evaluate("getComputedStyle(document.querySelector('.pv')).color")
    assert min(int(v) for v in colour[4:-1].split(",")[:3]) > 180
