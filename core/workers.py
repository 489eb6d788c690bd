"""One working thread a core, each doing its arithmetic alone.

Libraries that split every product over all cores wait at the end of each for the slowest part;
with several visitors at once that waiting takes longer than the work. Here whole pieces of work
run side by side instead, and never more of them than there are cores.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_here = threading.local()
_starting = threading.Lock()


def count() -> int:
    """Count the workers: as many as PyTorch takes cores."""
    return _pool()[1]


def is_worker() -> bool:
    """Tell whether this thread is one of the workers."""
    return bool(getattr(_here, "is_worker", False))


def run(work: Callable[[], Result]) -> Result:
    """Do one piece of work in a worker, or here if this thread is one."""
    return work() if is_worker() else _pool()[0].submit(work).result()


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Do the same with each item, several at a time; results come in the items' order.

    Items are taken no faster than results are, two per worker ahead, so that a long series needs
    little memory and leaves room for others. A worker does its items by itself.
    """
    if is_worker():
        yield from map(work, items)
        return
    pool, workers = _pool()
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


@contextmanager
def alone() -> Iterator[None]:
    """Compute in this one thread, as a worker does: for work too small to hand over.

    Several threads that share a product of microseconds wait for each other for milliseconds
    once other work keeps the cores busy.
    """
    if is_worker():
        yield
        return
    import torch

    cores = count()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(cores)


def _pool() -> tuple[ThreadPoolExecutor, int]:
    with _starting:
        return _started()


@functools.cache
def _started() -> tuple[ThreadPoolExecutor, int]:
    import torch

    cores = torch.get_num_threads()
    all_started = threading.Barrier(cores + 1)

    def begin() -> None:
        _here.is_worker = True
        # Asked for first: PyTorch sets a thread's number when it is first used, to its default.
        torch.get_num_threads()
        torch.set_num_threads(1)
        all_started.wait()

    pool = ThreadPoolExecutor(cores, thread_name_prefix="worker", initializer=begin)
    for _ in range(cores):
        pool.submit(lambda: None)
    all_started.wait()
    # The call in the workers changed the default of threads to come; theirs stay at one.
    torch.set_num_threads(cores)
    return pool, cores
