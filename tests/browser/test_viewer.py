"""The viewer in a real browser: it draws, plays, turns, seeks, exports, on any screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.viz import walker

DEMO = Path(__file__).parent / "viewer_demo.py"
READY_MS = 30_000
WRIST_LOST = 155  # a frame of the demo in which the left wrist is missing
PERSON_LOST = 105


@pytest.fixture(scope="module")
def url(serve) -> str:
    return serve(DEMO)


@pytest.fixture(scope="module")
def desktop(open_page, url) -> Any:
    """One page for the tests that leave no trace."""
    page = open_page(url)
    page.wait_for_selector(".pv[data-ready]", timeout=READY_MS)
    return page


@pytest.fixture
def page(desktop) -> Any:
    """The shared page, at rest on frame 0, keys going to the viewer."""
    desktop.evaluate("""() => {
      const viewer = document.querySelector('.pv').poseViewer;
      viewer.player.pause();
      viewer.player.setSpeed(1);
      viewer.setOverlay(false);
      viewer.setErrorColors(false);
      viewer.cameras.look('front');
      viewer.seek(0);
      viewer.root.focus();
    }""")
    desktop.wait_for_timeout(50)
    return desktop


def stats(page: Any) -> dict[str, Any]:
    return page.evaluate("document.querySelector('.pv').poseViewer.stats()")


def wait_until(page: Any, condition: str) -> None:
    """Wait for a JavaScript condition on `viewer`."""
    page.wait_for_function(
        f"() => {{ const viewer = document.querySelector('.pv').poseViewer; return {condition}; }}",
        timeout=READY_MS,
    )


def camera_of(page: Any, panel: int) -> list[float]:
    """Where a scene's own camera stands."""
    return page.evaluate(
        """(panel) => {
          const { eye } = document.querySelector('.pv').poseViewer.panels[panel].plot
            ._fullLayout.scene._scene.getCamera();
          return [eye.x, eye.y, eye.z];
        }""",
        panel,
    )


def drawn_joint(page: Any, panel: int, joint: int, figure: int = 0) -> list[float]:
    """Where Plotly's own trace object has a joint, mm."""
    return page.evaluate(
        """([panel, joint, figure]) => {
          const { plot } = document.querySelector('.pv').poseViewer.panels[panel];
          const trace = plot._fullLayout.scene._scene.traces[plot._fullData[2 + 2 * figure].uid];
          const { x, y, z } = trace.data;
          return [x[joint], y[joint], z[joint]];
        }""",
        [panel, joint, figure],
    )


def drag(page: Any, panel: int, dx: int, dy: int) -> None:
    box = page.locator(".pv-scene .pv-body").nth(panel).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx / 2, y + dy / 2, steps=4)
    page.mouse.move(x + dx, y + dy, steps=4)
    page.wait_for_timeout(100)
    page.mouse.up()
    page.wait_for_timeout(600)


def test_it_draws_all_panels_by_the_fast_path(page) -> None:
    assert page.locator(".pv-title").all_inner_texts() == [
        "2D input · gt",
        "3D truth",
        "3D prediction",
    ]
    page.keyboard.press("ArrowRight")
    now = stats(page)
    assert now["fast"], "Plotly's scene objects are not where the pinned version has them"
    assert now["frame"] == 1


def test_the_slow_path_draws_the_same_joints(page) -> None:
    page.keyboard.press("Shift+ArrowRight")
    fast = drawn_joint(page, 2, 13)
    try:
        page.evaluate("""() => {
          const viewer = document.querySelector('.pv').poseViewer;
          for (const scene of viewer.scenes) scene.inner = () => null;
          viewer.seek(0);
          viewer.seek(10);
        }""")
        wait_until(page, "!viewer.scenes[1].restyling")
        assert not stats(page)["fast"]
        assert drawn_joint(page, 2, 13) == pytest.approx(fast)
    finally:
        page.evaluate(
            "document.querySelector('.pv').poseViewer.scenes.forEach((scene) => delete scene.inner)"
        )


def test_playing_keeps_the_pace_and_sends_nothing(open_page, url) -> None:
    page = open_page("about:blank")
    messages: list[Any] = []

    def listen(socket: Any) -> None:
        socket.on("framesent", lambda frame: messages.append(frame))
        socket.on("framereceived", lambda frame: messages.append(frame))

    page.on("websocket", listen)
    page.goto(url)
    page.wait_for_selector(".pv[data-ready]", timeout=READY_MS)
    page.wait_for_timeout(600)
    page.locator(".pv-play").click()
    wait_until(page, "viewer.frame > 5")
    messages.clear()
    pace = page.evaluate("""async () => {
      const viewer = document.querySelector('.pv').poseViewer;
      const now = () => ({ time: performance.now(), due: viewer.player.due(), at: viewer.frame });
      const before = now();
      await new Promise((done) => setTimeout(done, 3000));
      const after = now();
      return (after.due - before.due) / (after.time - before.time) * 1000;
    }""")
    assert pace == pytest.approx(50, rel=0.02)
    assert messages == []
    page.keyboard.press("Space")
    stopped = stats(page)
    assert not stopped["playing"]
    page.get_by_text(f"Python knows frame {stopped['frame']}").wait_for(timeout=READY_MS)


def test_speed_and_loop_are_obeyed(page) -> None:
    page.get_by_label("Speed").select_option("4")
    page.evaluate("document.querySelector('.pv').poseViewer.seek(480)")
    page.locator(".pv-play").click()
    wait_until(page, "viewer.frame < 400 && viewer.frame > 20")
    page.get_by_role("button", name="Start again at the end").click()
    wait_until(page, "!viewer.player.playing")
    assert stats(page)["frame"] == 499
    page.get_by_role("button", name="Start again at the end").click()
    page.get_by_label("Speed").select_option("1")


def test_dragging_one_scene_turns_the_other_and_nothing_turns_them_back(page) -> None:
    before = camera_of(page, 1)
    drag(page, 1, 90, -30)
    turned = camera_of(page, 2)
    assert np.linalg.norm(np.subtract(turned, before)) > 0.2
    assert turned == pytest.approx(camera_of(page, 1), abs=1e-3)
    for key in ("ArrowRight", "End", "o", "e", "o"):
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    assert camera_of(page, 1) == pytest.approx(turned, abs=1e-3)
    assert camera_of(page, 2) == pytest.approx(turned, abs=1e-3)


def test_another_source_keeps_frame_and_viewpoint(page) -> None:
    drag(page, 0, -60, 0)
    turned = camera_of(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    digest = stats(page)["digest"]
    page.get_by_text("rough", exact=True).click()
    wait_until(page, f"viewer.packet.digest !== '{digest}'")
    page.wait_for_timeout(800)
    now = stats(page)
    assert now["frame"] == 20
    assert camera_of(page, 1) == pytest.approx(turned, abs=1e-3)
    assert camera_of(page, 2) == pytest.approx(turned, abs=1e-3)
    assert page.locator(".pv-title").first.inner_text() == "2D input · rough"
    page.get_by_text("gt", exact=True).click()
    wait_until(page, f"viewer.packet.digest === '{digest}'")


def test_view_buttons_set_both_scenes(page) -> None:
    front = camera_of(page, 1)
    page.get_by_role("button", name="From the side").click()
    side = camera_of(page, 1)
    assert side == camera_of(page, 2)
    assert abs(np.dot(front[:2], side[:2])) < 1e-6
    assert side[0] > 1, "from the person's other side"
    page.get_by_role("button", name="From above").click()
    assert camera_of(page, 2)[2] > 1.2
    page.keyboard.press("f")
    assert camera_of(page, 2) == pytest.approx(front, abs=1e-6)


def test_keys_move_through_time(page) -> None:
    expected = {
        "ArrowRight": 1,
        "Shift+ArrowRight": 11,
        "ArrowLeft": 10,
        "Shift+ArrowLeft": 0,
        "End": 499,
        "Home": 0,
    }
    for key, frame in expected.items():
        page.keyboard.press(key)
        assert stats(page)["frame"] == frame, key
    page.keyboard.press("w")
    worst = page.evaluate("""() => {
      const { means } = document.querySelector('.pv').poseViewer.packet.errors[0].under(1);
      return Math.max(...means.filter((mean) => !Number.isNaN(mean)));
    }""")
    shown = page.locator('[data-scope="frame"][data-protocol="1"] b').inner_text()
    assert float(shown) == pytest.approx(worst, abs=0.051)
    page.keyboard.press("o")
    assert stats(page)["overlay"]
    page.keyboard.press("?")
    assert page.locator("dialog.pv-keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog.pv-keys").is_visible()


def test_keys_belong_to_a_text_field_while_one_types(page) -> None:
    page.get_by_label("Notes").click()
    page.keyboard.type("so what?")
    page.keyboard.press("ArrowLeft")
    now = stats(page)
    assert (now["frame"], now["overlay"], now["playing"]) == (0, False, False)
    page.get_by_label("Notes").fill("")
    page.locator(".pv-image .pv-body").click()
    page.keyboard.press("ArrowRight")
    assert stats(page)["frame"] == 1


def test_a_click_on_the_heatmap_goes_there_and_python_hears_of_it(page) -> None:
    box = page.locator(".pv-map").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 30)
    assert stats(page)["frame"] == pytest.approx(250, abs=1)
    frame = stats(page)["frame"]
    page.get_by_text(f"Python knows frame {frame}").wait_for(timeout=READY_MS)
    assert page.locator(".pv-count").inner_text() == f"frame {frame} / 499"


def test_python_can_send_the_viewer_to_a_frame(page) -> None:
    page.get_by_text("Go to frame 42").click()
    wait_until(page, "viewer.frame === 42")
    page.get_by_text("Python knows frame 42").wait_for(timeout=READY_MS)


def test_the_protocol_is_switched_without_a_new_packet(page) -> None:
    drag(page, 0, 50, 0)
    page.keyboard.press("End")
    before, turned, joint = stats(page), camera_of(page, 2), drawn_joint(page, 2, 13)
    page.get_by_text("Protocol 2").click()
    wait_until(page, "viewer.protocol === 2")
    now = stats(page)
    assert (now["frame"], now["digest"]) == (before["frame"], before["digest"])
    assert camera_of(page, 2) == pytest.approx(turned, abs=1e-3)
    assert drawn_joint(page, 2, 13) != pytest.approx(joint, abs=0.5)
    assert page.locator(".pv-title").nth(2).inner_text() == "3D prediction, aligned"
    page.get_by_text("Protocol 2").click()
    wait_until(page, "viewer.protocol === 1")


def test_numbers_show_both_protocols_and_the_16_joint_figure(page) -> None:
    figure = page.locator('[data-scope="sequence"][data-protocol="1"]')
    truth = walker.recording(500).truth
    assert truth is not None
    mean = np.nanmean(walker.prediction(truth)[2][1].mean(axis=1))
    assert figure.inner_text() == f"MPJPE {mean:.1f} mm (16 joints {mean * 17 / 16:.1f})"
    assert "root counted" in figure.get_attribute("title")


def test_missing_joints_are_gaps(page) -> None:
    page.evaluate(f"document.querySelector('.pv').poseViewer.seek({WRIST_LOST})")
    assert all(v is None or np.isnan(v) for v in drawn_joint(page, 2, 13))
    assert not any(v is None or np.isnan(v) for v in drawn_joint(page, 2, 12))
    assert page.locator('[data-scope="frame"][data-protocol="1"] b').inner_text() == "–"
    page.evaluate(f"document.querySelector('.pv').poseViewer.seek({PERSON_LOST})")
    assert page.locator('[data-scope="frame"][data-protocol="1"] b').inner_text() == "–"


def test_hovering_a_joint_names_it_with_its_error(page) -> None:
    place = page.evaluate("""() => {
      const panel = document.querySelector('.pv').poseViewer.panels[2];
      const { joints } = panel.figures[0];
      const box = panel.body.getBoundingClientRect();
      const [x, y] = panel.project(joints.map((axis) => axis[10]), panel.inner());
      return [box.left + x, box.top + y];
    }""")
    page.mouse.move(*place)
    page.wait_for_timeout(100)
    lines = page.locator(".pv-tip > *").all_inner_texts()
    assert lines[0] == "head"
    assert lines[1].endswith("mm off")
    assert lines[2].startswith("x ")


def test_joints_take_the_colour_of_their_error(page) -> None:
    colors = "document.querySelector('.pv').poseViewer.scenes[1].figures[0].traces[1].marker.color"
    sides = page.evaluate(colors)
    page.get_by_role("button", name="Joints coloured by error").click()
    by_error = page.evaluate(colors)
    assert len(set(sides)) == 3
    assert len(set(by_error)) > 10


def test_the_figure_is_saved_as_a_png(page, tmp_path) -> None:
    page.keyboard.press("End")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the current figure").click()
    assert download.value.suggested_filename == "S0_Walking_1_1_frame00499.png"
    download.value.save_as(tmp_path / "figure.png")
    picture = cv2.imread(str(tmp_path / "figure.png"))
    assert picture is not None
    height, width = picture.shape[:2]
    assert width > 1600 and height > 500
    blue = (np.abs(picture.astype(int) - (178, 114, 0)).max(axis=2) < 12).astype(np.uint8)
    for third in np.array_split(blue, 3, axis=1):
        assert third.sum() > 200, "a panel without its left side"


def test_pictures_lie_behind_the_joints_and_few_are_kept(page) -> None:
    page.get_by_text("Pictures").click()
    wait_until(page, "viewer.panels[0].pictures?.decoded.size > 0")
    kept = page.evaluate("""async () => {
      const { pictures } = document.querySelector('.pv').poseViewer.panels[0];
      for (let frame = 0; frame < 100; frame += 1) {
        pictures.at(frame);
        while (!pictures.decoded.has(frame)) await new Promise((done) => setTimeout(done));
      }
      return pictures.decoded.size;
    }""")
    assert 20 < kept <= 41


def contrast(page: Any, selector: str) -> float:
    """Lowest contrast of the text in `selector` against the page, by WCAG's formula."""
    return page.evaluate(
        """(selector) => {
          const probe = document.createElement('canvas').getContext('2d');
          const light = (color) => {
            probe.fillStyle = color;
            probe.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].map((c) => {
              const v = c / 255;
              return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
            });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const page = light(document.querySelector('.pv').poseViewer.theme.background);
          return Math.min(...[...document.querySelectorAll(selector)].map((node) => {
            const text = light(getComputedStyle(node).color);
            return (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05);
          }));
        }""",
        selector,
    )


TEXTS = ".pv-when, .pv-figure, .pv-figure small, .pv-count, .pv-rows span, .pv-note, .pv-scale"


def test_text_stands_out_in_both_themes(page, phone) -> None:
    assert contrast(page, TEXTS) >= 4.5
    assert contrast(phone, TEXTS) >= 4.5


@pytest.fixture(scope="module")
def phone(open_page, url) -> Any:
    page = open_page(url, 390, 844, has_touch=True, color_scheme="dark")
    page.wait_for_selector(".pv[data-ready]", timeout=READY_MS)
    return page


def test_a_phone_gets_stacked_panels_and_controls_at_hand(phone) -> None:
    page = phone
    wide = page.evaluate("""() => [...document.querySelectorAll('*')]
      .filter((node) => getComputedStyle(node).overflowX !== 'visible')
      .every((node) => node.scrollWidth <= Math.max(node.clientWidth, 390))""")
    assert wide, "something scrolls sideways"
    boxes = [panel.bounding_box() for panel in page.locator(".pv-panel").all()]
    order = np.argsort([box["y"] for box in boxes])
    assert list(order) == [2, 0, 1], "prediction over truth first"
    assert all(box["width"] <= 390 for box in boxes)
    assert stats(page)["overlay"]
    transport = page.locator(".pv-transport").bounding_box()
    assert transport["y"] + transport["height"] <= 844
    page.locator(".pv-play").tap()
    wait_until(page, "viewer.frame > 2")
    page.locator(".pv-play").tap()
    assert not stats(page)["playing"]
    background = page.evaluate(
        "document.querySelector('.pv').poseViewer.scenes[0].plot.layout.scene.bgcolor"
    )
    assert int(background[1:3], 16) < 60, "the scene does not follow the dark theme"


def test_a_finger_scrolls_upright_and_turns_sideways(phone) -> None:
    page = phone
    session = page.context.new_cdp_session(page)

    def swipe(dx: int, dy: int) -> None:
        box = page.locator(".pv-scene .pv-body").nth(1).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        points = [{"x": x + dx * i / 8, "y": y + dy * i / 8} for i in range(9)]
        session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
        for point in points[1:]:
            session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
            page.wait_for_timeout(20)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(700)

    before = camera_of(page, 2)
    swipe(0, -160)
    scrolled = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    assert scrolled > 50
    assert camera_of(page, 2) == pytest.approx(before, abs=1e-6)
    swipe(120, 0)
    turned = camera_of(page, 2)
    assert np.linalg.norm(np.subtract(turned, before)) > 0.2
    assert camera_of(page, 1) == pytest.approx(turned, abs=1e-3)
