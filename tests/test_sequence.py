"""PoseSequence: immutable, checked at the door, told apart by its digest."""

from __future__ import annotations

import numpy as np
import pytest

from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16


def sequence(seed: int = 0, **fields: object) -> PoseSequence:
    rng = np.random.default_rng(seed)
    known: dict = {"positions": rng.normal(size=(5, 17, 3)), "skeleton": H36M_17,
                   "space": "camera", "fps": 50.0}  # fmt: skip
    return PoseSequence(**(known | fields))


def test_arrays_are_read_only_and_a_copy_of_what_came_in() -> None:
    positions = np.zeros((2, 17, 3), np.float32)
    made = sequence(positions=positions)
    positions[0, 0, 0] = 7
    assert made.positions[0, 0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        made.positions[0, 0, 0] = 1


def test_a_read_only_array_is_not_copied_so_that_memory_maps_stay_maps() -> None:
    positions = np.zeros((2, 17, 3), np.float32)
    positions.flags.writeable = False
    assert sequence(positions=positions).positions is positions


@pytest.mark.parametrize(
    "change",
    [
        {"source": "other"},
        {"fps": 25.0},
        {"space": "world"},
        {"confidence": np.ones((5, 17))},
        {"positions": np.zeros((5, 17, 3))},
    ],
    ids=lambda c: next(iter(c)),
)
def test_any_difference_changes_the_digest(change: dict) -> None:
    assert sequence().digest == sequence().digest
    assert sequence().digest != sequence(**change).digest


def test_one_joint_that_differs_in_a_long_sequence_changes_the_digest() -> None:
    a = np.zeros((20_000, 17, 3), np.float32)
    b = a.copy()
    b[12_345, 3, 1] = 1e-3
    assert sequence(positions=a).digest != sequence(positions=b).digest


def test_joints_are_selected_by_name() -> None:
    chosen = sequence(confidence=np.ones((5, 17))).select(INPUT_16)
    assert chosen.skeleton is INPUT_16
    head = H36M_17.index("head")
    np.testing.assert_array_equal(chosen.positions[:, 9], sequence().positions[:, head])
    with pytest.raises(ValueError, match="no joint 'neck'"):
        chosen.select(H36M_17)


def test_frames_cuts_positions_and_confidence_alike() -> None:
    cut = sequence(confidence=np.ones((5, 17))).frames(1, 3)
    assert len(cut) == 2
    assert cut.confidence is not None
    assert cut.confidence.shape == (2, 17)


def test_the_unit_follows_from_the_space() -> None:
    image = PoseSequence(np.zeros((1, 16, 2)), INPUT_16, "image", 50.0)
    assert (image.unit, sequence().unit) == ("px", "mm")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"positions": np.zeros((5, 16, 3))}, r"\(F, 17, 3\), not \(5, 16, 3\)"),
        ({"space": "image"}, r"\(F, 17, 2\)"),
        ({"confidence": np.zeros((4, 17))}, "confidence must be"),
        ({"fps": 0.0}, "fps must be above 0"),
    ],
    ids=["joints", "coordinates", "confidence", "fps"],
)
def test_what_does_not_fit_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sequence(**fields)
