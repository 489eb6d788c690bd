"""OpenPose folders: layouts are told apart, and each point lands on the joint of its name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import openpose
from core.formats.layouts import LAYOUTS
from core.skeleton import INPUT_16
from tests.formats.writers import openpose_folder

# OpenPose's own tables, written down from its documentation: index -> a place on the figure.
TABLES = {
    "COCO-18": "nose neck RSho RElb RWri LSho LElb LWri RHip RKne RAnk LHip LKne LAnk REye LEye "
    "REar LEar",
    "BODY_25": "nose neck RSho RElb RWri LSho LElb LWri midhip RHip RKne RAnk LHip LKne LAnk REye "
    "LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    "BODY_25B": "nose LEye REye LEar REar LSho RSho LElb RElb LWri RWri LHip RHip LKne RKne LAnk "
    "RAnk upperneck headtop LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
}
# A person who faces the camera: the left side is on the right of the picture. Lengths in heads.
FIGURE = {
    "nose": (0.05, 0.9), "upperneck": (0, 1.5), "headtop": (0, 0.2), "neck": (0, 1.65),
    "midhip": (0, 4.0), "Eye": (0.12, 0.8), "Ear": (0.3, 0.85), "Sho": (0.8, 1.7),
    "Elb": (1.1, 2.9), "Wri": (1.2, 3.9), "Hip": (0.45, 4.0), "Kne": (0.5, 5.8),
    "Ank": (0.5, 7.4), "Heel": (0.5, 7.6), "BigToe": (0.6, 7.8), "SmallToe": (0.75, 7.75),
}  # fmt: skip
JOINT_OF = {"Hip": "hip", "Kne": "knee", "Ank": "ankle", "Sho": "shoulder", "Elb": "elbow",
            "Wri": "wrist"}  # fmt: skip


def place(name: str, sway: float) -> tuple[float, float]:
    part, side = (name[1:], {"L": 1, "R": -1}[name[0]]) if name[0] in "LR" else (name, 0)
    x, y = FIGURE[part]
    bent = sway * (y - 4) if part in ("Elb", "Wri", "Kne", "Ank", "Heel") else 0.0
    return 500 + 90 * (x * (side or 1) + bent), 100 + 90 * y


def person(layout: str, sway: float = 0.0, confidence: float = 0.7) -> np.ndarray:
    return np.array([(*place(name, sway), confidence) for name in TABLES[layout].split()])


def clip(layout: str, frames: int = 6) -> list[list[np.ndarray]]:
    return [[person(layout, 0.02 * i)] for i in range(frames)]


@pytest.mark.parametrize("layout", list(TABLES))
def test_the_layout_is_recognised_and_every_point_finds_its_joint(tmp_path: Path, layout):
    sequence = openpose.read(openpose_folder(tmp_path, clip(layout)), fps=60)
    assert sequence.source == f"OpenPose {layout}"
    assert (len(sequence), sequence.skeleton, sequence.fps) == (6, INPUT_16, 60)
    for side, prefix in (("L", "left"), ("R", "right")):
        for short, joint in JOINT_OF.items():
            found = sequence.positions[:, INPUT_16.index(f"{prefix}_{joint}")]
            expected = [place(side + short, 0.02 * i) for i in range(6)]
            np.testing.assert_allclose(found, expected, atol=1e-2)
    for joint, low, high in (("hip", 3.9, 4.1), ("spine", 2.9, 3.2), ("thorax", 1.8, 2.1),
                             ("head", 0.4, 0.8)):  # fmt: skip
        x, y = sequence.positions[0, INPUT_16.index(joint)]
        assert abs(x - 500) < 10
        assert low < (y - 100) / 90 < high


@pytest.mark.parametrize("layout", list(TABLES))
def test_the_layouts_have_openpose_s_own_order(layout):
    assert len(LAYOUTS[layout].points) == len(TABLES[layout].split())
    parts = {"Kne": "knee", "Ank": "ankle", "Sho": "shoulder", "Elb": "elbow", "Wri": "wrist",
             "BigToe": "big_toe", "SmallToe": "small_toe"}  # fmt: skip
    middle = {"neck": "base_of_neck", "upperneck": "upper_neck", "headtop": "head_top",
              "midhip": "mid_hip", "nose": "nose"}  # fmt: skip
    for name, ours in zip(TABLES[layout].split(), LAYOUTS[layout].points, strict=True):
        if name in middle:
            assert ours == middle[name]
        else:
            side = {"L": "left", "R": "right"}[name[0]]
            assert ours == f"{side}_{parts.get(name[1:], name[1:].lower())}"


@pytest.mark.parametrize(("true", "said"), [("BODY_25B", "BODY_25"), ("BODY_25", "BODY_25B")])
def test_a_wrong_layout_is_refused_instead_of_drawn_broken(tmp_path: Path, true, said):
    folder = openpose_folder(tmp_path, clip(true))
    expected = rf"these numbers look like {true}, not {said}: read as {said}, neighbouring joi"
    with pytest.raises(PoseFormatError, match=expected):
        openpose.read(folder, layout=said)
    assert openpose.read(folder, layout=true).source == f"OpenPose {true}"


def test_a_body_that_is_hardly_seen_needs_the_layout(tmp_path: Path):
    head_only = person("BODY_25B")
    head_only[5:17, 2] = head_only[19:, 2] = 0
    folder = openpose_folder(tmp_path, [[head_only]] * 3)
    with pytest.raises(PoseFormatError, match="have 25 points a person alike, and too little"):
        openpose.read(folder)
    found = openpose.read(folder, layout="BODY_25B")
    assert np.isfinite(found.positions[:, INPUT_16.index("head")]).all()
    assert np.isnan(found.positions[:, INPUT_16.index("hip")]).all()


def test_points_without_confidence_are_missing(tmp_path: Path):
    frames = clip("BODY_25B")
    frames[2][0][13] = 0
    frames[3] = []
    found = openpose.read(openpose_folder(tmp_path, frames))
    assert found.confidence is not None
    knee = INPUT_16.index("left_knee")
    assert np.isnan(found.positions[2, knee]).all()
    assert np.isfinite(np.delete(found.positions[2], knee, axis=0)).all()
    assert np.isnan(found.positions[3]).all()
    assert found.confidence[2, knee] == 0
    assert found.confidence[0] == pytest.approx(0.7)


def test_files_are_taken_by_the_number_in_their_name(tmp_path: Path):
    for i in (10, 9, 100):
        shifted = person("COCO-18") + np.array([i, 0, 0])
        content = {"people": [{"pose_keypoints_2d": shifted.ravel().tolist()}]}
        (tmp_path / f"a{i}.json").write_text(json.dumps(content))
    hips = openpose.read(tmp_path).positions[:, 0, 0]
    np.testing.assert_allclose(hips, [509, 510, 600], atol=0.1)


def test_only_such_folders_match(tmp_path: Path):
    assert openpose.matches(openpose_folder(tmp_path / "a", clip("COCO-18")))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.json").write_text('{"a": 1}')
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "x.json").write_text("[1")
    assert not any(openpose.matches(tmp_path / name) for name in ("b", "c", "none"))


def people_of(*lengths: int) -> str:
    return json.dumps({"people": [{"pose_keypoints_2d": [1.0] * n} for n in lengths]})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", r"frame_0\.json: not readable as JSON"),
        ("[]", r"frame_0\.json: a list of people was expected"),
        ('{"people": [3]}', r"frame_0\.json, people\[0\]\.pose_keypoints_2d: a list of x, y, conf"),
        (people_of(75, 7), r"people\[1\]\.pose_keypoints_2d: a list of x, y, confidence"),
        ('{"people": [{"pose_keypoints_2d": [1, "a", 2]}]}', "a list of x, y, confidence"),
        ('{"people": [{"pose_keypoints_2d": [1, NaN, 2]}]}', "1 points a person, where 18"),
        (
            people_of(75, 54),
            r"frame_0\.json, people: people have different numbers of points: 18 and 25",
        ),
        (people_of(60), r"20 points a person, where 18 \(COCO-18\), 25 \(BODY_25\), 25 \(BODY_25"),
        (people_of(), "nobody is in any of its frames"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content, said):
    (tmp_path / "frame_0.json").write_text(content)
    with pytest.raises(PoseFormatError, match=said):
        openpose.read(tmp_path)


def test_frames_of_different_layouts_are_refused(tmp_path: Path):
    (tmp_path / "0.json").write_text(people_of(54))
    (tmp_path / "1.json").write_text(people_of(75))
    with pytest.raises(PoseFormatError, match=r"1\.json: has 75 numbers a person, but 0\.json has"):
        openpose.read(tmp_path)


def test_a_layout_of_another_length_or_name_is_refused(tmp_path: Path):
    folder = openpose_folder(tmp_path, clip("COCO-18"))
    with pytest.raises(PoseFormatError, match="18 points a person are not BODY_25, which has 25"):
        openpose.read(folder, layout="BODY_25")
    with pytest.raises(PoseFormatError, match="'MPI' is not known; known are COCO-17, COCO"):
        openpose.read(folder, layout="MPI")


def test_an_empty_folder_is_named(tmp_path: Path):
    with pytest.raises(PoseFormatError, match="one a frame, were expected; there is none"):
        openpose.read(tmp_path)
    with pytest.raises(PoseFormatError, match="a folder of OpenPose's JSON files was expected"):
        openpose.read(tmp_path / "none")


@pytest.mark.parametrize("camera", [1, 2, 3, 4])
def test_the_recorded_clips_are_body_25b_of_one_person_all_the_way(shared, camera):
    folder = shared / "data/pose2sim_demo/pose" / f"cam{camera}_json"
    sequence = openpose.read(folder, fps=60)
    assert sequence.source == "OpenPose BODY_25B"
    hips = sequence.positions[:, 0]
    assert np.isfinite(hips).all()
    # The subject is the one on the beam: 700 px tall and moving smoothly.
    assert (
        np.nanmedian(
            np.nanmax(sequence.positions[..., 1], 1) - np.nanmin(sequence.positions[..., 1], 1)
        )
        > 600
    )
    assert np.abs(np.diff(hips, axis=0)).max() < 40
    with pytest.raises(PoseFormatError, match="look like BODY_25B, not BODY_25"):
        openpose.read(folder, layout="BODY_25")
