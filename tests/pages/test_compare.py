"""The Compare page's Python: two sides, one sentence, the summary, work in the background."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.errors import PoseFormatError
from core.workflows.open import open_dataset
from pages.components import jobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    return app.switch_page("pages/compare.py").run()


def test_it_opens_on_two_inputs_and_says_what_the_detector_costs(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    assert page.session_state["pick_a_input"] == "gt"
    assert page.session_state["pick_b_input"] == "openpose"
    assert "Openpose input costs" in page.markdown[0].value
    assert [c.key for c in page.get("bidi_component")][:2] == ["compare_control", "compare"]


def test_predictions_made_elsewhere_are_set_against_a_checkpoint_not_another_input(tmp_path):
    data = open_dataset("balancing")
    parts = []
    for entry in data.entries:
        truth = data.load(entry.key).truth
        assert truth is not None
        parts.append(truth.positions)
    np.save(tmp_path / "theirs.npy", np.concatenate(parts))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["checkpoint"] = str(tmp_path / "theirs.npy")
    app = app.run().switch_page("pages/compare.py").run()
    assert not app.exception
    assert app.session_state["pick_a_checkpoint"] == str(tmp_path / "theirs.npy")
    assert app.session_state["pick_b_checkpoint"] == "gt"
    assert app.session_state["pick_b_input"] == app.session_state["pick_a_input"] == "gt"


def test_balancing_is_summarized_at_once(page: AppTest) -> None:
    table = page.dataframe[0].value
    assert list(table["Action"]) == ["Balancing", "Average", "All frames"]
    assert list(table["Frames"]) == [400, 400, 400]
    change = table["B (mm)"] - table["A (mm)"]
    assert list(change) == pytest.approx(list(table["B − A (mm)"]))
    assert set(table["95 % from"]) == {"–"}, "a single take has no interval"
    assert any("two sequences or more" in caption.value for caption in page.caption)


def test_the_ring_stands_where_the_viewer_does(page: AppTest) -> None:
    at = int(page.session_state["choice"]["frame"])
    assert f'"name":"frame {at}"' in page.get("plotly_chart")[0].proto.spec


def test_the_same_on_both_sides_says_what_to_do(page: AppTest) -> None:
    page.segmented_control("pick_b_input").set_value("gt").run()
    assert not page.exception
    assert "A and B are the same" in page.info[0].value


def test_two_checkpoints_on_one_input_are_compared_too(page: AppTest) -> None:
    page.segmented_control("pick_b_input").set_value("gt").run()
    page.selectbox("pick_b_checkpoint").set_value("detector").run()
    assert not page.exception
    assert "The checkpoint “Trained on detector 2D”" in page.markdown[0].value


def test_the_address_names_both_sides(page: AppTest) -> None:
    assert page.query_params["a_input"] == "gt"
    assert page.query_params["b_input"] == "openpose"


def test_a_large_set_waits_for_a_press(page: AppTest) -> None:
    page.selectbox("pick_data").set_value("synthetic").run()
    assert not page.exception
    assert page.button("compare_all").label.startswith("Compare over the test set (")


def test_a_job_reports_stops_and_says_what_was_wrong() -> None:
    reached, go_on = threading.Event(), threading.Event()

    def work(report: jobs.Progress) -> str:
        report(1, 4)
        reached.set()
        go_on.wait(10)
        report(2, 4)
        return "done"

    job = jobs.Job(work)
    assert reached.wait(10)
    assert (job.running, job.done, job.in_all) == (True, 1, 4)
    job.stop()
    go_on.set()
    job.wait(10)
    assert (job.running, job.result, job.error) == (False, None, "Stopped.")

    def broken(report: jobs.Progress) -> str:
        raise PoseFormatError("is no data set", file="x")

    failed = jobs.Job(broken)
    failed.wait(10)
    assert failed.error == "x: is no data set"
