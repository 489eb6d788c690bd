"""Errors by action in a real browser: from the table to the cell to the frame, and on a phone."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.test_app import APP, READY_MS, viewer, wait_for_drawing


@pytest.fixture(scope="module")
def url(serve) -> str:
    return serve(APP)


def open_errors(open_page: Any, url: str, **context: Any) -> Any:
    """Come to the page as a person does, by the menu."""
    page = open_page(url, **context)
    link = page.get_by_role("link", name="Errors")
    link.wait_for(state="attached", timeout=READY_MS)
    if context.get("is_mobile"):
        page.get_by_test_id("stExpandSidebarButton").click()
    link.click()
    page.locator(".js-plotly-plot .nsewdrag").first.wait_for(state="attached", timeout=READY_MS)
    page.locator("[data-testid=stDataFrame] canvas").first.wait_for(timeout=READY_MS)
    return page


def test_a_cell_narrows_the_list_and_a_line_opens_its_frame(open_page, url) -> None:
    page = open_errors(open_page, url, width=1440, height=1950)
    assert "Published figures are not shown" in page.locator(".stMain").inner_text()
    plot = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.click(plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] * 3.5 / 17)
    page.locator("[class*=st-key-errors_joint] input:enabled").wait_for(timeout=READY_MS)
    page.wait_for_timeout(1500)
    rows = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.mouse.click(rows["x"] + 300, rows["y"] + 35 + 17)
    wait_for_drawing(page)
    asked = parse_qs(urlparse(page.url).query)
    assert asked["subject"] == ["P1"]
    assert str(viewer(page, "viewer.stats().frame")) in asked["frame"]


def test_what_is_chosen_here_stays_chosen_on_browse(open_page, url) -> None:
    page = open_errors(open_page, url)
    page.locator(".st-key-pick_protocol").get_by_text("#2", exact=True).click()
    page.wait_for_function("() => location.search.includes('protocol=2')", timeout=READY_MS)
    page.get_by_role("link", name="Browse").click()
    wait_for_drawing(page)
    assert viewer(page, "viewer.stats().protocol") == 2


def test_a_phone_shows_the_page_without_sideways_scrolling(open_page, url) -> None:
    page = open_errors(open_page, url, width=390, height=844, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
