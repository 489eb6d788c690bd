"""`python -m core fetch`."""

from __future__ import annotations

from core.detector import models
from core.workflows.open import open_dataset
from tests.cli.conftest import one_line
from tests.formats.mocap_writers import amc_text, asf_text, rest_frame
from tests.web import serving


def test_weights_that_are_here_are_named_with_their_size(run, detector_weights):
    said = run("fetch", "detector")
    assert (said.code, said.err) == (0, "")
    for model in models.IN_WHEEL:
        path = detector_weights / model.name
        assert f"{path}: {path.stat().st_size:,} bytes, as published\n" in said.out


def test_it_says_what_can_be_fetched(run):
    assert "detector" in one_line(run("fetch", "everything"))


def test_cmu_is_fetched_and_prepared_with_what_is_missing_named(run, tmp_path):
    folder = tmp_path / "site" / "subjects" / "02"
    folder.mkdir(parents=True)
    (folder / "02.asf").write_text(asf_text())
    (folder / "02_01.amc").write_text(amc_text([rest_frame()] * 3))
    (tmp_path / "list.csv").write_text("subject,trial,action\n02,01,walk\n02,09,run\n")
    out = tmp_path / "cmu.safetensors"
    with serving(tmp_path / "site") as site:
        said = run("fetch", "cmu", "--folder", tmp_path / "cmu", "--out", out, "--trials",
                   tmp_path / "list.csv", "--from", site.address)  # fmt: skip
    assert said.code == 0
    first, second, third = said.out.splitlines()
    assert first == f"{tmp_path / 'cmu'}: 1 trial"
    assert second.startswith(f"{out}: 4 recordings, 12 frames")
    assert third == f"open it: python -m core test --data_dir {out}"
    assert "1 file could not be had:\n  02_09: " in said.err and "404" in said.err
    assert [entry.key.action for entry in open_dataset(out).entries] == ["walk"] * 4


def test_a_place_that_can_not_be_written_is_said_before_the_download(run, tmp_path):
    line = one_line(run("fetch", "cmu", "--out", tmp_path / "none" / "x.safetensors"))
    assert "the folder to write into does not exist" in line


def test_a_site_that_is_not_there_is_told_in_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr("core.workflows.download.time.sleep", lambda _: None)
    line = one_line(run("fetch", "cmu", "--no_prepare", "--folder", tmp_path / "cmu",
                        "--from", "http://127.0.0.1:9"))  # fmt: skip
    assert "can't be reached" in line
