"""Robustness in a real browser: from the menu to a curve, and a long run that is stopped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_app import APP, READY_MS

CURVES = ".st-key-figure_robustness_chart .js-plotly-plot .scatterlayer .trace"


@pytest.fixture(scope="module")
def url(serve) -> str:
    return serve(APP)


def open_robustness(open_page: Any, url: str) -> Any:
    page = open_page(url)
    link = page.get_by_role("link", name="Robustness")
    link.wait_for(timeout=READY_MS)
    link.click()
    return page


def test_the_real_recording_has_its_curves_at_once_on_a_laptop_and_a_phone(open_page, url) -> None:
    page = open_robustness(open_page, url)
    page.locator(CURVES).first.wait_for(timeout=READY_MS)
    assert page.locator(CURVES).count() == 2
    chart = page.locator(".st-key-figure_robustness_chart").bounding_box()
    assert chart["y"] + chart["height"] <= 790, "strip and curves stand on the first screen"
    page.get_by_role("button", name="Download the table").click()
    with page.expect_download() as begun:
        page.get_by_role("button", name="CSV, figures to the last digit").click()
    assert begun.value.suggested_filename == "robustness.csv"
    with page.expect_download() as begun:
        page.locator(".st-key-figure_robustness .figure-save button").last.click()
    assert begun.value.suggested_filename == "robustness.svg"
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_long_run_tells_how_far_it_is_survives_another_page_and_stops(open_page, url) -> None:
    page = open_robustness(open_page, f"{url}/?data=synthetic&frames=all&others=detector")
    page.get_by_role("button", name="Measure the curve").click()
    page.get_by_text("Measuring:").wait_for(timeout=READY_MS)
    page.get_by_role("link", name="Open files").click()
    page.get_by_role("heading", name="Open files").wait_for(timeout=READY_MS)
    page.get_by_role("link", name="Robustness").click()
    page.get_by_text("Measuring:").wait_for(timeout=READY_MS)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Stopped.").wait_for(timeout=READY_MS)
    page.get_by_role("button", name="Measure the").wait_for(timeout=READY_MS)
