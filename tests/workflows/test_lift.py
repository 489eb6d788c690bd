"""Lifting sequences and recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.cameras import world_from_camera
from core.checkpoint import model_from
from core.errors import PoseFormatError
from core.human36m import PUBLISHED_INPUT, PUBLISHED_OUTPUT
from core.metrics import mpjpe, p_mpjpe
from core.model import Lifter, LifterConfig
from core.normalization import Statistics
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS
from core.workflows.evaluate import frame_errors
from core.workflows.lift import (
    MOVING,
    PART,
    PoseLifter,
    judge,
    lift_recording,
    published_statistics,
    relative_to_root,
)
from core.workflows.open import checkpoint_names, open_checkpoint
from tests.toys import RECORDINGS, WITHOUT_HOURGLASS, toy_checkpoint, toy_dataset, toy_recording

KEY = next(iter(RECORDINGS))


def people(frames: int = 7) -> np.ndarray:
    mean, std = PUBLISHED_INPUT.mean.reshape(16, 2), PUBLISHED_INPUT.std.reshape(16, 2)
    return mean + std * np.random.default_rng(0).normal(0, 1, (frames, 16, 2))


def sequence(positions: np.ndarray) -> PoseSequence:
    return PoseSequence(positions, INPUT_16, "image", 50.0, source="detector")


def test_the_networks_joints_stand_behind_the_hip_in_its_order():
    assert tuple(H36M_17.joints[1:]) == OUTPUT_16_JOINTS
    assert slice(1, None) == MOVING


def test_frames_without_a_joint_are_nan_and_leave_the_others_as_they_were():
    whole, lifter = people(), PoseLifter(toy_checkpoint())
    holed = whole.copy()
    holed[[1, 4], 3] = np.nan
    expected = lifter.lift_arrays(whole)
    expected[[1, 4]] = np.nan
    np.testing.assert_array_equal(lifter.lift_arrays(holed), expected)
    assert np.isnan(lifter.lift_arrays(holed[1:2])).all(), "not one frame is complete"


def test_a_lifted_sequence_is_root_relative_with_17_joints():
    lifted = PoseLifter(toy_checkpoint()).lift(sequence(people()))
    assert (lifted.skeleton, lifted.space, lifted.unit, lifted.fps) == (H36M_17, "root", "mm", 50)
    assert lifted.source == "toy, lifted from detector"
    np.testing.assert_array_equal(lifted.positions[:, 0], 0)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_lifting_is_normalise_network_unnormalise(batch_norm):
    config = LifterConfig(linear_size=8, num_stage=2, batch_norm=batch_norm)
    state = Lifter(config).state_dict()
    for name in state:
        if name.endswith(("running_mean", "running_var")):
            state[name] = torch.rand(8) + 0.5
    checkpoint = toy_checkpoint(config=config, state=state)
    flat = np.float32(people()).astype(np.float64).reshape(7, 32)
    normalised = (flat - PUBLISHED_INPUT.mean) / PUBLISHED_INPUT.std
    with torch.inference_mode():
        out = model_from(checkpoint)(torch.tensor(normalised, dtype=torch.float32)).numpy()
    expected = (out * PUBLISHED_OUTPUT.std + PUBLISHED_OUTPUT.mean).reshape(7, 16, 3)
    lifted = PoseLifter(checkpoint).lift(sequence(people()))
    moving = lifted.positions[:, H36M_17.indices(OUTPUT_16_JOINTS)]
    np.testing.assert_allclose(moving, expected, atol=1e-3)


def test_batches_do_not_change_the_result():
    whole = PoseLifter(toy_checkpoint()).lift(sequence(people()))
    parts = PoseLifter(toy_checkpoint(), batch=2).lift(sequence(people()))
    np.testing.assert_array_equal(parts.positions, whole.positions)


@pytest.mark.parametrize("name", checkpoint_names())
def test_a_frames_digits_are_the_same_alone_and_in_a_long_sequence(name):
    lifter = PoseLifter(open_checkpoint(name))
    positions = people(PART + 300)
    whole = lifter.lift_arrays(positions)
    for frames in (slice(0, 1), slice(PART - 2, PART + 3), slice(-70, None)):
        np.testing.assert_array_equal(lifter.lift_arrays(positions[frames]), whole[frames])


def test_a_missing_joint_empties_its_own_frame_only():
    positions = people()
    whole = PoseLifter(toy_checkpoint()).lift(sequence(positions)).positions
    positions[2, 5] = np.nan
    holed = PoseLifter(toy_checkpoint()).lift(sequence(positions)).positions
    assert np.isnan(holed[2]).all()
    np.testing.assert_allclose(np.delete(holed, 2, 0), np.delete(whole, 2, 0), atol=1e-3)


def test_a_sequence_without_a_complete_frame_lifts_to_nothing():
    lifted = PoseLifter(toy_checkpoint()).lift(sequence(np.full((3, 16, 2), np.nan)))
    assert np.isnan(lifted.positions).all()
    assert len(lifted) == 3


def test_joints_are_taken_by_name_from_other_skeletons():
    with_neck = np.random.default_rng(0).normal(500, 100, (4, 17, 2))
    order = H36M_17.indices(INPUT_16.joints)
    lifter = PoseLifter(toy_checkpoint())
    by_name = lifter.lift(PoseSequence(with_neck, H36M_17, "image", 50.0))
    expected = lifter.lift(sequence(with_neck[:, order]))
    np.testing.assert_array_equal(by_name.positions, expected.positions)


def test_3d_is_not_lifted():
    with pytest.raises(ValueError, match="a 2D sequence in px is lifted, not one in root space"):
        PoseLifter(toy_checkpoint()).lift(PoseSequence(np.zeros((1, 17, 3)), H36M_17, "root", 50))


def test_framing_around_the_person_ignores_place_and_size():
    lifter = PoseLifter(toy_checkpoint(framing="person"))
    here = lifter.lift(sequence(people())).positions
    there = lifter.lift(sequence(people() * 0.4 + 123)).positions
    np.testing.assert_allclose(here, there, atol=0.05)
    as_it_lies = PoseLifter(toy_checkpoint()).lift(sequence(people())).positions
    assert np.abs(here - as_it_lies).max() > 1


def test_the_checkpoints_own_statistics_come_first():
    own = toy_checkpoint()
    other = Statistics(PUBLISHED_INPUT.mean + 50, PUBLISHED_INPUT.std)
    lifted = PoseLifter(own).falling_back_on(other, None).lift(sequence(people()))
    expected = PoseLifter(own).lift(sequence(people()))
    np.testing.assert_array_equal(lifted.positions, expected.positions)


def test_statistics_come_from_the_data_set_where_the_checkpoint_has_none():
    dataset = toy_dataset(statistics=True)
    lifter = PoseLifter(toy_checkpoint(statistics=False)).suited_to(dataset, "gt")
    expected = PoseLifter(toy_checkpoint()).lift(sequence(people()))
    np.testing.assert_array_equal(lifter.lift(sequence(people())).positions, expected.positions)


def test_suiting_a_lifter_to_data_shares_its_engine():
    lifter = PoseLifter(toy_checkpoint())
    assert lifter.suited_to(toy_dataset(statistics=True), "gt").engine is lifter.engine


def test_missing_statistics_are_explained():
    lifter = PoseLifter(toy_checkpoint(statistics=False)).suited_to(toy_dataset(), "gt")
    with pytest.raises(PoseFormatError) as caught:
        lifter.lift(sequence(people()))
    message = str(caught.value)
    assert message.startswith("toy, statistics: missing statistics: the checkpoint holds no mean")
    assert "of its 2D input and 3D output" in message
    assert "use it with the data folder that it was trained on" in message


def test_published_statistics_can_stand_in():
    lifter = PoseLifter(toy_checkpoint(statistics=False)).falling_back_on(*published_statistics())
    expected = PoseLifter(toy_checkpoint()).lift(sequence(people()))
    np.testing.assert_array_equal(lifter.lift(sequence(people())).positions, expected.positions)


def test_pixel_statistics_are_not_borrowed_for_framed_2d():
    checkpoint = toy_checkpoint(
        input_statistics=None, output_statistics=PUBLISHED_OUTPUT, framing="person"
    )
    lifter = PoseLifter(checkpoint).falling_back_on(*published_statistics())
    with pytest.raises(PoseFormatError, match=r"missing statistics.* of its 2D input,"):
        lifter.lift(sequence(people()))


def test_statistics_of_another_size_are_refused():
    short = Statistics(np.zeros(30), np.ones(30), "a short file")
    lifter = PoseLifter(toy_checkpoint(input_statistics=short))
    with pytest.raises(PoseFormatError, match=r"32 numbers, but the statistics \(a short file\)"):
        lifter.lift(sequence(people()))


def test_a_lifted_recording_has_both_protocols_root_relative():
    recording = toy_recording(KEY)
    lifted = lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "gt")
    assert recording.truth is not None
    assert lifted.truth is not None
    assert lifted.errors is not None
    truth = relative_to_root(recording.truth).positions
    np.testing.assert_array_equal(lifted.truth.positions[:, 0], 0)
    assert lifted.errors[1].shape == lifted.errors[2].shape == (3, 17)
    np.testing.assert_array_equal(lifted.errors[1][:, 0], 0)
    assert lifted.error(1) == pytest.approx(mpjpe(lifted.prediction.positions, truth))
    assert lifted.error(2) == pytest.approx(p_mpjpe(lifted.prediction.positions, truth))
    assert lifted.aligned is not None
    assert mpjpe(lifted.aligned, truth) == pytest.approx(lifted.error(2), abs=1e-3)


def test_errors_of_a_recording_with_missing_joints_are_of_its_complete_frames():
    key = next(key for key in RECORDINGS if key.action == "Sitting")
    recording = toy_recording(key, missing=True)
    lifted = lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "gt")
    assert lifted.errors is not None
    per_frame = lifted.frame_errors(1)
    assert per_frame is not None
    np.testing.assert_array_equal(np.isnan(per_frame), [False, True, True, False, False])
    # Protocol #1 keeps the other joints of a frame whose truth lacks one.
    assert np.isnan(lifted.errors[1][2]).sum() == 1
    assert np.isnan(lifted.errors[2][2]).all()
    assert lifted.error(1) == pytest.approx(np.nanmean(per_frame))


def test_a_recording_without_truth_is_lifted_without_errors():
    recording = replace(toy_recording(KEY), truth=None)
    lifted = lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "gt")
    assert (lifted.errors, lifted.aligned, lifted.truth) == (None, None, None)
    assert lifted.error(1) is None
    assert lifted.frame_errors(2) is None


def test_a_recording_without_the_source_names_those_it_has():
    recording = toy_recording(WITHOUT_HOURGLASS)
    with pytest.raises(PoseFormatError, match=r"no 2D source 'hourglass'; there is gt$"):
        lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "hourglass")


def test_a_lifted_recording_names_data_and_weights():
    checkpoint = toy_checkpoint()
    lifted = lift_recording(PoseLifter(checkpoint), toy_dataset(), toy_recording(KEY), "gt")
    assert lifted.provenance == {
        "data_set": "Toy",
        "data_set_kind": "synthetic",
        "data_set_digest": "0123456789ab0005",
        "checkpoint": "toy",
        "checkpoint_digest": checkpoint.digest,
        "precision": "float32",
    }


WORLD = {"recipe": {"exposure": {"frame": "world"}}}


def test_a_checkpoint_in_the_worlds_axes_is_judged_as_if_the_truth_were_turned_there():
    data, lifter = toy_dataset(), PoseLifter(toy_checkpoint(provenance=WORLD))
    recording = data.load(KEY)
    found = lift_recording(lifter, data, recording, "gt")
    assert recording.camera is not None
    assert found.truth is not None
    assert found.errors is not None
    in_world = lifter.lift_arrays(recording.inputs["gt"].positions)
    truth = world_from_camera(found.truth.positions, recording.camera.R, np.zeros(3))
    _, expected = judge(in_world, truth)
    for protocol in (1, 2):
        np.testing.assert_allclose(found.errors[protocol], expected[protocol], atol=1e-2)
    unturned = lift_recording(PoseLifter(toy_checkpoint()), data, recording, "gt")
    assert unturned.errors is not None
    assert not np.allclose(unturned.errors[1], found.errors[1], atol=1)


def test_recordings_with_and_without_company_are_turned_the_same():
    data, lifter = toy_dataset(), PoseLifter(toy_checkpoint(provenance=WORLD))
    found = {e.entry.key: e for e in frame_errors(data, lifter, "gt", data.entries)}
    assert len(found) == len(RECORDINGS)
    for key, together in found.items():
        alone = lift_recording(lifter, data, data.load(key), "gt")
        np.testing.assert_allclose(together.predictions, alone.prediction.positions, atol=1e-2)


def test_a_checkpoint_in_the_worlds_axes_needs_to_know_the_camera():
    data, lifter = toy_dataset(), PoseLifter(toy_checkpoint(provenance=WORLD))
    recording = replace(data.load(KEY), camera=None)
    with pytest.raises(PoseFormatError, match="toy: this checkpoint predicts in the world's axes"):
        lift_recording(lifter, data, recording, "gt")
    with pytest.raises(PoseFormatError, match="how the camera of this input stands"):
        lifter.lift(recording.inputs["gt"])
