"""The errors, against hand-made cases, laws and a second implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.alignment import align_procrustes, procrustes_errors
from core.metrics import (
    AUC_THRESHOLDS_MM,
    align_scale,
    auc,
    bone_length_error,
    bone_length_errors,
    bone_lengths,
    joint_errors,
    left_right_asymmetry,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    pck,
    velocity_errors,
)

SEEDS = st.integers(0, 2**32 - 1)


def poses(seed: int, frames: int = 5, joints: int = 17) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 300, (frames, joints, 3))


def rotations(seed: int, count: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, 3, 3)))
    q = q * np.sign(np.einsum("fii->fi", r))[:, None]
    q[np.linalg.det(q) < 0, :, 0] *= -1
    return q


def textbook_alignment(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Align one frame by Horn's unit quaternion: another road to the same optimum, no SVD."""
    a, b = prediction - prediction.mean(0), truth - truth.mean(0)
    S = a.T @ b
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = S
    N = np.array(
        [
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, -xx + yy - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, -xx - yy + zz],
        ]
    )
    values, vectors = np.linalg.eigh(N)
    w, x, y, z = vectors[:, -1]
    R = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    scale = values[-1] / (a * a).sum()
    return np.array([scale * R @ p for p in a]) + truth.mean(0)


def test_joint_errors_are_distances():
    truth = np.zeros((2, 3, 3))
    prediction = truth.copy()
    prediction[0, 1] = (3, 4, 0)
    prediction[1, 2] = (1, 2, 2)
    np.testing.assert_array_equal(joint_errors(prediction, truth), [[0, 5, 0], [0, 0, 3]])


def test_joint_errors_of_one_pose_and_of_many_agree():
    a, b = poses(0, 6), poses(1, 6)
    many = joint_errors(a.reshape(2, 3, 17, 3), b.reshape(2, 3, 17, 3))
    np.testing.assert_array_equal(many[1, 0], joint_errors(a[3], b[3]))


def test_float32_poses_are_measured_in_float64():
    errors = joint_errors(np.float32(poses(0)), np.float32(poses(1)))
    assert errors.dtype == np.float64


def test_mpjpe_averages_joints_and_frames():
    truth = np.zeros((2, 2, 3))
    prediction = truth.copy()
    prediction[0, 1] = (3, 4, 0)
    assert mpjpe(prediction, truth) == 5 / 4


@given(SEEDS)
def test_mpjpe_of_a_pose_with_itself_is_zero(seed):
    x = poses(seed)
    assert mpjpe(x, x) == 0
    assert p_mpjpe(x, x) < 1e-9


@given(SEEDS, st.floats(0.01, 50))
def test_p_mpjpe_ignores_rotation_scale_and_shift(seed, scale):
    prediction, truth = poses(seed), poses(seed + 1)
    rng = np.random.default_rng(seed)
    R, t = rotations(seed, 5), rng.normal(0, 2000, (5, 1, 3))
    moved = scale * prediction @ R.transpose(0, 2, 1) + t
    assert p_mpjpe(moved, truth) == pytest.approx(p_mpjpe(prediction, truth), rel=1e-9)


@given(SEEDS, st.floats(0.05, 20))
def test_alignment_recovers_a_known_similarity(seed, scale):
    prediction = poses(seed)
    R = rotations(seed, 5)
    t = np.random.default_rng(seed).normal(0, 2000, (5, 3))
    truth = scale * prediction @ R.transpose(0, 2, 1) + t[:, None]
    found = align_procrustes(prediction, truth)
    np.testing.assert_allclose(found.aligned, truth, atol=1e-7)
    np.testing.assert_allclose(found.scale, scale)
    np.testing.assert_allclose(found.R, R, atol=1e-9)
    np.testing.assert_allclose(found.t, t, atol=1e-7)


@given(SEEDS)
def test_alignment_says_what_it_did(seed):
    prediction, truth = poses(seed), poses(seed + 1)
    aligned, scale, R, t = align_procrustes(prediction, truth)
    redone = scale[:, None, None] * prediction @ R.transpose(0, 2, 1) + t[:, None]
    np.testing.assert_allclose(aligned, redone, atol=1e-8)
    np.testing.assert_allclose(np.linalg.det(R), 1)


@given(SEEDS)
def test_a_mirrored_pose_is_not_aligned_away(seed):
    truth = poses(seed)
    mirrored = truth * (-1, 1, 1)
    assert p_mpjpe(mirrored, truth) > 1
    np.testing.assert_allclose(np.linalg.det(align_procrustes(mirrored, truth).R), 1)


@given(SEEDS)
@settings(max_examples=50)
def test_a_second_implementation_agrees(seed):
    prediction, truth = poses(seed, 4), poses(seed + 1, 4)
    prediction[2:] = truth[2:] * (1, 1, -1) + prediction[2:] * 0.1
    expected = [textbook_alignment(p, t) for p, t in zip(prediction, truth, strict=True)]
    np.testing.assert_allclose(align_procrustes(prediction, truth).aligned, expected, atol=1e-6)


def test_alignment_lowers_squares_but_may_raise_the_mean_distance():
    # One joint far off pulls all the others out of their places.
    truth = poses(0, 1)
    prediction = truth.copy()
    prediction[0, 3] += 1500
    aligned = align_procrustes(prediction, truth).aligned
    before, after = joint_errors(prediction, truth), joint_errors(aligned, truth)
    assert (after**2).sum() < (before**2).sum()
    assert after.mean() > before.mean()


@given(SEEDS, st.sampled_from(["prediction", "truth"]), st.sampled_from([np.nan, np.inf]))
def test_a_missing_joint_empties_its_own_frame_only(seed, where, hole):
    prediction, truth = poses(seed), poses(seed + 1)
    whole = align_procrustes(prediction, truth)
    (prediction if where == "prediction" else truth)[3, 7, 1] = hole
    holed = align_procrustes(prediction, truth)
    for before, after in zip(whole, holed, strict=True):
        assert np.isnan(after[3]).all()
        np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(before, 3, 0))


@pytest.mark.parametrize("frames", [0, 1, 2, 2049])
def test_choices_of_joints_are_aligned_each_by_itself(frames):
    prediction, truth = poses(1, frames), poses(2, frames)
    # A joint is missing, all true joints lie in one place, all predicted ones.
    prediction[1:2, 0] = np.nan
    truth[2:3, 3:] = truth[2:3, 3:4]
    prediction[3:4, 3:] = 7.0
    choices = [range(17), range(1, 17), [3, 5, 7, 9]]
    for joints, found in zip(
        map(list, choices), procrustes_errors(prediction, truth, choices), strict=True
    ):
        aligned = align_procrustes(prediction[:, joints], truth[:, joints]).aligned
        expected = joint_errors(aligned, truth[:, joints])
        assert found.shape == (frames, len(joints))
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert np.isnan(found).any() == (frames > 1 and 0 in joints)
        if frames:
            alone = procrustes_errors(prediction[-1:], truth[-1:], [joints])[0]
            np.testing.assert_array_equal(alone, found[-1:], "whatever comes with it")


def test_frames_with_a_missing_joint_do_not_count():
    prediction, truth = poses(0), poses(1)
    kept = [0, 1, 3, 4]
    without = mpjpe(prediction[kept], truth[kept]), p_mpjpe(prediction[kept], truth[kept])
    prediction[2, 5] = np.nan
    assert np.isnan(joint_errors(prediction, truth)).sum() == 1
    assert (mpjpe(prediction, truth), p_mpjpe(prediction, truth)) == pytest.approx(without)


def test_errors_of_nothing_are_nan():
    assert np.isnan(mpjpe(np.empty((0, 17, 3)), np.empty((0, 17, 3))))
    assert np.isnan(p_mpjpe(np.full((2, 17, 3), np.nan), poses(0, 2)))


@pytest.mark.parametrize("place", [0.0, 0.1, 4321.1])
def test_a_predicted_point_is_moved_onto_the_mean_of_truth(place):
    truth = poses(0)
    found = align_procrustes(np.full_like(truth, place), truth)
    np.testing.assert_allclose(found.aligned, np.broadcast_to(truth.mean(1)[:, None], truth.shape))
    np.testing.assert_array_equal(found.scale, 1)
    np.testing.assert_array_equal(found.R, np.broadcast_to(np.eye(3), (5, 3, 3)))


@pytest.mark.parametrize("place", [0.0, 0.1, 4321.1])
def test_a_true_point_is_fitted_exactly_with_scale_zero(place):
    truth = np.full((5, 17, 3), place)
    found = align_procrustes(poses(0), truth)
    np.testing.assert_allclose(found.aligned, truth, atol=1e-9)
    np.testing.assert_allclose(found.scale, 0)
    np.testing.assert_array_equal(found.R, np.broadcast_to(np.eye(3), (5, 3, 3)))


@given(SEEDS)
def test_a_collinear_pose_is_aligned_by_a_proper_rotation(seed):
    rng = np.random.default_rng(seed)
    line = rng.normal(0, 300, (5, 17, 1)) * rng.normal(0, 1, (5, 1, 3)) + 700
    truth = poses(seed)
    for prediction, target in ((line, truth), (truth, line)):
        found = align_procrustes(prediction, target)
        np.testing.assert_allclose(np.linalg.det(found.R), 1)
        expected = [textbook_alignment(p, t) for p, t in zip(prediction, target, strict=True)]
        np.testing.assert_allclose(
            joint_errors(found.aligned, target), joint_errors(expected, target), atol=1e-5
        )


@given(SEEDS)
def test_a_collinear_pose_is_aligned_onto_its_moved_self(seed):
    rng = np.random.default_rng(seed)
    line = rng.normal(0, 300, (5, 17, 1)) * rng.normal(0, 1, (5, 1, 3))
    moved = 2 * line @ rotations(seed, 5).transpose(0, 2, 1) + 100
    assert p_mpjpe(line, moved) < 1e-6


def test_chunks_do_not_change_the_result(monkeypatch):
    prediction, truth = poses(0, 50), poses(1, 50)

    def measured() -> list[np.ndarray]:
        return [
            align_procrustes(prediction, truth).aligned,
            *procrustes_errors(prediction, truth, [range(17), range(3, 9)]),
            align_scale(prediction, truth),
            velocity_errors(prediction, truth),
            bone_lengths(prediction, BONES),
        ]

    at_once = measured()
    monkeypatch.setattr("core.chunks.CHUNK", 7)
    for in_parts, whole in zip(measured(), at_once, strict=True):
        np.testing.assert_array_equal(in_parts, whole)
    np.testing.assert_allclose(
        joint_errors(prediction, truth), np.linalg.norm(prediction - truth, axis=-1)
    )


@pytest.mark.parametrize(
    "shapes", [((5, 17, 3), (4, 17, 3)), ((17, 2), (17, 2)), ((3,), (3,)), ((5, 0, 3), (5, 0, 3))]
)
def test_poses_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ValueError, match=r"must both be \(\.\.\., J, 3\)"):
        joint_errors(np.zeros(shapes[0]), np.zeros(shapes[1]))


def test_scaling_is_solved_by_hand():
    prediction = np.array([[[0, 0, 0], [1, 0, 0], [0, 2, 0]]])
    truth = np.array([[[0, 0, 0], [3, 0, 0], [0, 1, 0]]])
    # s = (1 * 3 + 2 * 1) / (1 + 4) = 1
    np.testing.assert_allclose(align_scale(prediction, truth), prediction)
    np.testing.assert_allclose(align_scale(2 * prediction, truth), prediction)
    assert n_mpjpe(2 * prediction, truth) == pytest.approx((0 + 2 + 1) / 3)


@given(SEEDS, st.floats(0.01, 50))
def test_n_mpjpe_ignores_scale_and_a_turn_of_both_poses(seed, scale):
    prediction, truth = poses(seed), poses(seed + 1) + poses(seed)
    expected = n_mpjpe(prediction, truth)
    assert n_mpjpe(scale * prediction, truth) == pytest.approx(expected)
    R = rotations(seed, 5).transpose(0, 2, 1)
    assert n_mpjpe(prediction @ R, truth @ R) == pytest.approx(expected)
    assert n_mpjpe(scale * truth, truth) == pytest.approx(0, abs=1e-9)


@given(SEEDS)
@settings(max_examples=50)
def test_no_other_scale_has_smaller_squares(seed):
    prediction, truth = poses(seed, 1), poses(seed + 1, 1) + poses(seed, 1)
    best = ((align_scale(prediction, truth) - truth) ** 2).sum()
    for scale in np.linspace(0, 3, 301):
        assert best <= ((scale * prediction - truth) ** 2).sum() + 1e-6


def test_a_pose_at_the_origin_stays_and_one_that_points_away_shrinks_to_it():
    truth = poses(0)
    np.testing.assert_array_equal(align_scale(np.zeros_like(truth), truth), 0)
    np.testing.assert_array_equal(align_scale(-truth, truth), 0)


def test_scaling_leaves_frames_with_a_missing_joint_empty():
    prediction, truth = poses(0), poses(1)
    prediction[2, 5, 1] = np.nan
    scaled = align_scale(prediction, truth)
    assert np.isnan(scaled[2]).all()
    assert np.isfinite(np.delete(scaled, 2, 0)).all()
    assert np.isfinite(n_mpjpe(prediction, truth))


def test_pck_counts_errors_below_the_threshold():
    errors = np.array([[0, 149.9], [150, 300]])
    assert pck(errors) == 50
    assert pck(errors, 150.1) == 75
    assert pck(errors, 0) == 0
    errors[1, 0] = np.nan
    assert pck(errors) == 100
    assert np.isnan(pck(errors[1:]))
    assert np.isnan(auc(errors[1:]))


def test_auc_averages_pck_over_31_thresholds():
    assert AUC_THRESHOLDS_MM[:2] == (0.0, 5.0)
    assert AUC_THRESHOLDS_MM[-1] == 150.0
    assert auc(np.zeros((4, 17))) == pytest.approx(100 * 30 / 31)
    # Correct from 80 mm on: 15 of the 31.
    assert auc(np.full((4, 17), 76.0)) == pytest.approx(100 * 15 / 31)
    assert auc(np.full((4, 17), 150.0)) == 0


@given(SEEDS)
def test_auc_is_the_mean_of_pck_and_pck_never_falls_as_the_threshold_rises(seed):
    errors = joint_errors(poses(seed), poses(seed) + poses(seed + 1) * 0.3)
    curve = [pck(errors, threshold) for threshold in AUC_THRESHOLDS_MM]
    assert np.mean(curve) == pytest.approx(auc(errors))
    assert (np.diff(curve) >= 0).all()


@given(SEEDS)
def test_pck_and_auc_take_float32_errors_as_they_are_kept(seed):
    errors = joint_errors(poses(seed), poses(seed + 1)) / 3
    assert pck(errors.astype(np.float32)) == pytest.approx(pck(errors))
    assert auc(errors.astype(np.float32)) == pytest.approx(auc(errors))


def test_velocity_errors_compare_steps_and_not_places():
    truth = np.zeros((3, 2, 3))
    prediction = truth.copy()
    prediction[:, 0] = 1000
    prediction[1:, 1] = (3, 4, 0)
    np.testing.assert_array_equal(velocity_errors(prediction, truth), [[0, 5], [0, 0]])
    assert mpjve(prediction, truth) == 5 / 4
    prediction[2, 0] = np.nan
    assert mpjve(prediction, truth) == 5 / 2
    assert np.isnan(mpjve(truth[:1], truth[:1]))


@given(SEEDS)
def test_mpjve_ignores_a_shift_of_the_whole_sequence(seed):
    prediction, truth = poses(seed), poses(seed + 1)
    assert mpjve(prediction + 123.4, truth - 432.1) == pytest.approx(mpjve(prediction, truth))
    assert mpjve(truth, truth) == 0


BONES = [(0, 1), (1, 2)]


def test_bone_lengths_are_compared_bone_by_bone():
    truth = np.array([[[0, 0, 0], [3, 4, 0], [3, 4, 2]]])
    prediction = np.array([[[1, 1, 1], [1, 1, 7], [1, 5, 7]]])
    np.testing.assert_array_equal(bone_lengths(truth, BONES), [[5, 2]])
    np.testing.assert_array_equal(bone_length_errors(prediction, truth, BONES), [[1, 2]])
    assert bone_length_error(prediction, truth, BONES) == 1.5
    assert left_right_asymmetry(truth, BONES[:1], BONES[1:]) == 3


@given(SEEDS)
def test_bones_ignore_how_a_pose_is_moved_turned_or_mirrored(seed):
    prediction, truth = poses(seed, joints=3), poses(seed + 1, joints=3)
    moved = (prediction * (-1, 1, 1)) @ rotations(seed, 5).transpose(0, 2, 1) + 77
    expected = bone_length_error(prediction, truth, BONES)
    assert bone_length_error(moved, truth, BONES) == pytest.approx(expected)
    sides = BONES[:1], BONES[1:]
    asymmetry = left_right_asymmetry(prediction, *sides)
    assert left_right_asymmetry(moved, *sides) == pytest.approx(asymmetry)
    assert left_right_asymmetry(prediction, *sides[::-1]) == asymmetry


def test_a_symmetric_body_has_no_asymmetry():
    body = np.array([[[0.0, 0, 0], [-3, 1, 2], [3, 1, 2]]])
    assert left_right_asymmetry(body, [(0, 1)], [(0, 2)]) == 0
