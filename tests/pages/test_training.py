"""The Training page through the front door: no runs, runs in every state, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import checkpoint, run_log, runs
from core.formats import dataset_file
from core.processes import Process, this_process
from core.run_log import Epoch, Step
from core.runs import Run
from core.workflows import launch
from tests.pages.test_pages import ROOT, assert_fine, chosen
from tests.toys import toy_checkpoint, toy_dataset

GONE = Process(1, "long ago", this_process().host)


def made(folder: Path, state: Any = "done", epochs: int = 3, **fields: Any) -> Path:
    folder.mkdir(parents=True)
    known: dict[str, Any] = {
        "process": GONE, "epochs": 5, "steps_per_epoch": 10, "samples": 640, "started": 1e9,
        "options": {"name": "paper", "network": {"dropout": 0.5}}, "command": "python -m core",
        "data": {"title": "Toy", "spec": "synthetic"},
    }  # fmt: skip
    runs.write_run(Run(folder, state, **{**known, **fields}))
    for n in range(1, epochs + 1):
        run_log.append(folder, Step(1e9 + n, n, 10 * n - 5, 0.2, 1e-3, 640.0))
        by_action = {"Walking": 50.0 - n, "Eating": 60.0 - n}
        end = Epoch(1e9 + n, n, 10 * n, 0.1, 1e-3, 640.0, 90.0 - n, by_action=by_action)
        run_log.append(folder, end)
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(launch, "_processes", {})
    yield tmp_path / "runs"
    for process in launch._processes.values():
        process.popen.kill()
        process.popen.wait()


def training(folder: Path, **asked: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for name, value in {"runs": str(folder), **asked}.items():
        app.query_params[name] = value
    return app.run().switch_page("pages/training.py").run()


def said(app: AppTest) -> str:
    elements = (*app.markdown, *app.caption, *app.info, *app.error, *app.warning)
    html = [h.proto.body for h in app.get("html")]
    return "\n".join([*(str(e.value) for e in elements), *html])


def keys(app: AppTest) -> set[str]:
    return {b.key for b in app.button if b.key}


def figure(app: AppTest, name: str) -> dict[str, Any]:
    for component in app.get("bidi_component"):
        if component.key == f"{name}_live":
            return dict(json.loads(json.loads(component.proto.json)["figure"]))
    raise AssertionError(f"no figure {name}")


def names(app: AppTest, figure_name: str = "training_loss") -> list[str]:
    return [trace["name"] for trace in figure(app, figure_name)["data"]]


def test_without_runs_the_page_explains_how_to_start_one(folder: Path) -> None:
    app = training(folder)
    assert_fine(app)
    assert "no runs in" in app.info[0].value
    assert f"python -m core train --data_dir synthetic --exp first --epochs 5 --ckpt {folder}" in [
        c.value for c in app.code
    ]
    assert "start_now" in keys(app), "the form is open"
    assert not app.dataframe


def test_the_default_folder_needs_no_option(folder: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    app = training(Path("runs"))
    assert "python -m core train --data_dir synthetic --exp first --epochs 5" in [
        c.value for c in app.code
    ]


def test_runs_are_listed_the_latest_first_and_laid_over_each_other(folder: Path) -> None:
    made(folder / "old", started=1e9)
    made(folder / "new", started=2e9)
    app = training(folder)
    assert_fine(app)
    table = app.dataframe[0].value
    assert table["Run"].tolist() == ["new", "old"]
    assert table["Best test error (mm)"].tolist() == [87.0, 87.0]
    assert table["Epochs"].tolist() == ["3 of 5", "3 of 5"]
    assert names(app) == ["new", "old"]
    assert app.query_params["shown"] == "new|old"


def test_a_link_remembers_folder_runs_and_axes(folder: Path) -> None:
    for name in ("a", "b", "c"):
        made(folder / name)
    app = training(folder, shown="b", across="step", scale="log", error_of="Walking")
    assert_fine(app)
    assert names(app) == ["b"]
    errors = figure(app, "test_error")
    assert errors["layout"]["yaxis"]["type"] == "log"
    assert errors["layout"]["xaxis"]["title"]["text"] == "step"
    assert errors["data"][0]["y"] == [49.0, 48.0, 47.0]
    assert {"runs", "shown", "across", "scale", "error_of"} <= set(app.query_params)


@pytest.mark.parametrize(
    ("state", "fields", "words", "offered"),
    [
        ("running", {"process": this_process()}, "running", "stop_mine"),
        ("running", {"process": GONE}, "ended without a word", "resume_mine"),
        ("stopped", {}, "stopped", "resume_mine"),
        ("failed", {"message": "the loss is nan"}, "the loss is nan", "resume_mine"),
        ("done", {}, "done", None),
    ],
    ids=["running", "interrupted", "stopped", "failed", "done"],
)
def test_each_state_offers_what_makes_sense(
    folder: Path, state: str, fields: dict[str, Any], words: str, offered: str | None
) -> None:
    (made(folder / "mine", state, **fields) / runs.STATE).touch()
    app = training(folder)
    assert_fine(app)
    assert words in said(app)
    assert {k for k in keys(app) if k.startswith(("stop_", "resume_"))} == (
        {offered} if offered else set()
    )


def test_a_killed_run_that_kept_nothing_is_not_offered_to_be_resumed(folder: Path) -> None:
    made(folder / "mine", "running")
    app = training(folder)
    assert "kept nothing" in said(app)
    assert "resume_mine" not in keys(app)


def test_broken_and_foreign_lines_are_left_out_and_said(folder: Path) -> None:
    log = made(folder / "mine") / run_log.LOG
    log.write_text("{broken\n[]\n" + log.read_text() + '{"kind": "epoch", "lo')
    app = training(folder)
    assert_fine(app)
    assert "2 lines of mine's log can't be read" in said(app)
    assert figure(app, "test_error")["data"][0]["y"] == [89.0, 88.0, 87.0]


def test_a_folder_with_a_broken_run_shows_the_others(folder: Path) -> None:
    made(folder / "good")
    (made(folder / "bad") / runs.RUN).write_text("{")
    app = training(folder)
    assert_fine(app)
    assert app.dataframe[0].value["Run"].tolist() == ["good"]


def test_a_run_that_reads_its_data_yet_is_shown_as_such(folder: Path) -> None:
    made(folder / "mine", "running", 0, process=this_process(), steps_per_epoch=0)
    app = training(folder)
    assert_fine(app)
    assert "reading its data" in said(app)


def test_only_the_options_that_differ_are_compared(folder: Path) -> None:
    made(folder / "a")
    made(folder / "b", options={"name": "paper", "network": {"dropout": 0.0}})
    table = training(folder).dataframe[-1].value
    assert table["Option"].tolist() == ["dropout"]
    assert table["a"].tolist() == ["0.5"]
    assert table["b"].tolist() == ["0"]


def test_stop_reaches_the_run_and_the_page_says_that_it_still_stops(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(folder / "mine", "running", process=this_process())
    asked: list[Path] = []
    monkeypatch.setattr(launch, "stop", asked.append)
    app = training(folder)
    app.button("stop_mine").click().run()
    assert_fine(app)
    assert asked == [folder / "mine"]
    assert "still stopping" in said(app)
    assert "stop_mine" not in keys(app)


@pytest.mark.parametrize(("schedule", "offered"), [("stairs", True), ("one_cycle", False)])
def test_a_run_that_is_done_can_train_longer_where_its_rate_allows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, offered: bool
) -> None:
    options = {"name": "paper", "training": {"schedule": schedule}}
    (made(folder / "mine", options=options) / runs.STATE).touch()
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(launch, "resume", lambda where, epochs: asked.append((where, epochs)))
    app = training(folder)
    assert_fine(app)
    assert ("longer_mine" in keys(app)) == offered
    if offered:
        app.number_input("longer_epochs_mine").set_value(8).run()
        app.button("longer_mine").click().run()
        assert asked == [(folder / "mine", 8)]


def test_resume_is_handed_on_and_what_goes_wrong_is_said(folder: Path) -> None:
    (made(folder / "mine", "stopped") / runs.STATE).touch()
    app = training(folder)
    (folder / "mine" / runs.STATE).unlink()
    app.button("resume_mine").click().run()
    assert not app.exception
    assert "no state.safetensors to go on from" in app.error[0].value


def test_a_runs_checkpoint_and_its_data_are_opened_in_browse(folder: Path) -> None:
    checkpoint.save(made(folder / "mine") / runs.BEST, toy_checkpoint())
    app = training(folder)
    app.button("browse_best_mine").click().run()
    assert_fine(app)
    assert chosen(app, "checkpoint") == str(folder / "mine" / runs.BEST)
    assert chosen(app, "data") == "synthetic"


def test_a_name_that_is_taken_offers_to_resume(folder: Path) -> None:
    (made(folder / "mine", "stopped") / runs.STATE).touch()
    app = training(folder)
    app.button("training_open_form").click().run()
    next(t for t in app.text_input if t.label == "Name").set_value("mine").run()
    assert_fine(app)
    assert "is the name of a run" in app.warning[0].value
    assert "start_now" not in keys(app)
    assert "start_resume" in keys(app)


def test_the_form_refuses_a_name_that_leaves_the_folder(folder: Path) -> None:
    app = training(folder)
    name = next(t for t in app.text_input if t.label == "Name")
    name.set_value("../elsewhere").run()
    assert not app.exception
    assert "the run's name must begin with" in app.error[0].value
    assert "start_now" not in keys(app)


def with_data(app: AppTest, path: Path) -> AppTest:
    app.selectbox("start_data").set_value(app.selectbox("start_data").options[-1]).run()
    assert_fine(app)
    assert app.button("start_now").disabled, "there is no path yet"
    return app.text_input("start_data_path").set_value(str(path)).run()


def test_data_that_is_not_there_is_said_and_nothing_can_be_started(folder: Path) -> None:
    app = with_data(training(folder), folder / "nowhere")
    assert not app.exception
    assert "nowhere" in app.error[0].value
    assert app.button("start_now").disabled


def test_data_without_training_subjects_is_refused(folder: Path) -> None:
    app = with_data(training(folder), ROOT / "assets" / "samples" / "balancing.safetensors")
    assert "no training subjects" in app.error[0].value
    assert app.button("start_now").disabled


def test_the_order_is_what_the_form_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_file.write(tmp_path / "toy.safetensors", toy_dataset())
    asked: list[launch.Order] = []
    monkeypatch.setattr(launch, "start", asked.append)
    app = with_data(training(folder), tmp_path / "toy.safetensors")
    app.number_input("start_epochs").set_value(3)
    app.number_input("start_dropout").set_value(0.25)
    app.selectbox("start_source").set_value("hourglass")
    app.selectbox("start_norm").set_value("Weights to 1")
    app.selectbox("start_frame_True").set_value("world")
    app.toggle("start_residual").set_value(False).run()
    app.button("start_now").click().run()
    assert_fine(app)
    (order,) = asked
    assert (order.data, order.folder) == (str(tmp_path / "toy.safetensors"), folder / "paper-1")
    assert dict(order.options) == {
        "recipe": "paper", "epochs": 3, "dropout": 0.25, "source": "hourglass", "no_max": True,
        "clip_weights": True, "frame": "world", "no_residual": True,
    }  # fmt: skip


@pytest.mark.parametrize("typed", ["~nobody-of-that-name/runs", "a\x00b", "   "], ids=repr)
def test_a_folder_that_cant_be_is_one_without_runs(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = training(Path("runs"))
    app.text_input("pick_runs").set_value(typed).run()
    assert_fine(app)
    assert "no runs in" in app.info[0].value


def test_a_run_of_another_machine_can_be_watched_but_not_stopped(folder: Path) -> None:
    made(folder / "mine", "running", process=Process(1, "then", "elsewhere"))
    app = training(folder)
    assert_fine(app)
    app.button("stop_mine").click().run()
    assert not app.exception
    assert "it runs on elsewhere" in app.error[0].value
    assert "stop_mine" in keys(app), "it is not taken for stopping"
