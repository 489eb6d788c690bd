"""What `describe` finds in a detector's keypoints, and what it says is wrong with them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import detections
from core.formats.layouts import LAYOUTS
from core.workflows.info import describe
from core.workflows.open import open_dataset
from tests.formats import detection_writers as writers
from tests.formats.film_writers import picture, write_film
from tests.formats.test_detections import walker

SIZE = (1280, 720)
SPELLINGS = {
    "COCO results": writers.coco_results,
    "COCO annotations": writers.coco_annotations,
    "AlphaPose": writers.alphapose,
    "MMPose": writers.mmpose,
}


def clip(layout: str = "COCO-17") -> np.ndarray:
    return writers.clip(layout, walker(frames=12))


def openpose(folder: Path, points: np.ndarray) -> Path:
    folder.mkdir()
    for i, person in enumerate(points):
        people = {"people": [{"pose_keypoints_2d": person.ravel().tolist()}]}
        (folder / f"a_{i:012d}_keypoints.json").write_text(json.dumps(people))
    return folder


@pytest.mark.parametrize("writer", SPELLINGS)
def test_keypoints_in_json_are_described_with_the_command_that_lifts_them(tmp_path, writer):
    path = tmp_path / "found.json"
    path.write_text(SPELLINGS[writer]([[person] for person in clip()]))
    found = describe(path)
    assert (found.layout, found.facts["writer"]) == ("2D detections", writer)
    assert (found.facts["layout"], found.facts["frames"]) == ("COCO-17, 17 points", 12)
    assert found.commands == (f"python -m core predict {path} --out poses_3d.npz",)


def test_a_film_is_described_with_the_command_that_lifts_it(tmp_path):
    path = write_film(tmp_path / "me.mp4", [picture(i) for i in range(3)])
    found = describe(path)
    assert (found.layout, found.odd) == ("film", ())
    assert found.facts == {"size": "96 x 64 px", "frames": 3, "frames a second": "25"}
    assert found.commands == (f"python -m core predict {path} --out poses_3d.npz",)


def test_body_25b_is_told_from_body_25(tmp_path):
    found = describe(openpose(tmp_path / "b", clip("BODY_25B")))
    assert found.facts["layout"] == "BODY_25B, 25 points"
    assert any("whoever reads them as BODY_25, " in odd for odd in found.odd)
    plain = describe(openpose(tmp_path / "plain", clip("BODY_25")))
    assert plain.facts["layout"] == "BODY_25, 25 points"
    assert not any("BODY_25" in odd for odd in plain.odd)


def frontal() -> np.ndarray:
    points = np.zeros((12, 17, 3))
    points[..., 2] = 0.9
    rows = [(500, 100), (510, 90), (490, 90), (520, 95), (480, 95), (550, 180), (450, 180),
            (570, 280), (430, 280), (575, 370), (425, 370), (530, 380), (470, 380), (530, 520),
            (470, 520), (530, 650), (470, 650)]  # fmt: skip
    points[..., :2] = rows
    return points


def test_swapped_sides_show_in_people_whose_face_is_seen(tmp_path):
    swapped = [LAYOUTS["COCO-17"].points.index(
        p.replace("left", "?").replace("right", "left").replace("?", "right")
    ) for p in LAYOUTS["COCO-17"].points]  # fmt: skip
    for points, is_odd in ((frontal(), False), (frontal()[:, swapped], True)):
        path = tmp_path / "a.json"
        path.write_text(writers.coco_results([[person] for person in points]))
        assert any("left and right" in odd for odd in describe(path).odd) is is_odd


def landmarks() -> np.ndarray:
    """MediaPipe's landmarks in the picture: fractions, depth, visibility."""
    points = clip("MediaPipe-33")
    depth = np.random.default_rng(0).normal(0, 0.3, points.shape[:2])
    x, y, seen = np.moveaxis(points, -1, 0)
    return np.stack([x / SIZE[0], y / SIZE[1], depth, seen], axis=-1)


@pytest.mark.parametrize("columns", [3, 4])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_mediapipe_s_landmarks_are_2d_and_ask_for_the_picture_s_size(tmp_path, columns, suffix):
    path = tmp_path / f"a{suffix}"
    (np.save if suffix == ".npy" else np.savez)(path, landmarks()[..., :columns])
    told = describe(path)
    assert told.facts["layout"] == "MediaPipe-33, 33 points"
    assert any("fractions of a picture, not px" in odd for odd in told.odd)
    assert "--size WIDTHxHEIGHT" in told.commands[0]
    for asked in (lambda: detections.read(path).person(), lambda: open_dataset(path)):
        with pytest.raises(PoseFormatError, match="give the picture's width and height"):
            asked()
    lifted = detections.read(path).in_px(SIZE).person()
    np.save(tmp_path / "px.npy", clip("MediaPipe-33")[..., :2])
    same = detections.read(tmp_path / "px.npy").person(layout="MediaPipe-33")
    np.testing.assert_allclose(lifted.positions, same.positions, atol=1e-3)


def test_mediapipe_s_world_landmarks_stay_3d(tmp_path):
    points = landmarks()[..., :3]
    points -= points[:, [23, 24]].mean(axis=1, keepdims=True)
    np.save(tmp_path / "a.npy", points)
    assert not detections.holds_landmarks(tmp_path / "a.npy")
    assert describe(tmp_path / "a.npy").layout == "pose array"


def test_a_zip_is_looked_into(tmp_path):
    folder = openpose(tmp_path / "o", clip("BODY_25"))
    with zipfile.ZipFile(tmp_path / "o.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"o/{file.name}")
    assert describe(tmp_path / "o.zip").facts["layout"] == "BODY_25, 25 points"
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("train_2d.pth.tar", b"")
    with pytest.raises(PoseFormatError, match="a data set's files are opened unpacked"):
        describe(tmp_path / "x.zip")
