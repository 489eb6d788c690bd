"""A web server on this machine that serves a folder, with the faults of the real ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Site:
    """What is served, and what was asked for.

    Attributes:
        folder: the files.
        faults: path -> what goes wrong with its next answers, one each: a status code, "cut"
            (half of it, then the line breaks), "slow" (silence for `slow_s`), "page" (a page of
            HTML in its place).
        tag: the ETag of everything; none if empty.
    """

    folder: Path
    address: str = ""
    faults: dict[str, list[int | str]] = field(default_factory=dict)
    tag: str = '"one"'
    slow_s: float = 0.5
    retry_after: str = ""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        site = self.site
        site.at_once += 1
        site.most_at_once = max(site.at_once, site.most_at_once)
        try:
            self.answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            site.at_once -= 1

    def answer(self) -> None:
        site, path = self.site, self.path
        asked_range = self.headers.get("Range")
        site.asked.append((path, asked_range))
        site.agents.add(self.headers.get("User-Agent", ""))
        faults = site.faults.get(path, [])
        fault = faults.pop(0) if faults else None
        file = site.folder / path.lstrip("/")
        if isinstance(fault, int) or not file.is_file():
            self.send_response(fault if isinstance(fault, int) else 404)
            if site.retry_after:
                self.send_header("Retry-After", site.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b"<html>Please log in</html>" if fault == "page" else file.read_bytes()
        start = 0
        if asked_range and self.headers.get("If-Range", site.tag) == site.tag:
            start = int(asked_range.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        if site.tag:
            self.send_header("ETag", site.tag)
        self.end_headers()
        rest = body[start:]
        if fault == "cut":
            self.wfile.write(rest[: len(rest) // 2])
            self.close_connection = True
            return
        if fault == "slow":
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            time.sleep(site.slow_s)
        self.wfile.write(rest[len(rest) // 2 if fault == "slow" else 0 :])


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve a folder on 127.0.0.1 until the block ends."""
    site = Site(folder)
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
