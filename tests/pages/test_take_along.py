"""The Download menu: what is shown, as a file for another tool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.workflows import export_file
from pages.components import jobs, take_along
from tests.viz.test_film import packet

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["app.py", "pages/compare.py"])
def test_the_menu_offers_every_kind_of_file(page: str) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    if page != "app.py":
        app = app.switch_page(page).run()
    app.button("take_along").click().run()
    assert not app.exception
    kinds = take_along.KINDS | (take_along.OF_A_FILM if page == "app.py" else {})
    assert list(app.selectbox("take_as").options) == list(kinds.values())
    assert [b.key for b in app.button if b.key == "take_make"]


def test_the_menu_makes_what_the_command_line_makes(tmp_path: Path) -> None:
    shown = export_file.Shown(packet(), None, None)  # type: ignore[arg-type]
    for suffix in (".bvh", ".trc", ".html"):
        export_file.write(tmp_path / f"S9_Walking{suffix}", shown)
        made = take_along.make(shown, f"S9_Walking{suffix}")
        assert made.content == (tmp_path / f"S9_Walking{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["a b/c\\d", "x" * 300, "走" * 300])
def test_any_name_that_a_browser_gives_will_do(name: str) -> None:
    shown = export_file.Shown(packet(), None, None)  # type: ignore[arg-type]
    assert b"PathFileType" in take_along.make(shown, f"{name}.trc").content


def test_a_film_that_is_stopped_is_none(tmp_path: Path) -> None:
    shown = export_file.Shown(packet(), None, None)  # type: ignore[arg-type]
    told = []

    def stop(done: int, in_all: int) -> None:
        told.append((done, in_all))
        raise jobs.Stopped

    with pytest.raises(jobs.Stopped):
        take_along.make(shown, "film.gif", stop)
    assert told == [(1, np.ceil(5 * 20 / 50))]
