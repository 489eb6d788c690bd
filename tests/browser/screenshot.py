"""Take the README's picture of the app: python -m tests.browser.screenshot [FILE]."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from tests.browser.conftest import FLAGS, ROOT, find_chromium, wait_for

PICTURE = ROOT / "assets" / "screenshot.png"


def main() -> None:
    """Start the app and save what a visitor sees first, at 1366 x 768."""
    from playwright.sync_api import sync_playwright

    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py")]
    server = subprocess.Popen([*command, "--server.port", str(port)], cwd=ROOT)
    try:
        wait_for(server, f"{url}/_stcore/health")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.goto(url)
            page.wait_for_selector(".pv[data-ready]", timeout=60_000)
            page.wait_for_timeout(1000)
            page.screenshot(path=target)
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=10)


if __name__ == "__main__":
    main()
