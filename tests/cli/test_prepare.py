"""`python -m core prepare`: a folder in, a data set file out, what was skipped named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.workflows.open import open_dataset
from tests.cli.conftest import one_line
from tests.toys import toy_dataset

CLIPS = ("subjects/02/02.asf", "subjects/02/02_01.amc", "subjects/02/02_02.amc")


@pytest.fixture
def clips(shared, tmp_path) -> Path:
    """One subject's first two clips, the second one broken."""
    folder = tmp_path / "clips"
    for name in CLIPS:
        source = shared / "data" / "cmu_mocap" / name
        if not source.exists():
            pytest.skip(f"{name} is not in this copy of the material")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(source.read_bytes())
    broken = folder / CLIPS[2]
    broken.write_text(broken.read_text()[:3000] + "\nlfemur one two three\n")
    return folder


def test_a_prepared_folder_opens_and_broken_clips_are_named(run, clips, tmp_path):
    out = tmp_path / "cmu.safetensors"
    said = run("prepare", "cmu", clips, "--out", out)
    assert said.code == 0
    dataset = open_dataset(out)
    first, second = said.out.splitlines()
    assert first.startswith(f"{out}: {len(dataset.entries)} recordings, {dataset.frames:,} frames")
    assert second == f"open it: python -m core test --data_dir {out}"
    assert "skipped 1 that can't be read:\n  02_02: " in said.err
    assert "Traceback" not in said.err
    assert {entry.key.take for entry in dataset.entries} == {"01"}


def test_pose2sims_folder_is_prepared(run, monkeypatch, tmp_path):
    # Its reader has tests of its own; with the videos it takes long.
    monkeypatch.setattr("core.formats.pose2sim.read", lambda folder, **_: toy_dataset())
    out = tmp_path / "project.safetensors"
    said = run("prepare", "pose2sim", tmp_path, "--out", out)
    assert (said.code, said.err) == (0, "")
    assert f"{out}: 5 recordings, 26 frames" in said.out
    assert open_dataset(out).title == "Toy"


def test_wrong_folders_are_told(run, tmp_path):
    out = tmp_path / "out.safetensors"
    line = one_line(run("prepare", "cmu", tmp_path / "none", "--out", out))
    assert "none: there is no such folder" in line
    assert "no clip is here" in one_line(run("prepare", "cmu", tmp_path, "--out", out))
    assert str(tmp_path) in one_line(run("prepare", "pose2sim", tmp_path, "--out", out))
    assert not out.exists()


def test_wrong_use_is_told(run, tmp_path):
    assert "required: KIND" in one_line(run("prepare"))
    assert "required: --out" in one_line(run("prepare", "cmu", tmp_path))
    assert "invalid choice: 'human'" in one_line(run("prepare", "human", tmp_path, "--out", "x"))
