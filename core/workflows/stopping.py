"""Ctrl-C and SIGTERM as a wish: training ends after the step under way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any


@dataclass(eq=False)
class Stop:
    """What a signal does: before training began it interrupts, from then on it asks."""

    by: Any = None


@contextmanager
def stopping() -> Iterator[Stop]:
    """Let SIGTERM and Ctrl-C stop training after the step under way; a second one interrupts."""
    stop = Stop()

    def asked(number: int, frame: FrameType | None) -> None:
        del number, frame
        by, stop.by = stop.by, None
        if by is None:
            raise KeyboardInterrupt
        by()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            # None stands for a handler that was not set from Python and can't be set again.
            with suppress(TypeError):
                signal.signal(number, handler)
