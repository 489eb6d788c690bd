"""ASF/AMC: CMU's own numbers, a second implementation, and files broken in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats import asf_amc, bvh
from core.skeleton import H36M_17
from tests.formats.mocap_writers import (
    BONES,
    MM,
    amc_text,
    asf_text,
    joints_by_the_letter,
    random_frames,
    rest_frame,
)


@pytest.fixture
def asf(tmp_path: Path) -> Path:
    path = tmp_path / "02.asf"
    path.write_text(asf_text())
    return path


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> asf_amc.AsfSkeleton:
    path = tmp_path_factory.mktemp("asf") / "02.asf"
    path.write_text(asf_text())
    return asf_amc.read_skeleton(path)


def amc(folder: Path, text: str) -> Path:
    path = folder / "02_01.amc"
    path.write_text(text)
    return path


@pytest.mark.parametrize("clip", ["02_01", "07_03", "10_05", "14_29", "49_06", "60_01"])
def test_the_joints_are_those_that_were_computed_for_the_crosscheck(
    shared: Path, clip: str
) -> None:
    folder = shared / "data/cmu_mocap"
    motion = folder / f"subjects/{clip[:2]}/{clip}"
    if motion.with_suffix(".amc").is_file():
        asf = motion.with_name(f"{clip[:2]}.asf")
        sequence = asf_amc.read(motion.with_suffix(".amc"), asf, fps=30)
    else:
        sequence = bvh.read(motion.with_suffix(".bvh"))
    lines = (folder / "crosscheck/expected_joints_mm.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if line.startswith(clip)]
    assert len(rows) == 3
    for _, frame, *numbers in rows:
        x, y, z = np.array(numbers, dtype=float).reshape(17, 3).T
        expected = np.stack([x, -z, y], axis=-1)
        np.testing.assert_allclose(sequence.positions[int(frame) - 1], expected, atol=0.05)


def test_the_original_and_its_conversion_give_the_same_joints(shared: Path) -> None:
    folder = shared / "data/cmu_mocap"
    original = asf_amc.read(folder / "crosscheck/07_03.amc", folder / "crosscheck/07.asf")
    converted = bvh.read(folder / "subjects/07/07_03.bvh")
    np.testing.assert_allclose(original.positions, converted.positions, atol=0.05)


def test_a_second_implementation_agrees(tmp_path: Path, asf: Path) -> None:
    frames = random_frames(seed=4, count=7)
    sequence = asf_amc.read(amc(tmp_path, amc_text(frames)), asf)
    np.testing.assert_allclose(sequence.positions, joints_by_the_letter(frames), atol=0.01)


def test_a_sequence_says_what_it_is(tmp_path: Path, asf: Path) -> None:
    sequence = asf_amc.read(amc(tmp_path, amc_text([rest_frame()])), asf)
    assert (sequence.space, sequence.skeleton, sequence.unit) == ("world", H36M_17, "mm")
    assert sequence.fps == 120
    assert sequence.source == "02_01.amc"


def test_the_rest_pose_stands_upright_with_its_left_side_at_positive_x(
    tmp_path: Path, asf: Path
) -> None:
    pose = asf_amc.read(amc(tmp_path, amc_text([rest_frame()])), asf).positions[0]
    at = dict(zip(H36M_17.joints, pose, strict=True))
    np.testing.assert_allclose(at["hip"], [0, 0, -0.6 * 2.0 * MM], atol=1e-3)
    np.testing.assert_allclose(at["left_hip"], [1.6 * MM, 0, -1.2 * MM], atol=1e-3)
    np.testing.assert_allclose(at["thorax"], [0, 0, 6.5 * MM], atol=1e-3)
    # CMU's figure looks along its z, which is world -y.
    assert at["head"][1] < 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(-500, 500), min_size=3, max_size=3))
def test_bones_keep_their_length_wherever_the_figure_goes(
    skeleton: asf_amc.AsfSkeleton, seed: int, place: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    motion = {"root": np.append(place, rng.uniform(-4, 4, 3))[None]}
    for name, bone in skeleton.bones.items():
        if bone.angle_axes:
            motion[name] = rng.uniform(-4, 4, (1, len(bone.angle_axes)))
    ends = asf_amc.bone_ends(skeleton, motion, skeleton.bones)
    for name, (parent, direction, length, _, _) in BONES.items():
        start = np.array(place) if parent == "root" else ends[parent][0]
        bone_length = np.linalg.norm(ends[name][0] - start)
        assert bone_length == pytest.approx(length * np.linalg.norm(direction), abs=1e-9)


def test_bones_that_the_motion_leaves_out_stay_at_rest(tmp_path: Path, asf: Path) -> None:
    frame = {"root": [1.0, 2.0, 3.0, 10.0, 20.0, 30.0], "lfemur": [5.0, 6.0, 7.0]}
    sequence = asf_amc.read(amc(tmp_path, amc_text([frame])), asf)
    np.testing.assert_allclose(sequence.positions, joints_by_the_letter([frame]), atol=0.01)


def test_angles_in_radians_are_read_as_such(tmp_path: Path, asf: Path) -> None:
    frames = random_frames(seed=5, count=2)
    in_radians = [
        {
            name: values[:3] + np.deg2rad(values[3:]).tolist()
            if name == "root"
            else np.deg2rad(values).tolist()
            for name, values in frame.items()
        }
        for frame in frames
    ]
    text = amc_text(in_radians).replace(":DEGREES", ":RADIANS")
    sequence = asf_amc.read(amc(tmp_path, text), asf)
    np.testing.assert_allclose(sequence.positions, joints_by_the_letter(frames), atol=0.01)


def test_the_order_of_the_roots_numbers_is_the_skeletons(tmp_path: Path, asf: Path) -> None:
    asf.write_text(asf_text().replace("TX TY TZ RX RY RZ", "RZ RY RX TX TY TZ"))
    frames = random_frames(seed=6, count=2)
    turned = [{**f, "root": [*f["root"][:2:-1], *f["root"][:3]]} for f in frames]
    sequence = asf_amc.read(amc(tmp_path, amc_text(turned)), asf)
    np.testing.assert_allclose(sequence.positions, joints_by_the_letter(frames), atol=0.01)


GOOD = amc_text(random_frames(seed=7, count=3))
LINES = GOOD.splitlines()
FRAME_2 = LINES.index("2")


def without(line: int) -> str:
    return "\n".join(LINES[:line] + LINES[line + 1 :])


def changed(line: int, text: str) -> str:
    return "\n".join([*LINES[:line], text, *LINES[line + 1 :]])


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        pytest.param("", "", "it has no frame", id="empty"),
        pytest.param("#!OML\n:DEGREES\n", "", "it has no frame", id="header only"),
        pytest.param(
            GOOD[: GOOD.rindex("rradius")],
            f"line {len(LINES) - 2}",
            "frame 3 lacks rradius, rwrist",
            id="cut off between lines",
        ),
        pytest.param(
            GOOD[: GOOD.rindex("rhumerus") + 12],
            f"line {len(LINES) - 2}",
            "rhumerus has 1 numbers; the skeleton 02.asf gives it 3",
            id="cut off within a line",
        ),
        pytest.param(
            without(FRAME_2 + 1),
            f"line {LINES.index('3')}",
            "frame 2 does not say where the root is",
            id="no root",
        ),
        pytest.param(
            without(FRAME_2 + 4),
            f"line {LINES.index('3')}",
            "frame 2 lacks rfemur",
            id="a bone missing in the middle",
        ),
        pytest.param(
            changed(FRAME_2 + 3, "ltail 1"),
            f"line {FRAME_2 + 4}",
            "the skeleton 02.asf has no bone 'ltail'",
            id="a bone that the skeleton lacks",
        ),
        pytest.param(
            changed(FRAME_2 + 3, "ltibia 1,5"),
            f"line {FRAME_2 + 4}",
            "ltibia has '1,5' where a number was expected",
            id="no number",
        ),
        pytest.param(
            changed(FRAME_2 + 3, "ltibia nan"),
            f"line {FRAME_2 + 4}",
            "ltibia has 'nan' where a number was expected",
            id="not a number",
        ),
        pytest.param(
            changed(FRAME_2 + 3, LINES[FRAME_2 + 2]),
            f"line {FRAME_2 + 4}",
            "frame 2 has lfemur twice",
            id="a bone twice",
        ),
        pytest.param(
            "\n".join([*LINES[: FRAME_2 + 2], LINES[FRAME_2 + 3], LINES[FRAME_2 + 2]])
            + "\n"
            + "\n".join(LINES[FRAME_2 + 4 :]),
            "line 4",
            "its frames do not all list the same bones in the same order",
            id="another order",
        ),
        pytest.param("\x00\x01\x02 binary", "line 1", "a frame number was expected", id="not text"),
        pytest.param("1\n2\n3\n", "line 2", "frame 1 has no bones", id="numbers only"),
    ],
)
def test_a_broken_motion_is_refused_by_its_line(
    tmp_path: Path, asf: Path, text: str, place: str, problem: str
) -> None:
    path = amc(tmp_path, text)
    with pytest.raises(PoseFormatError) as error:
        asf_amc.read(path, asf)
    assert error.value.file == str(path)
    assert error.value.place == place
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        pytest.param(asf_text(), "", "", "it has no bones", id="empty"),
        pytest.param("  length 0.45\n", "", "", "gives no unit of length", id="no unit"),
        pytest.param("length 0.45", "length 0", "line 6", "must be above 0, not 0", id="unit 0"),
        pytest.param(
            "length 0.45", "length long", "line 6", "1 numbers were expected, not 'long'", id="unit"
        ),
        pytest.param(
            "position 0 0 0", "position 0 9 0", "line 13", "a root whose position", id="moved root"
        ),
        pytest.param("order TX", "order TW", "line 11", "expected to hold TX to RZ", id="order"),
        pytest.param("axis XYZ", "axis XYX", "line 12", "not 'XYX'", id="axis order"),
        pytest.param("   order TX TY TZ RX RY RZ\n", "", "", "the order of the root", id="none"),
        pytest.param(
            "7.0\n     axis 0 0 20   XYZ\n    dof rx ry rz",
            "7.0\n     axis 0 0 20   XYZ\n    dof rx ry l",
            "line 25",
            "other than rx, ry, rz",
            id="stretching bone",
        ),
        pytest.param("     length 7.0\n", "", "line 25", "lfemur has no length", id="no length"),
        pytest.param("head", "skull", ":hierarchy", "it lacks the bones head", id="other names"),
        pytest.param(
            "    lfemur ltibia\n",
            "    lfemur ltibia ltail\n",
            "line 214",
            "names the bone 'ltail', which :bonedata lacks",
            id="unknown child",
        ),
        pytest.param(
            "    lhipjoint lfemur\n",
            "    lhipjoint lfemur rfemur\n",
            "line 215",
            "the bone 'rfemur' hangs on two parents",
            id="two parents",
        ),
        pytest.param(
            "    lfemur ltibia\n",
            "    rtibia ltibia\n    ltibia rtibia\n",
            "line 217",
            "hangs on two parents",
            id="circle",
        ),
        pytest.param(
            "    root lhipjoint ", "    nowhere lhipjoint ", "", "do not hang on", id="adrift"
        ),
        pytest.param("     name lfemur\n", "", "line 31", "that has no name", id="nameless"),
    ],
)
def test_a_broken_skeleton_is_refused_by_its_line(
    tmp_path: Path, asf: Path, old: str, new: str, place: str, problem: str
) -> None:
    assert old in asf_text()
    asf.write_text(asf_text().replace(old, new))
    with pytest.raises(PoseFormatError) as error:
        asf_amc.read(amc(tmp_path, GOOD), asf)
    assert error.value.file == str(asf)
    assert problem in str(error.value)
    assert error.value.place == place


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match=r"none\.asf: it can't be read: No such file"):
        asf_amc.read(tmp_path / "none.amc", tmp_path / "none.asf")
