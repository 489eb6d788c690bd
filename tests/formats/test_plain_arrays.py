"""Bare arrays of poses: what is told from them, what is asked for, and what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import PoseFormatError
from core.formats import plain_arrays
from core.formats.plain_arrays import Reading, guess, read_positions, to_sequence
from core.human36m import PUBLISHED_INPUT, PUBLISHED_OUTPUT
from core.skeleton import H36M_17, OUTPUT_16_JOINTS
from tests.formats import field_writers as writers

WORLD = writers.skeleton_32(40, 3)
WHERE = writers.place(9, 0)
CAMERA = writers.camera_frame(WORLD, WHERE)
PIXELS = writers.project(WORLD, WHERE, 0)
MOVING = CAMERA[:, writers.MOVING]
SEEN = PIXELS[:, writers.MOVING][:, writers.SEEN_16]
ROOT_16 = (MOVING - MOVING[:, :1])[:, 1:]

CASES_2D = {
    "h36m17 px": (PIXELS[:, writers.MOVING], "h36m17", "px", "y-down"),
    "h36m16 px": (SEEN, "h36m16", "px", "y-down"),
    "h36m32 px": (PIXELS, "h36m32", "px", "y-down"),
    "hourglass16 px": (
        writers.project(writers.mpii_16(WORLD), WHERE, 0), "hourglass16", "px", "y-down"),
    "coco17 px": (writers.project(writers.coco_17(WORLD), WHERE, 0), "coco17", "px", "y-down"),
    "h36m17 fraction": (PIXELS[:, writers.MOVING] / 1000, "h36m17", "fraction", "y-down"),
    "h36m17 screen": (PIXELS[:, writers.MOVING] / 500 - 1, "h36m17", "screen", "y-down"),
    "h36m17 y up": (1000 - PIXELS[:, writers.MOVING], "h36m17", "px", "y-up"),
}  # fmt: skip
CASES_3D = {
    "camera mm": (MOVING, "mm", "camera"),
    "camera m": (MOVING / 1000, "m", "camera"),
    "camera cm": (MOVING / 10, "cm", "camera"),
    "world m": (WORLD[:, writers.MOVING] / 1000, "m", "world-z-up"),
    "world 32": (WORLD, "mm", "world-z-up"),
}


@pytest.mark.parametrize("case", CASES_2D)
def test_order_unit_and_axes_of_2d_are_told_from_the_numbers(case):
    positions, order, unit, axes = CASES_2D[case]
    found = guess(positions)
    options = {"joint_order": order, "unit": unit, "axes": axes}
    for option, value in options.items():
        choices = found.open.get(option, (getattr(found.reading, option),))
        assert value in choices, f"{option}: {choices}"
    assert "axes" not in found.open
    if order not in ("hourglass16",):
        assert "joint_order" not in found.open


@pytest.mark.parametrize("case", CASES_2D)
def test_2d_comes_out_as_the_16_input_joints_in_px(case):
    positions, order, unit, axes = CASES_2D[case]
    found = to_sequence(positions, Reading(order, unit, axes, 25.0), "a.npy")
    limbs = [1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15]
    mine, theirs = found.positions[:, limbs], SEEN[:, limbs]
    if axes == "y-up":
        # The picture's height is lost: the pose is right, its height in the picture is not.
        mine = mine * (-1, 1)
        mine, theirs = mine - mine[:, :1], theirs - theirs[:, :1]
    np.testing.assert_allclose(mine, theirs, atol=1e-2)
    assert (found.space, found.fps) == ("image", 25.0)


@pytest.mark.parametrize("case", CASES_3D)
def test_unit_and_axes_of_3d_are_told_and_undone(case):
    positions, unit, axes = CASES_3D[case]
    found = guess(positions)
    assert (found.reading.unit, found.reading.axes) == (unit, axes)
    assert not found.open
    sequence = to_sequence(positions, found.reading, "a.npy")
    expected = WORLD[:, writers.MOVING] if axes.startswith("world") else MOVING
    np.testing.assert_allclose(sequence.positions, expected, atol=1e-2)
    assert sequence.space == ("world" if axes.startswith("world") else "camera")


def test_y_up_is_world_or_camera_and_has_to_be_asked():
    standing = np.stack([WORLD[..., 0], WORLD[..., 2], -WORLD[..., 1]], -1)[:, writers.MOVING]
    found = guess(standing)
    assert set(found.open["axes"]) == {"world-y-up", "camera-y-up"}
    for axes in found.open["axes"]:
        sequence = to_sequence(standing, Reading("h36m17", "mm", axes), "a.npy")
        head, ankle = sequence.skeleton.index("head"), sequence.skeleton.index("left_ankle")
        way = (sequence.positions[:, head] - sequence.positions[:, ankle]).mean(axis=0)
        assert way[2] > 1000 if axes == "world-y-up" else way[1] < -1000
        handed = np.linalg.det(np.linalg.lstsq(
            standing.reshape(-1, 3), sequence.positions.reshape(-1, 3), rcond=None)[0])  # fmt: skip
        assert handed == pytest.approx(1, abs=0.01), "a turn, not a mirror"


def test_normalised_input_is_not_told_from_fractions_of_the_screen():
    normal = (SEEN.reshape(len(SEEN), 32) - PUBLISHED_INPUT.mean) / PUBLISHED_INPUT.std
    found = guess(plain_arrays.shaped((normal * 0.5).clip(-1, 1), "a"))
    assert set(found.open["unit"]) == {"normalised", "screen"}
    sequence = to_sequence(
        plain_arrays.shaped(normal, "a"), Reading("h36m16", "normalised", "y-down"), "a.npy"
    )
    np.testing.assert_allclose(sequence.positions, SEEN, atol=1e-2)


def test_the_networks_48_numbers_are_read_with_the_hip_put_back():
    normal = (ROOT_16.reshape(len(ROOT_16), 48) - PUBLISHED_OUTPUT.mean) / PUBLISHED_OUTPUT.std
    positions = plain_arrays.shaped(normal, "a")
    assert guess(positions).open["unit"] == ("normalised", "m")
    for values, unit in ((positions, "normalised"), (ROOT_16, "mm")):
        found = to_sequence(values, Reading("h36m16", unit, "camera"), "a")
        assert found.space == "root"
        np.testing.assert_array_equal(found.positions[:, 0], 0)
        np.testing.assert_allclose(
            found.positions[:, H36M_17.indices(OUTPUT_16_JOINTS)], ROOT_16, atol=1e-2
        )


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".json"])
def test_every_kind_of_file_gives_its_array(tmp_path, suffix):
    path = tmp_path / f"poses{suffix}"
    positions = np.round(PIXELS[:3, writers.MOVING], 3)
    if suffix == ".npy":
        np.save(path, positions)
    elif suffix == ".npz":
        np.savez(path, whatever=positions)
    elif suffix == ".csv":
        np.savetxt(path, positions.reshape(3, -1), delimiter=",")
    else:
        path.write_text(str(positions.tolist()))
    np.testing.assert_allclose(read_positions(path), positions)


def test_points_with_confidence_are_2d(tmp_path):
    scored = np.concatenate([PIXELS[:, writers.MOVING], np.full((40, 17, 1), 0.8)], axis=2)
    scored[0, 3, 2] = 0
    np.save(tmp_path / "a.npy", scored)
    found = read_positions(tmp_path / "a.npy")
    assert found.shape == (40, 17, 2)
    assert np.isnan(found[0, 3]).all()


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading("coco18", "px", "y-down"), "joint_order 'coco18' does not go with 17 joints"),
        (Reading("h36m17", "mm", "y-down"), "unit 'mm' does not go with 17 joints in 2D"),
        (Reading("h36m17", "px", "camera"), "axes 'camera' does not go with"),
        (Reading("h36m17", "normalised", "y-down"), "are of h36m16"),
        (Reading("h36m17", "px", "y-down", 0), "frames a second are 0"),
    ],
)
def test_a_reading_that_does_not_go_with_the_array_is_told(reading, message):
    with pytest.raises(PoseFormatError, match=message):
        to_sequence(PIXELS[:, writers.MOVING], reading, "a.npy")


def test_metres_taken_for_millimetres_the_wrong_way_round_are_refused():
    with pytest.raises(PoseFormatError, match="kilometres away"):
        to_sequence(MOVING * 1000, Reading("h36m17", "m", "camera"), "a.npy")


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int16]),
        hnp.array_shapes(min_dims=0, max_dims=4, max_side=34),
    )
)
def test_any_array_is_read_or_refused_with_a_sentence(values):
    try:
        positions = plain_arrays.shaped(values, "a.npy")
        to_sequence(positions, guess(positions, "a.npy").reading, "a.npy")
    except PoseFormatError as error:
        assert "a.npy" in str(error)


@pytest.mark.parametrize("beside", [None, "", "frame"])
def test_a_line_that_counts_a_tables_columns_is_no_pose(tmp_path, beside):
    poses = np.arange(2 * 32, dtype=float).reshape(2, 32) * 3 + 100
    rows = [[str(i) for i in range(32)], *([f"{v:g}" for v in row] for row in poses)]
    if beside is not None:
        rows = [[first, *row] for first, row in zip((beside, "0", "1"), rows, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(",".join(row) for row in rows))
    found = plain_arrays.read_positions(tmp_path / "a.csv")
    np.testing.assert_allclose(found.reshape(2, 32), poses)
