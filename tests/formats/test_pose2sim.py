"""Pose2Sim projects: a small one written here, and the recorded one that ships."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cameras import Camera, looking_at, world_from_camera
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import body_landmarks, dataset_file, layouts, pose2sim, videos
from core.skeleton import H36M_17, INPUT_16
from tests.formats.writers import openpose_folder, qualisys_text, trc_text

FRAMES = 8
SIZE_PX = (320, 480)
SAMPLE = Path(__file__).resolve().parents[2] / "assets" / "samples" / "balancing.safetensors"
# Names of the markers in Pose2Sim's order of writing, with a standing body in mm, z up, facing +y.
BODY = {
    "RHip": (90, 0, 900), "RKnee": (90, 20, 480), "RAnkle": (90, 0, 60),
    "LHip": (-90, 0, 900), "LKnee": (-90, 20, 480), "LAnkle": (-90, 0, 60),
    "Neck": (0, 20, 1450), "Head": (0, 30, 1730), "Nose": (0, 120, 1580),
    "RShoulder": (180, 0, 1400), "RElbow": (220, 10, 1110), "RWrist": (230, 60, 850),
    "LShoulder": (-180, 0, 1400), "LElbow": (-220, 10, 1110), "LWrist": (-230, 60, 850),
}  # fmt: skip


def camera(name: str, centre: tuple[float, float, float]) -> Camera:
    return Camera.from_arrays(
        name, looking_at(centre, (0, 0, 900)), centre, focal_px=(400, 401), centre_px=(160, 240),
        radial=(-0.05, 0.02, 0.0), tangential=(0.001, -0.002), size_px=SIZE_PX,
    )  # fmt: skip


CAMERAS = [camera("a", (300, 3500, 1600)), camera("b", (-3000, -2000, 2000))]


def world() -> np.ndarray:
    """Markers (F, M, 3), mm, z up: the body walks along y and swings its right arm."""
    poses = np.array(list(BODY.values()), dtype=float)[None].repeat(FRAMES, axis=0)
    poses[..., 1] += 40.0 * np.arange(FRAMES)[:, None]
    poses[:, list(BODY).index("RWrist"), 0] += 15.0 * np.arange(FRAMES)
    return poses


def by_opencv(points: np.ndarray, one: Camera) -> np.ndarray:
    K = np.array([[one.focal_px[0], 0, one.centre_px[0]], [0, one.focal_px[1], one.centre_px[1]],
                  [0, 0, 1]])  # fmt: skip
    bend = np.array([*one.radial[:2], *one.tangential, one.radial[2]])
    inside = (points - one.t) @ one.R.T
    flat, _ = cv2.projectPoints(inside.reshape(-1, 3), np.zeros(3), np.zeros(3), K, bend)
    return flat.reshape(*points.shape[:-1], 2)


def detections(one: Camera) -> list[list[np.ndarray]]:
    layout = layouts.LAYOUTS["BODY_25B"]
    pixels = dict(zip(BODY, np.moveaxis(by_opencv(world(), one), 1, 0), strict=True))
    named = {pose2sim.POINTS[name]: xy for name, xy in pixels.items() if name in pose2sim.POINTS}
    named["nose"] = pixels["Nose"]
    people = []
    for i in range(FRAMES):
        rows = [(*named[p][i], 0.8) if p in named else (0.0, 0.0, 0.0) for p in layout.points]
        people.append([np.array(rows)])
    return people


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "calibration").mkdir(parents=True)
    (folder / "calibration" / "Calib.qca.txt").write_text(qualisys_text(CAMERAS))
    y_up = world()[..., [1, 2, 0]] / 1000
    (folder / "Walking_test.trc").write_text(trc_text(list(BODY), y_up, fps=60))
    for i, one in enumerate(CAMERAS):
        openpose_folder(folder / "pose" / f"cam{i + 1}_json", detections(one))
    return folder


def film(path: Path, size_px: tuple[int, int], frames: int = FRAMES) -> None:
    """A video of SIZE_PX pictures, left half dark and right half bright, fitted between bars."""
    path.parent.mkdir(exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 60, size_px)
    scale = min(size_px[0] / SIZE_PX[0], size_px[1] / SIZE_PX[1])
    inner = round(SIZE_PX[0] * scale), round(SIZE_PX[1] * scale)
    left, top = (size_px[0] - inner[0]) // 2, (size_px[1] - inner[1]) // 2
    for _ in range(frames):
        picture = np.zeros((size_px[1], size_px[0], 3), np.uint8)
        picture[top : top + inner[1], left : left + inner[0]] = 120
        picture[top : top + inner[1], left + inner[0] // 2 : left + inner[0]] = 240
        writer.write(picture)
    writer.release()


def recordings(dataset: Dataset):
    return [dataset.load(entry.key) for entry in dataset.entries]


def test_cameras_3d_and_both_2d_sources_agree(project: Path):
    dataset = pose2sim.read(project, pictures=False)
    assert [str(e.key) for e in dataset.entries] == ["P1 · Walking · 1 · a", "P1 · Walking · 1 · b"]
    assert {e.sources for e in dataset.entries} == {("gt", "openpose")}
    points = {pose2sim.POINTS[name]: world()[:, i] for i, name in enumerate(BODY) if name != "Nose"}
    expected = body_landmarks.derive(points, H36M_17.joints)
    for recording, one in zip(recordings(dataset), CAMERAS, strict=True):
        assert recording.truth is not None
        assert recording.camera is not None
        assert (recording.truth.space, recording.truth.fps) == ("camera", 60)
        back = world_from_camera(recording.truth.positions, one.R, one.t)
        np.testing.assert_allclose(back, expected, atol=0.01)
        gt, detected = recording.inputs["gt"].positions, recording.inputs["openpose"].positions
        joints = expected[:, H36M_17.indices(INPUT_16.joints)]
        np.testing.assert_allclose(gt, by_opencv(joints, one), atol=1e-3)
        # Limb joints are seen as they are; a joint derived in the picture differs from the
        # projection of the one derived in space by perspective and lens only.
        limbs = [i for i, j in enumerate(INPUT_16.joints) if j.startswith(("left", "right"))]
        np.testing.assert_allclose(detected[:, limbs], gt[:, limbs], atol=0.01)
        np.testing.assert_allclose(detected, gt, atol=2)


def test_a_short_gap_is_interpolated_and_said_and_a_long_one_is_left(project: Path):
    people = detections(CAMERAS[0])
    wrist, knee = (layouts.LAYOUTS["BODY_25B"].points.index(f"left_{j}") for j in ("wrist", "knee"))
    for i in (2, 3):
        people[i][0][wrist] = 0
    for i in range(1, 7):
        people[i][0][knee] = 0
    openpose_folder(project / "pose" / "cam1_json", people)
    dataset = pose2sim.read(project, pictures=False)
    sequence = dataset.load(dataset.entries[0].key).inputs["openpose"]
    found = sequence.positions[:, INPUT_16.index("left_wrist")]
    np.testing.assert_allclose(found[2], found[1] + (found[4] - found[1]) / 3, atol=1e-3)
    assert sequence.confidence is not None
    assert sequence.confidence[2, INPUT_16.index("left_wrist")] == 0
    assert np.isnan(sequence.positions[1:7, INPUT_16.index("left_knee")]).all()
    assert any(n.startswith("a: 2 OpenPose joints of 128, missing or") for n in dataset.notes)


def test_a_joint_that_openpose_doubts_for_a_moment_is_interpolated(project: Path):
    people = detections(CAMERAS[0])
    wrist = layouts.LAYOUTS["BODY_25B"].points.index("left_wrist")
    people[3][0][wrist] = (5, 5, 0.1)
    openpose_folder(project / "pose" / "cam1_json", people)
    dataset = pose2sim.read(project, pictures=False)
    sequence = dataset.load(dataset.entries[0].key).inputs["openpose"]
    found = sequence.positions[:, INPUT_16.index("left_wrist")]
    np.testing.assert_allclose(found[3], (found[2] + found[4]) / 2, atol=1e-3)


@pytest.mark.parametrize("size_px", [SIZE_PX, (320, 520), (400, 480)])
def test_pictures_stand_behind_the_2d_without_the_video_s_bars(project: Path, size_px):
    for i in range(2):
        film(project / "videos" / f"cam0{i + 1}.mp4", size_px)
    dataset = pose2sim.read(project)
    pictures = dataset.load(dataset.entries[0].key).pictures
    assert pictures is not None
    assert pictures.size_px == SIZE_PX
    assert len(pictures.encoded) == FRAMES
    image = cv2.imdecode(np.frombuffer(pictures.encoded[3], np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    height, width = image.shape
    assert width == videos.WIDTH_PX
    assert width / height == pytest.approx(SIZE_PX[0] / SIZE_PX[1], rel=0.01)
    np.testing.assert_allclose(image[:, : width // 2 - 8], 120, atol=25)
    np.testing.assert_allclose(image[:, width // 2 + 8 :], 240, atol=25)


def test_a_project_without_videos_has_no_pictures(project: Path):
    dataset = pose2sim.read(project)
    assert dataset.load(dataset.entries[0].key).pictures is None


def test_it_is_written_as_a_data_set_file_and_read_back(project: Path, tmp_path: Path):
    dataset = pose2sim.read(project, pictures=False)
    dataset_file.write(tmp_path / "a.safetensors", dataset)
    back = dataset_file.read(tmp_path / "a.safetensors")
    for ours, theirs in zip(recordings(dataset), recordings(back), strict=True):
        assert ours.truth is not None and theirs.truth is not None
        np.testing.assert_allclose(theirs.truth.positions, ours.truth.positions, atol=0.01)
        for source in ("gt", "openpose"):
            np.testing.assert_allclose(
                theirs.inputs[source].positions, ours.inputs[source].positions, atol=0.01
            )


def drop_frame(folder: Path) -> None:
    next(iter((folder / "pose" / "cam2_json").iterdir())).unlink()


def rename_marker(folder: Path) -> None:
    path = folder / "Walking_test.trc"
    path.write_text(path.read_text().replace("LHip", "LPelvis"))


def short_film(folder: Path) -> None:
    film(folder / "videos" / "cam01.mp4", SIZE_PX, FRAMES - 1)
    film(folder / "videos" / "cam02.mp4", SIZE_PX)


def broken_film(folder: Path) -> None:
    (folder / "videos").mkdir()
    for name in ("cam01", "cam02"):
        (folder / "videos" / f"{name}.mp4").write_bytes(b"no video")


def test_without_markers_the_cameras_triangulate(project: Path, tmp_path: Path):
    with_markers = pose2sim.read(project, pictures=False)
    (project / "Walking_test.trc").unlink()
    film(project / "videos" / "cam01.mp4", SIZE_PX)
    film(project / "videos" / "cam02.mp4", SIZE_PX)
    dataset = pose2sim.read(project, pictures=False)
    assert dataset.title == "project: one person, two calibrated cameras"
    assert "triangulated here from the 2 cameras' OpenPose detections" in dataset.notes[0]
    assert "lie 0 px off" in dataset.notes[0]
    assert {entry.fps for entry in dataset.entries} == {60}, "the films' pace"
    pairs = zip(recordings(dataset), recordings(with_markers), strict=True)
    for one, other in pairs:
        assert one.truth is not None
        assert other.truth is not None
        np.testing.assert_allclose(one.truth.positions, other.truth.positions, atol=0.5)
    dataset_file.write(tmp_path / "own.safetensors", dataset)


def test_cameras_that_see_different_people_are_told(project: Path):
    (project / "Walking_test.trc").unlink()
    people = detections(CAMERAS[1])
    for frame in people:
        frame[0][:, 1] += 120
    openpose_folder(project / "pose" / "cam2_json", people)
    with pytest.raises(PoseFormatError, match="pose: no two cameras see the hips and shoulders in"):
        pose2sim.read(project, pictures=False)


def test_cameras_of_different_lengths_are_told_without_markers_too(project: Path):
    (project / "Walking_test.trc").unlink()
    drop_frame(project)
    with pytest.raises(PoseFormatError, match="cam2_json: 7 files, but cam1_json has 8"):
        pose2sim.read(project, pictures=False)


def test_the_recording_is_triangulated_as_pose2sim_did(shared: Path, tmp_path: Path):
    project = shared / "data" / "pose2sim_demo"
    for part in ("calibration", "pose"):
        (tmp_path / part).symlink_to(project / part)
    theirs = pose2sim.read(project, pictures=False)
    ours = pose2sim.read(tmp_path, pictures=False)
    one, other = (d.load(d.entries[0].key).truth for d in (ours, theirs))
    assert one is not None
    assert other is not None
    apart = np.linalg.norm(one.positions - other.positions, axis=-1)
    assert np.isfinite(apart).all()
    assert np.median(apart) < 20, "mm; theirs are filtered"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: shutil.rmtree(f / "calibration"), r"project: one file calibration/\*\.qca\.txt"),
        (lambda f: (f / "b.trc").write_text(""), r"one file \*\.trc was expected .* not 2"),
        (lambda f: shutil.rmtree(f / "pose" / "cam2_json"), r"2 of pose/\*_json, one a camera"),
        (
            lambda f: film(f / "videos" / "cam01.mp4", SIZE_PX),
            r"2 of videos/\*\.mp4, one a camera, were expected, not 1",
        ),
        (drop_frame, r"cam2_json: 7 files, but Walking_test\.trc has 8 frames"),
        (rename_marker, r"Walking_test\.trc, line 4: markers LHip were expected; it has RHip, RK"),
        (short_film, r"cam01\.mp4: 7 pictures for 8 frames"),
        (broken_film, r"cam01\.mp4: no frame of this video can be decoded"),
    ],
)
def test_what_is_missing_is_named(project: Path, spoil, said, capfd):
    spoil(project)
    with pytest.raises(PoseFormatError, match=said):
        pose2sim.read(project)


def test_the_recording_s_projection_lies_on_its_detections(shared):
    dataset = pose2sim.read(shared / "data/pose2sim_demo", pictures=False)
    limbs = [i for i, j in enumerate(INPUT_16.joints) if j.startswith(("left", "right"))]
    for recording, most in zip(recordings(dataset), (15, 9, 26, 9), strict=True):
        apart = recording.inputs["gt"].positions - recording.inputs["openpose"].positions
        assert np.median(np.linalg.norm(apart[:, limbs], axis=-1)) < most
        assert np.isfinite(recording.inputs["openpose"].positions).all()


def test_the_sample_that_ships_is_what_the_recording_gives(shared):
    sample = dataset_file.read(SAMPLE)
    dataset = pose2sim.read(shared / "data/pose2sim_demo", pictures=False)
    assert [e.key for e in sample.entries] == [e.key for e in dataset.entries]
    assert sample.notes == dataset.notes
    assert "BSD 3-Clause" in sample.credit
    assert SAMPLE.stat().st_size < 4.5e6
    for ours, theirs in zip(recordings(dataset), recordings(sample), strict=True):
        assert theirs.pictures is not None and len(theirs.pictures.encoded) == 100
        assert ours.truth is not None and theirs.truth is not None
        np.testing.assert_allclose(theirs.truth.positions, ours.truth.positions, atol=0.01)
        for source in ("gt", "openpose"):
            np.testing.assert_array_equal(
                theirs.inputs[source].positions, ours.inputs[source].positions
            )
