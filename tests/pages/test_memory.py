"""What the C library is asked for, where there is one that can be asked."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from pages.components import memory


@pytest.fixture(autouse=True)
def _asked_anew():
    memory.give_back_early.cache_clear()
    yield
    memory.give_back_early.cache_clear()


def test_glibc_is_asked_once_for_few_heaps_and_early_return(monkeypatch):
    asked: dict[int, int] = {}
    library = SimpleNamespace(mallopt=asked.__setitem__)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    memory.give_back_early()
    # As in malloc.h: trim threshold -1, mmap threshold -3, arenas -8.
    assert asked == {-8: 2, -3: 4 << 20, -1: 1 << 20}
    asked.clear()
    memory.give_back_early()
    assert asked == {}, "once a server"


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_other_c_libraries_are_left_alone(monkeypatch, platform):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    memory.give_back_early()
