"""Predictions that others saved stand beside a data set as one more checkpoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.dataset import Key
from core.errors import PoseFormatError
from core.workflows.evaluate import evaluate
from core.workflows.export import file_name, npz_bytes
from core.workflows.lift import PoseLifter, lift_recording
from core.workflows.open import open_checkpoint, open_dataset, open_uploaded_checkpoint
from core.workflows.results import judge
from tests.formats import field_writers as writers
from tests.toys import toy_checkpoint

TAKES = {
    (9, "Walking 1"): writers.skeleton_32(24, 1),
    (9, "Sitting"): writers.skeleton_32(15, 2),
    (11, "Photo"): writers.skeleton_32(11, 4),
    (1, "Photo"): writers.skeleton_32(13, 5),
}
KEY = Key("S9", "Walking", "Walking 1", "55011271")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vp3d")
    writers.metadata_xml(folder / "metadata.xml")
    return open_dataset(writers.videopose3d(folder, TAKES))


def truth(data, key: Key) -> np.ndarray:
    positions = data.load(key).truth.positions.astype(np.float64)
    return positions - positions[:, :1]


def predicted(data, key: Key) -> np.ndarray:
    """Exactly 10 mm off in every joint but the hip."""
    off = np.zeros((17, 3))
    off[1:, 0] = 10
    return truth(data, key) + off


def named(data) -> dict[str, Any]:
    return {
        f"{e.key.subject}/{e.key.take}/{e.key.camera}": predicted(data, e.key) for e in data.entries
    }


def concatenated(data, split: str | None = "test") -> np.ndarray:
    return np.concatenate([predicted(data, e.key) for e in data.select(split=split)])


def average(data, path) -> float:
    found = evaluate(data, PoseLifter(open_checkpoint(path)), "gt")
    return found.average(1)


def test_predictions_by_name_are_judged_like_a_checkpoints(data, tmp_path):
    np.savez(tmp_path / "theirs.npz", **named(data))
    assert average(data, tmp_path / "theirs.npz") == pytest.approx(10 * 16 / 17, abs=1e-3)
    found = judge(data, open_checkpoint(tmp_path / "theirs.npz"), "gt")
    assert found.evaluation(17).average(1) == pytest.approx(10 * 16 / 17, abs=1e-3)


@pytest.mark.parametrize("unit", [1.0, 0.1, 0.001])
@pytest.mark.parametrize("split", ["test", None])
def test_one_array_of_the_test_set_or_of_all_is_matched_by_its_length(data, tmp_path, unit, split):
    np.save(tmp_path / "theirs.npy", (concatenated(data, split) * unit).astype(np.float32))
    assert average(data, tmp_path / "theirs.npy") == pytest.approx(10 * 16 / 17, abs=1e-2)


def test_an_uploads_bytes_are_the_same_predictions_as_the_file(data, tmp_path):
    np.savez(tmp_path / "theirs.npz", **named(data))
    uploaded = open_uploaded_checkpoint((tmp_path / "theirs.npz").read_bytes(), "theirs.npz")
    assert uploaded.digest == open_checkpoint(tmp_path / "theirs.npz").digest
    assert uploaded.name == "theirs"
    assert uploaded.saved is not None and uploaded.saved.file == "theirs.npz"


def test_16_joints_without_the_hip_and_48_numbers_are_taken(data, tmp_path):
    rows = concatenated(data)[:, 1:]
    for name, values in (("a.npy", rows), ("b.npy", rows.reshape(len(rows), 48))):
        np.save(tmp_path / name, values)
        assert average(data, tmp_path / name) == pytest.approx(10 * 16 / 17, abs=1e-2)


def test_videopose3ds_way_to_save_is_taken(data, tmp_path):
    content: dict = {}
    for subject, take in TAKES:
        action = take.split()[0]
        content.setdefault(f"S{subject}", {})[take] = [
            predicted(data, Key(f"S{subject}", action, take, camera)) for camera in writers.CAMERAS
        ]
    array = np.empty((), dtype=object)
    array[()] = content
    np.savez(tmp_path / "theirs.npz", positions_3d=array)
    assert average(data, tmp_path / "theirs.npz") == pytest.approx(10 * 16 / 17, abs=1e-2)


def test_a_folder_that_test_out_wrote_is_taken_back(data, tmp_path):
    lifter = PoseLifter(toy_checkpoint())
    for entry in data.select(split="test"):
        lifted = lift_recording(lifter, data, data.load(entry.key), "gt")
        (tmp_path / file_name(lifted, ".npz")).write_bytes(npz_bytes(lifted))
    expected = evaluate(data, lifter, "gt").average(1)
    assert average(data, tmp_path) == pytest.approx(expected, abs=1e-3)


def test_browse_shows_the_saved_poses_themselves(data, tmp_path):
    np.savez(tmp_path / "theirs.npz", **named(data))
    lifter = PoseLifter(open_checkpoint(tmp_path / "theirs.npz"))
    lifted = lift_recording(lifter, data, data.load(KEY), "gt")
    np.testing.assert_allclose(lifted.prediction.positions, predicted(data, KEY), atol=1e-3)
    assert lifted.provenance["checkpoint"] == "theirs"
    assert lifted.error(1) == pytest.approx(10 * 16 / 17, abs=1e-3)


def test_recordings_without_a_prediction_are_left_out_and_said(data, tmp_path):
    some = {name: poses for name, poses in named(data).items() if "Sitting" not in name}
    np.savez(tmp_path / "theirs.npz", **some)
    lifter = PoseLifter(open_checkpoint(tmp_path / "theirs.npz"))
    assert evaluate(data, lifter, "gt").skipped == 4 * 15
    key = Key("S9", "Sitting", "Sitting", "55011271")
    with pytest.raises(PoseFormatError, match="it holds no prediction of this recording"):
        lift_recording(lifter, data, data.load(key), "gt")


def test_other_content_is_another_checkpoint(data, tmp_path):
    np.savez(tmp_path / "a.npz", **named(data))
    np.savez(tmp_path / "b.npz", **{n: p + 1 * (p != 0) for n, p in named(data).items()})
    digests = {open_checkpoint(tmp_path / name).digest for name in ("a.npz", "b.npz")}
    assert len(digests) == 2


def test_one_takes_predictions_are_not_taken_for_anothers(tmp_path):
    writers.metadata_xml(tmp_path / "metadata.xml")
    # Human3.6M names the first take of an action like the action.
    takes = {
        (9, "Sitting"): writers.skeleton_32(15, 2),
        (9, "Sitting 1"): writers.skeleton_32(15, 3),
    }
    data = open_dataset(writers.videopose3d(tmp_path, takes))
    some = {name: poses for name, poses in named(data).items() if "Sitting 1" not in name}
    np.savez(tmp_path / "theirs.npz", **some)
    found = evaluate(data, PoseLifter(open_checkpoint(tmp_path / "theirs.npz")), "gt")
    assert found.average(1) == pytest.approx(10 * 16 / 17, abs=1e-3)
    assert found.skipped == 4 * 15


def test_an_actions_only_take_may_be_called_by_the_action(data, tmp_path):
    by_action = {name.replace("Walking 1", "Walking"): p for name, p in named(data).items()}
    np.savez(tmp_path / "theirs.npz", **by_action)
    assert evaluate(data, PoseLifter(open_checkpoint(tmp_path / "theirs.npz")), "gt").skipped == 0


def test_one_exported_recording_says_itself_which_it_is(data, tmp_path):
    lifter = PoseLifter(toy_checkpoint())
    lifted = lift_recording(lifter, data, data.load(KEY), "gt")
    (tmp_path / "mine.npz").write_bytes(npz_bytes(lifted))
    theirs = PoseLifter(open_checkpoint(tmp_path / "mine.npz"))
    again = lift_recording(theirs, data, data.load(KEY), "gt")
    np.testing.assert_allclose(again.prediction.positions, lifted.prediction.positions, atol=1e-3)


def mismatches(data):
    rows = concatenated(data)
    short = named(data)
    short["S9/Walking 1/55011271"] = short["S9/Walking 1/55011271"][:-1]
    upright = rows[..., [0, 2, 1]] * (1, 1, -1)
    coco = np.zeros_like(rows)
    coco[:, [5, 6, 11, 12, 13, 14, 15, 16]] = rows[:, [11, 14, 4, 1, 5, 2, 6, 3]]
    coco[:, 0] = rows[:, 9]
    return {
        "length": (rows[:-1], r"poses can't be matched with .*the test set has 200"),
        "one of four": (rows[:24], "4 recordings are that long"),
        "frames": (short, "23 predicted poses, but the recording has 24 frames"),
        "names": ({"somebody": rows[:5], "else": rows[:5]}, "none of its 2 arrays is named after"),
        "world": (upright, r"the world frame \(z up\)"),
        "y up": (rows * (1, -1, -1), "y seems to point up"),
        "normalised": (rows / rows.std(axis=0, keepdims=True).clip(1e-3), "normalised numbers"),
        "coco": (coco, "COCO's order|not in Human3.6M's order"),
        "shape": (rows[:, :5], r"\(frames, 17, 3\)"),
    }


@pytest.mark.parametrize(
    "case",
    ["length", "one of four", "frames", "names", "world", "y up", "normalised", "coco", "shape"],
)
def test_predictions_that_do_not_fit_are_told_why(data, tmp_path, case):
    values, message = mismatches(data)[case]
    if isinstance(values, dict):
        np.savez(tmp_path / "theirs.npz", **values)
    else:
        np.savez(tmp_path / "theirs.npz", poses=values)
    with pytest.raises(PoseFormatError, match=message):
        average(data, tmp_path / "theirs.npz")


def test_saved_predictions_lift_nothing_else(data, tmp_path):
    np.savez(tmp_path / "theirs.npz", **named(data))
    lifter = PoseLifter(open_checkpoint(tmp_path / "theirs.npz"))
    with pytest.raises(PoseFormatError, match="these are saved predictions, not a network"):
        lifter.lift(data.load(KEY).inputs["gt"])
