"""`python -m core report`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import one_line


@pytest.fixture
def asked(toys, tmp_path):
    return ["report", "--data_dir", toys / "toy.safetensors", "--load",
            toys / "weights.safetensors", "--out", tmp_path / "new" / "report.html"]  # fmt: skip


def test_it_writes_one_file_with_its_own_command_in_it_and_the_same_again(run, asked, tmp_path):
    file = tmp_path / "new" / "report.html"
    said = run(*asked)
    assert said.code == 0
    assert said.out == f"{file}: {file.stat().st_size:,} bytes\n"
    first = file.read_text(encoding="utf-8")
    assert "python -m core report --data_dir" in first
    run(*asked)
    assert file.read_text(encoding="utf-8") == first
    run(*asked, "--use_hg", "--date", "in May")
    assert "in May" in file.read_text(encoding="utf-8")


def test_a_wrong_source_is_one_line(run, asked):
    assert "no 2D source 'ouija'" in one_line(run(*asked, "--input", "ouija"))
