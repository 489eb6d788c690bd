"""Human3.6M's own CDF files, written from known poses."""

from __future__ import annotations

import numpy as np
import pytest

from core.dataset import Key
from core.errors import PoseFormatError
from core.formats import human36m_cameras, human36m_official
from tests.formats import field_writers as writers

WALK, SIT = writers.skeleton_32(12, 1), writers.skeleton_32(9, 2)
TAKES = {
    (1, "TakingPhoto"): WALK,
    (1, "WalkingDog 1"): SIT,
    (9, "Sitting 1"): SIT,
    (9, "Sitting 2"): WALK,
    (9, "SittingDown"): WALK,
    (9, "SittingDown 2"): SIT,
    (11, "Directions"): WALK,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return writers.official(tmp_path_factory.mktemp("official"), TAKES)


def test_official_files_give_the_truth_in_each_cameras_frame_and_the_projection(folder):
    data = human36m_official.read(folder)
    assert len(data.entries) == 4 * len(TAKES)
    for camera, name in enumerate(writers.CAMERAS):
        recording = data.load(Key("S9", "Sitting", "Sitting 2", name))
        where = writers.place(9, camera)
        joints = WALK.astype(np.float32)[:, writers.MOVING]
        assert recording.truth is not None
        np.testing.assert_allclose(
            recording.truth.positions, writers.camera_frame(joints, where), atol=1e-2
        )
        expected = writers.project(joints[:, writers.SEEN_16], where, camera)
        np.testing.assert_allclose(recording.inputs["gt"].positions, expected, atol=1e-3)
        assert recording.camera is not None
        assert recording.camera.size_px == writers.SIZES[camera]


def test_subject_1s_two_actions_are_renamed_and_takes_vary_in_number(folder):
    data = human36m_official.read(folder)
    names = {(e.key.subject, e.key.action, e.key.take) for e in data.entries}
    assert names == {
        ("S1", "Photo", "Photo"),
        ("S1", "WalkDog", "WalkDog 1"),
        ("S9", "Sitting", "Sitting 1"),
        ("S9", "Sitting", "Sitting 2"),
        ("S9", "SittingDown", "SittingDown"),
        ("S9", "SittingDown", "SittingDown 2"),
        ("S11", "Directions", "Directions"),
    }
    assert data.subjects == ("S1", "S9", "S11")
    assert data.splits == {"S1": "train", "S9": "test", "S11": "test"}


def test_d2_positions_are_the_ground_truth_where_present(tmp_path):
    folder = writers.official(tmp_path, {(9, "Walking"): WALK}, d2=True)
    recording = human36m_official.read(folder).load(
        Key("S9", "Walking", "Walking", writers.CAMERAS[2])
    )
    expected = writers.project(WALK, writers.place(9, 2), 2)[:, writers.MOVING][:, writers.SEEN_16]
    np.testing.assert_allclose(recording.inputs["gt"].positions, expected, atol=1e-3)
    assert recording.inputs["gt"].source == "gt", "it is not the projection"


def test_metadata_holds_four_cameras_of_eleven_subjects(folder):
    found = human36m_cameras.read(folder / "metadata.xml")
    assert list(found) == [f"S{n}" for n in range(1, 12)]
    for subject in (1, 7, 11):
        for camera, name in enumerate(writers.CAMERAS):
            mine, where = found[f"S{subject}"][camera], writers.place(subject, camera)
            assert mine.name == name
            np.testing.assert_allclose(mine.R, where.R, atol=1e-12)
            np.testing.assert_allclose(mine.centre_mm, where.centre)
            fx, fy, cx, cy, k1, k2, k3, p1, p2 = writers.LENSES[camera]
            assert (mine.focal_px, mine.centre_px) == ((fx, fy), (cx, cy))
            assert (mine.radial, mine.tangential) == ((k1, k2, k3), (p1, p2))


def test_without_metadata_it_says_what_is_missing(tmp_path):
    writers.official(tmp_path / "h36m", {(9, "Walking"): WALK})
    (tmp_path / "h36m" / "metadata.xml").unlink()
    with pytest.raises(PoseFormatError, match=r"metadata\.xml with the cameras is missing"):
        human36m_official.read(tmp_path / "h36m")


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = writers.official(tmp_path / "h36m", {(9, "Walking"): WALK})
    outside = tmp_path / "secret.cdf"
    outside.write_bytes(b"secret")
    link = folder / "S9" / "MyPoseFeatures" / "D3_Positions" / "Eating.cdf"
    link.symlink_to(outside)
    with pytest.raises(PoseFormatError, match="it is a link out of the data's folder"):
        human36m_official.read(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<metadata/>", "it has no <w0> with the cameras"),
        ("<w0>[1 2 3]</w0>", "300 numbers were expected, not 3"),
        ("<w0>[1 two]</w0>", "numbers were expected"),
        (f"<w0>[{'nan ' * 300}]</w0>", "300 numbers were expected"),
        (f"<w0>[{'0 ' * 300}]</w0>", "a focal length is not above 0"),
    ],
)
def test_broken_metadata_is_told(tmp_path, text, message):
    path = tmp_path / "metadata.xml"
    path.write_text(text)
    with pytest.raises(PoseFormatError, match=message):
        human36m_cameras.read(path)


def test_broken_cdf_files_are_told(tmp_path):
    folder = writers.official(tmp_path, {(9, "Walking"): WALK})
    file = folder / "S9" / "MyPoseFeatures" / "D3_Positions" / "Walking.cdf"
    whole = file.read_bytes()
    for content, message in (
        (b"", "a CDF file was expected"),
        (b"PK\x03\x04" + whole, "a CDF file was expected"),
        (whole[:40], "damaged"),
    ):
        file.write_bytes(content)
        with pytest.raises(PoseFormatError, match=message):
            human36m_official.read(folder)
    writers.cdf(file, WALK.reshape(len(WALK), 96), name="Other")
    with pytest.raises(PoseFormatError, match="a variable Pose was expected"):
        human36m_official.read(folder)
    writers.cdf(file, WALK.reshape(len(WALK), 96)[:, :51])
    with pytest.raises(PoseFormatError, match="96 numbers a frame"):
        human36m_official.read(folder)


def test_counts_and_rings_that_would_never_end_are_refused(tmp_path):
    # Found by the coverage-guided fuzzer: the library itself loops for as many as are announced.
    folder = writers.official(tmp_path, {(9, "Walking"): WALK})
    file = folder / "S9" / "MyPoseFeatures" / "D3_Positions" / "Walking.cdf"
    whole = bytearray(file.read_bytes())
    start = int.from_bytes(whole[20:28], "big")
    for place, message in ((48, "attributes"), (56, "dimensions"), (60, "variables")):
        damaged = bytearray(whole)
        damaged[start + place : start + place + 4] = (2**31 - 1).to_bytes(4, "big")
        file.write_bytes(damaged)
        with pytest.raises(PoseFormatError, match=f"2147483647 {message} were announced"):
            human36m_official.read(folder)
    variable = int.from_bytes(whole[start + 20 : start + 28], "big")
    index = int.from_bytes(whole[variable + 28 : variable + 36], "big")
    whole[index + 12 : index + 20] = index.to_bytes(8, "big")
    file.write_bytes(whole)
    with pytest.raises(PoseFormatError, match="form a ring"):
        human36m_official.read(folder)
