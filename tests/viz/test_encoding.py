"""Positions survive the way to the browser."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.viz.encoding import MISSING, decode, encode

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 17), st.sampled_from([2, 3]))
COORDINATES = st.floats(-20_000, 20_000, width=32)


@settings(max_examples=60, deadline=None)
@given(SHAPES.flatmap(lambda shape: arrays(np.float32, shape, elements=COORDINATES)))
def test_encoding_is_exact_to_a_third_of_a_thousandth_of_a_figure(positions) -> None:
    encoded = encode(positions)
    error = np.abs(decode(encoded) - positions).max()
    assert error <= encoded.scale * 0.5 + 2e-3  # centres are float32: 1e-3 mm at 20 m


def test_a_person_who_walks_across_a_hall_keeps_a_twentieth_of_a_millimetre() -> None:
    rng = np.random.default_rng(0)
    person = rng.uniform(-900, 900, (200, 17, 3))
    walk = np.linspace([-9000.0, 0, 0], [9000.0, 0, 0], 200)[:, None]
    encoded = encode(person + walk)
    assert np.abs(decode(encoded) - (person + walk)).max() < 0.05
    assert encoded.offsets.nbytes + encoded.centres.nbytes < 0.6 * person.astype(np.float32).nbytes


def test_missing_coordinates_stay_missing_and_harm_no_others() -> None:
    positions = np.arange(4 * 5 * 3, dtype=float).reshape(4, 5, 3)
    positions[1, 2] = np.nan
    positions[2] = np.nan
    positions[3, 0, 0] = np.inf
    encoded = encode(positions)
    decoded = decode(encoded)
    known = np.isfinite(positions)
    assert (np.isfinite(decoded) == known).all()
    np.testing.assert_allclose(decoded[known], positions[known], atol=1e-3)
    assert (encoded.offsets[2] == MISSING).all()


def test_a_figure_without_extent_has_no_offsets() -> None:
    encoded = encode(np.full((2, 3, 3), 7.5))
    assert not encoded.offsets.any()
    assert (decode(encoded) == 7.5).all()
