"""The page "Robustness" through the front door, without a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import checkpoint
from core.cli import main
from core.formats import dataset_file
from core.model import Lifter, LifterConfig
from core.workflows import robustness
from tests.pages.test_pages import ROOT, assert_fine, options, pick
from tests.toys import toy_checkpoint, toy_dataset

# Two checkpoints at so many levels are more than what is measured at once.
MANY = ",".join(str(level) for level in range(20))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path / "kept"))
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)


def opened(app: AppTest, **asked: str) -> AppTest:
    for name, value in asked.items():
        app.query_params[name] = value
    return app.run().switch_page("pages/robustness.py").run()


def figures(app: AppTest) -> dict[str, Any]:
    """The charts by their keys: the strip and the curves."""
    found = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return dict(zip(("strip", "curves"), found, strict=False))


def test_the_first_start_shows_both_checkpoints_on_the_real_recording(app: AppTest) -> None:
    opened(app)
    assert_fine(app)
    assert app.query_params["noise"] == "gaussian"
    assert app.query_params["others"] == "detector"
    curves = figures(app)["curves"]
    assert [line["name"] for line in curves["data"]] == [
        "Trained on GT 2D",
        "Trained on detector 2D",
    ]
    assert curves["layout"]["xaxis"]["title"]["text"] == "noise σ (px)"
    assert curves["layout"]["yaxis"]["title"]["text"] == "MPJPE (mm)"
    assert "Gaussian noise, 20 px" in app.markdown[0].value


def test_page_and_command_agree_to_the_last_digit(
    app: AppTest, capsys: pytest.CaptureFixture[str]
) -> None:
    pick(opened(app, noise="dropped", levels="0,20"), protocol="2")
    table = app.dataframe[0].value
    capsys.readouterr()
    said = main(["robustness", "--data_dir", "balancing", "--load", "gt", "detector",
                 "--noise", "dropped", "--levels", "0,20", "--format", "json"])  # fmt: skip
    assert said == 0
    found = json.loads(capsys.readouterr().out)["checkpoints"]
    for row, of_one in enumerate(found):
        for level in of_one["levels"]:
            assert table[f"{level['level']:g}%"][row] == level["protocol_2"]["Balancing"]


def test_one_checkpoint_alone_shows_each_action_beneath_their_average(
    app: AppTest, tmp_path: Path
) -> None:
    dataset_file.write(tmp_path / "toy.safetensors", toy_dataset())
    opened(app, data=str(tmp_path / "toy.safetensors"), others="")
    assert_fine(app)
    lines = figures(app)["curves"]["data"]
    assert [line["name"] for line in lines] == [
        "Directions", "Sitting", "SittingDown", "Average of actions",
    ]  # fmt: skip
    assert list(app.dataframe[0].value["Action"])[:4] == [
        "Directions", "Sitting", "SittingDown", "Average",
    ]  # fmt: skip


def test_one_action_only_is_one_line_and_no_average_of_itself(app: AppTest) -> None:
    opened(app, others="")
    assert_fine(app)
    assert [line["name"] for line in figures(app)["curves"]["data"]] == ["Balancing"]
    assert list(app.dataframe[0].value["Action"]) == ["Balancing", "Joints moved by (px)"]


def test_several_checkpoints_are_compared_by_one_action_at_a_time(
    app: AppTest, tmp_path: Path
) -> None:
    dataset_file.write(tmp_path / "toy.safetensors", toy_dataset())
    opened(app, data=str(tmp_path / "toy.safetensors"))
    before = figures(app)["curves"]["data"]
    pick(app, curve="Sitting")
    assert_fine(app)
    assert figures(app)["curves"]["data"] != before
    assert app.query_params["curve"] == "Sitting"


def test_an_ablated_checkpoint_is_laid_over_and_named_by_what_its_file_says(
    app: AppTest, tmp_path: Path
) -> None:
    config = LifterConfig(linear_size=8, num_stage=1, batch_norm=False)
    weights = toy_checkpoint(
        config=config,
        state=Lifter(config).state_dict(),
        provenance={"recipe": {"exposure": {"frame": "world"}}},
    )
    checkpoint.save(tmp_path / "mine.safetensors", weights)
    opened(app, others=str(tmp_path / "mine.safetensors"))
    assert_fine(app)
    names = [line["name"] for line in figures(app)["curves"]["data"]]
    assert names[0] == "Trained on GT 2D"
    assert names[1].endswith("mine.safetensors (without batch norm, world frame)")


def test_data_without_truth_shows_what_the_network_sees_and_says_what_is_missing(
    app: AppTest, tmp_path: Path
) -> None:
    data = toy_dataset()
    blind = replace(data, read=lambda key: replace(data.read(key), truth=None), digest="blind")
    dataset_file.write(tmp_path / "blind.safetensors", blind)
    opened(app, data=str(tmp_path / "blind.safetensors"))
    assert_fine(app)
    assert "no 3D truth" in app.info[0].value
    assert list(figures(app)) == ["strip"]
    assert not app.dataframe


def test_another_kind_brings_its_own_levels(app: AppTest) -> None:
    opened(app)
    app.text_input("pick_levels").set_value("0,7").run()
    assert_fine(app)
    assert list(app.dataframe[0].value.columns)[-2:] == ["0 px", "7 px"]
    pick(app, noise="scale")
    assert_fine(app)
    assert app.query_params["levels"] == "0.5,0.75,1,1.5,2"
    assert "+0.0 mm" in app.markdown[0].value


def test_wrong_levels_are_said_where_they_stand(app: AppTest) -> None:
    app = opened(app, levels="0,x")
    assert not app.exception
    assert "not 'x'" in app.error[0].value.replace("\\", "")
    assert not app.get("plotly_chart")
    app.text_input("pick_levels").set_value("").run()
    assert_fine(app)
    assert app.query_params["levels"] == "0,5,10,15,20"


def test_a_link_to_a_checkpoint_that_is_not_there_shows_the_rest_and_says_so(app: AppTest) -> None:
    opened(app, others="gone.safetensors|detector")
    assert_fine(app)
    assert any("gone.safetensors" in toast.value for toast in app.toast)
    assert app.query_params["others"] == "detector"


def test_another_frame_is_another_frame(app: AppTest) -> None:
    opened(app)
    before = app.caption[1].value
    app.button("robustness_another").click().run()
    assert_fine(app)
    assert app.caption[1].value != before


def test_every_kind_is_offered_and_drawn(app: AppTest) -> None:
    opened(app, levels="0,5")
    assert len(options(app, "pick_noise")) == len(robustness.PERTURBATIONS)
    for name, kind in robustness.PERTURBATIONS.items():
        pick(app, noise=name)
        assert_fine(app)
        assert figures(app)["curves"]["layout"]["xaxis"]["title"]["text"] == kind.axis


def test_a_large_run_waits_for_a_press_stops_and_goes_on_where_it_was(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(app, levels=MANY)
    assert_fine(app)
    assert app.button("robustness_measure").label == "Measure the curve (16,000 poses)"
    assert not app.dataframe
    measure = robustness.measure

    def endless(setting: Any, lifters: Any, *, progress: Any) -> None:
        measure(replace(setting, levels=setting.levels[:3]), lifters)
        while True:
            progress(2000, 16_400)
            time.sleep(0.005)

    monkeypatch.setattr(robustness, "measure", endless)
    app.button("robustness_measure").click().run()
    assert_fine(app)
    time.sleep(1.0)
    app.button("robustness_stop").click().run()
    assert_fine(app)
    assert app.info[0].value == "Stopped. 6 of 40 points are measured, and kept."
    assert [len(line["x"]) for line in figures(app)["curves"]["data"]] == [3, 3]
    assert app.dataframe[0].value["19 px"].isna().all()
    monkeypatch.setattr(robustness, "measure", measure)
    assert app.button("robustness_measure").label == "Measure the rest (13,600 poses)"
    app.button("robustness_measure").click().run()
    deadline = time.monotonic() + 30
    while app.get("progress") or app.button or app.dataframe[0].value["19 px"].isna().all():
        if not app.dataframe[0].value["19 px"].isna().any():
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
        app.run()
    assert_fine(app)
    assert [len(line["x"]) for line in figures(app)["curves"]["data"]] == [20, 20]
