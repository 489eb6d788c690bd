"""Saving a page's figure: the browser draws the file itself, in both formats."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.browser.test_app import APP
from tests.browser.test_errors import open_errors

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("file", ["errors_heatmap", "errors_curve"])
def test_every_figure_is_saved_as_png_and_as_svg(open_page, serve, tmp_path: Path, file) -> None:
    page = open_errors(open_page, serve(APP), width=1440, height=1950, accept_downloads=True)
    for ending in ("png", "svg"):
        button = page.locator(f".st-key-figure_{file} .figure-save button", has_text=ending.upper())
        with page.expect_download() as waiting:
            button.click()
        saved = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(saved)
        assert saved.name == f"{file}.{ending}"
        if ending == "png":
            assert saved.read_bytes().startswith(PNG)
        else:
            drawing = "".join(ElementTree.parse(saved).getroot().itertext())
            assert "mm" in drawing, "the title and the axes say the unit"
