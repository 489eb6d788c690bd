"""Files that are taken along, as a visitor makes and opens them."""

from __future__ import annotations

from pathlib import Path

from tests.formats import bvh_reader
from tests.viz.test_film import packet

ROOT = Path(__file__).resolve().parents[2]


def test_a_visitor_makes_a_bvh_and_downloads_it(open_page, serve, tmp_path: Path) -> None:
    page = open_page(serve(ROOT / "app.py"), accept_downloads=True)
    page.locator(".pv[data-ready]").wait_for(timeout=60_000)
    page.get_by_test_id("stSidebar").get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Motion, film or page").click()
    page.get_by_role("dialog").get_by_role("button", name="Make the file").click()
    ready = page.locator(".st-key-take_download button")
    ready.wait_for(timeout=30_000)
    with page.expect_download() as waiting:
        ready.click()
    assert waiting.value.suggested_filename == "P1_Balancing_1_cam_01_gt.bvh"
    waiting.value.save_as(tmp_path / "x.bvh")
    root, _, rows = bvh_reader.parse((tmp_path / "x.bvh").read_text())
    assert root.name == "hip" and len(rows) == 100
    assert "joints move by" in page.get_by_test_id("stSidebar").inner_text()


def test_the_page_plays_from_a_file_without_a_network(browser, tmp_path: Path) -> None:
    from core.viz.page import page as page_of

    (tmp_path / "page.html").write_text(page_of(packet(), notes=("A note",)), encoding="utf-8")
    context = browser.new_context(offline=True, color_scheme="dark")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split(":", 1)[0]))
    page.goto((tmp_path / "page.html").as_uri())
    page.locator(".pv[data-ready]").wait_for(timeout=60_000)
    page.keyboard.press("End")
    stats = "document.querySelector('.pv').poseViewer.stats()"
    assert page.evaluate(stats)["frame"] == page.evaluate(stats)["frames"] - 1 == 4
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function(f"{stats}.drawn > 3")
    assert page.locator("footer").inner_text() == "A note"
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(14, 17, 23)", "it follows the reader's dark theme"
    assert not wrong
    assert set(asked) <= {"file", "blob", "data"}
    context.close()
