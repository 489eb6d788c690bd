"""Whoever wrote the keypoints: the layout is told from the data, and each point finds its joint."""

from __future__ import annotations

import functools
import itertools
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core import rig, synthetic
from core.cameras import camera_from_world, image_from_camera
from core.errors import PoseFormatError
from core.formats import cmu, detections, layouts
from core.formats.detections import Detections, read, read_bytes
from core.formats.layouts import LAYOUTS, UndecidedLayoutError
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from tests.formats import detection_writers as writers
from tests.formats.writers import openpose_folder

LIMBS = [j for j in INPUT_16.joints if j.split("_")[0] in ("left", "right")]


@functools.cache
def walker(action: str = "Walking", frames: int = 60) -> np.ndarray:
    """17 joints (F, 17, 2) in the picture of a made-up person."""
    dataset = synthetic.dataset()
    key = next(e.key for e in dataset.entries if e.key.action == action)
    recording = dataset.load(key)
    assert recording.truth is not None
    assert recording.camera is not None
    return image_from_camera(recording.truth.positions[:frames].astype(float), recording.camera)


def alone(clip: np.ndarray) -> list[list[np.ndarray]]:
    return [[person] for person in clip]


def as_read(clip: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(person[None] for person in clip)


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_the_tables_and_the_layouts_have_the_same_counts(layout):
    assert len(LAYOUTS[layout].points) == len(writers.TABLES[layout].split())


@pytest.mark.parametrize("action", ["Walking", "SittingDown", "Photo", "Eating"])
@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_each_layout_is_told_from_a_noisy_clip_and_each_point_finds_its_joint(layout, action):
    joints = walker(action)
    found = Detections(as_read(writers.clip(layout, joints, noise_px=3, dropped=0.05)), "x", "x")
    assert found.layout().name == layout
    person = found.person()
    error = np.linalg.norm(
        person.positions[:, INPUT_16.indices(LIMBS)] - joints[:, H36M_17.indices(LIMBS)], axis=2
    )
    assert np.nanmax(error) < 20
    assert np.isfinite(error).mean() > 0.9


def test_each_layout_is_told_from_every_recorded_motion(shared: Path):
    """Clips of real motion, each layout, with noise and a tenth of the points missing."""
    clips = cmu.find(shared / "data/cmu_mocap")[::11]
    assert len(clips) > 20
    wrong = []
    for i, (clip, sequence) in enumerate(cmu.read(clips)):
        assert isinstance(sequence, PoseSequence)
        camera = rig.four_cameras()[i % 4]
        world = rig.place_in_rig(sequence).positions[:90].astype(float)
        joints = image_from_camera(camera_from_world(world, camera.R, camera.t), camera)
        for layout in LAYOUTS:
            seen = writers.clip(layout, joints, noise_px=3, dropped=0.1, seed=i)
            told = Detections(as_read(seen), "x", "x").layout().name
            if told != layout:
                wrong.append((clip.motion.name, layout, told))
    assert not wrong


SPELLINGS: dict[str, tuple[Callable[[list[list[np.ndarray]]], str], str, str]] = {
    "COCO results": (writers.coco_results, "COCO-17", "COCO results"),
    "COCO annotations": (writers.coco_annotations, "COCO-17", "COCO annotations"),
    "AlphaPose": (writers.alphapose, "HALPE-26", "AlphaPose"),
    "AlphaPose 136": (writers.alphapose, "HALPE-136", "AlphaPose"),
    "AlphaPose, OpenPose's manner": (writers.alphapose_open, "COCO-18", "AlphaPose"),
    "AlphaPose, CMU's manner": (writers.alphapose_cmu, "COCO-18", "AlphaPose"),
    "MMPose": (writers.mmpose, "COCO-17", "MMPose"),
    "MMPose, frames alone": (
        functools.partial(writers.mmpose, meta=False), "Human3.6M-17", "MMPose"
    ),
}  # fmt: skip


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_gives_the_person_frame_by_frame(tmp_path: Path, spelling):
    write, layout, writer = SPELLINGS[spelling]
    clip = writers.clip(layout, walker())
    frames = alone(clip)
    frames[5] = []
    (tmp_path / "clip.json").write_text(write(frames))
    found = read(tmp_path / "clip.json")
    assert (found.writer, found.layout().name, len(found.frames)) == (writer, layout, 60)
    person = found.person(fps=25)
    assert (person.fps, person.source) == (25, f"{writer}, {layout}")
    assert np.isnan(person.positions[5]).all()
    expected = walker()[:, H36M_17.indices(LIMBS)]
    seen = np.arange(60) != 5
    got = person.positions[:, INPUT_16.indices(LIMBS)]
    np.testing.assert_allclose(got[seen], expected[seen], atol=2e-3)


def test_mediapipe_s_fractions_need_the_picture_s_size():
    text = writers.mediapipe(alone(writers.clip("MediaPipe-33", walker())))
    found = read_bytes(text.encode(), "landmarks.json")
    assert found.in_fractions
    with pytest.raises(PoseFormatError, match="fractions of the picture: give the picture's width"):
        found.person()
    person = found.in_px((1280, 720)).person()
    expected = walker()[:, H36M_17.indices(LIMBS)]
    np.testing.assert_allclose(person.positions[:, INPUT_16.indices(LIMBS)], expected, atol=1e-2)
    named = json.dumps({"width": 1280, "height": 720, "fps": 24, "frames": json.loads(text)})
    again = read_bytes(named.encode(), "landmarks.json").in_px().person()
    assert again.fps == 24
    np.testing.assert_allclose(again.positions, person.positions, atol=1e-3)


def test_px_are_left_as_they_are():
    found = Detections(as_read(writers.clip("COCO-17", walker())), "x", "x")
    assert found.in_px((10, 10)) is found


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_arrays_are_read_with_and_without_confidence(tmp_path: Path, suffix):
    clip = writers.clip("COCO-17", walker())
    clip[3] = np.nan
    for array in (clip, clip[..., :2], clip[:, None]):
        path = tmp_path / f"clip{suffix}"
        np.save(path, array) if suffix == ".npy" else np.savez(path, keypoints=array)
        found = read(path)
        assert found.layout().name == "COCO-17"
        person = found.person()
        assert np.isnan(person.positions[3]).all()
        got = person.positions[4, INPUT_16.index("left_knee")]
        np.testing.assert_allclose(got, walker()[4, H36M_17.index("left_knee")], atol=1e-2)


def test_a_zip_of_openpose_s_frames_is_read_like_the_folder(tmp_path: Path):
    frames = alone(writers.clip("BODY_25", walker()))
    folder = openpose_folder(tmp_path / "frames", frames)
    packed = tmp_path / "frames.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"frames/{path.name}")
        archive.writestr("__MACOSX/frames/._x.json", "no frame")
    one, other = read(folder).person(), read(packed).person()
    np.testing.assert_array_equal(one.positions, other.positions)
    assert other.source == "OpenPose, BODY_25"


def test_a_broken_frame_in_a_zip_is_named(tmp_path: Path):
    packed = tmp_path / "frames.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("0.json", '{"people": []}')
        archive.writestr("1.json", '{"people": [3]}')
    with pytest.raises(PoseFormatError, match=r"frames\.zip, 1\.json, people\[0\]\.pose_keypoi"):
        read(packed)


def test_two_clips_in_one_zip_are_refused(tmp_path: Path):
    packed = tmp_path / "frames.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("a/0.json", "b/0.json"):
            archive.writestr(name, '{"people": []}')
    with pytest.raises(PoseFormatError, match="JSON files lie in 2 folders: a, b"):
        read(packed)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path):
    packed = tmp_path / "frames.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.json", b" " * (detections.LARGEST_BYTES // 64))
    with zipfile.ZipFile(packed) as archive:
        assert archive.infolist()[0].file_size > 100 * packed.stat().st_size
    whole = packed.read_bytes()
    lie = detections.LARGEST_BYTES + 1
    size = (detections.LARGEST_BYTES // 64).to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(whole.replace(size, lie.to_bytes(4, "little")))
    with pytest.raises(PoseFormatError, match="unpacks to more than a clip's keypoints"):
        read(tmp_path / "lie.zip")


def test_several_people_are_told_apart_and_can_be_chosen():
    near = writers.clip("COCO-17", walker())
    far = near * (0.4, 0.4, 1) + (700, 300, 0)
    rng = np.random.default_rng(0)
    frames = tuple(np.stack([near[i], far[i]])[rng.permutation(2)] for i in range(60))
    found = Detections(frames, "x", "x")
    assert [len(track) for track in found.tracks] == [60, 60]
    for track, clip in enumerate((near, far)):
        knee = found.person(track).positions[:, INPUT_16.index("left_knee")]
        np.testing.assert_allclose(knee, clip[:, 13, :2], atol=1e-2)
    with pytest.raises(PoseFormatError, match="there is no person 3; it has 2"):
        found.person(2)


def test_too_little_of_a_body_asks_instead_of_guessing():
    clip = writers.clip("COCO-17", walker())
    clip[:, 5:] = 0
    found = Detections(as_read(clip), "x", "x")
    with pytest.raises(UndecidedLayoutError, match="have 17 points a person alike") as asked:
        found.layout()
    assert set(asked.value.choices) == {"COCO-17", "Human3.6M-17"}
    assert found.layout("coco-17").name == "COCO-17"


@pytest.mark.parametrize(("frames", "dropped"), [(1, 0.0), (1, 0.1), (1, 0.25), (4, 0.25)])
def test_a_photo_is_asked_about_rather_than_taken_for_another_layout(frames, dropped):
    told: list[bool | None] = []
    for action, layout, seed in itertools.product(
        ("Walking", "SittingDown", "Photo", "Eating"), LAYOUTS, range(5)
    ):
        joints = walker(action)[5 * seed : 5 * seed + frames]
        clip = writers.clip(layout, joints, noise_px=4, dropped=dropped, seed=seed)
        try:
            told.append(Detections(as_read(clip), "x", "x").layout().name == layout)
        except UndecidedLayoutError as asked:
            assert layout in asked.choices
            told.append(None)
    assert False not in told, "wrong"
    if not dropped:
        assert told.count(None) < 0.05 * len(told), "asked, though all is seen"


@pytest.mark.parametrize(
    ("true", "said"),
    [("COCO-17", "Human3.6M-17"), ("Human3.6M-16", "MPII-16"), ("MPII-16", "Hourglass-16")],
)
def test_a_layout_that_the_data_contradicts_is_refused(true, said):
    found = Detections(as_read(writers.clip(true, walker())), "x", "x")
    with pytest.raises(PoseFormatError, match=rf"look like {true}, not {said}"):
        found.layout(said)


def test_pictures_without_people_are_frames_of_their_own():
    rows = json.loads(writers.coco_results(alone(writers.clip("COCO-17", walker()))))
    kept = [row for row in rows if row["image_id"] % 10 < 7]
    found = read_bytes(json.dumps(kept).encode(), "x.json")
    assert [i for i, people in enumerate(found.frames) if not len(people)][:4] == [7, 8, 9, 17]


def test_numbers_that_are_no_frames_of_a_clip_make_no_million_of_empty_frames():
    rows = json.loads(writers.coco_results(alone(writers.clip("COCO-17", walker())[:3])))
    for row, number in zip(rows, (139, 285, 581_929), strict=True):
        row["image_id"] = number
    assert len(read_bytes(json.dumps(rows).encode(), "x.json").frames) == 3


def test_every_second_frame_makes_no_gaps():
    rows = json.loads(writers.coco_results(alone(writers.clip("COCO-17", walker()))))
    found = read_bytes(json.dumps(rows[::2]).encode(), "x.json")
    assert all(len(people) for people in found.frames)


@pytest.mark.parametrize("named", [True, False])
def test_annotated_pictures_come_in_the_order_of_their_numbers(named):
    content = json.loads(writers.coco_annotations(alone(writers.clip("COCO-17", walker()))))
    expected = read_bytes(json.dumps(content).encode(), "x.json").frames
    rng = np.random.default_rng(0)
    # Where names tell the time, ids need not: here they run backwards.
    for row in content["images"]:
        row |= {"id": 900 - row["id"]} if named else {"file_name": None}
    for row in content["annotations"]:
        row["image_id"] = 900 - row["image_id"] if named else row["image_id"]
    rng.shuffle(content["images"])
    rng.shuffle(content["annotations"])
    found = read_bytes(json.dumps(content).encode(), "x.json").frames
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


def test_gaps_are_filled_only_where_they_are_short():
    positions = np.tile(np.arange(12.0)[:, None, None], (1, 16, 2))
    positions[3:5, 2] = np.nan
    positions[6:10, 4] = np.nan
    sequence = PoseSequence(positions, INPUT_16, "image", 30)
    filled, where = detections.without_short_gaps(sequence, longest=3)
    assert np.argwhere(where).tolist() == [[3, 2], [4, 2]]
    np.testing.assert_allclose(filled.positions[3:5, 2], [[3, 3], [4, 4]])
    assert np.isnan(filled.positions[6:10, 4]).all()


def test_the_hourglass_of_human36m_is_taken_joint_by_joint():
    joints = walker()
    found = Detections(as_read(writers.clip("Hourglass-16", joints)), "x", "x").person()
    order = [H36M_17.index(j) for j in INPUT_16.joints]
    np.testing.assert_allclose(found.positions, joints[:, order], atol=1e-2)
    assert layouts.named("hourglass-16", file="x").name == "Hourglass-16"
