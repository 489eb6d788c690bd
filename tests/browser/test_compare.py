"""The Compare page in a real browser: four panels in one viewer."""

from __future__ import annotations

from tests.browser.test_app import APP, viewer, wait_for_drawing


def test_two_inputs_stand_side_by_side_and_play_together(open_page, serve) -> None:
    page = open_page(serve(APP))
    wait_for_drawing(page)
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("Openpose input costs").wait_for(timeout=60_000)
    page.get_by_text("3D from B").wait_for(timeout=60_000)
    assert page.locator(".pv .js-plotly-plot").count() == 3
    assert viewer(page, "viewer.stats().fast")
    assert "Balancing" in page.locator(".pv").inner_text()
