"""The page "Errors by action" on other data: in Human3.6M's shape, and with gaps."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.dataset import Dataset
from core.formats import dataset_file
from tests.pages.test_errors import table
from tests.pages.test_pages import ROOT, assert_fine, pick
from tests.toys import toy_dataset, toy_human36m


def opened(data: Dataset, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(folder / "kept"))
    file = folder / "toy.safetensors"
    dataset_file.write(file, data)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.query_params["data"] = str(file)
    return app.run().switch_page("pages/errors.py").run()


def test_published_rows_stand_above_ours_on_data_that_passes_for_human36m(
    tmp_path, monkeypatch
) -> None:
    app = opened(toy_human36m(), tmp_path, monkeypatch)
    assert_fine(app)
    html = table(app)
    assert html.count('<tr class="published">') == 8
    assert html.index("Martinez et al. 2017") < html.index("Trained on GT 2D")
    assert not any("do not compare" in caption.value for caption in app.caption)
    assert any("SittingDown column also averages Sitting" in c.value for c in app.caption)
    pick(app, joints="14")
    assert_fine(app)
    assert "published" not in table(app).split("</style>")[-1]
    assert any("they count 17 joints" in caption.value for caption in app.caption)


def test_frames_with_missing_joints_are_left_out_and_the_page_stands(tmp_path, monkeypatch) -> None:
    app = opened(toy_dataset(missing=True), tmp_path, monkeypatch)
    assert_fine(app)
    assert "nan" not in table(app)
    listed = app.dataframe[0].value
    assert listed["Error (mm)"].notna().all()
