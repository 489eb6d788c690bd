"""`python -m core robustness`: its formats, and what it says of wrong use."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from core import checkpoint
from core.model import Lifter, LifterConfig
from core.perturbation import PERTURBATIONS
from core.workflows.lift import PoseLifter
from core.workflows.open import open_checkpoint, open_dataset
from core.workflows.robustness import Setting, measure
from tests.cli.conftest import one_line
from tests.toys import toy_checkpoint


@pytest.fixture
def asked(toys) -> list[str | Path]:
    data, weights = toys / "toy.safetensors", toys / "weights.safetensors"
    return ["robustness", "--data_dir", data, "--load", weights, "--levels", "0,10"]


def test_json_is_what_the_workflow_measures(run, toys, asked) -> None:
    said = run(*asked, "--format", "json", "--frames", "9")
    assert (said.code, said.err) == (0, "")
    lifter = PoseLifter(open_checkpoint(toys / "weights.safetensors"))
    data = open_dataset(toys / "toy.safetensors")
    setting = Setting(data, "gt", PERTURBATIONS["gaussian"], (0.0, 10.0), size=9)
    found = json.loads(said.out)
    assert found == measure(setting, [lifter]).as_dict()
    assert found["frames"] == 9
    assert [level["level"] for level in found["checkpoints"][0]["levels"]] == [0, 10]


def test_without_noise_it_agrees_with_test(run, toys, asked) -> None:
    found = json.loads(run(*asked, "--frames", "all", "--format", "json").out)
    expected = json.loads(run("test", *asked[1:5], "--json").out)
    clean = found["checkpoints"][0]["levels"][0]
    assert {name: clean[name] for name in expected if name != "measures"} == {
        name: value for name, value in expected.items() if name != "measures"
    }


def test_csv_reads_back_to_the_last_digit(run, asked) -> None:
    rows = list(csv.DictReader(run(*asked, "--format", "csv").out.splitlines()))
    found = json.loads(run(*asked, "--format", "json").out)["checkpoints"][0]["levels"]
    average = next(r for r in rows if (r["Protocol"], r["Action"]) == ("#2", "Average"))
    assert float(average["10 px"]) == found[1]["protocol_2"]["average"]


@pytest.mark.parametrize(
    ("how", "part"),
    [("text", "SittingDown"), ("markdown", "| weights | #1 | SittingDown |"),
     ("latex", r"weights & \#1 & SittingDown &")],
)  # fmt: skip
def test_every_format_has_every_action_and_what_was_done(run, asked, how, part) -> None:
    said = run(*asked, "--noise", "dropped", "--format", how)
    assert said.code == 0
    assert part in said.out
    assert "neighbour towards the hip" in said.out


def test_several_checkpoints_stand_in_one_table(run, asked) -> None:
    said = run(*asked[:5], "gt", "--levels", "0", "--format", "csv")
    assert said.code == 0
    assert {line.split(",")[0] for line in said.out.splitlines()[1:-1]} == {"weights", "gt"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--noise", "fog"), "there is no 'fog'; there is gaussian, detector, dropped"),
        (("--levels", "a"), "a level is a number from 0 to 200 px, not 'a'"),
        (("--frames", "0"), "--frames is a whole number above 0, or all, not '0'"),
        (("--input", "cpn"), "no 2D source 'cpn'"),
    ],
)
def test_wrong_use_is_one_line(run, asked, wrong, said) -> None:
    assert said in one_line(run(*asked, *wrong))


def test_checkpoints_of_one_name_are_told_apart_by_folders(run, toys, tmp_path, asked) -> None:
    for run_of, width in (("one", 8), ("two", 16)):
        (tmp_path / run_of).mkdir()
        config = LifterConfig(linear_size=width, num_stage=1)
        made = toy_checkpoint(config=config, state=Lifter(config).state_dict())
        checkpoint.save(tmp_path / run_of / "best.safetensors", made)
    both = [tmp_path / run_of / "best.safetensors" for run_of in ("one", "two")]
    said = run(*asked[:3], "--load", *both, "--levels", "0", "--format", "csv")
    names = {row["Checkpoint (mm)"] for row in csv.DictReader(said.out.splitlines())}
    assert names - {""} == {"one/best", "two/best"}
