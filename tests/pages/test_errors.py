"""The page "Errors by action" through the front door, without a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.workflows import measures, results
from core.workflows.open import open_checkpoint, open_dataset
from tests.pages.test_pages import ROOT, assert_fine, pick


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    yield app.switch_page("pages/errors.py").run()


def table(app: AppTest) -> str:
    return next(h.proto.body for h in app.get("html") if "paper-table" in h.proto.body)


def widget(app: AppTest, name: str) -> str:
    """Find a filter's key: it carries the data set's digest."""
    kinds = (app.selectbox, app.segmented_control, app.number_input)
    keys = [w.key for kind in kinds for w in kind if w.key]
    return next(key for key in keys if key.startswith(f"errors_{name}_"))


def test_the_real_recording_is_judged_at_once_under_both_protocols(app: AppTest) -> None:
    assert_fine(app)
    html = table(app)
    assert "Balancing" in html
    assert "Protocol #1" in html
    assert "Protocol #2" in html
    assert html.count("Trained on GT 2D") == 4, "each checkpoint with each input, twice"
    assert len(app.get("plotly_chart")) == 2


def test_other_data_is_plainly_not_comparable_with_what_was_published(app: AppTest) -> None:
    assert "Martinez" not in table(app)
    assert any("do not compare" in caption.value for caption in app.caption)


def test_the_worst_frames_are_listed_the_largest_error_first(app: AppTest) -> None:
    listed = app.dataframe[0].value
    errors = listed["Error (mm)"].tolist()
    assert errors == sorted(errors, reverse=True)
    assert set(listed["Camera"]) == {"cam_01", "cam_02", "cam_03", "cam_04"}


def test_filters_narrow_the_list(app: AppTest) -> None:
    app.selectbox(widget(app, "camera")).set_value("cam_02").run()
    assert_fine(app)
    assert set(app.dataframe[0].value["Camera"]) == {"cam_02"}
    app.segmented_control(widget(app, "order")).set_value("jump").run()
    assert_fine(app)
    assert "Jump (mm/frame)" in app.dataframe[0].value


def test_a_filter_that_leaves_nothing_says_what_to_do(app: AppTest) -> None:
    app.number_input(widget(app, "most")).set_value(0.0).run()
    assert_fine(app)
    assert not app.dataframe
    assert any("Widen a filter" in info.value for info in app.info)


def test_the_error_range_has_both_ends(app: AppTest) -> None:
    errors = app.dataframe[0].value["Error (mm)"]
    low, high = errors.iloc[-2], errors.iloc[1]
    app.number_input(widget(app, "least")).set_value(low - 0.01).run()
    app.number_input(widget(app, "most")).set_value(high + 0.01).run()
    assert_fine(app)
    listed = app.dataframe[0].value["Error (mm)"]
    assert listed.between(low - 0.01, high + 0.01).all()
    assert len(listed) > 0
    app.number_input(widget(app, "least")).set_value(high + 50).run()
    assert_fine(app)
    assert any("swap the two" in info.value for info in app.info)


def test_the_other_measures_are_those_of_the_command_line(app: AppTest) -> None:
    html = next(h.proto.body for h in app.get("html") if "MPJVE" in h.proto.body)
    data, model = open_dataset("balancing"), open_checkpoint("gt")
    row = measures.sums(results.judge(data, model, "gt")).by_action()["Balancing"]
    for measure in measures.MEASURES:
        assert f"<td>{row[measure.name]:.1f}</td>" in html, measure.name
    assert any("MPJVE times that is in mm/s" in caption.value for caption in app.caption)


def test_errors_are_shown_as_a_distribution_too(app: AppTest) -> None:
    app.segmented_control("errors_curve_kind").set_value("Distribution").run()
    assert_fine(app)
    assert "last step: all beyond" in app.get("plotly_chart")[1].proto.spec


def test_every_heatmap_and_joint_set_can_be_shown(app: AppTest) -> None:
    for shown in ("Joint × camera", "Subject × action"):
        app.segmented_control("errors_heatmap_kind").set_value(shown).run()
        assert_fine(app)
    before = table(app)
    pick(app, joints="14")
    assert_fine(app)
    assert table(app) != before


def test_a_large_data_set_waits_for_a_click(app: AppTest) -> None:
    pick(app, data="synthetic")
    assert_fine(app)
    assert app.button("errors_compute").label == "Compute the errors"
    assert any("recordings" in info.value for info in app.info)
    assert not app.dataframe


def test_work_goes_on_in_the_background_and_can_be_stopped(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(data, lifter, source, *, progress):
        progress(1000, 4000)
        while not go_on.wait(0.05):
            progress(1000, 4000)

    pick(app, data="synthetic")
    monkeypatch.setattr("core.workflows.results.judge", slow)
    app.button("errors_compute").click().run()
    assert_fine(app)
    assert not app.title or app.title[0].value == "Errors by action"
    app.switch_page("pages/files.py").run()
    app.switch_page("pages/errors.py").run()
    assert_fine(app)
    app.button("errors_stop").click().run()
    app.run()
    assert any("nothing is kept" in info.value for info in app.info)
    assert app.button("errors_compute").label == "Compute the errors"
    go_on.set()
