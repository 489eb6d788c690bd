"""CMU's motion capture, brought from the Open files page."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.workflows import fetch_cmu
from pages.components import jobs
from tests.formats.mocap_writers import amc_text, asf_text, rest_frame
from tests.web import serving

ROOT = Path(__file__).resolve().parents[2]


def opened() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    return app.switch_page("pages/files.py").run()


def submit(app: AppTest, folder: str) -> AppTest:
    app.text_input("cmu_folder").input(folder)
    (button,) = (b for b in app.button if b.label == "Fetch and prepare")
    button.click().run()
    if job := jobs.find(app.session_state["fetching_cmu"] if folder else ""):
        job.wait(30)
        app.run()
    assert not app.exception
    return app


def test_clips_are_fetched_prepared_and_browsed(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "site" / "subjects" / "02"
    folder.mkdir(parents=True)
    (folder / "02.asf").write_text(asf_text())
    (folder / "02_01.amc").write_text(amc_text([rest_frame()] * 3))
    (tmp_path / "list.csv").write_text("subject,trial,action\n02,01,walk\n02,02,run\n")
    with serving(tmp_path / "site") as site:
        work = fetch_cmu.fetch_and_prepare
        monkeypatch.setattr(
            fetch_cmu,
            "fetch_and_prepare",
            lambda *a, **k: work(*a, trials=tmp_path / "list.csv", site=site.address, **k),
        )
        app = submit(opened(), str(tmp_path / "cmu"))
    assert "4 recordings, 12 frames of 1 clips" in app.success[0].value
    assert any("02" in caption.value and "404" in caption.value for caption in app.caption)
    app.button("cmu_browse").click().run()
    assert not app.exception


def test_a_site_that_fails_is_said_and_the_form_stays(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "site").mkdir()
    with serving(tmp_path / "site") as site:
        work = fetch_cmu.fetch_and_prepare
        monkeypatch.setattr(
            fetch_cmu, "fetch_and_prepare", lambda *a, **k: work(*a, site=site.address, **k)
        )
        app = submit(opened(), str(tmp_path / "cmu"))
    assert "the server answered 404" in app.error[0].value
    assert app.text_input("cmu_folder").value == str(tmp_path / "cmu"), "to try again at once"


def test_without_a_folder_it_asks_for_one() -> None:
    app = submit(opened(), "")
    assert "Type the path of a folder first" in app.warning[0].value
