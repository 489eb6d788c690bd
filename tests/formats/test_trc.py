"""TRC marker files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import PoseFormatError
from core.formats import trc
from tests.formats.writers import trc_text

NAMES = ["RHip", "Head"]
POSITIONS = np.arange(18.0).reshape(3, 2, 3) / 7


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clip.trc"
    path.write_text(text)
    return path


@given(hnp.arrays(np.float64, (4, 2, 3), elements=st.floats(-9, 9, width=32)))
def test_what_is_written_is_read(tmp_path_factory, positions):
    path = written(tmp_path_factory.mktemp("trc"), trc_text(NAMES, positions, fps=120))
    markers = trc.read(path)
    assert markers.names == ("RHip", "Head")
    assert markers.fps == 120
    np.testing.assert_allclose(markers.positions, positions * 1000)


@pytest.mark.parametrize(("units", "mm"), [("m", 1000), ("mm", 1), ("cm", 10)])
def test_lengths_come_in_mm(tmp_path: Path, units, mm):
    markers = trc.read(written(tmp_path, trc_text(NAMES, POSITIONS, units=units)))
    np.testing.assert_allclose(markers.by_name()["Head"], POSITIONS[:, 1] * mm)


def test_an_empty_cell_is_a_missing_marker(tmp_path: Path):
    gap = POSITIONS.copy()
    gap[1, 1] = np.nan
    found = trc.read(written(tmp_path, trc_text(NAMES, gap))).positions
    np.testing.assert_array_equal(np.isnan(found), np.isnan(gap))


def change(old: str, new: str) -> str:
    text = trc_text(NAMES, POSITIONS)
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a TRC file was expected, whose first line starts with PathFileType"),
        (change("PathFileType", "Something"), "a TRC file was expected"),
        (change("\tm\t", "\tinch\t"), r"lines 2 and 3: DataRate, NumMarkers and Units \(m, cm"),
        (change("DataRate", "Rate"), "lines 2 and 3"),
        (change("60\t60\t3\t2", "0\t60\t3\t2"), "lines 2 and 3"),
        (change("60\t60\t3\t2", "60\t60\t3\t4"), "line 4: 4 different marker names were expected"),
        (change("\tHead", "\tRHip"), "line 4: 2 different marker names were expected, not 1"),
        (change("60\t60\t3\t2", "60\t60\t9\t2"), "9 frames were announced, and 3 are there"),
        (change("0.14285714285714285", "abc"), "line 6: frame, time and 6 finite numbers were"),
        (change("0.14285714285714285", "inf"), "line 6: frame, time and 6 finite numbers were"),
        ("\n".join(trc_text(NAMES, POSITIONS).splitlines()[:5]), "it has no frames"),
    ],
)
def test_what_is_wrong_is_named_by_line(tmp_path: Path, text, said):
    with pytest.raises(PoseFormatError, match=said) as error:
        trc.read(written(tmp_path, text))
    assert str(error.value).startswith(str(tmp_path / "clip.trc"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    path = tmp_path / "clip.trc"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(PoseFormatError, match="can't be read as text"):
        trc.read(path)
    with pytest.raises(PoseFormatError, match="can't be read as text"):
        trc.read(tmp_path / "none.trc")
