"""Long work in the background: it goes on while its visitor looks around, and can be stopped.

A job belongs to the server and is found by what it computes, so that two visitors who ask for
the same share it.
"""

from __future__ import annotations

import atexit
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

import streamlit as st

from core.errors import PoseFormatError

T = TypeVar("T")
Progress = Callable[[int, int], None]


class Steps(Protocol):
    """A progress report that may also say at which of its steps a job is."""

    def __call__(self, done: int, in_all: int, what: str = "", /) -> None:
        """Report how much is done, and of how much."""


# Results kept; the oldest goes first.
KEPT = 32
# A server that ends gives its jobs so long to end, too.
LAST_S = 2.0
# Whose page has not looked at a job for so long waits for it no more.
AWAY_S = 10.0


class Stopped(Exception):  # noqa: N818  nothing went wrong
    """Ends a job's work from within its progress report."""


_begun: weakref.WeakSet[Job] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Stop what still runs: a thread that is torn off within foreign code may crash the server."""
    running = [job for job in list(_begun) if job.running]
    for job in running:
        job.stop()
    until = time.monotonic() + LAST_S
    for job in running:
        job.wait(max(0.0, until - time.monotonic()))


class Job(Generic[T]):
    """One piece of work in a thread of its own.

    Attributes:
        result: what came out, once `running` is False and `error` is None.
        error: what was wrong, for people.
        failure: the error itself, where it is one.
        done, in_all: how far it is.
        what: at which of its steps, or what keeps it waiting, where it says so.
    """

    def __init__(self, work: Callable[[Steps], T]) -> None:
        self.result: T | None = None
        self.error: str | None = None
        self.failure: PoseFormatError | None = None
        self.done, self.in_all = 0, 0
        self.what = ""
        # Visitor -> when its page last looked.
        self.seen: dict[str, float] = {}
        self._stop = threading.Event()
        self._started, self._done_before = time.monotonic(), 0
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        _begun.add(self)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Tell whether it still works."""
        return self._thread.is_alive()

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the pace so far; None before the first report."""
        spent, done = time.monotonic() - self._started, self.done - self._done_before
        return spent * (self.in_all - self.done) / done if done > 0 else None

    def stop(self) -> None:
        """Ask it to end at its next report."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but not for longer."""
        self._thread.join(seconds)

    def _run(self, work: Callable[[Steps], T]) -> None:
        try:
            self.result = work(self._report)
        except Stopped:
            self.error = "Stopped."
        except PoseFormatError as error:
            self.error, self.failure = str(error), error

    def _report(self, done: int, in_all: int, what: str = "", /) -> None:
        # What goes before the first step, or before this one, says nothing about the pace.
        if not done or what != self.what:
            self._started, self._done_before = time.monotonic(), done
        self.done, self.in_all, self.what = done, in_all, what
        if self._stop.is_set():
            raise Stopped


@st.cache_resource
def all_jobs() -> dict[Hashable, Job]:
    """Return the server's jobs, by what they compute."""
    return {}


def find(key: Hashable) -> Job | None:
    """Find a job that runs or is done."""
    return all_jobs().get(key)


def start(key: Hashable, work: Callable[[Steps], T]) -> Job[T]:
    """Start a job and keep its result for later."""
    jobs = all_jobs()
    for old in [k for k, job in list(jobs.items()) if not job.running][: max(len(jobs) - KEPT, 0)]:
        jobs.pop(old, None)
    jobs[key] = Job(work)
    return jobs[key]


def forget(key: Hashable) -> None:
    """Stop a job, if it runs, and drop it."""
    _drop(all_jobs(), key)


def look(key: Hashable) -> Job | None:
    """Find a job that this visitor waits for, and note that it does."""
    job = find(key)
    if job is not None:
        job.seen[_visitor()] = time.monotonic()
    return job


def leave(key: Hashable) -> None:
    """Wait no longer for a job; with the last who waits it is stopped and dropped."""
    job = find(key)
    if job is None:
        return
    job.seen.pop(_visitor(), None)
    now = time.monotonic()
    if not any(now - seen < AWAY_S for seen in list(job.seen.values())):
        forget(key)


def _visitor() -> str:
    name: str = st.session_state.setdefault("visitor", uuid.uuid4().hex)
    return name


class Lease:
    """What a session holds of a job that is nobody else's: without it the job is dropped.

    Attributes:
        key: finds the job.
    """

    def __init__(self, key: Hashable) -> None:
        self.key = key
        weakref.finalize(self, _drop, all_jobs(), key)


def _drop(jobs: dict[Hashable, Job], key: Hashable) -> None:
    job = jobs.pop(key, None)
    if job is not None:
        job.stop()


def show_progress(job: Job, what: str, unit: str = "frames") -> None:
    """Draw what a job does, how much of how much is done, and how long the rest takes."""
    if not job.in_all:
        st.progress(0.0, f"{what}: {job.done:,} {unit}" if job.done else f"{what}: getting ready")
        return
    left = job.seconds_left
    time_left = " · getting ready" if left is None else f" · about {left:.0f} s left"
    share = min(job.done / job.in_all, 1.0)
    st.progress(share, f"{what}: {job.done:,} of {job.in_all:,} {unit}{time_left}")
