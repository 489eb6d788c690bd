"""Slow layouts are converted once, and opened from the converted form after that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from core.dataset import Key
from core.errors import PoseFormatError
from core.formats import videopose3d
from core.store import Store
from core.workflows import conversion, converted
from core.workflows.open import open_dataset
from tests.formats import field_writers as writers

WALK, SIT = writers.skeleton_32(24, 1), writers.skeleton_32(15, 2)
TAKES = {(9, "Walking 1"): WALK, (11, "Photo"): SIT}
KEY = Key("S9", "Walking", "Walking 1", "55011271")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that counts as large, and a cache of its own."""
    monkeypatch.setattr(converted, "SMALLEST_BYTES", 0)
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "cache"))
    return writers.videopose3d(tmp_path / "h36m", TAKES, sources=("gt", "cpn_ft_h36m_dbb"))


def opened_without_reading(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "keep_elsewhere", lambda *_: pytest.fail("it was read again"))
        return open_dataset(folder)


def test_the_converted_form_says_the_same_as_the_reader(folder, monkeypatch):
    direct = videopose3d.read(folder)
    first = open_dataset(folder)
    again = opened_without_reading(folder, monkeypatch)
    for data in (first, again):
        assert data.id == str(folder), "links name the folder, not the cache"
        assert (data.title, data.splits, data.notes) == (direct.title, direct.splits, direct.notes)
        assert data.entries == direct.entries
        for key in data.by_key:
            mine, theirs = data.load(key), direct.load(key)
            for source in theirs.inputs:
                np.testing.assert_array_equal(
                    mine.inputs[source].positions, theirs.inputs[source].positions
                )
            assert mine.truth is not None
            assert theirs.truth is not None
            np.testing.assert_allclose(mine.truth.positions, theirs.truth.positions, atol=0.01)
    assert first.digest == again.digest, "results that were kept are found again"


def test_progress_tells_reading_then_converting(folder):
    told = []
    open_dataset(folder, progress=lambda *step: told.append(step))
    assert told[0] == ("reading", 0, 1), "it has begun"
    assert told[-1] == ("converting", 4 * (24 + 15), 4 * (24 + 15))


def test_memory_of_a_conversion_goes_with_its_process(folder, monkeypatch):
    monkeypatch.setattr(videopose3d, "read", lambda *_, **__: pytest.fail("it was read here"))
    assert len(open_dataset(folder).entries) == 8


@pytest.mark.parametrize(
    ("program", "said"),
    [("import sys; sys.exit(3)", "exit code 3"), ("raise OSError('no luck')", "no luck"),
     ("import os; os.kill(os.getpid(), 9)", "where memory runs out")],
    ids=["silent", "with a word", "killed"],
)  # fmt: skip
def test_a_conversion_that_dies_is_told(folder, monkeypatch, tmp_path, program, said):
    started = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda _, **k: started([sys.executable, "-c", program], **k)
    )
    with pytest.raises(PoseFormatError, match=f"its conversion broke off: .*{said}"):
        open_dataset(folder)


def test_a_conversion_asked_to_end_takes_its_files_away(folder, tmp_path):
    steps = []

    def stop(*step):
        steps.append(step)
        if len(steps) == 2:
            raise ArithmeticError("stopped by a visitor")

    with pytest.raises(ArithmeticError, match="stopped by a visitor"):
        open_dataset(folder, progress=stop)
    assert len(steps) == 2
    assert list((tmp_path / "cache" / "converted").iterdir()) == []


@pytest.mark.parametrize("change", ["content", "time", "another file"])
def test_a_changed_folder_is_read_again(folder, monkeypatch, change):
    open_dataset(folder)
    file = folder / "data_2d_h36m_gt.npz"
    status = file.stat()
    if change == "content":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    else:
        shutil.copy(file, folder / "data_2d_h36m_other.npz")
    assert converted.is_waiting(folder, "VideoPose3D's archives")


def test_stopping_in_the_middle_leaves_nothing_behind(folder, tmp_path):
    def stop(what, done, in_all):
        if what == "converting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset(folder, progress=stop)
    assert list((tmp_path / "cache" / "converted").iterdir()) == []
    assert len(open_dataset(folder).entries) == 8


def test_a_cache_that_cant_be_written_still_opens_and_says_so(folder, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    data = open_dataset(folder)
    assert len(data.entries) == 8
    assert "can't be written" in data.notes[-1]


def test_a_damaged_form_is_made_again(folder):
    open_dataset(folder)
    (form,) = converted.store().folder.iterdir()
    form.write_bytes(form.read_bytes()[:100])
    assert len(open_dataset(folder).entries) == 8


def test_converted_forms_are_bounded(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(converted, "LIMIT_BYTES", 10)
    data = open_dataset(folder)
    assert "larger than the 10 bytes allowed" in data.notes[-1]
    assert list((tmp_path / "cache" / "converted").iterdir()) == []


def test_the_form_not_used_for_longest_goes(tmp_path):
    store = Store(tmp_path, limit_bytes=250)

    def write(path):
        path.write_bytes(bytes(100))

    for age, name in ((3, "a"), (2, "b")):
        assert store.adopt(name, write) == ""
        os.utime(store.path(name), (1e9 - age, 1e9 - age))
    assert store.adopt("c", write) == ""
    assert sorted(f.name for f in tmp_path.iterdir()) == ["b.safetensors", "c.safetensors"]


def test_a_broken_file_is_told_and_not_kept(folder, tmp_path):
    (folder / "data_3d_h36m.npz").write_bytes(b"PK")
    with pytest.raises(PoseFormatError, match=r"data_3d_h36m\.npz: is no NPZ file"):
        open_dataset(folder)
