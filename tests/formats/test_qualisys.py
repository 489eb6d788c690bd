"""Qualisys calibrations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.cameras import Camera, looking_at
from core.errors import PoseFormatError
from core.formats import qualisys
from tests.formats.writers import qualisys_text


def camera(name: str, centre: tuple[float, float, float]) -> Camera:
    return Camera.from_arrays(
        name,
        looking_at(centre, (0, 0, 900)),
        centre,
        focal_px=(1681.25, 1680.5),
        centre_px=(532.5, 948.25),
        radial=(-0.05, 0.14, 0.01),
        tangential=(0.0006, -0.0007),
        size_px=(1088, 1920),
    )


CAMERAS = [camera("cam_01", (1460, -1909, 1896)), camera("cam_02", (-2582, 706, 1690))]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "Calib.qca.txt"
    path.write_text(text)
    return path


def test_cameras_come_back_in_order(tmp_path: Path):
    found = qualisys.read(written(tmp_path, qualisys_text(CAMERAS)))
    for ours, expected in zip(found, CAMERAS, strict=True):
        assert ours.name == expected.name
        assert ours.size_px == (1088, 1920)
        assert ours.distortion == "opencv"
        np.testing.assert_allclose(ours.R, expected.R, atol=1e-12)
        for field in ("centre_mm", "focal_px", "centre_px", "radial", "tangential"):
            np.testing.assert_allclose(getattr(ours, field), getattr(expected, field), atol=1e-9)


def test_the_recording_s_cameras_look_at_the_beam(shared):
    cameras = qualisys.read(shared / "data/pose2sim_demo/calibration/Calib.qca.txt")
    assert [c.name for c in cameras] == ["cam_01", "cam_02", "cam_03", "cam_04"]
    for one in cameras:
        towards = np.array([-1300, 0, 900]) - one.t
        assert one.R[2] @ towards / np.linalg.norm(towards) > 0.95


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<calibration><camera serial="&b;"/></calibration>"""
OUTSIDE = """<!DOCTYPE x SYSTEM "file:///etc/passwd"><calibration/>"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<calibration/>", "a calibration with <camera> elements was expected"),
        ("<calibration><camera>", "not readable as XML"),
        (BOMB, "has a document type, which a calibration never has"),
        (OUTSIDE, "has a document type, which a calibration never has"),
        (
            qualisys_text(CAMERAS).replace("focalLengthU", "focal"),
            r"camera cam_01: a number was expected in <intrinsic focalLengthU>",
        ),
        (
            qualisys_text(CAMERAS).replace('r22="', 'r22="x'),
            r"camera cam_01: a number was expected in <transform r22>",
        ),
        (
            qualisys_text(CAMERAS).replace('r22="', 'r22="nan" r29="'),
            r"a number was expected in <transform r22>",
        ),
        (
            qualisys_text(CAMERAS).replace("<transform", "<other"),
            r"a number was expected in <transform r11>",
        ),
        (
            qualisys_text(CAMERAS).replace('r11="', 'r11="9" r19="'),
            "txt: camera cam_01: R is not a rotation matrix",
        ),
        ('<c><camera serial=""/></c>', "a camera without serial: a number was expected"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text, said):
    with pytest.raises(PoseFormatError, match=said):
        qualisys.read(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(PoseFormatError, match=r"can't be read \(No such file"):
        qualisys.read(tmp_path / "none.qca.txt")
