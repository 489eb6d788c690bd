"""`python -m core test`: its table, its JSON, and what it says of wrong files."""

from __future__ import annotations

import csv
import json
import os
import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from core import checkpoint
from core.cli import test as command
from core.model import Lifter, LifterConfig
from core.normalization import Statistics
from core.workflows import conversion, converted, measures
from core.workflows.evaluate import evaluate
from core.workflows.lift import PoseLifter
from core.workflows.open import open_checkpoint, open_dataset
from core.workflows.results import judge
from tests.cli.conftest import one_line
from tests.toys import toy_checkpoint


@pytest.fixture
def asked(toys) -> list[str | Path]:
    return ["test", "--data_dir", toys / "toy.safetensors", "--load", toys / "weights.safetensors"]


def test_json_is_one_object_with_both_protocols_and_frames(run, toys, asked):
    said = run(*asked, "--json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    lifter = PoseLifter(open_checkpoint(toys / "weights.safetensors"))
    expected = evaluate(open_dataset(toys / "toy.safetensors"), lifter, "gt")
    assert found.pop("measures")
    assert found == expected.as_dict()
    assert list(found["protocol_1"]) == ["Directions", "Sitting", "SittingDown", "average"]


def test_the_table_is_in_the_papers_order_and_says_what_it_counts(run, asked):
    lines = run(*asked).out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Action")) + 2
    actions = [line.split()[0] for line in lines[start : start + 3]]
    assert actions == ["Directions", "Sitting", "SittingDown"]
    text = "\n".join(lines)
    for part in (
        "Data set    Toy (synthetic), digest ",
        "Subjects    S9, S11",
        "2D input    gt",
        "Checkpoint  weights, digest ",
        "lower is better; 17 joints, the root counted",
        "Average: mean of the actions (3), as in the paper",
        "Without the hip, 16 joints:",
    ):
        assert part in text


def test_the_table_and_the_json_agree(run, asked):
    found = json.loads(run(*asked, "--json").out)
    row = next(line for line in run(*asked).out.splitlines() if line.startswith("SittingDown"))
    expected = [f"{found[p]['SittingDown']:.1f}" for p in ("protocol_1", "protocol_2")]
    assert row.split()[1:] == [*expected, "8"]


def test_procrustes_puts_protocol_2_first(run, asked):
    header = next(line for line in run(*asked, "--procrustes").out.splitlines() if "Action" in line)
    assert header.index("Protocol #2") < header.index("Protocol #1")


def test_an_action_is_taken_by_its_exact_name(run, asked):
    found = json.loads(run(*asked, "--action", "SittingDown", "--json").out)
    assert found["frames"] == {"SittingDown": 8}
    both = json.loads(run(*asked, "--action", "Sitting,Directions", "--json").out)
    assert both["frames"] == {"Directions": 10, "Sitting": 5}
    everything = json.loads(run(*asked, "--action", "All", "--json").out)
    assert len(everything["frames"]) == 3


def test_an_unknown_action_names_those_there_are_and_the_nearest(run, asked):
    line = one_line(run(*asked, "--action", "Sittng"))
    assert "no action 'Sittng' (did you mean Sitting?); there is Directions, Sitting" in line


def test_subjects_split_and_joints_are_chosen(run, asked):
    assert json.loads(run(*asked, "--subject", "S11", "--json").out)["frames"] == {"Directions": 6}
    assert json.loads(run(*asked, "--split", "train", "--json").out)["frames"] == {"Walking": 3}
    assert len(json.loads(run(*asked, "--split", "all", "--json").out)["frames"]) == 4
    whole = json.loads(run(*asked, "--json").out)["protocol_1"]["average"]
    without = json.loads(run(*asked, "--joints", "16", "--json").out)["protocol_1"]["average"]
    assert without == pytest.approx(whole * 17 / 16)


def test_the_detectors_2d_is_taken_by_use_hg_or_by_name(run, asked):
    hourglass = json.loads(run(*asked, "--use_hg", "--json").out)
    assert hourglass["frames"]["Directions"] == 4
    assert json.loads(run(*asked, "--use-hg", "--json").out) == hourglass
    assert json.loads(run(*asked, "--input", "hour", "--json").out) == hourglass
    assert "no 2D source 'cpn'; there is gt, hourglass" in one_line(run(*asked, "--input", "cpn"))
    assert "not allowed with" in one_line(run(*asked, "--input", "gt", "--use_hg"))


def test_the_batch_does_not_change_the_figures(run, asked):
    small = json.loads(run(*asked, "--test_batch", "2", "--json").out)
    usual = json.loads(run(*asked, "--json").out)
    assert small["protocol_2"] == pytest.approx(usual["protocol_2"], abs=1e-4)
    assert "expected a whole number above 0, not '0'" in one_line(run(*asked, "--test_batch", "0"))


def test_the_reimplementations_other_options_are_taken_and_said_to_do_nothing(run, asked):
    said = run(*asked, "--test", "--job", "8", "--lr", "1e-3", "--max_norm", "--json")
    assert said.code == 0
    assert said.err == "note: --lr, --max_norm: no effect in test\n"
    json.loads(said.out)


def test_each_recordings_prediction_is_written_where_asked(run, asked, tmp_path):
    out = tmp_path / "new" / "out"
    said = run(*asked, "--out", out, "--json")
    assert said.err == f"4 files written to {out}\n"
    with np.load(out / "S9_Sitting_Sitting-1_54138969_gt.npz") as found:
        error = found["errors_protocol_2"].mean()
    assert json.loads(said.out)["protocol_2"]["Sitting"] == pytest.approx(error)
    (tmp_path / "file").touch()
    line = one_line(run(*asked, "--out", tmp_path / "file"))
    assert f"{tmp_path / 'file'}: File exists" in line


def test_missing_statistics_are_told_and_can_be_given(run, toys, asked):
    bare = [*asked[:-1], toys / "bare.safetensors"]
    line = one_line(run(*bare))
    assert "bare, statistics: missing statistics" in line
    assert "stat_3d.pth.tar" in line
    given = run(*bare, "--statistics", "human36m", "--json")
    assert json.loads(given.out) == json.loads(run(*asked, "--json").out)
    line = one_line(run(*bare, "--statistics", toys / "toy.safetensors"))
    assert "this data set gives no statistics" in line


def test_a_checkpoint_of_another_width_works(run, toys, asked, tmp_path):
    config = LifterConfig(linear_size=24, num_stage=3)
    wide = toy_checkpoint(config=config, state=Lifter(config).state_dict())
    checkpoint.save(tmp_path / "wide.safetensors", wide)
    assert run(*asked[:-1], tmp_path / "wide.safetensors").code == 0


def test_a_checkpoint_whose_widths_contradict_each_other_is_told(run, asked, tmp_path):
    state = Lifter(LifterConfig(linear_size=8, num_stage=1)).state_dict()
    state["linear_stages.0.w2.weight"] = torch.zeros(8, 9)
    torch.save({"state_dict": state}, tmp_path / "odd.pth.tar")
    line = one_line(run(*asked[:-1], tmp_path / "odd.pth.tar"))
    assert "linear_stages.0.w2.weight" in line
    assert "(8, 9)" in line


class Unwanted:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (os.mkdir, (str(self.mark),))


@pytest.fixture
def folder(shared, tmp_path) -> Path:
    """A copy of the test part of the re-implementation's folder, to break."""
    copy = tmp_path / "data"
    copy.mkdir()
    for name in ("test_2d", "test_3d", "stat_3d"):
        source = shared / "fixtures" / "reimplementation" / "data" / f"{name}.pth.tar"
        shutil.copyfile(source, copy / source.name)
    return copy


def test_a_malicious_pickle_is_refused_by_name_and_never_runs(run, asked, folder, tmp_path):
    evil, unwanted = tmp_path / "evil.pth.tar", Unwanted(tmp_path / "mark")
    evil.write_bytes(pickle.dumps(unwanted, protocol=2))
    assert "evil.pth.tar" in one_line(run(*asked[:-1], evil))
    torch.save({"state_dict": unwanted}, evil)
    assert "evil.pth.tar: refused: it would run posix.mkdir" in one_line(run(*asked[:-1], evil))
    torch.save({(9, "Walking", "Walking.54138969.h5"): unwanted}, folder / "test_2d.pth.tar")
    line = one_line(run("test", "--data_dir", folder, *asked[3:]))
    assert "test_2d.pth.tar: refused: it would run posix.mkdir" in line
    assert not unwanted.mark.exists()


@pytest.mark.parametrize("name", ["test_2d", "test_3d", "stat_3d"])
def test_a_truncated_file_is_named(run, asked, folder, name):
    file = folder / f"{name}.pth.tar"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert f"{name}.pth.tar" in one_line(run("test", "--data_dir", folder, *asked[3:]))


def test_a_truncated_checkpoint_is_named(run, toys, asked, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((toys / "weights.safetensors").read_bytes()[:-50])
    assert "cut.safetensors: is cut short or damaged" in one_line(run(*asked[:-1], cut))


def rewritten(folder: Path, name: str, rows: np.ndarray) -> None:
    torch.save({(9, "Walking", "Walking.54138969.h5"): rows}, folder / f"{name}.pth.tar")


def test_nan_and_wrong_shapes_are_told_with_file_and_place(run, asked, folder):
    rewritten(folder, "test_3d", np.zeros((5, 48)))
    rows = np.zeros((5, 32))
    rows[3, 7] = np.nan
    rewritten(folder, "test_2d", rows)
    line = one_line(run("test", "--data_dir", folder, *asked[3:]))
    assert "test_2d.pth.tar, key (S9, Walking, Walking.54138969.h5)" in line
    assert "NaN" in line
    rewritten(folder, "test_2d", np.zeros((5, 51)))
    line = one_line(run("test", "--data_dir", folder, *asked[3:]))
    assert "(5, 51)" in line


def test_an_empty_or_missing_folder_is_told(run, asked, tmp_path):
    line = one_line(run("test", "--data_dir", tmp_path, *asked[3:]))
    assert "no data set in this folder: it is empty" in line
    line = one_line(run("test", "--data_dir", tmp_path / "none", *asked[3:]))
    assert "no such file or folder; expected balancing or synthetic" in line


def test_statistics_that_are_not_in_the_folder_are_told(run, asked, folder):
    (folder / "stat_3d.pth.tar").unlink()
    assert "stat_3d.pth.tar is missing" in one_line(run("test", "--data_dir", folder, *asked[3:]))


def test_the_reimplementations_figures_come_out_of_the_command(run, shared):
    fixture = shared / "fixtures" / "reimplementation"
    expected = json.loads((fixture / "expected.json").read_text())["hourglass"]
    said = run(
        "test", "--data_dir", fixture / "data", "--load", fixture / "ckpt_best.pth.tar",
        "--use_hg", "--json",
    )  # fmt: skip
    found = json.loads(said.out)
    for protocol in ("protocol_1", "protocol_2"):
        for action, error in expected[protocol].items():
            if action != "SittingDown":
                assert found[protocol][action] == pytest.approx(error, abs=0.01)


def test_a_lifter_whose_statistics_have_another_size_is_told(run, asked, tmp_path, monkeypatch):
    short = toy_checkpoint(input_statistics=Statistics(np.zeros(30), np.ones(30)))
    monkeypatch.setattr("core.workflows.open.open_checkpoint", lambda _: short)
    assert "32 numbers, but the statistics" in one_line(run(*asked))


def test_the_table_comes_as_markdown_latex_and_csv(run, asked):
    found = json.loads(run(*asked, "--format", "json").out)
    assert found == json.loads(run(*asked, "--json").out)
    markdown = run(*asked, "--format", "markdown").out
    assert "| Action | Protocol #1 (mm) | Protocol #2 (mm) | Frames |" in markdown
    assert f"| Sitting | {found['protocol_1']['Sitting']:.1f} |" in markdown
    assert "- 2D input: gt" in markdown
    latex = run(*asked, "--format", "latex").out
    assert f"  Average & {found['protocol_1']['average']:.1f} &" in latex
    assert "% 2D input: gt" in latex
    rows = {r["Action"]: r for r in csv.DictReader(run(*asked, "--format", "csv").out.splitlines())}
    for protocol in (1, 2):
        figures = found[f"protocol_{protocol}"]
        column = f"Protocol #{protocol} (mm)"
        assert float(rows["SittingDown"][column]) == figures["SittingDown"]
        assert float(rows["Average"][column]) == figures["average"]
    assert "invalid choice: 'word'" in one_line(run(*asked, "--format", "word"))


def test_weights_are_loaded_while_the_data_is_converted(run, asked, folder, monkeypatch):
    begun = threading.Event()

    def load(*arguments):
        begun.set()
        return lifter(*arguments)

    def convert(path, layout, store, name, progress):
        progress("reading", 0, 1)
        assert begun.wait(60)
        return conversion.keep(path, layout, store, name, progress)

    lifter = command._lifter
    monkeypatch.setattr(command, "_lifter", load)
    monkeypatch.setattr(converted, "SMALLEST_BYTES", 0)
    monkeypatch.setattr(conversion, "keep_elsewhere", convert)
    weights = folder.parent / "weights.safetensors"
    shutil.copyfile(asked[-1], weights)
    said = run("test", "--data_dir", folder, "--load", weights)
    assert said.code == 0, said.err


def test_a_second_test_opens_what_the_first_kept(run, toys, asked, monkeypatch, tmp_path):
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "kept"))
    first = run(*asked, "--json").out
    assert len(list((tmp_path / "kept").iterdir())) == 1
    monkeypatch.setattr("core.workflows.lift.PoseLifter.lift_arrays", None)
    assert run(*asked, "--json").out == first
    part = json.loads(run(*asked, "--action", "Sitting", "--json").out)
    assert part["protocol_2"]["Sitting"] == json.loads(first)["protocol_2"]["Sitting"]
    assert part["frames"] == {"Sitting": 5}
    checkpoint, dataset = toys / "weights.safetensors", toys / "toy.safetensors"
    page = judge(open_dataset(dataset), open_checkpoint(checkpoint), "gt")
    assert {**page.evaluation().as_dict(), "measures": json.loads(first)["measures"]} == json.loads(
        first
    )
    assert measures.sums(page).by_action() == json.loads(first)["measures"]


def test_a_store_that_can_not_be_written_is_a_note(run, asked, monkeypatch, tmp_path):
    usual = run(*asked, "--json")
    (tmp_path / "file").touch()
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "file"))
    said = run(*asked, "--json")
    assert (said.code, said.out) == (0, usual.out)
    assert said.err.startswith(f"note: The result was not kept: {tmp_path / 'file'} can't be")
    assert said.err.count("\n") == 1


def test_kept_results_are_cleared_where_asked(run, asked, monkeypatch, tmp_path):
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "kept"))
    first = run(*asked, "--json").out
    (kept,) = (tmp_path / "kept").iterdir()
    size = kept.stat().st_size
    said = run(*asked, "--action", "Sitting", "--clear_results", "--json")
    assert said.err == f"{size:,} bytes removed from {tmp_path / 'kept'}\n"
    assert list((tmp_path / "kept").iterdir()) == []
    assert run(*asked, "--json").out == first


def test_measures_are_the_same_as_a_table_and_in_json(run, asked):
    table = run(*asked, "--measures", "--format", "csv").out
    rows = {row["Action"]: row for row in csv.DictReader(table.splitlines())}
    found = json.loads(run(*asked, "--json").out)["measures"]
    assert list(rows) == list(found)
    for action, row in rows.items():
        assert float(row["N-MPJPE (mm)"]) == found[action]["n_mpjpe"]
        assert float(row["MPJVE (mm/frame)"]) == found[action]["mpjve"]
        assert float(row["AUC (%)"]) == found[action]["auc"]
    part = json.loads(run(*asked, "--action", "Sitting", "--json").out)["measures"]
    assert part["Sitting"] == found["Sitting"]


def test_measures_say_what_they_are_and_in_latex_they_are_a_tabular(run, asked):
    assert "MPJVE times that is in mm/s" in run(*asked, "--measures").out
    assert "\\begin{tabular}{lrrrrrrrrr}" in run(*asked, "--measures", "--format", "latex").out
