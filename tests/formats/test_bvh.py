"""BVH: any channel order, the repair of CMU's conversion, and files broken in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats import bvh
from core.skeleton import H36M_17
from tests.formats.mocap_writers import (
    BVH_JOINTS,
    bvh_joints_by_the_letter,
    bvh_rows,
    bvh_text,
)


def write(folder: Path, text: str) -> Path:
    path = folder / "07_01.bvh"
    path.write_text(text)
    return path


@pytest.mark.parametrize("order", ["ZYX", "XYZ", "YZX"])
def test_a_second_implementation_agrees_whatever_the_channel_order(
    tmp_path: Path, order: str
) -> None:
    rows = bvh_rows(seed=1, count=5)
    names = " ".join(f"{axis}rotation" for axis in order)
    sequence = bvh.read(write(tmp_path, bvh_text(rows.tolist(), rotations=names)))
    np.testing.assert_allclose(sequence.positions, bvh_joints_by_the_letter(rows, order), atol=0.01)


def test_a_sequence_says_what_it_is(tmp_path: Path) -> None:
    sequence = bvh.read(write(tmp_path, bvh_text(bvh_rows(1, 2).tolist())))
    assert (sequence.space, sequence.skeleton) == ("world", H36M_17)
    assert sequence.source == "07_01.bvh"


@pytest.mark.parametrize(
    ("frame_time", "fps"), [("0.0333333", 30), ("0.0083333", 120), (".02", 50)]
)
def test_a_rounded_frame_time_gives_a_round_rate(
    tmp_path: Path, frame_time: str, fps: float
) -> None:
    text = bvh_text(bvh_rows(1, 2).tolist(), frame_time=frame_time)
    assert bvh.read(write(tmp_path, text)).fps == fps
    assert bvh.read(write(tmp_path, text), fps=60).fps == 60


def test_any_hierarchy_is_read_on_one_line_or_many(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "HIERARCHY ROOT a { OFFSET 1 2 3 CHANNELS 3 Xposition Yposition Zposition\n"
        "JOINT b { OFFSET 0 1 0 CHANNELS 1 Zrotation End Site { OFFSET 0 2 0 } } }\n"
        "MOTION\nFrames: 2\nFrame Time: 0.1\n1 2 3 0\n1 2 3\n90\n",
    )
    motion = bvh.read_motion(path)
    assert motion.joints == ("a", "b", "b end")
    places = motion.positions(["b", "b end"])
    np.testing.assert_allclose(places["b"], [[1, 3, 3], [1, 3, 3]])
    np.testing.assert_allclose(places["b end"], [[1, 5, 3], [-1, 3, 3]], atol=1e-12)


def test_a_joint_without_position_channels_stands_at_its_offset(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "HIERARCHY\nROOT a\n{\nOFFSET 1 2 3\nCHANNELS 1 Yposition\n}\n"
        "MOTION\nFrames: 1\nFrame Time: 0.1\n7\n",
    )
    np.testing.assert_array_equal(bvh.read_motion(path).positions(["a"])["a"], [[1, 7, 3]])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bones_keep_their_length(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = write(tmp_path_factory.mktemp("bvh"), bvh_text(bvh_rows(seed, 2).tolist()))
    places = bvh.read_motion(path).positions(BVH_JOINTS)
    for name, (parent, offset) in BVH_JOINTS.items():
        if parent:
            lengths = np.linalg.norm(places[name] - places[parent], axis=-1)
            np.testing.assert_allclose(lengths, np.linalg.norm(offset), atol=1e-9)


DROPPED: dict[str, tuple[float, ...]] = dict.fromkeys(
    ("Neck", "LeftShoulder", "RightShoulder", "LeftFingerBase", "RightFingerBase"),
    (0.0, 0.0, 0.0),
)


def test_the_segments_that_the_conversion_dropped_come_back(tmp_path: Path) -> None:
    rows = bvh_rows(seed=2, count=4)
    sequence = bvh.read(write(tmp_path, bvh_text(rows.tolist(), offsets=DROPPED)))
    # The made-up figure's thorax is like the bone below it and its wrist half its radius.
    np.testing.assert_allclose(sequence.positions, bvh_joints_by_the_letter(rows), atol=0.01)
    assert sequence.source == "07_01.bvh (thorax estimated, 1 to 8 mm off)"


def test_the_repair_of_a_real_conversion_is_exact_at_the_wrists(shared: Path) -> None:
    path = shared / "data/cmu_mocap/subjects/07/07_03.bvh"
    whole = bvh.read_motion(path)
    broken = bvh.BvhMotion(
        joints=whole.joints,
        parents=whole.parents,
        offsets=np.where(
            np.isin(whole.joints, list(bvh.DROPPED_SEGMENTS))[:, None], 0.0, whole.offsets
        ),
        channels=whole.channels,
        values=whole.values,
        fps=whole.fps,
    )
    repaired = bvh.restore_dropped_segments(broken)
    unit = bvh.CMU_UNIT_MM
    for joint in bvh.DROPPED_SEGMENTS:
        place = whole.joints.index(joint)
        error_mm = np.linalg.norm(repaired.offsets[place] - whole.offsets[place]) * unit
        assert error_mm < (0.01 if joint.endswith(("FingerBase", "Thumb")) else 8.0)


def test_offsets_that_are_there_are_left_alone(tmp_path: Path) -> None:
    motion = bvh.read_motion(write(tmp_path, bvh_text(bvh_rows(1, 2).tolist())))
    np.testing.assert_array_equal(bvh.restore_dropped_segments(motion).offsets, motion.offsets)


@pytest.mark.parametrize("zeros", [0, 2])
def test_the_t_pose_and_rows_of_zeros_before_the_motion_are_left_out(
    tmp_path: Path, zeros: int
) -> None:
    measured = bvh_rows(seed=3, count=4)
    t_pose = np.zeros((1 + zeros, measured.shape[1]))
    t_pose[0, [0, 1, 12, 27]] = 8.72, 15.75, -21, 21
    rows = np.concatenate([t_pose, measured])
    sequence = bvh.read(write(tmp_path, bvh_text(rows.tolist())))
    assert len(sequence) == 4
    np.testing.assert_allclose(sequence.positions, bvh_joints_by_the_letter(measured), atol=0.01)


def test_a_figure_that_stays_at_rest_is_kept(tmp_path: Path) -> None:
    rows = bvh_rows(seed=3, count=3)
    rows[:, 3:] = 0
    assert len(bvh.read(write(tmp_path, bvh_text(rows.tolist())))) == 3
    assert len(bvh.read(write(tmp_path, bvh_text(rows[:1].tolist())))) == 1


GOOD = bvh_text(bvh_rows(seed=4, count=3).tolist())
LINES = GOOD.splitlines()
MOTION = LINES.index("MOTION") + 1


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        pytest.param("", "line 1", "HIERARCHY was expected: it is not a BVH file", id="empty"),
        pytest.param("\x89PNG\n", "line 1", "HIERARCHY was expected", id="not a BVH"),
        pytest.param(
            "\n".join(LINES[: MOTION - 5]),
            f"line {MOTION - 5}",
            "it ends here before its motion begins: the file is cut off",
            id="cut off in the hierarchy",
        ),
        pytest.param(
            GOOD.replace("}\nMOTION", "MOTION"),
            f"line {MOTION - 1}",
            "the hierarchy is not closed where MOTION begins",
            id="brace missing",
        ),
        pytest.param(
            GOOD.replace("ROOT Hips", "OFFSET 0 0 0", 1),
            "line 2",
            "this stands outside of any joint",
            id="no root",
        ),
        pytest.param(
            GOOD.replace("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", 1),
            "line 9",
            "CHANNELS, their number and as many channel names were expected",
            id="unknown channel",
        ),
        pytest.param(
            GOOD.replace("CHANNELS 3 ", "CHANNELS three ", 1),
            "line 9",
            "CHANNELS, their number",
            id="no channel count",
        ),
        pytest.param(
            GOOD.replace("OFFSET 1.6", "OFFSET x", 1),
            "line 12",
            "3 numbers were expected, not 'x -1.2 0'",
            id="offset no number",
        ),
        pytest.param(
            GOOD.replace("JOINT Spine1", "JOINT Spine"), "HIERARCHY", "two joints", id="same name"
        ),
        pytest.param(
            GOOD.replace("JOINT Spine1", "LIMB Spine1"), "line 62", "not 'LIMB'", id="unknown word"
        ),
        pytest.param(
            GOOD.replace("JOINT Spine1", "JOINT"),
            "line 62",
            "a name was expected after JOINT",
            id="nameless",
        ),
        pytest.param(
            GOOD.replace("Frames: 3", "Frames 3"),
            f"line {MOTION + 1}",
            "'Frames:' and a number were expected",
            id="frames",
        ),
        pytest.param(
            GOOD.replace("Frame Time:", "Time:"),
            f"line {MOTION + 2}",
            "'Frame Time:' and a number were expected",
            id="frame time",
        ),
        pytest.param(
            GOOD.replace("0.0333333", "0"),
            f"line {MOTION + 2}",
            "the frame time must be above 0, not 0",
            id="no time",
        ),
        pytest.param(
            "\n".join(LINES[:-1]),
            f"line {len(LINES) - 1}",
            "3 frames were announced, 2 are there",
            id="cut off between rows",
        ),
        pytest.param(
            GOOD[:-30],
            f"line {len(LINES)}",
            "78 numbers were expected",
            id="cut off within a row",
        ),
        pytest.param(
            "\n".join([*LINES[: MOTION + 3], "nan " + LINES[MOTION + 3].split(" ", 1)[1], ""]),
            f"line {MOTION + 4}",
            "78 numbers were expected, not 'nan",
            id="not a number",
        ),
        pytest.param(
            "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: 99999999\nFrame Time: 1\n",
            "line 8",
            "its joints have no channels",
            id="no channels",
        ),
        pytest.param(
            GOOD.replace("LeftUpLeg", "LeftThigh"),
            "HIERARCHY",
            "it lacks the joints LeftUpLeg; the names of the CMU conversion were expected",
            id="other names",
        ),
    ],
)
def test_a_broken_file_is_refused_by_its_line(
    tmp_path: Path, text: str, place: str, problem: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PoseFormatError) as error:
        bvh.read(path)
    assert error.value.file == str(path)
    assert problem in str(error.value)
    assert error.value.place == place


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match=r"none\.bvh: it can't be read: No such file"):
        bvh.read(tmp_path / "none.bvh")
