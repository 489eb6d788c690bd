"""A figure's motion as BVH, TRC and C3D: the same upright joints in each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import trc
from core.skeleton import H36M_17
from core.workflows.motion_export import MARKER_NAMES, motion
from tests.formats import bvh_reader
from tests.viz.test_film import packet

NAMES = ("CHip RHip RKnee RAnkle LHip LKnee LAnkle spine thorax neck head "
         "LShoulder LElbow LWrist RShoulder RElbow RWrist")  # fmt: skip


def upright(shown, layer: str) -> np.ndarray:
    """The joints (F, 17, 3) that a file should hold, mm, y up."""
    (found,) = (each for each in shown.layers if each.id == layer)
    x, y, z = np.moveaxis(found.positions.astype(float), -1, 0)
    return np.stack([x, z, -y], axis=-1)


def test_markers_carry_pose2sims_names_where_they_are_the_same_points() -> None:
    assert " ".join(MARKER_NAMES) == NAMES


@pytest.mark.parametrize("layer", ["prediction", "truth"])
def test_a_trc_file_comes_back_in_metres(tmp_path: Path, layer: str) -> None:
    shown = packet(missing=True)
    content, note = motion(shown, layer, ".trc", name="clip.trc")
    assert note == "y up, m"
    (tmp_path / "clip.trc").write_bytes(content)
    markers = trc.read(tmp_path / "clip.trc")
    assert markers.names == MARKER_NAMES and markers.fps == shown.fps
    np.testing.assert_allclose(markers.positions, upright(shown, layer), atol=1e-3)
    lines = content.decode().splitlines()
    assert lines[0].split("\t") == ["PathFileType", "4", "(X/Y/Z)", "clip.trc"]
    assert dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))["Units"] == "m"


@pytest.mark.parametrize("layer", ["prediction", "truth"])
def test_a_c3d_file_is_read_by_another_library(tmp_path: Path, layer: str) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    shown = packet(missing=True)
    content, note = motion(shown, layer, ".c3d")
    assert note == "y up, mm"
    (tmp_path / "clip.c3d").write_bytes(content)
    found = ezc3d.c3d(str(tmp_path / "clip.c3d"))
    point = {name: found["parameters"]["POINT"][name]["value"] for name in
             ("LABELS", "UNITS", "RATE", "X_SCREEN", "Y_SCREEN")}  # fmt: skip
    assert tuple(point["LABELS"]) == MARKER_NAMES
    assert point["UNITS"] == ["mm"] and point["RATE"][0] == shown.fps
    assert (point["X_SCREEN"], point["Y_SCREEN"]) == (["+X"], ["+Y"])
    joints = found["data"]["points"][:3].transpose(2, 1, 0)
    wanted = upright(shown, layer)
    missing = np.isnan(wanted).any(axis=2)
    assert missing.any()
    assert np.isnan(joints[missing]).all()
    np.testing.assert_allclose(joints[~missing], wanted[~missing], atol=1e-2)


def test_a_bvh_file_stands_as_the_markers_do_with_its_loss_said() -> None:
    shown = packet()
    content, note = motion(shown, "prediction", ".bvh")
    root, frame_time, rows = bvh_reader.parse(content.decode())
    assert 1 / frame_time == pytest.approx(shown.fps) and len(rows) == shown.frames
    errors = [
        np.linalg.norm(bvh_reader.places(root, row)[name] * 10 - place)
        for row, pose in zip(rows, upright(shown, "prediction"), strict=True)
        for name, place in zip(H36M_17.joints, pose, strict=True)
    ]
    assert note == (
        "y up, cm; bones have one length each: joints move by "
        f"{np.mean(errors):.1f} mm on average, {np.max(errors):.1f} mm at most"
    )


@pytest.mark.parametrize(
    ("layer", "suffix", "says"),
    [
        ("input", ".bvh", "x: there is no input to write, only truth and prediction"),
        ("truth", ".fbx", "x: motion is written as .bvh, .trc, .c3d, not '.fbx'"),
    ],
)
def test_what_is_not_there_is_named(layer: str, suffix: str, says: str) -> None:
    with pytest.raises(PoseFormatError) as caught:
        motion(packet(), layer, suffix, name="x")
    assert str(caught.value) == says


def test_more_frames_than_c3d_can_count_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.formats.c3d.LARGEST_FRAMES", 4)
    with pytest.raises(PoseFormatError, match="a C3D file has 1 to 4 frames, not 5"):
        motion(packet(), "truth", ".c3d", name="x")
