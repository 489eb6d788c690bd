"""The store: what is kept comes back, by content, whole, and within its bounds."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import load_file

from core.store import ABANDONED_S, SUFFIX, TEMPORARY, Store, default_store

COLUMNS: dict[str, np.ndarray] = {
    "errors": np.arange(51, dtype=np.float32).reshape(3, 17),
    "sums": np.linspace(0, 1, 17),
    "offsets": np.array([0, 3]),
}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "kept")


def test_what_was_kept_comes_back_bit_for_bit(store):
    assert store.open("a") is None
    assert store.save("a", COLUMNS, {"keys": [["S9", "Walking"]]}) == ""
    found = store.open("a")
    assert found is not None
    assert found.metadata == {"keys": [["S9", "Walking"]]}
    assert set(found.arrays) == set(COLUMNS)
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(found.arrays[name], column)
        assert found.arrays[name].dtype == column.dtype
        assert not found.arrays[name].flags.writeable


@given(arrays_of.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 5))))
def test_any_numbers_come_back(tmp_path_factory, values):
    store = Store(tmp_path_factory.mktemp("any"))
    store.save("a", {"x": values}, {})
    found = store.open("a")
    assert found is not None
    np.testing.assert_array_equal(found.arrays["x"], values)


def test_the_file_is_safetensors_for_everybody(store):
    store.save("a", COLUMNS, {})
    for name, column in load_file(store.folder / f"a{SUFFIX}").items():
        np.testing.assert_array_equal(column, COLUMNS[name])


@pytest.mark.parametrize("left", [0, 7, 8, 60, -1])
def test_a_file_that_is_cut_off_counts_as_missing(store, left):
    store.save("a", COLUMNS, {})
    path = store.folder / f"a{SUFFIX}"
    path.write_bytes(path.read_bytes()[:left])
    assert store.open("a") is None
    assert store.save("a", COLUMNS, {}) == ""
    assert store.open("a") is not None


def test_a_file_of_something_else_counts_as_missing(store):
    store.folder.mkdir()
    for content in (b"", b"no tensors at all, just words", (2).to_bytes(8, "little") + b"[]"):
        (store.folder / f"a{SUFFIX}").write_bytes(content)
        assert store.open("a") is None


@pytest.mark.parametrize("name", ["", "../a", "a/b", "a.b"])
def test_a_name_can_not_leave_the_folder(store, name):
    with pytest.raises(ValueError, match="letters, digits and hyphens"):
        store.open(name)


def test_the_results_not_used_for_longest_go_first(store):
    store.save("old", COLUMNS, {})
    size = store.size_bytes()
    small = Store(store.folder, limit_bytes=3 * size)
    for age, name in ((300, "old"), (200, "used"), (100, "new")):
        small.save(name, COLUMNS, {})
        path = small.folder / f"{name}{SUFFIX}"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
    assert small.open("old") is not None
    small.save("newest", COLUMNS, {})
    left = {name for name in ("old", "used", "new", "newest") if small.open(name)}
    assert left == {"old", "new", "newest"}
    assert small.size_bytes() <= small.limit_bytes


def test_a_result_above_the_limit_is_not_kept_and_removes_nothing(store):
    store.save("a", {"x": np.zeros(2)}, {})
    small = Store(store.folder, limit_bytes=store.size_bytes())
    assert "The result was not kept: it has" in small.save("big", {"x": np.zeros(9999)}, {})
    assert small.open("a") is not None
    assert small.open("big") is None


def test_an_open_result_stays_readable_when_it_is_removed(store):
    store.save("a", COLUMNS, {})
    found = store.open("a")
    assert found is not None
    assert store.clear() > 0
    np.testing.assert_array_equal(found.arrays["errors"], COLUMNS["errors"])


def test_clear_removes_results_and_nothing_else(store):
    assert store.clear() == 0
    store.save("a", COLUMNS, {})
    store.save("b", COLUMNS, {})
    (store.folder / "notes.txt").write_text("mine", encoding="utf-8")
    held = store.size_bytes()
    assert store.clear() == held > 0
    assert store.size_bytes() == 0
    assert [p.name for p in store.folder.iterdir()] == ["notes.txt"]


def test_a_place_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    note = Store(tmp_path / "file").save("a", COLUMNS, {})
    assert note.startswith(f"The result was not kept: {tmp_path / 'file'} can't be written (")
    assert note.endswith("The variable POSE_BASELINE_CACHE names another folder.")
    assert Store(tmp_path / "file").open("a") is None
    assert Store(tmp_path / "file").clear() == 0


def test_two_writers_and_a_reader_never_meet_half_a_file(store):
    wrong: list[str] = []

    def write(value: float) -> None:
        for _ in range(20):
            wrong.extend(filter(None, [store.save("a", {"x": np.full(4096, value)}, {"v": value})]))

    def read() -> None:
        for _ in range(60):
            found = store.open("a")
            if found is not None and (found.arrays["x"] != found.metadata["v"]).any():
                wrong.append("torn")

    threads = [threading.Thread(target=write, args=(value,)) for value in (1.0, 2.0)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [p.suffix for p in store.folder.iterdir()] == [SUFFIX]


def test_what_a_process_that_died_left_half_written_is_removed(store):
    store.save("a", COLUMNS, {})
    young, old = (store.folder / f"{name}{TEMPORARY}" for name in ("young", "old"))
    young.touch()
    old.touch()
    os.utime(old, (0, young.stat().st_mtime - ABANDONED_S - 1))
    store.save("b", COLUMNS, {})
    assert young.exists()
    assert not old.exists()


def test_the_place_is_the_users_cache_unless_a_variable_names_another(monkeypatch, tmp_path):
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path))
    assert default_store().folder == tmp_path
    monkeypatch.delenv("POSE_BASELINE_CACHE")
    assert default_store().folder == Path.home() / ".cache" / "pose-baseline-studio"


def test_an_account_without_a_home_keeps_results_among_temporary_files(monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("POSE_BASELINE_CACHE")
    monkeypatch.setattr(Path, "home", homeless)
    assert default_store().folder == Path(tempfile.gettempdir()) / "pose-baseline-studio"
