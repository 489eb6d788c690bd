"""`python -m core info`: what people and machines are told of a file."""

from __future__ import annotations

import json
import shlex

import numpy as np

from core.workflows.info import describe


def test_each_file_is_described_with_the_command_that_opens_it(run, toys):
    data, weights = toys / "toy.safetensors", toys / "weights.safetensors"
    said = run("info", data, weights)
    assert (said.code, said.err) == (0, "")
    assert f"{data}: data set file\n" in said.out
    assert f"{weights}: checkpoint\n" in said.out
    assert f"open it: python -m core test --data_dir {data}\n" in said.out
    assert f"open it: python -m core test --data_dir balancing --load {weights}" in said.out


def test_the_command_to_open_a_file_takes_any_name(run, toys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-my data.safetensors", "it's.safetensors"):
        (tmp_path / name).write_bytes((toys / "toy.safetensors").read_bytes())
        said = run("info", f"./{name}")
        command = said.out.rpartition("open it: python -m core ")[2]
        assert run(*shlex.split(command), "--json").code == 0, command


def test_json_says_the_same(run, toys):
    path = toys / "toy.safetensors"
    found = json.loads(run("info", path, "--json").out)
    assert found == [json.loads(json.dumps(describe(str(path)).as_dict()))]


def test_one_bad_file_does_not_hide_the_others(run, toys):
    said = run("info", "nowhere", toys / "toy.safetensors")
    assert said.code == 2
    assert said.err == "python -m core info: nowhere: no such file or folder\n"
    assert "data set file" in said.out


def test_long_lists_are_cut_on_screen_only(run, tmp_path):
    np.savez(tmp_path / "many.npz", *[np.zeros(3)] * 30)
    assert "and 10 more" in run("info", tmp_path / "many.npz").out
    found = json.loads(run("info", tmp_path / "many.npz", "--json").out)
    assert len(found[0]["facts"]["arrays"]) == 30
