"""A progress line on stderr: rewritten in place on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time

EVERY_S_ON_TERMINAL = 0.1
EVERY_S_ELSEWHERE = 10.0


class ProgressLine:
    """Show how much of how much is done, and about how long the rest takes.

    A context manager: leaving it clears the line, so that what follows starts clean.
    """

    def __init__(self, what: str, unit: str) -> None:
        self.what, self.unit = what, unit
        self.stream = sys.stderr
        self.on_terminal = self.stream.isatty()
        self.started = self.shown = time.monotonic()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, for a line of output that stays."""
        if self.on_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def __call__(self, done: int, in_all: int, name: str = "", problem: str = "") -> None:
        """Report that `done` of `in_all` are through.

        `name` is what was last worked on; `problem`, what keeps the work waiting, takes its place.
        """
        now = time.monotonic()
        if not done:  # what goes before the first step says nothing about the pace
            self.started = now
        wait = EVERY_S_ON_TERMINAL if self.on_terminal else EVERY_S_ELSEWHERE
        if now - self.shown < wait:
            return
        self.shown = now
        text = f"{self.what}: {done:,} of {in_all:,} {self.unit}"
        if done:
            left = (now - self.started) / done * (in_all - done)
            text += f", {left:.0f} s left"
        if problem or name:
            text += f" ({problem or name})"
        if self.on_terminal:
            self.stream.write(f"\r\x1b[K{text[:100]}")
        else:
            self.stream.write(text + "\n")
        self.stream.flush()
