"""Runs as processes of their own: what is refused, what is said, and that no shell is near."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import run_log, runs
from core.errors import PoseFormatError
from core.formats import dataset_file
from core.processes import this_process
from core.runs import Run
from core.workflows import launch
from core.workflows.launch import Order
from core.workflows.open import open_checkpoint
from tests.toys import toy_dataset

PATIENCE_S = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "toy.safetensors"
    dataset_file.write(file, toy_dataset())
    return file


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Put a few lines of Python in the place of the training; runs that are left are ended."""

    def replace(code: str) -> None:
        (tmp_path / "core").mkdir(exist_ok=True)
        (tmp_path / "core" / "__main__.py").write_text(code)
        monkeypatch.setattr(launch, "ROOT", tmp_path)

    monkeypatch.setattr(launch, "_processes", {})
    yield replace
    for process in launch._processes.values():
        process.popen.kill()
        process.popen.wait()


def wait_until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def order(data: Path, folder: Path, exp: str = "mine", **options: Any) -> Order:
    return Order(str(data), folder, exp, options)


def test_each_option_and_its_value_are_one_argument(data: Path, tmp_path: Path) -> None:
    asked = order(data, tmp_path, "my run", source="seen ($(reboot); --load x)", lr=0.01,
                  epochs=3, no_residual=True, no_max=False)  # fmt: skip
    assert launch.arguments(asked) == [
        "train", f"--data_dir={data}", f"--ckpt={tmp_path}", "--exp=my run",
        "--source=seen ($(reboot); --load x)", "--lr=0.01", "--epochs=3", "--no_residual",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"job": 3},
        {"exec": "rm"},
        {"recipe": "paper\n--load=x"},
        {"recipe": ["paper"]},
        {"epochs": "3; reboot"},
        {"epochs": True},
        {"epochs": 3.5},
        {"no_max": "yes"},
    ],
    ids=str,
)
def test_an_option_that_is_not_known_or_of_another_type_is_refused(
    data: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(PoseFormatError, match="can't start a run with"):
        launch.start(order(data, tmp_path, **options))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "-x", ".hidden", "a\nb", "x" * 65])
def test_a_name_that_would_leave_the_folder_is_refused(
    data: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(PoseFormatError, match="the run's name must begin with"):
        launch.start(order(data, tmp_path, name))
    assert not list(tmp_path.iterdir())


def test_data_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="nowhere: no such file or folder"):
        launch.start(order(tmp_path / "nowhere", tmp_path / "runs"))
    (tmp_path / "song.mp3").touch()
    with pytest.raises(PoseFormatError, match="it is no data set"):
        launch.start(order(tmp_path / "song.mp3", tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_holds_a_run_is_not_touched(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    runs.write_run(Run(tmp_path / "mine", "done"))
    with pytest.raises(PoseFormatError, match="there is a run of this name already"):
        launch.start(order(data, tmp_path))
    assert [f.name for f in (tmp_path / "mine").iterdir()] == [runs.RUN]


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_run_that_died_before_it_saved_leaves_its_name_free(
    data: Path, tmp_path: Path, state: runs.State
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    runs.write_run(Run(folder, state))
    launch.check(order(data, tmp_path))
    assert not launch.can_resume(folder)
    (folder / runs.STATE).touch()
    assert launch.can_resume(folder)
    with pytest.raises(PoseFormatError, match="there is a run of this name already"):
        launch.check(order(data, tmp_path))


def test_a_folder_with_other_files_is_not_touched(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(PoseFormatError, match="holds other files"):
        launch.start(order(data, tmp_path))


def test_a_place_that_cant_be_written_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PoseFormatError, match=r"file/mine: can't start a run here"):
        launch.start(order(data, tmp_path / "file"))


def test_a_run_gets_its_options_as_they_are_and_its_output_is_kept(
    data: Path, tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    trainer("import json, os, sys\nprint(json.dumps([sys.argv[1:], os.getsid(0), os.getpid()]))")
    launch.start(order(data, tmp_path / "runs", "a b"))
    folder = tmp_path / "runs" / "a b"
    wait_until(lambda: not launch.is_starting(folder))
    argv, session, pid = json.loads(launch.output(folder))
    assert argv[1:] == [f"--data_dir={data}", f"--ckpt={tmp_path / 'runs'}", "--exp=a b"]
    assert session == pid, "Ctrl-C in the server's terminal would end it"


def test_a_run_that_dies_at_its_start_says_why(
    data: Path, tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    trainer("import sys\nprint('reading')\nsys.exit('python -m core train: no training subjects')")
    launch.start(order(data, tmp_path / "runs"))
    folder = tmp_path / "runs" / "mine"
    wait_until(lambda: not launch.is_starting(folder))
    assert launch.failed() == {folder: "no training subjects"}
    launch.forget(folder)
    assert launch.failed() == {}


def test_a_run_that_dies_without_a_word_is_told_by_its_exit_code(
    data: Path, tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    trainer("raise SystemExit(3)")
    launch.start(order(data, tmp_path / "runs"))
    wait_until(launch.failed)
    assert "exit code 3" in launch.failed()[tmp_path / "runs" / "mine"]


def test_after_a_start_that_failed_the_name_is_free_again(
    data: Path, tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    trainer("raise SystemExit('first')")
    launch.start(order(data, tmp_path / "runs"))
    wait_until(launch.failed)
    trainer("raise SystemExit('second')")
    launch.start(order(data, tmp_path / "runs"))
    wait_until(launch.failed)
    assert launch.output(tmp_path / "runs" / "mine") == "second"


def test_a_name_whose_run_is_just_starting_is_taken(
    data: Path, tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    trainer("import time\ntime.sleep(60)")
    launch.start(order(data, tmp_path / "runs"))
    assert launch.starting() == (tmp_path / "runs" / "mine",)
    with pytest.raises(PoseFormatError, match="a run is starting here already"):
        launch.start(order(data, tmp_path / "runs"))


@pytest.mark.parametrize(
    ("state", "message"),
    [("done", "its 5 epochs are done"), ("stopped", "no state.safetensors to go on from")],
)
def test_what_has_nothing_to_go_on_is_not_resumed(tmp_path: Path, state: Any, message: str) -> None:
    runs.write_run(Run(tmp_path, state, epochs=5))
    if state == "done":
        (tmp_path / runs.STATE).touch()
        with pytest.raises(PoseFormatError, match=message):
            launch.resume(tmp_path, epochs=5)
    with pytest.raises(PoseFormatError, match=message):
        launch.resume(tmp_path)


def test_a_run_that_is_done_goes_on_to_more_epochs(
    tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    runs.write_run(Run(folder, "done", epochs=5))
    (folder / runs.STATE).touch()
    trainer("import sys\nprint(sys.argv[-2:])")
    launch.resume(folder, epochs=9)
    wait_until(lambda: launch.output(folder))
    assert launch.output(folder) == "['--resume', '--epochs=9']"


def test_a_run_that_goes_on_is_not_started_twice(tmp_path: Path) -> None:
    runs.write_run(Run(tmp_path, "running", process=this_process()))
    with pytest.raises(PoseFormatError, match="still going on"):
        launch.resume(tmp_path)


def test_resuming_adds_to_the_output_and_tells_only_of_the_new_failure(
    tmp_path: Path, trainer: Callable[[str], None]
) -> None:
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    runs.write_run(Run(folder, "stopped"))
    (folder / runs.STATE).touch()
    (folder / launch.OUTPUT).write_text("before\n")
    trainer("import sys\nprint(sys.argv[1:])\nraise SystemExit('python -m core train: full')")
    launch.resume(folder)
    wait_until(lambda: not launch.is_starting(folder))
    assert launch.failure(folder) == "full"
    first, argv, _ = launch.output(folder).splitlines()
    assert first == "before"
    assert argv == str(["train", f"--ckpt={tmp_path / 'runs'}", "--exp=mine", "--resume"])


def test_a_run_of_another_machine_is_stopped_there(tmp_path: Path) -> None:
    elsewhere = type(this_process())(1, "some time", "elsewhere")
    runs.write_run(Run(tmp_path, "running", process=elsewhere))
    with pytest.raises(PoseFormatError, match="it runs on elsewhere"):
        launch.stop(tmp_path)


def test_only_data_that_is_there_is_offered_again(tmp_path: Path, data: Path) -> None:
    def learned_from(spec: str) -> str | None:
        return launch.data_of(Run(tmp_path, "done", data={"spec": spec}))

    assert learned_from("synthetic") == "synthetic"
    assert learned_from(str(data)) == str(data)
    assert learned_from(str(tmp_path / "gone")) is None
    assert learned_from("") is None


def test_the_form_shows_what_a_recipe_takes() -> None:
    paper = launch.recipe_values("paper")
    assert (paper["epochs"], paper["train_batch"], paper["lr"]) == (200, 64, 1e-3)
    assert (paper["linear_size"], paper["num_stage"], paper["dropout"]) == (1024, 2, 0.5)
    assert launch.recipe_values("general-gt")["train_batch"] == 512


def at_work(folder: Path) -> bool:
    return launch.is_at_work(folder, runs.find_runs(folder))


def epochs_of(folder: Path) -> int:
    return len(run_log.read_log(folder).epochs)


def test_a_real_run_is_killed_resumed_and_stopped(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_processes", {})
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = tmp_path / "runs" / "mine"
    launch.start(order(data, tmp_path / "runs", epochs=100_000, linear_size=8, train_batch=2))
    assert at_work(tmp_path / "runs"), "it is starting"
    try:
        wait_until(lambda: epochs_of(folder) > 1)
        assert runs.read_run(folder).status == "running"
        launch.end(folder)
        wait_until(lambda: not at_work(tmp_path / "runs"))
        killed = runs.read_run(folder)
        assert (killed.status, launch.failure(folder)) == ("killed", None)

        before = epochs_of(folder)
        launch.resume(folder)
        assert launch.is_starting(folder), "what was killed still says that it runs"
        wait_until(lambda: epochs_of(folder) > before + 1)
        assert not launch.is_starting(folder)
        launch.stop(folder)
        wait_until(lambda: not at_work(tmp_path / "runs"))
        stopped = runs.read_run(folder)
        assert (stopped.status, launch.failure(folder)) == ("stopped", None)
        assert stopped.can_resume
        assert "stopped after step" in launch.output(folder)
        best = launch.checkpoint(folder, "best")
        assert best is not None
        assert open_checkpoint(best).config.linear_size == 8
    finally:
        launch.end(folder)
