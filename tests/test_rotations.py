"""The closed form against a decomposition, where both are defined and where one is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import rotations
from core.rotations import best_rotations

SEEDS = st.integers(0, 2**32 - 1)


def pairs(seed: int, frames: int = 40, joints: int = 17, noise: float = 0.3):
    """Draw centred poses x and y, (3, J, F), y turned by a rotation and moved a little."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, joints, frames)) * np.array([3.0, 2.0, 1.0])[:, None, None]
    turn, _ = np.linalg.qr(rng.normal(size=(frames, 3, 3)))
    turn *= np.linalg.det(turn)[:, None, None]
    y = np.einsum("fik,kjf->ijf", turn, x) + rng.normal(size=x.shape) * noise
    return x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True), turn


def solved(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reach = np.sqrt((x**2).sum(axis=(0, 1)) * (y**2).sum(axis=(0, 1)))
    return best_rotations(np.einsum("ijf,kjf->ikf", y, x), reach)


def by_decomposition(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kabsch's way, one frame at a time."""
    turns, traces = [], []
    for frame in range(x.shape[2]):
        U, S, Vt = np.linalg.svd(y[..., frame] @ x[..., frame].T)
        D = np.diag([1.0, 1.0, np.linalg.det(U @ Vt)])
        turns.append(U @ D @ Vt)
        traces.append((S * np.diag(D)).sum())
    return np.stack(turns, axis=2), np.array(traces)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from([0.0, 0.3, 3.0, 30.0]))
def test_it_agrees_with_a_decomposition_frame_by_frame(seed, noise):
    x, y, _ = pairs(seed, noise=noise)
    R, trace = solved(x, y)
    expected, expected_trace = by_decomposition(x, y)
    np.testing.assert_allclose(trace, expected_trace, rtol=1e-11)
    clear = np.abs(R - expected).max(axis=(0, 1)) < 1e-7
    # Where two rotations fit almost alike, only how well they fit is defined.
    fits = np.einsum("ikf,ijf,kjf->f", R, y, x)
    np.testing.assert_allclose(fits, expected_trace, rtol=1e-9)
    assert clear.mean() > 0.9


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_an_exact_turn_is_recovered(seed):
    x, y, turn = pairs(seed, noise=0.0)
    R, _ = solved(x, y)
    np.testing.assert_allclose(R, turn.transpose(1, 2, 0), atol=1e-10)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from(["mirrored", "flat", "line", "nothing"]))
def test_every_result_is_a_proper_rotation(seed, shape):
    x, y, _ = pairs(seed)
    if shape == "mirrored":
        y = -x
    elif shape == "flat":
        x[2] = 0
    elif shape == "line":
        x[1:] = 0
    else:
        x[:] = 0
    R, trace = solved(x, y)
    each = R.transpose(2, 0, 1)
    np.testing.assert_allclose(each @ each.transpose(0, 2, 1), np.eye(3) + 0 * each, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(each), 1.0, atol=1e-9)
    np.testing.assert_allclose(trace, by_decomposition(x, y)[1], atol=1e-8)


def test_clear_frames_need_no_decomposition(monkeypatch):
    monkeypatch.setattr(rotations, "_by_svd", None)
    x, y, _ = pairs(1, frames=500)
    R, _ = solved(x, y)
    np.testing.assert_allclose(R, by_decomposition(x, y)[0], atol=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3, 39])
def test_a_frames_digits_do_not_depend_on_the_others(frames):
    x, y, _ = pairs(2)
    x[1:, :, 5] = 0
    covariance = np.einsum("ijf,kjf->ikf", y, x)
    reach = np.sqrt((x**2).sum(axis=(0, 1)) * (y**2).sum(axis=(0, 1)))
    whole = best_rotations(covariance, reach)
    part = best_rotations(covariance[..., :frames], reach[:frames])
    np.testing.assert_array_equal(part[0], whole[0][..., :frames])
    np.testing.assert_array_equal(part[1], whole[1][:frames])
