"""Time what a visitor waits for: the first skeletons after `streamlit run`, and the next action.

    python -m tests.benchmarks.app_startup [--switches 20]

The first start counts from launching the server until all scenes are drawn in headless Chromium
with software WebGL; the switch from choosing an action until it is drawn. Actions are visited for
the first time, so nothing is cached but the page.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from typing import Any

from tests.browser.conftest import FLAGS, ROOT, find_chromium, free_port, wait_for
from tests.browser.test_app import choose, wait_for_drawing


def main() -> None:
    """Start the app, switch through the actions, print both times."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--switches", type=int, default=20)
    switches = parser.parse_args().switches
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        started = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(server, f"{url}/_stcore/health")
            answered = time.perf_counter() - started
            page.goto(url)
            wait_for_drawing(page)
            drawn = time.perf_counter() - started
            print(f"server answers after {answered:.2f} s, first skeletons after {drawn:.2f} s")
            times = list(switch_actions(page, url, switches))
        finally:
            server.terminate()
            server.wait(timeout=10)
            browser.close()
    print(
        f"{len(times)} switches to another action: median {statistics.median(times):.2f} s, "
        f"{min(times):.2f} to {max(times):.2f} s"
    )


def switch_actions(page: Any, url: str, switches: int) -> Any:
    """Choose one action after another in the sidebar; yield the seconds until each is drawn."""
    page.goto(f"{url}/?data=synthetic")
    digest = wait_for_drawing(page)
    field = page.locator(".st-key-pick_action input")
    field.click()
    actions = [option.inner_text() for option in page.get_by_role("option").all()]
    page.keyboard.press("Escape")
    for place in range(switches):
        if place == len(actions) - 1:
            # All seen: go on with the next subject, whose takes are new.
            choose(page, "subject", "S11")
            digest = wait_for_drawing(page, digest)
        now = actions.index(field.input_value())
        started = time.perf_counter()
        choose(page, "action", actions[(now + 1) % len(actions)])
        digest = wait_for_drawing(page, digest)
        yield time.perf_counter() - started


if __name__ == "__main__":
    main()
