"""The synthetic data set's shape, its views, and that it is the same at every start."""

from __future__ import annotations

import numpy as np
import pytest

from core import synthetic
from core.cameras import image_from_camera
from core.dataset import ACTIONS, Dataset, Key
from core.skeleton import H36M_17, INPUT_16


@pytest.fixture(scope="module")
def short() -> Dataset:
    return synthetic.dataset(frames=40)


def test_it_has_the_shape_of_human36m() -> None:
    dataset = synthetic.dataset()
    assert dataset.kind == "synthetic"
    assert "Synthetic" in dataset.title
    keys = [entry.key for entry in dataset.entries]
    assert len(keys) == len(set(keys)) == 7 * 15 * 2 * 4
    assert list(dict.fromkeys(k.subject for k in keys)) == [
        "S1",
        "S5",
        "S6",
        "S7",
        "S8",
        "S9",
        "S11",
    ]
    assert {k.action for k in keys} == set(ACTIONS)
    assert {k.take for k in keys if k.action == "Walking"} == {"Walking", "Walking 1"}
    assert len({k.camera for k in keys}) == 4
    assert {e.fps for e in dataset.entries} == {50.0}
    assert {e.sources for e in dataset.entries} == {("gt", "hourglass (simulated)")}
    assert {e.key.subject for e in dataset.select(split="test")} == {"S9", "S11"}
    assert all(900 <= e.frames <= 2500 for e in dataset.entries)


def test_its_note_says_that_it_proves_nothing_about_people() -> None:
    assert "proves nothing about people" in " ".join(synthetic.dataset().notes)


def test_a_recording_is_what_its_entry_promises(short: Dataset) -> None:
    for entry in short.entries[::97]:
        recording = short.load(entry.key)
        assert recording.key == entry.key
        assert tuple(recording.inputs) == entry.sources
        for sequence in recording.inputs.values():
            assert sequence.positions.shape == (40, 16, 2)
            assert (sequence.skeleton, sequence.space, sequence.fps) == (INPUT_16, "image", 50)
            assert "synthetic" in sequence.source
        truth = recording.truth
        assert truth is not None
        assert (truth.skeleton, truth.space) == (H36M_17, "camera")
        assert "synthetic" in truth.source


def test_ground_truth_2d_is_the_projection_of_the_truth(short: Dataset) -> None:
    for entry in short.entries[::111]:
        recording = short.load(entry.key)
        assert recording.truth is not None
        assert recording.camera is not None
        seen = recording.truth.positions[:, list(H36M_17.indices(INPUT_16.joints))]
        expected = image_from_camera(seen, recording.camera)
        assert np.abs(expected - recording.inputs["gt"].positions).max() < 1e-2


def test_the_four_cameras_see_the_same_take(short: Dataset) -> None:
    lengths = []
    for camera in synthetic.cameras():
        truth = short.load(Key("S9", "Posing", "Posing", camera.name)).truth
        assert truth is not None
        lengths.append(np.linalg.norm(truth.positions[:, 13] - truth.positions[:, 16], axis=-1))
    assert np.ptp(lengths, axis=0).max() < 0.01


def test_limbs_keep_their_lengths_in_what_is_handed_out() -> None:
    dataset = synthetic.dataset(frames=400)
    for entry in dataset.select(split="test")[::30]:
        truth = dataset.load(entry.key).truth
        assert truth is not None
        joints = truth.positions.astype(float)
        for start, end in H36M_17.bones:
            assert np.ptp(np.linalg.norm(joints[:, start] - joints[:, end], axis=-1)) < 1e-3


def test_two_starts_give_the_same_data() -> None:
    first, second = synthetic.dataset(frames=30), synthetic.dataset(frames=30)
    key = first.entries[500].key
    second.load(second.entries[3].key)
    one, other = first.load(key), second.load(key)
    assert first.digest == second.digest
    for source in one.inputs:
        assert one.inputs[source].digest == other.inputs[source].digest
    assert one.truth is not None
    assert other.truth is not None
    assert one.truth.digest == other.truth.digest


def test_another_seed_or_length_is_another_data_set() -> None:
    digests = {
        dataset.digest
        for dataset in (
            synthetic.dataset(),
            synthetic.dataset(seed=1),
            synthetic.dataset(frames=10),
        )
    }
    assert len(digests) == 3


def test_a_recording_is_made_once_and_kept(short: Dataset) -> None:
    key = short.entries[0].key
    assert short.load(key) is short.load(key)


def test_a_take_of_no_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 frame, not 0"):
        synthetic.dataset(frames=0)


def test_everyone_is_inside_the_picture() -> None:
    dataset = synthetic.dataset(frames=600)
    for entry in dataset.entries:
        if entry.key.subject not in ("S8", "S9"):
            continue
        places = dataset.load(entry.key).inputs["gt"].positions
        assert places.min() > 0, entry.key
        assert places.max() < 1000, entry.key


def test_people_stand_a_little_above_the_middle_as_large_as_in_human36m(short: Dataset) -> None:
    places = np.stack([short.load(e.key).inputs["gt"].positions for e in short.entries[::13]])
    hips = places[:, :, INPUT_16.root].mean(axis=(0, 1))
    assert 440 < hips[1] < 485
    assert 490 < hips[0] < 570
    assert 260 < np.ptp(places[..., 1], axis=2).mean() < 360
