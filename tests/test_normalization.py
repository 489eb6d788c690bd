"""Normalization: there and back, and statistics that can't divide by zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.normalization import Statistics, normalize, root_relative, unnormalize


@given(seed=st.integers(0, 2**32 - 1))
def test_normalizing_and_back_gives_the_values(seed: int) -> None:
    values = np.random.default_rng(seed).normal(500, 100, (30, 32))
    stats = Statistics.of(values)
    there = normalize(values, stats.mean, stats.std)
    np.testing.assert_allclose(there.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(there.std(axis=0), 1, atol=1e-9)
    np.testing.assert_allclose(unnormalize(there, stats.mean, stats.std), values, atol=1e-9)


def test_a_coordinate_that_never_moves_still_divides() -> None:
    stats = Statistics.of(np.full((4, 2), 3.0))
    assert (normalize(np.full((1, 2), 3.0), stats.mean, stats.std) == 0).all()


def test_root_relative_puts_the_root_at_zero_and_keeps_differences() -> None:
    pose = np.random.default_rng(0).normal(size=(6, 17, 3))
    moved = root_relative(pose)
    assert (moved[:, 0] == 0).all()
    np.testing.assert_allclose(moved[:, 5] - moved[:, 2], pose[:, 5] - pose[:, 2])


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([0, 1], [1], "differ in length"),
        ([0], [0], "not above 0"),
        ([np.nan], [1], "mean of the statistics is not finite"),
    ],
    ids=["length", "zero", "nan"],
)
def test_statistics_that_cannot_be_are_refused(mean: list, std: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Statistics(np.array(mean), np.array(std))
