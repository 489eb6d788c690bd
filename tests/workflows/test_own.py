"""One's own file from path to result."""

from __future__ import annotations

import numpy as np
import pytest

from core.dataset import Pictures
from core.errors import PoseFormatError
from core.formats import keypoints
from core.formats.detections import Detections
from core.framing import FRAMINGS
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.workflows import own
from core.workflows.lift import PoseLifter
from core.workflows.open import open_dataset
from core.workflows.own import Material
from core.workflows.predict import Options, predict
from tests.formats import detection_writers as writers
from tests.formats.test_detections import walker
from tests.toys import toy_checkpoint

LIFTER = PoseLifter(toy_checkpoint())


def standing(frames: int = 6) -> np.ndarray:
    """Stand in 400 px of height, in px; the same in each frame but for a step to the right."""
    places = {
        "hip": (0, 0), "right_hip": (-20, 0), "right_knee": (-22, 90), "right_ankle": (-24, 180),
        "left_hip": (20, 0), "left_knee": (22, 90), "left_ankle": (24, 180), "spine": (0, -50),
        "thorax": (0, -110), "head": (0, -180), "left_shoulder": (35, -120),
        "left_elbow": (50, -60), "left_wrist": (55, 0), "right_shoulder": (-35, -120),
        "right_elbow": (-50, -60), "right_wrist": (-55, 0),
    }  # fmt: skip
    pose = np.array([places[joint] for joint in INPUT_16.joints], dtype=float)
    steps = np.arange(frames)[:, None, None] * np.array([2.0, 0.0])
    return np.array([500, 400]) + pose + steps


def seen(positions: np.ndarray, confidence: np.ndarray | float | None = 0.9) -> PoseSequence:
    shape = positions.shape[:2]
    sure = None if confidence is None else np.broadcast_to(confidence, shape)
    return PoseSequence(positions, INPUT_16, "image", 30.0, sure, "BlazePose, MediaPipe-33")


def test_a_file_is_called_as_its_owner_calls_it(tmp_path):
    (tmp_path / "0.json").write_text("{}")
    with pytest.raises(PoseFormatError, match=r"^walk.json"):
        own.read_keypoints(tmp_path / "0.json", "walk.json")


def test_3d_is_refused(tmp_path):
    keypoints.write(tmp_path / "p.npz", PoseSequence(np.ones((2, 17, 3)), H36M_17, "camera", 25.0))
    with pytest.raises(PoseFormatError, match="these are 3D already"):
        own.read_keypoints(tmp_path / "p.npz")


@pytest.mark.parametrize("what", ["nothing", "folder"])
def test_what_is_no_keypoints_is_told(tmp_path, what):
    path = tmp_path if what == "folder" else tmp_path / "x.json"
    with pytest.raises(PoseFormatError, match=r"no such file|OpenPose's JSON files"):
        own.read_keypoints(path)


def test_a_result_has_its_input_pictures_and_origin_for_every_export():
    found = predict(LIFTER, seen(standing()))
    pictures = Pictures((b"",) * 6, (1000, 800))
    material = Material("walk.mp4", pictures=pictures)
    lifted = own.as_recording(material, found, own.lifted_with(LIFTER, material))
    assert (lifted.source, lifted.truth) == ("BlazePose", None)
    assert lifted.recording.pictures is pictures
    assert lifted.provenance["data_set"] == "walk.mp4"
    assert lifted.provenance["checkpoint_digest"] == LIFTER.checkpoint.digest


def test_the_example_is_judged_by_its_triangulated_truth():
    data = open_dataset("balancing")
    material = own.from_recording(data, data.entries[0].key, "openpose")
    assert material.sequence is not None
    lifted = own.as_recording(material, predict(LIFTER, material.sequence))
    assert lifted.errors is not None
    assert lifted.errors[2].shape == (100, 17)


def test_fractions_become_px_once_the_size_is_known():
    points = np.random.default_rng(0).uniform(0.2, 0.8, (1, 33, 3))
    material = Material("mp.json", Detections((points,), "MediaPipe", "mp.json"))
    sized = own.in_px(material, (1920, 1080))
    assert sized.size_px == (1920, 1080)
    assert sized.detections is not None
    np.testing.assert_allclose(sized.detections.frames[0], points * [1920, 1080, 1])


def test_the_clearest_frame_shows_most_points_and_the_person_who_is_picked():
    def somebody(x: float, points: int = 33) -> np.ndarray:
        body = np.random.default_rng(0).uniform(0, 100, (33, 3))
        body[:, 0] += x
        body[:, 2] = np.arange(33) < points
        return body

    a, b, c = somebody(0), somebody(5000), somebody(20000, 12)
    hardly = [somebody(x, 5) for x in (0, 5000, 20000)]
    frames = [[a], *[[a, b]] * 3, hardly, *[[a, c]] * 3]
    found = Detections(tuple(np.stack(people) for people in frames), "x", "x")
    clearest = [own.clearest_frame(found, track) for track in range(len(found.tracks))]
    assert clearest == [1, 1, 5]


def test_the_clearest_frame_is_the_one_that_the_detector_is_surest_of():
    sure = [0.2, 0.9, 0.5]
    frames = tuple(np.random.default_rng(0).uniform(0, 99, (1, 33, 3)) for _ in sure)
    for frame, share in zip(frames, sure, strict=True):
        frame[..., 2] = share
    assert own.clearest_frame(Detections(frames, "x", "x")) == 1


def test_points_can_be_taken_for_a_layout_that_they_do_not_look_like():
    clip = writers.clip("BODY_25B", walker(frames=8))
    material = Material("a.json", Detections(tuple(clip[:, None]), "x", "a.json"))
    assert material.detections is not None
    assert material.detections.layout().name == "BODY_25B"
    taken = own.taken_as(material, "BODY_25")
    assert taken.detections is not None
    assert taken.detections.layout().name == "BODY_25"
    assert "BODY_25" in taken.detections.person().source.split()


def test_a_short_gap_is_filled_and_marked():
    positions = standing()
    confidence = np.full((6, 16), 0.9)
    joint = INPUT_16.index("left_wrist")
    confidence[2:4, joint] = 0.1
    positions[2:4, joint] = 9999
    found = predict(LIFTER, seen(positions, confidence))
    np.testing.assert_allclose(found.input.positions[:, joint], standing()[:, joint], atol=1e-3)
    assert found.filled.sum() == 2
    assert not found.guessed.any()


def test_a_frame_without_the_person_stays_empty():
    positions = standing()
    positions[2] = np.nan
    found = predict(LIFTER, seen(positions))
    assert found.empty == 1
    assert np.isnan(found.poses.positions[2]).all()


@pytest.mark.parametrize("joint", ["left_hip", "right_shoulder"])
def test_without_hips_or_shoulders_nothing_is_lifted(joint):
    confidence = np.full((6, 16), 0.9)
    confidence[:, INPUT_16.index(joint)] = 0.1
    assert predict(LIFTER, seen(standing(), confidence)).empty == 6


def test_a_limb_that_is_never_seen_is_a_guess_and_named():
    confidence = np.full((6, 16), 0.9)
    confidence[:, INPUT_16.index("left_ankle")] = 0.1
    found = predict(LIFTER, seen(standing(), confidence))
    assert (found.empty, int(found.guessed.sum())) == (0, 6)
    assert any("hardly saw left ankle" in warning for warning in found.warnings)


def upside_down() -> np.ndarray:
    positions = standing()
    positions[..., 1] = 800 - positions[..., 1]
    return positions


def on_its_side() -> np.ndarray:
    return standing()[..., ::-1] * [1, -1] + [0, 900]


def bowing() -> np.ndarray:
    """The trunk level, the legs upright: on their feet."""
    positions = standing()
    hip = positions[:, :1].copy()
    above = [i for i, j in enumerate(INPUT_16.joints) if not j.endswith(("hip", "knee", "ankle"))]
    positions[:, above] = hip + (positions[:, above] - hip)[..., ::-1]
    return positions


@pytest.mark.parametrize(
    ("positions", "size_px", "reason"),
    [
        (upside_down(), None, "upside-down"),
        (on_its_side(), None, "lies"),
        (standing() * 0.1, None, "only 36 px tall"),
        (standing(), (1000, 450), "cut off by the picture's edge"),
        (standing().clip(0, 499), (1000, 500), "cut off by the picture's edge"),
    ],
    ids=["upside-down", "on its side", "tiny", "cut off", "put onto the edge"],
)
def test_what_the_checkpoint_has_not_learnt_is_warned_of(positions, size_px, reason):
    (warning,) = (
        w for w in predict(LIFTER, seen(positions), size_px=size_px).warnings if reason in w
    )
    assert warning.endswith(".")


def leaning() -> np.ndarray:
    """The trunk 65 degrees off the upright, the legs 30: on their feet, in a camera that leans."""
    positions = standing()
    hip = positions[:, :1].copy()
    above = [i for i, j in enumerate(INPUT_16.joints) if not j.endswith(("hip", "knee", "ankle"))]
    below = [i for i in range(len(INPUT_16)) if i not in above]
    for joints, degrees in ((above, 65), (below, 30)):
        cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turned = (positions[:, joints] - hip) @ np.array([[cosine, sine], [-sine, cosine]])
        positions[:, joints] = hip + turned
    return positions


@pytest.mark.parametrize(
    "positions", [standing(), bowing(), leaning()], ids=["standing", "bowing", "leaning"]
)
def test_somebody_who_is_well_in_the_picture_is_warned_of_nothing(positions):
    from core.workflows.open import open_checkpoint

    lifter = PoseLifter(open_checkpoint("detector"))
    assert predict(lifter, seen(positions), size_px=(1000, 800)).warnings == ()


@pytest.mark.parametrize(
    ("frames", "said"), [(6, "."), (3, " in 50% of the frames: hidden, or cut off")]
)
def test_what_keeps_frames_empty_is_named(frames, said):
    positions = standing()
    positions[:frames, INPUT_16.indices(("left_ankle", "right_knee"))] = np.nan
    found = predict(LIFTER, seen(positions))
    (warning,) = (w for w in found.warnings if "lacks" in w)
    assert warning.startswith("The 2D lacks right knee, left ankle")
    assert said in warning
    assert found.empty == frames


def test_hips_that_are_hardly_seen_are_named_as_what_is_lacking():
    confidence = np.full((6, 16), 0.9)
    confidence[:, INPUT_16.index("left_hip")] = 0.1
    (warning,) = predict(LIFTER, seen(standing(), confidence)).warnings
    assert warning.startswith("The 2D lacks left hip in 100% of the frames: hidden, or cut off")


def test_averaged_lifts_are_the_same_for_the_mirrored_person():
    positions = standing()
    positions[..., 0] += np.random.default_rng(0).normal(0, 30, (6, 16))
    mirrored = positions[:, list(INPUT_16.flip_order)] * [-1, 1]
    for framing in FRAMINGS:
        lifter = PoseLifter(toy_checkpoint(framing=framing))
        one, other = (predict(lifter, seen(p)).poses.positions for p in (positions, mirrored))
        np.testing.assert_allclose(
            other[:, list(H36M_17.flip_order)] * [-1, 1, 1], one, atol=1e-2, err_msg=framing
        )


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_average_is_of_the_lifts_of_turned_pictures_turned_back(framing):
    """Pictures lean only for a checkpoint that frames the person: others know no leaning ones."""
    lifter = PoseLifter(toy_checkpoint(framing=framing))
    positions = standing() - 400 + np.random.default_rng(0).normal(0, 20, (6, 16, 2))

    def turned(by: float) -> np.ndarray:
        R = np.eye(3)
        R[:2, :2] = [[np.cos(by), -np.sin(by)], [np.sin(by), np.cos(by)]]
        return R

    lifts = []
    for by in np.deg2rad([0, 15, -15] if framing == "person" else [0]):
        leaning = seen(positions @ turned(by)[:2, :2].T)
        mirrored = leaning.positions[:, list(INPUT_16.flip_order)] * [-1, 1]
        plain = Options(average=False)
        straight = predict(lifter, leaning, plain).poses.positions
        back = predict(lifter, seen(mirrored), plain).poses.positions
        back = back[:, list(H36M_17.flip_order)] * [-1, 1, 1]
        lifts += [straight @ turned(by), back @ turned(by)]
    averaged = predict(lifter, seen(positions)).poses.positions
    np.testing.assert_allclose(averaged, np.mean(lifts, axis=0), atol=0.05)


def test_levelled_by_posture_the_standing_figure_is_upright():
    found = predict(LIFTER, seen(standing()), Options(level=True))
    from core.cameras import pitch_rotation

    joints = found.poses.positions @ pitch_rotation(found.pitch_rad)
    feet = joints[:, H36M_17.indices(("left_ankle", "right_ankle"))].mean(axis=1)
    up = np.median(joints[:, H36M_17.index("thorax")] - feet, axis=0)
    assert abs(up[1]) < 1e-3 * np.linalg.norm(up)
    assert up[2] > 0
