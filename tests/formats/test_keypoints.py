"""Poses in plain files: what is written comes back, what is foreign is understood or refused."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cameras import MEAN_PITCH_RAD, pitch_rotation
from core.errors import PoseFormatError
from core.formats import arrays, keypoints
from core.sequence import PoseSequence, Space
from core.skeleton import H36M_17, H36M_32, INPUT_16

# A standing person, x right, y down, mm, in H36M_17's order; arms a little raised.
STANDING = np.array(
    [
        (0, 0, 0), (-130, 0, 20), (-140, 440, 0), (-140, 880, 40),
        (130, 0, -20), (140, 440, 10), (150, 880, 30),
        (0, -230, 10), (0, -480, 0), (0, -560, -60), (0, -670, 0),
        (170, -450, 10), (330, -250, 60), (400, -40, -40),
        (-170, -450, -10), (-330, -250, 40), (-380, -40, -60),
    ],
    dtype=np.float64,
)  # fmt: skip
# Where MPII's 16 joints and COCO's 17 are found in H36M_17 (COCO's face around the head).
MPII = H36M_17.indices(
    ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
     "hip", "spine", "thorax", "head",
     "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist")
)  # fmt: skip
COCO_LIMBS = H36M_17.indices(
    ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
     "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
)  # fmt: skip


def people(frames: int = 4) -> np.ndarray:
    """Turn the standing person a little each frame: (F, 17, 3), mm."""
    angles = np.linspace(0.1, 0.8, frames)
    c, s = np.cos(angles), np.sin(angles)
    zero, one = np.zeros(frames), np.ones(frames)
    turn = np.stack([c, zero, s, zero, one, zero, -s, zero, c], axis=-1).reshape(-1, 3, 3)
    return STANDING @ turn.transpose(0, 2, 1)


def pixels(frames: int = 4) -> np.ndarray:
    """See `people` without perspective: (F, 17, 2), px."""
    return people(frames)[..., :2] * 0.3 + (520, 430)


def coco(frames: int = 4) -> np.ndarray:
    face = np.array([(0, 20), (10, 12), (-10, 12), (22, 18), (-22, 18)])
    head = pixels(frames)[:, [H36M_17.index("head")]]
    return np.concatenate([head + face, pixels(frames)[:, COCO_LIMBS]], axis=1)


def npz(**arrays: Any) -> bytes:
    target = io.BytesIO()
    np.savez(target, **arrays)
    return target.getvalue()


def npy(array: np.ndarray, **options: Any) -> bytes:
    target = io.BytesIO()
    np.save(target, array, **options)
    return target.getvalue()


FLOATS = st.floats(-4096, 4096, width=32)


@st.composite
def sequences(draw: st.DrawFn) -> PoseSequence:
    spaces: list[Space] = ["image", "root", "camera"]
    space = draw(st.sampled_from(spaces))
    skeleton = INPUT_16 if space == "image" else H36M_17
    frames = draw(st.integers(1, 4))
    shape = (frames, len(skeleton), 2 if space == "image" else 3)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    positions = rng.normal(0, draw(st.sampled_from([1.0, 300.0, 4000.0])), shape).astype(np.float32)
    positions[rng.random(shape[:2]) < 0.1] = np.nan
    positions[0, 1] = draw(FLOATS)
    if space == "root":
        positions[:, 0] = 0
    confidence = rng.random(shape[:2], dtype=np.float32) if draw(st.booleans()) else None
    fps = draw(st.sampled_from([25.0, 29.97, 50.0, 120.0]))
    return PoseSequence(positions, skeleton, space, fps, confidence, draw(st.text(max_size=9)))


@given(sequences(), st.sampled_from([".npz", ".json", ".csv"]))
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back_the_same(sequence, suffix):
    written = keypoints.to_bytes(sequence, suffix)
    back = keypoints.read_bytes(written, "poses" + suffix, fps=sequence.fps)
    np.testing.assert_array_equal(back.positions, sequence.positions)
    assert (back.skeleton, back.space) == (sequence.skeleton, sequence.space)
    assert back.fps == pytest.approx(sequence.fps, rel=1e-3)
    if sequence.confidence is None:
        assert back.confidence is None
    else:
        assert back.confidence is not None
        np.testing.assert_array_equal(back.confidence, sequence.confidence)
    if suffix != ".csv" and sequence.source:
        assert back.source == sequence.source


def test_files_on_disk_are_read_and_written(tmp_path):
    sequence = PoseSequence(people(), H36M_17, "root", 25.0)
    for suffix in keypoints.SUFFIXES:
        path = tmp_path / f"poses{suffix}"
        keypoints.write(path, sequence)
        np.testing.assert_array_equal(keypoints.read(path).positions, sequence.positions)


def test_a_full_disk_spares_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "poses.npz"
    sequence = PoseSequence(people(), H36M_17, "root", 25.0)
    keypoints.write(path, sequence)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.whole_file.os.fsync", full)
    with pytest.raises(PoseFormatError, match=r"poses\.npz: it can't be written: No space left"):
        keypoints.write(path, PoseSequence(people(2), H36M_17, "root", 25.0))
    np.testing.assert_array_equal(keypoints.read(path).positions, sequence.positions)
    assert list(tmp_path.iterdir()) == [path]


def test_a_csv_says_joints_and_units_in_its_header():
    sequence = PoseSequence(people(2), H36M_17, "root", 50.0)
    lines = keypoints.to_bytes(sequence, ".csv").decode().splitlines()
    assert lines[0].startswith("frame,time_s,hip_x_mm,hip_y_mm,hip_z_mm,right_hip_x_mm")
    assert lines[2].startswith("1,0.02,0.0,0.0,0.0,")
    assert len(lines) == 3


def test_a_missing_joint_is_an_empty_cell_in_csv_and_null_in_json():
    positions = pixels(1)[:, H36M_17.indices(INPUT_16.joints)]
    positions[0, 0] = np.nan
    sequence = PoseSequence(positions, INPUT_16, "image", 50.0)
    assert keypoints.to_bytes(sequence, ".csv").decode().splitlines()[1].startswith("0,0.0,,,")
    content = json.loads(keypoints.to_bytes(sequence, ".json"))
    assert content["positions"][0][0] == [None, None]


@pytest.mark.parametrize("joints", [16, 17])
@pytest.mark.parametrize("kind", ["npy", "npz", "json", "csv", "flat npy"])
def test_bare_2d_arrays_are_taken_in_human36m_order(joints, kind):
    order = H36M_17.indices(INPUT_16.joints)
    given_joints = pixels()[:, order] if joints == 16 else pixels()
    flat = given_joints.reshape(4, -1)
    data = {
        "npy": lambda: npy(given_joints),
        "flat npy": lambda: npy(flat),
        "npz": lambda: npz(anything=given_joints),
        "json": lambda: json.dumps(given_joints.tolist()).encode(),
        "csv": lambda: "\n".join(",".join(map(str, row)) for row in flat).encode(),
    }[kind]()
    sequence = keypoints.read_bytes(data, f"poses.{kind.split()[-1]}", fps=30)
    assert (sequence.skeleton, sequence.space, sequence.fps) == (INPUT_16, "image", 30)
    np.testing.assert_allclose(sequence.positions, pixels()[:, order], rtol=1e-6)


def test_32_joints_lose_those_that_do_not_move():
    full = np.zeros((4, 32, 3))
    full[:, H36M_32.indices(H36M_17.joints)] = people()
    sequence = keypoints.read_bytes(npy(full), "poses.npy")
    np.testing.assert_array_equal(sequence.positions, np.float32(people()))
    assert sequence.space == "root"


def test_3d_whose_hip_moves_is_taken_as_camera_space():
    assert keypoints.read_bytes(npy(people() + 3000), "a.npy").space == "camera"


def test_named_joints_may_come_in_any_order():
    order = np.random.default_rng(0).permutation(17)
    names = [H36M_17.joints[i] for i in order]
    data = npz(positions=pixels()[:, order], joints=np.array(names))
    sequence = keypoints.read_bytes(data, "poses.npz")
    expected = pixels()[:, H36M_17.indices(INPUT_16.joints)]
    np.testing.assert_array_equal(sequence.positions, np.float32(expected))


def test_a_joint_with_one_coordinate_missing_is_missing():
    positions = pixels()
    positions[1, 3, 0] = np.nan
    positions[2, 4, 1] = np.inf
    sequence = keypoints.read_bytes(npy(positions), "poses.npy")
    assert np.isnan(sequence.positions[1, 3]).all()
    assert np.isnan(sequence.positions[2, 4]).all()
    assert np.isnan(sequence.positions).sum() == 4


def test_coco_order_is_refused_by_name():
    with pytest.raises(PoseFormatError, match="seem to be in COCO's order"):
        keypoints.read_bytes(npy(coco()), "poses.npy")


def test_mpii_order_is_refused_by_name():
    with pytest.raises(PoseFormatError, match=r"seem to be in MPII's \(Stacked Hourglass\) order"):
        keypoints.read_bytes(npy(pixels()[:, MPII]), "poses.npy")


def test_an_unknown_order_is_refused():
    with pytest.raises(PoseFormatError, match="not between the hips"):
        keypoints.read_bytes(npy(np.roll(pixels(), 5, axis=1)), "poses.npy")


@pytest.mark.parametrize("view", [0.0, 0.5, 1.4, 3.0, 4.6])
def test_a_person_seen_from_any_side_is_accepted(view):
    c, s = np.cos(view), np.sin(view)
    turned = people() @ np.array([(c, 0, -s), (0, 1, 0), (s, 0, c)])
    seen = (turned @ pitch_rotation(MEAN_PITCH_RAD)[[0, 2, 1]])[..., :2] * 0.3 + 500
    assert len(keypoints.read_bytes(npy(seen), "poses.npy")) == 4


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (pixels() / 1000, "fractions of the picture; px were expected"),
        ((pixels() - 500) / 100, "normalised numbers or fractions"),
        (people() / 1000, "metres or normalised numbers; mm were expected"),
        (np.zeros((0, 17, 2)), "there are no frames"),
        (np.full((3, 17, 2), np.nan), "every joint is NaN"),
        (np.full((3, 17, 2), 1e12), "beyond any px or mm"),
        (np.zeros((5, 25, 2)), r"25 joints in 2D without names \(OpenPose's BODY_25 or BODY_25B"),
        (np.zeros((5, 16, 3)), "16 joints in 3D without names"),
        (np.zeros((5, 4, 4)), r"an array of \(frames, 16 or 17, 2\).*not \(5, 4, 4\)"),
        (np.zeros(7), r"not \(7,\)"),
        (np.array(["a"]), "an array of .* not <U1"),
    ],
)
def test_arrays_that_are_no_poses_are_refused(positions, message):
    with pytest.raises(PoseFormatError, match=message):
        keypoints.read_bytes(npy(positions), "poses.npy")


class Unwanted:
    def __reduce__(self):
        return (pytest.fail, ("a pickle ran",))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.npz", b"", "the file is empty"),
        ("a.npz", b"PK\x03\x04 no", "is no NPZ file, or cut short"),
        ("a.npz", npz(positions=pixels())[:-40], "is no NPZ file, or cut short"),
        ("a.npz", npz(a=pixels(), b=pixels()), "positions was expected; it has a, b"),
        ("a.npz", npz(positions=pixels(), joints=np.array(["hip"] * 17)), "17 different"),
        ("a.npz", npz(positions=pixels()[:, :3], joints=np.array(["hip", "a", "b"])),
         "joints are missing: right_hip, right_knee, right_ankle, left_hip and others"),
        ("a.npz", npz(positions=pixels(), unit=np.array("mm")), "expected in px, not in 'mm'"),
        ("a.npz", npz(positions=pixels(), fps=np.array(-3.0)), "frames a second are -3.0"),
        ("a.npz", npz(positions=people(), space=np.array("moon")), "space is 'moon'; expected"),
        ("a.npz", npz(positions=pixels(), confidence=np.ones(3)), "a number for each frame"),
        ("a.npz", npz(positions=np.array([{}])), "pickled objects, which are not read"),
        ("a.npy", npy(np.array([Unwanted()]), allow_pickle=True), "pickled objects"),
        ("a.npy", pickle.dumps(Unwanted()), "is no NPY array"),
        ("a.npy", npy(pixels())[:100], "cut short"),
        ("a.json", b"[[", "is not JSON, or cut short"),
        ("a.json", b"[" * 100_000, "is not JSON, or cut short"),
        ("a.json", b'{"people": []}', "give the folder of all its frames"),
        ("a.json", b"[[[1, 2], [3]]]", r"numbers in \[frame\]\[joint\]\[coordinate\]"),
        ("a.json", b'"text"', "an object with positions was expected"),
        ("a.csv", b"\xff\xfe\x00", "is no CSV text"),
        ("a.csv", b"\n\n", "the file is empty"),
        ("a.csv", b"frame,hip_x_px\n0,1", "a column hip_y was expected"),
        ("a.csv", b"some,words\n1,2", "columns such as hip_x_px and hip_y_px were expected"),
        ("a.csv", b"hip_x,hip_y\n1,2\n3", "line 3: has 1 cells; 2 were expected"),
        ("a.csv", b"hip_x,hip_y\n1,two", "line 2: 'two' is not a number"),
        ("a.txt", b"1", r"poses are read from \.npz, \.csv, \.json, \.npy, not from '\.txt'"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_with_their_name_and_place(name, data, message):
    with pytest.raises(PoseFormatError, match=message) as caught:
        keypoints.read_bytes(data, name)
    assert str(caught.value).startswith(name)


def test_a_file_that_unpacks_too_large_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(arrays, "LARGEST_BYTES", 1000)
    with pytest.raises(PoseFormatError, match=r"unpacks to \d.* bytes; too large"):
        keypoints.read_bytes(npz(positions=np.zeros((100, 17, 2))), "bomb.npz")


def test_a_damaged_npz_that_is_packed_with_lzma_is_refused():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("positions.npy", npy(pixels()))
    data = bytearray(target.getvalue())
    data[60:70] = bytes(10)
    with pytest.raises(PoseFormatError, match=r"a\.npz: is no NPZ file, or cut short"):
        keypoints.read_bytes(bytes(data), "a.npz")


def test_a_header_that_claims_more_than_the_file_holds_is_refused():
    header = npy(np.zeros((1, 17, 2))).replace(b"(1, 17, 2)", b"(9999999999, 17, 2)")
    message = r"cut short: an array of \(9999999999, 17, 2\) was announced, but only 281 bytes"
    with pytest.raises(PoseFormatError, match=message):
        keypoints.read_bytes(header, "large.npy")
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("positions.npy", header)
    with pytest.raises(PoseFormatError, match="positions: " + message):
        keypoints.read_bytes(target.getvalue(), "large.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PoseFormatError, match=r"none\.csv: can't be opened: No such file"):
        keypoints.read(tmp_path / "none.csv")


def test_only_known_endings_are_written(tmp_path):
    sequence = PoseSequence(people(), H36M_17, "root", 25.0)
    with pytest.raises(PoseFormatError, match=r"x\.bvh: poses are written as \.npz, \.csv, \.json"):
        keypoints.write(tmp_path / "x.bvh", sequence)


@given(st.binary(max_size=200), st.sampled_from(keypoints.READ_SUFFIXES))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_poses_or_our_own_error(data, suffix):
    with contextlib.suppress(PoseFormatError):
        keypoints.read_bytes(data, "x" + suffix)
