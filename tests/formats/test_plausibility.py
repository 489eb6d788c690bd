"""What looks wrong in a sequence is said; what is right raises no alarm."""

from __future__ import annotations

import pytest

from core.formats import plausibility
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from tests.formats import field_writers as writers

WORLD = writers.skeleton_32(60, 3)[:, writers.MOVING]
CAMERA = writers.camera_frame(WORLD, writers.place(9, 0))
PIXELS = writers.project(WORLD, writers.place(9, 0), 0)[:, writers.SEEN_16]
MIRRORED = CAMERA[:, list(H36M_17.flip_order)]
CASES = {
    "metres": (CAMERA / 1000, "camera", "these look like metres"),
    "centimetres": (CAMERA / 10, "camera", "these look like centimetres"),
    "kilometres": (CAMERA * 100, "camera", "these are not millimetres"),
    "world for camera": (WORLD, "camera", "this looks like the world frame"),
    "camera for world": (CAMERA, "world", "this looks like the camera frame"),
    "y up": (CAMERA * (1, -1, -1), "camera", "y seems to point up"),
    "swapped": (MIRRORED, "camera", "left and right seem to be swapped"),
    "normalised": (PIXELS / 1000, "image", "these look like normalised numbers or fractions"),
    "2d y up": (1000 - PIXELS, "image", "y seems to point up"),
    "outside": (PIXELS - 800, "image", "outside the picture"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_looks_wrong_is_said(case):
    positions, space, said = CASES[case]
    skeleton = INPUT_16 if space == "image" else H36M_17
    sequence = PoseSequence(positions, skeleton, space, 50.0)  # type: ignore[arg-type]
    found = plausibility.oddities(sequence)
    assert any(said in odd for odd in found), found


@pytest.mark.parametrize(
    ("positions", "space"),
    [(CAMERA, "camera"), (WORLD, "world"), (CAMERA - CAMERA[:, :1], "root"), (PIXELS, "image")],
)
def test_what_is_right_raises_no_alarm(positions, space):
    skeleton = INPUT_16 if space == "image" else H36M_17
    assert plausibility.oddities(PoseSequence(positions, skeleton, space, 50.0)) == ()


def test_real_people_are_not_taken_for_mirrored_ones():
    from core.workflows.open import open_dataset

    data = open_dataset("balancing")
    for key in data.by_key:
        truth = data.load(key).truth
        assert truth is not None
        assert not any("swapped" in odd for odd in plausibility.oddities(truth)), key
        mirrored = truth.with_positions(truth.positions[:, list(H36M_17.flip_order)])
        assert any("swapped" in odd for odd in plausibility.oddities(mirrored)), key
