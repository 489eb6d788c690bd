"""Time what is touched on Errors, Compare and Robustness over a set as large as Human3.6M's.

    python -m tests.benchmarks.judging_pages [--data cmu.safetensors] [--frames 543120]

The test recordings are taken over and over until there are as many frames, and judged with both
checkpoints that ship. Then the pages are used in headless Chromium: each time counts from the
click to the last change on the screen, with the server and the browser on the same cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from core.formats import dataset_file
from core.store import ENVIRONMENT
from core.workflows.open import open_dataset
from tests.benchmarks.evaluation import FRAMES, enlarged
from tests.browser.conftest import FLAGS, ROOT, find_chromium, free_port, wait_for

MOST_S = 1.0
READY_MS = 180_000
QUIET_MS = 500

# Notes when something last changed on the page.
WATCH = """() => {
  window.lastChange = performance.now();
  new MutationObserver(() => { window.lastChange = performance.now(); }).observe(
    document.querySelector('.stApp'),
    { subtree: true, childList: true, characterData: true, attributes: true });
}"""
AT_REST = """quiet => performance.now() - window.lastChange > quiet
  && document.querySelector('.stApp').dataset.testScriptState === 'notRunning'"""

Step = tuple[str, Callable[[], object]]


def main() -> None:
    """Judge, start the app, and print each step's time."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=list(PAGES))
    parser.add_argument("--kept", help="a folder for results, which the next run finds again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        kept = Path(options.kept or folder)
        kept.mkdir(exist_ok=True)
        file = kept / "large.safetensors"
        if not file.exists():
            dataset_file.write(file, enlarged(open_dataset(options.data), options.frames))
        environment = {**os.environ, ENVIRONMENT: str(kept)}
        for checkpoint in ("gt", "detector"):
            command = [sys.executable, "-m", "core", "test", "--data_dir", str(file)]
            subprocess.run([*command, "--load", checkpoint], cwd=ROOT, env=environment, check=True,
                           stdout=subprocess.DEVNULL)  # fmt: skip
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port),
             "--server.address", "127.0.0.1", "--server.headless", "true"],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(server, f"http://127.0.0.1:{port}/_stcore/health")
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1440, "height": 2600})
            query = urlencode({"data": str(file), "checkpoint": "gt"})
            for name in options.pages:
                page.goto(f"http://127.0.0.1:{port}/{name}?{query}")
                for step, act in PAGES[name](page):
                    report(f"{name}: {step}", timed(page, act))
            browser.close()
        finally:
            server.terminate()
            server.wait(timeout=20)


def timed(page: Any, act: Callable[[], object]) -> float:
    """Do something and return the seconds until the page's last change that came of it."""
    at_rest(page)
    page.evaluate(WATCH)
    started = page.evaluate("performance.now()")
    act()
    # What is sent to the server takes a moment to set the script going.
    page.wait_for_timeout(150)
    at_rest(page)
    return float((page.evaluate("window.lastChange") - started) / 1000)


def at_rest(page: Any) -> None:
    """Wait until the script has ended and nothing changes any more."""
    page.wait_for_selector(".stApp[data-test-script-state=notRunning]", timeout=READY_MS)
    page.evaluate("window.lastChange ??= performance.now()")
    page.wait_for_function(AT_REST, arg=QUIET_MS, timeout=READY_MS, polling=50)


def report(what: str, seconds: float) -> None:
    """Print a step's time."""
    print(
        f"{what}: {seconds:.2f} s{'' if seconds <= MOST_S else f', over {MOST_S:g} s'}", flush=True
    )


def press(page: Any, key: str, text: str) -> Callable[[], object]:
    """Press a button of a row."""
    row = page.locator(f"[class*='st-key-{key}']")
    return row.get_by_role("radiogroup").get_by_text(text, exact=True).click


def choose(page: Any, key: str, place: int) -> Callable[[], object]:
    """Choose in a drop-down; the list is opened before, so that only the choice counts."""
    page.locator(f"[class*='st-key-{key}'] input").first.click()
    page.get_by_role("option").nth(place).wait_for()
    return page.get_by_role("option").nth(place).click


def errors(page: Any) -> Iterator[Step]:
    """Use the Errors page."""
    cells = page.locator(".st-key-figure_errors_heatmap .js-plotly-plot .nsewdrag")
    cells.first.wait_for(state="attached", timeout=READY_MS)
    yield "Protocol #2", press(page, "pick_protocol", "#2")
    yield "Protocol #1", press(page, "pick_protocol", "#1")
    yield "14 joints", press(page, "pick_joints", "14")
    yield "17 joints", press(page, "pick_joints", "17")
    yield "joint by camera", press(page, "errors_heatmap_kind", "Joint × camera")
    yield "subject by action", press(page, "errors_heatmap_kind", "Subject × action")
    yield "joint by action", press(page, "errors_heatmap_kind", "Joint × action")
    yield "a cell", lambda: cells.first.click(position={"x": 40, "y": 60})
    yield "another joint", choose(page, "errors_joint", 3)
    yield "another action", choose(page, "errors_action", 2)
    yield "a subject", choose(page, "errors_subject", 1)
    yield "a camera", choose(page, "errors_camera", 1)
    yield "ordered by jump", press(page, "errors_order", "Jump")
    yield "ordered by mean", press(page, "errors_order", "Mean of joints")
    for bound, mm in (("least", "20"), ("most", "90")):
        page.locator(f"[class*='st-key-errors_{bound}'] input").fill(mm)
        yield f"at {bound} {mm} mm", lambda: page.keyboard.press("Enter")
    yield "distribution", press(page, "errors_curve_kind", "Distribution")


def compare(page: Any) -> Iterator[Step]:
    """Use the Compare page."""
    page.wait_for_selector(".pv[data-ready]", timeout=READY_MS)
    page.get_by_role("button", name="Download the table").wait_for(timeout=READY_MS)
    yield "Protocol #2", press(page, "pick_protocol", "#2")
    yield "Protocol #1", press(page, "pick_protocol", "#1")
    yield "the next recording", page.get_by_role("button", name="Next").click
    yield "another action", choose(page, "pick_action", 1)
    yield "a frame", lambda: page.locator(".pv-line").click(position={"x": 60, "y": 20})
    yield "another input for B", choose(page, "pick_b_checkpoint", 0)


def robustness(page: Any) -> Iterator[Step]:
    """Use the Robustness page."""
    page.locator(".st-key-figure_network_sees .js-plotly-plot").first.wait_for(timeout=READY_MS)
    at_rest(page)
    measure = page.get_by_role("button", name="Measure the")
    if measure.count():
        measure.click()
    page.locator(".st-key-figure_robustness_chart .js-plotly-plot").wait_for(timeout=READY_MS)
    # The first point is drawn while the others are measured.
    page.locator(".st-key-robustness_stop").wait_for(state="detached", timeout=READY_MS)
    at_rest(page)
    yield "Protocol #2", press(page, "pick_protocol", "#2")
    yield "Protocol #1", press(page, "pick_protocol", "#1")
    yield "another frame", page.get_by_role("button", name="Another frame").click
    yield "curves of an action", choose(page, "pick_curve", 2)


PAGES: dict[str, Callable[[Any], Iterator[Step]]] = {
    "errors": errors,
    "compare": compare,
    "robustness": robustness,
}


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s in all", file=sys.stderr)
