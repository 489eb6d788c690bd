"""`python -m core ablate`: a table of what was trained; wrong use in one line."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import one_line


def test_an_ablation_prints_its_table_and_the_second_time_trains_nothing(run, toys, tmp_path):
    command = ("ablate", "--data_dir", toys / "toy.safetensors", "--out", tmp_path,
               "--variants", "full,width_512", "--seeds", "1", "--epochs", "1",
               "--train_batch", "2")  # fmt: skip
    said = run(*command, "--format", "csv")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("Variant,Weights,Runs,Test MPJPE (mm)")
    assert [line.split(",")[0] for line in lines[2:]] == ["width 512"]
    assert '"full: 2 stages, width 1024",4291632,1,' in lines[1]
    assert "width_512, seed 0 (2 of 2): test " in said.err
    again = run(*command, "--format", "csv")
    assert again.out == said.out
    assert "full, seed 0 (1 of 2): is there" in again.err
    assert run(*command, "--table", "--format", "csv").out == said.out
    as_json = json.loads(run(*command, "--table", "--format", "json").out)
    assert next(row["Weights"] for row in as_json) == 4291632


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "huge"], "there is no variant 'huge'; the variants are full, no_batch"),
        (["--seeds", "0"], "argument --seeds: expected a whole number above 0, not '0'"),
        (["--train_batch", "1"], "batches of at least 2 samples"),
    ],
)
def test_wrong_use_is_one_line(run, arguments, message):
    assert message in one_line(run("ablate", *arguments))
