"""The page "Errors by action" through the front door, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

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
