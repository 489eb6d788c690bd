"""The real models on a real person; skipped where the optional extra can't be had."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.detector import models, network
from core.detector.network import POINTS, Network
from core.errors import PoseFormatError

# Camera 4 sees the person whole; pictures and detections refer to the same 1088 x 1920 px.
CAMERA, FRAME = 4, 50


@pytest.fixture(scope="module")
def eyes(detector_weights):
    return Network(detector_weights)


@pytest.fixture(scope="module")
def picture(shared):
    film = cv2.VideoCapture(str(shared / f"data/pose2sim_demo/videos/cam0{CAMERA}.mp4"))
    for _ in range(FRAME):
        film.grab()
    found, picture = film.read()
    assert found
    return picture


@pytest.fixture(scope="module")
def person(eyes, picture):
    found = eyes.find(picture)
    return eyes.landmarks(picture, found.regions()[0])


def points(person, *names):
    return np.stack([person.points[POINTS.index(name), :2] for name in names])


def test_limbs_lie_where_openpose_saw_them(person, shared):
    import json

    file = shared / f"data/pose2sim_demo/pose/cam{CAMERA}_json"
    path = sorted(file.glob("*.json"))[FRAME]
    seen = np.reshape(json.loads(path.read_text())["people"][0]["pose_keypoints_2d"], (-1, 3))
    limbs = [f"{s}_{p}" for p in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
             for s in ("left", "right")]  # fmt: skip
    apart = np.linalg.norm(points(person, *limbs) - seen[5:17, :2], axis=1)
    assert np.median(apart) < 20, "px of a person 1000 px tall"
    assert apart.max() < 90
    assert person.score > 0.9


def test_a_person_is_found_again_in_the_square_of_the_last_picture(eyes, picture, person):
    again = eyes.landmarks(picture, person.next_region)
    apart = np.linalg.norm(again.points[:, :2] - person.points[:, :2], axis=1)
    assert np.median(apart) < 15


def test_a_person_upside_down_is_found_by_a_turned_square(eyes, picture, person):
    height, width = picture.shape[:2]
    upside_down = np.ascontiguousarray(picture[::-1, ::-1])
    region = person.next_region
    turned = network.Region(
        width - 1 - region.x, height - 1 - region.y, region.side, region.angle + np.pi
    )
    seen = eyes.landmarks(upside_down, turned)
    expected = eyes.landmarks(picture, region).points[:, :2]
    apart = np.linalg.norm([width - 1, height - 1] - seen.points[:, :2] - expected, axis=1)
    assert np.median(apart) < 3


def test_somebody_small_in_the_picture_is_found_in_tiles(eyes, picture):
    small = cv2.resize(picture, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    wide = np.full((1080, 1920, 3), 128, dtype=np.uint8)
    wide[500 : 500 + small.shape[0], 1300 : 1300 + small.shape[1]] = small
    assert not len(eyes.find(wide))
    found = eyes.find_small(wide)
    assert found.scores[0] > 0.9, "the surest comes first"
    seen = eyes.landmarks(wide, found.regions()[0])
    x, y = points(seen, "left_hip", "right_hip").mean(axis=0)
    assert 1300 < x < 1300 + small.shape[1]
    assert 500 < y < 500 + small.shape[0]


def test_people_of_90_px_are_found_wherever_they_stand(eyes, picture, person):
    height, width = 230, 130
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    there = person.points[:, :2] * height / len(picture)
    found = 0
    for top in (100, 430, 760):
        wide = np.full((1080, 1920, 3), 128, dtype=np.uint8)
        lefts = (50 + top // 9, 520, 1040 + top // 7, 1600)
        for left in lefts:
            wide[top : top + height, left : left + width] = small
        seen = [eyes.landmarks(wide, region) for region in eyes.find_small(wide).regions()]
        for left in lefts:
            apart = [np.linalg.norm(p.points[:, :2] - there - (left, top), axis=1) for p in seen]
            found += min(map(np.median, apart), default=99) < 0.05 * height
    assert found >= 10, "of 12; a single look at tiles finds few"


def test_people_beside_each_other_are_all_found_in_a_long_picture(eyes, picture):
    height, width = 480, 272
    one = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    four = np.hstack([one] * 4)
    found = eyes.find_beside(four)
    assert len(eyes.find(four)) < len(found) == 4
    middles = sorted(region.x // width for region in found.regions())
    assert middles == [0, 1, 2, 3]
    assert not len(eyes.find_beside(picture[:1088])), "a square picture has no squares beside"


def test_who_is_lost_is_found_around_the_place_also_at_the_edge(eyes, picture, person):
    (found,) = eyes.find_near(picture, person.next_region).regions()
    assert np.hypot(found.x - person.next_region.x, found.y - person.next_region.y) < 100
    away = network.Region(-5000.0, 10.0, 300.0, 0.0)
    assert not len(eyes.find_near(picture, away))


def test_blots_are_nobody(eyes):
    blots = np.random.default_rng(0).integers(60, 180, (9, 16, 3)).astype(np.uint8)
    wall = cv2.resize(blots, (1280, 720), interpolation=cv2.INTER_CUBIC)
    assert not len(eyes.find(wall))
    assert not len(eyes.find_small(wall))


@pytest.mark.parametrize("shape", [(1080, 1920, 3), (40, 30, 3), (1, 1, 3)])
def test_nobody_is_in_an_empty_picture_of_any_size(eyes, shape):
    blank = np.full(shape, 90, dtype=np.uint8)
    assert len(eyes.find(blank)) == 0
    assert len(eyes.find_small(blank)) == 0


def test_without_the_runtime_it_says_what_to_install(detector_weights, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(PoseFormatError, match=models.INSTALL):
        Network(detector_weights).find(np.zeros((8, 8, 3), dtype=np.uint8))
