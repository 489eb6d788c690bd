"""Temporary folders go with who holds them, and after a kill at the next start."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core import scratch
from core.scratch import Scratch, sweep

ROOT = Path(__file__).resolve().parents[1]
HOLDS_ONE = (
    "import sys, time; from core.scratch import Scratch; s = Scratch();"
    " (s.path / 'film.mp4').write_bytes(b'x'); print(s.path, flush=True); sys.stdin.read()"
)


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(place):
    """A process that holds a folder until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_ONE], cwd=ROOT, env=os.environ | {"TMPDIR": str(place)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_folder_is_empty_at_first_and_goes_with_who_holds_it(place):
    held = Scratch()
    assert list(held.path.iterdir()) == []
    (held.path / "a").write_bytes(b"1")
    del held
    gc.collect()
    assert list(place.iterdir()) == []


def test_a_folder_lasts_as_long_as_its_block_even_if_that_fails(place):
    with pytest.raises(ZeroDivisionError), Scratch() as path:
        assert path.is_dir()
        raise ZeroDivisionError
    assert list(place.iterdir()) == []


def test_what_a_process_holds_stays_and_goes_when_it_ends(place, other):
    assert sweep() == 0
    assert len(list(place.iterdir())) == 1
    other.communicate("")
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_swept(place, other):
    other.kill()
    other.wait()
    assert [p.name for p in place.rglob("film.mp4")] == ["film.mp4"]
    assert sweep() == 1
    assert list(place.iterdir()) == []


def test_ones_own_folders_are_not_swept():
    held = Scratch()
    assert sweep() == 0
    assert held.path.is_dir()


def dead_folder(place: Path, **changed) -> Path:
    folder = place / f"{scratch.PREFIX}1-x"
    folder.mkdir()
    owner = {"pid": 2**22 + 1, "started": "long ago", "host": scratch.this_process().host}
    (folder / scratch.OWNER).write_text(json.dumps(owner | changed))
    return folder


def test_the_folder_of_a_dead_process_is_swept(place):
    dead_folder(place)
    assert sweep() == 1


@pytest.mark.parametrize(
    "changed",
    [{"host": "another machine"}, {"started": ""}, {"pid": "?", "what": 1}],
    ids=["another machine's", "nobody knows when it started", "another note"],
)
def test_whatever_is_not_known_to_be_left_stays(place, changed):
    folder = dead_folder(place, **changed)
    assert sweep() == 0
    assert folder.is_dir()


def test_folders_of_other_programs_and_links_stay(place):
    (place / "lift").mkdir()
    (place / f"{scratch.PREFIX}notes").mkdir()
    target = place / "target"
    dead_folder(place).rename(target)
    (place / f"{scratch.PREFIX}link").symlink_to(target)
    assert sweep() == 0
    assert target.is_dir()


def test_where_processes_cant_be_told_nothing_is_swept(place, monkeypatch):
    folder = dead_folder(place)
    unknown = scratch.Process(1, "", "here")
    monkeypatch.setattr(scratch, "this_process", lambda: unknown)
    assert sweep() == 0
    assert folder.is_dir()
