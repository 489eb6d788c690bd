"""A Streamlit server for a script, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
# WebGL in software, so that it works on a machine without a graphics card; no calls home.
FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Where a Chromium is, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = (shutil.which(name) for name in names)
    return next((path for path in found if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium for the session; without one the tests skip, in CI they fail."""
    path = find_chromium()
    if path is None:
        reason = "the browser tests need Chromium (Debian: apt install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Start `streamlit run` of a script on a free port and return its URL.

    `serve(script, *arguments, fresh=True, **environment)` starts another server even if one runs
    that script; otherwise a session's tests share one per script.
    """
    servers: list[subprocess.Popen[bytes]] = []
    urls: dict[Path, str] = {}

    def start(script: Path, *arguments: str, fresh: bool = False, **environment: str) -> str:
        if script in urls and not fresh:
            return urls[script]
        port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
        command += ["--server.headless", "true", "--", *arguments]
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        servers.append(server)
        url = f"http://127.0.0.1:{port}"
        wait_for(server, f"{url}/_stcore/health")
        urls.setdefault(script, url)
        return url

    yield start
    for server in servers:
        server.terminate()
    for server in servers:
        server.wait(timeout=10)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(server: subprocess.Popen[bytes], url: str) -> None:
    """Return once the server answers; fail with its exit code if it died."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"streamlit stopped with exit code {server.returncode}")
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"streamlit did not answer within {START_SECONDS} s")


def is_complaint(message: Any) -> bool:
    """Tell what went wrong from Streamlit's search for its server.

    At a page's own address (`/errors`) it first asks beside that (`/errors/_stcore/health`), gets
    no answer, and then asks at the root.
    """
    place = urlparse(message.location.get("url", "")).path
    searching = "/_stcore/" in place and not place.startswith("/_stcore/")
    return bool(message.type == "error") and not searching


@pytest.fixture(scope="module")
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a URL in a page of its own; at the end no page may have had a console error.

    `open_page(url, width=1366, height=768, **context)`; the page has `errors`, the list of what
    its console and its scripts complained about.
    """
    contexts: list[Any] = []
    pages: list[Any] = []

    def show(url: str, width: int = 1366, height: int = 768, **context: Any) -> Any:
        viewport = {"width": width, "height": height}
        contexts.append(browser.new_context(viewport=viewport, **context))
        page = contexts[-1].new_page()
        page.errors = []
        page.on("console", lambda m: is_complaint(m) and page.errors.append(m.text))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        pages.append(page)
        page.goto(url)
        return page

    yield show
    errors = [error for page in pages for error in page.errors]
    for context in contexts:
        context.close()
    assert errors == []
