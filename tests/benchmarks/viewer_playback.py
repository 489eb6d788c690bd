"""Measure the viewer's playback in a real Chromium: pace, drawn frames, script time, messages.

Run it on a quiet machine: `python -m tests.benchmarks.viewer_playback [--seconds 20]`. It starts
the demo of the browser tests, plays 5,000 frames at 50 fps, and prints one line per figure.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, ROOT, find_chromium, wait_for

DEMO = ROOT / "tests" / "browser" / "viewer_demo.py"
FRAMES = "5000"


def measure(page: Page, seconds: float) -> dict[str, Any]:
    """Play for `seconds` and compare what was drawn with the clock."""
    look = """() => {
      const viewer = document.querySelector('.pv').poseViewer;
      return { ...viewer.stats(), due: viewer.player.due(), time: performance.now() };
    }"""
    page.evaluate("document.querySelector('.pv').poseViewer.seek(0)")
    page.locator(".pv-play").click()
    page.wait_for_timeout(500)
    before = page.evaluate(look)
    page.wait_for_timeout(1000 * seconds)
    after = page.evaluate(look)
    page.locator(".pv-play").click()
    took = (after["time"] - before["time"]) / 1000
    return {
        "drawn frames/s": (after["drawn"] - before["drawn"]) / took,
        "drift %": 100 * ((after["due"] - before["due"]) / took / 50 - 1),
        "last drawn frame behind the clock": after["due"] - after["frame"],
        "script ms a frame, mean": after["script_ms"]["mean"],
        "script ms a frame, 95th percentile": after["script_ms"]["p95"],
        "fast path": after["fast"],
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    chromium = find_chromium()
    if chromium is None:
        sys.exit("Chromium is needed (Debian: apt install chromium)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(DEMO), "--server.headless", "true"]
    server = subprocess.Popen([*command, "--server.port", str(port)], cwd=ROOT)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(server, f"{url}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            messages: list[float] = []

            def listen(channel: Any) -> None:
                channel.on("framesent", lambda _: messages.append(time.monotonic()))
                channel.on("framereceived", lambda _: messages.append(time.monotonic()))

            page.on("websocket", listen)
            page.goto(url)
            page.get_by_text(FRAMES, exact=True).click()
            page.wait_for_function(
                f"document.querySelector('.pv')?.poseViewer.packet.frames === {FRAMES}"
            )
            page.wait_for_timeout(3000)
            started = time.monotonic()
            figures = measure(page, seconds)
            stopped = started + seconds
            figures["websocket messages while playing"] = sum(
                started < at < stopped for at in messages
            )
            browser.close()
    finally:
        server.terminate()
    figures["machine load"] = os.getloadavg()[0]
    for name, value in figures.items():
        print(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")


if __name__ == "__main__":
    main()
