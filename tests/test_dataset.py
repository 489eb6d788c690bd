"""Data set: the index, exact names, the paper's order."""

from __future__ import annotations

import numpy as np
import pytest

from core.dataset import ACTIONS, Dataset, Entry, Key, Recording, in_paper_order, valid_frames
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16


def recording(key: Key, frames: int = 4, frames_3d: int | None = None) -> Recording:
    flat = PoseSequence(np.zeros((frames, 16, 2)), INPUT_16, "image", 50.0)
    deep = PoseSequence(np.zeros((frames_3d or frames, 17, 3)), H36M_17, "camera", 50.0)
    return Recording(key, {"gt": flat}, deep)


def dataset() -> Dataset:
    keys = [
        Key(subject, action, take, camera)
        for subject in ("S9", "S1")
        for action in ("Walking", "SittingDown", "Sitting")
        for take in ("1", "2")
        for camera in ("54138969", "55011271")
    ]
    entries = tuple(
        Entry(k, 4, 50.0, ("gt",) if k.take == "1" else ("gt", "hourglass")) for k in keys
    )
    return Dataset("d", "D", "synthetic", entries, recording, "digest",
                   splits={"S1": "train", "S9": "test"})  # fmt: skip


def test_actions_stand_in_the_papers_order_and_subjects_as_they_come() -> None:
    assert dataset().actions == ("Sitting", "SittingDown", "Walking")
    assert dataset().subjects == ("S9", "S1")
    assert dataset().sources == ("gt", "hourglass")
    assert dataset().frames == 24 * 4


def test_unknown_actions_follow_the_known_ones() -> None:
    assert in_paper_order(["jump", "Walking", "climb", "Eating"]) == (
        "Eating", "Walking", "jump", "climb",
    )  # fmt: skip
    assert in_paper_order(reversed(ACTIONS)) == ACTIONS


def test_selecting_sitting_down_does_not_select_sitting() -> None:
    chosen = dataset().select(actions=["SittingDown"])
    assert {e.key.action for e in chosen} == {"SittingDown"}
    assert len(chosen) == 8


def test_selection_narrows_by_split_and_source() -> None:
    chosen = dataset().select(split="test", source="hourglass")
    assert {e.key.subject for e in chosen} == {"S9"}
    assert {e.key.take for e in chosen} == {"2"}


def test_a_recording_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="S7 · Walking · 1 · 54138969"):
        dataset().load(Key("S7", "Walking", "1", "54138969"))
    assert dataset().load(dataset().entries[0].key).truth is not None


def test_a_recording_whose_parts_differ_in_length_is_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        recording(Key("S1", "a", "1", "c"), 4, 5)


def test_valid_frames_are_those_with_every_joint() -> None:
    positions = np.zeros((3, 16, 2))
    positions[1, 5] = np.nan
    sequence = PoseSequence(positions, INPUT_16, "image", 50.0)
    assert valid_frames(sequence).tolist() == [True, False, True]
