"""The Compare page in a real browser: four panels in one viewer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_app import APP, press, viewer, wait_for_address, wait_for_drawing


def test_two_inputs_stand_side_by_side_and_play_together(open_page, serve) -> None:
    page = open_page(serve(APP))
    wait_for_drawing(page)
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("Openpose input costs").wait_for(timeout=60_000)
    page.get_by_text("3D from B").wait_for(timeout=60_000)
    assert page.locator(".pv .js-plotly-plot").count() == 3
    assert viewer(page, "viewer.stats().fast")
    assert "Balancing" in page.locator(".pv").inner_text()
    page.locator(".pv-line").hover()
    told = page.locator(".pv-tip").inner_text().splitlines()
    a, b, apart = (float(line.split()[-2]) for line in told[1:])
    assert told[-1].startswith("B − A")
    assert apart == pytest.approx(b - a, abs=0.11)


def wait_for_ring(page: Any, frame: int) -> None:
    """Wait until the scatter, drawn anew, marks a frame."""
    plot = "document.querySelector('.st-key-figure_scatter .js-plotly-plot')"
    page.wait_for_function(
        f"() => {plot}?._fullData?.at(-1)?.name === 'frame {frame}'", timeout=20_000
    )


def test_a_click_on_a_point_takes_the_viewer_to_its_frame(open_page, serve) -> None:
    page = open_page(serve(APP), width=1440, height=2400)
    wait_for_drawing(page)
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("3D from B").wait_for(timeout=60_000)
    plot = page.locator(".st-key-figure_scatter .js-plotly-plot")
    plot.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    before = viewer(page, "viewer.stats().frame")
    # A point at the plot's edge has no neighbour that could be hit instead.
    place, wanted = plot.evaluate("""plot => {
      const trace = plot._fullData[0], xs = Array.from(trace.x), i = xs.indexOf(Math.max(...xs));
      const { xaxis, yaxis, margin } = plot._fullLayout, box = plot.getBoundingClientRect();
      return [[box.x + xaxis._offset + xaxis.d2p(xs[i]),
               box.y + yaxis._offset + yaxis.d2p(trace.y[i])], trace.customdata[i]];
    }""")
    assert wanted != before
    page.mouse.click(*place)
    page.wait_for_function(f"() => location.search.includes('frame={wanted}')", timeout=20_000)
    wait_for_ring(page, wanted)
    # The viewer hears of it beside the plot, a moment earlier or later.
    at = "document.querySelector('.pv').poseViewer.stats().frame"
    page.wait_for_function(f"() => {at} === {wanted}", timeout=20_000)


def test_a_viewer_that_was_away_comes_back_to_where_it_was(open_page, serve) -> None:
    page = open_page(serve(APP))
    wait_for_drawing(page)
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("3D from B").wait_for(timeout=60_000)
    wait_for_address(page, b_input="openpose", frame="50")
    page.evaluate("document.querySelector('.pv').poseViewer.root.focus()")
    page.keyboard.press("End")
    # At once, before the page has heard of it: now both sides are the same, and nothing is drawn.
    press(page, "b_input", "gt")
    page.wait_for_selector(".pv", state="detached")
    press(page, "b_input", "openpose")
    wait_for_drawing(page)
    wait_for_address(page, b_input="openpose", frame="99")
    page.wait_for_timeout(500)
    assert viewer(page, "viewer.frame") == 99
