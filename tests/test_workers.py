"""Workers: side by side, in order, no more than cores, and alone in their arithmetic."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from core import workers


def test_results_come_in_the_order_of_the_items():
    def late_first(item: int) -> int:
        time.sleep(0.002 * (5 - item))
        return item * item

    assert list(workers.each(late_first, range(6))) == [0, 1, 4, 9, 16, 25]


def test_items_are_taken_only_a_little_ahead_of_the_results():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = workers.each(lambda item: item, items())
    next(results)
    assert len(taken) <= 2 * workers.count()
    assert list(results) == list(range(1, 100))


def test_an_error_reaches_who_asked_and_leaves_the_workers_able():
    def fail(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    with pytest.raises(ValueError, match="two"):
        list(workers.each(fail, range(50)))
    assert list(workers.each(lambda item: item, range(3))) == [0, 1, 2]


def test_work_within_work_does_not_wait_for_itself():
    nested = [workers.each(lambda item: item + 1, range(3)) for _ in range(4)]
    assert workers.run(lambda: workers.run(lambda: list(nested[0]))) == [1, 2, 3]
    many = workers.each(lambda _: sum(workers.each(lambda item: item, range(9))), range(9))
    assert list(many) == [36] * 9


def test_a_worker_computes_in_one_thread_and_others_as_before():
    before = torch.get_num_threads()
    assert set(workers.each(lambda _: torch.get_num_threads(), range(8))) == {1}
    assert torch.get_num_threads() == before
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [before], "threads started afterwards have PyTorch's default"


def test_only_workers_say_that_they_are():
    assert not workers.is_worker()
    assert workers.run(workers.is_worker)


def test_work_done_alone_takes_one_thread_and_gives_back_the_others():
    before = torch.get_num_threads()
    with workers.alone():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before

    def within() -> int:
        with workers.alone():
            pass
        return torch.get_num_threads()

    assert workers.run(within) == 1, "a worker stays at one"
