"""The Training page in a real browser: start a run, watch it, stop it, resume it, open it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import run_log, runs
from core.formats import dataset_file
from tests.browser.test_app import APP, READY_MS, link, picker, wait_for_drawing
from tests.workflows.test_train import made

POINTS = """() => {
  const figure = document.querySelector('.st-key-figure_test_error .live-figure');
  return figure?.data?.[0]?.x?.length ?? 0;
}"""


@pytest.fixture(scope="module")
def url(serve) -> str:
    return serve(APP)


@pytest.fixture
def folder(tmp_path: Path):
    """Give a folder for runs; what is still at it in the end is ended."""
    yield tmp_path / "runs"
    for run in runs.find_runs(tmp_path / "runs"):
        runs.request_stop(run)


def open_training(open_page: Any, url: str, folder: Path, **context: Any) -> Any:
    """Come to the page as a person does, by the menu."""
    page = open_page(link(url, runs=str(folder)), **context)
    entry = page.get_by_role("link", name="Training")
    entry.wait_for(state="attached", timeout=READY_MS)
    if context.get("is_mobile"):
        page.get_by_test_id("stExpandSidebarButton").click()
    entry.click()
    page.get_by_role("button", name="Start training").wait_for(timeout=READY_MS)
    return page


def fill(page: Any, field: str, value: str) -> None:
    box = page.locator(f".st-key-{field} input")
    box.fill(value)
    box.press("Enter")


def wait_for_points(page: Any, more_than: int) -> int:
    page.wait_for_function(f"least => ({POINTS})() > least", arg=more_than, timeout=READY_MS)
    return int(page.evaluate(POINTS))


def test_a_run_is_started_watched_stopped_resumed_and_opened(
    open_page, url, folder, tmp_path
) -> None:
    dataset_file.write(tmp_path / "made.safetensors", made())
    page = open_training(open_page, url, folder, width=1366, height=1200)
    page.locator(".st-key-start_data input").click()
    page.get_by_role("option", name="Another, by its path…").click()
    fill(page, "start_data_path", str(tmp_path / "made.safetensors"))
    page.get_by_text("training frames of 1 subjects").wait_for(timeout=READY_MS)
    fill(page, "start_epochs", "5000")
    page.get_by_text("Network, input and chance").click()
    fill(page, "start_linear_size", "16")
    page.locator(".st-key-start_now button:enabled").click()

    first = wait_for_points(page, 1)
    page.evaluate("document.querySelector('.st-key-figure_test_error .live-figure').mine = true")
    wait_for_points(page, first)
    assert page.evaluate("document.querySelector('.st-key-figure_test_error .live-figure').mine"), (
        "the curve moves in place"
    )

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=READY_MS)
    (run,) = runs.find_runs(folder)
    assert run.status == "stopped"
    done = len(run_log.read_log(run.folder).epochs)

    page.get_by_role("button", name="Resume").click()
    wait_for_points(page, done)
    (run,) = runs.find_runs(folder)
    assert run.is_alive()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=READY_MS)

    page.get_by_role("button", name="Open in Browse").click()
    wait_for_drawing(page)
    assert picker(page, "checkpoint").locator("input").input_value() == "paper-1/" + runs.BEST
    assert "made.safetensors" in picker(page, "data").locator("input").input_value()


def test_a_phone_shows_the_form_without_sideways_scrolling(open_page, url, folder) -> None:
    page = open_training(open_page, url, folder, width=390, height=844, has_touch=True,
                         is_mobile=True)  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
