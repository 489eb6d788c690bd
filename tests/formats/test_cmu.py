"""CMU folders: with an index, without one, and with broken clips among good ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats import cmu
from core.sequence import PoseSequence
from tests.formats.mocap_writers import joints_by_the_letter, random_frames, write_cmu_folder

INDEX = """subject,trial,file,format,skeleton,fps,frames,description,action,split
02,01,subjects/02/02_01.amc,amc,subjects/02/02.asf,30,5,"walk, turn",walk,test
07,01,subjects/07/07_01.bvh,bvh,,60,6,slow walk,walk,train
"""


def read_all(folder: Path) -> dict[str, PoseSequence | PoseFormatError]:
    return {clip.name: result for clip, result in cmu.read(cmu.find(folder))}


def test_without_an_index_every_numbered_file_is_a_clip(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu")
    (folder / "subjects/02/notes.bvh").write_text("not a clip by its name")
    clips = cmu.find(folder)
    assert [(c.subject, c.trial, c.action) for c in clips] == [
        ("02", "01", "motion"),
        ("02", "02", "motion"),
        ("07", "01", "motion"),
    ]
    assert {c.split for c in clips} == {None}
    results = read_all(folder)
    sequences = [s for s in results.values() if isinstance(s, PoseSequence)]
    assert [(len(s), s.fps) for s in sequences] == [(5, 120), (4, 120), (6, 30)]
    np.testing.assert_allclose(
        sequences[0].positions, joints_by_the_letter(random_frames(1, 5)), atol=0.01
    )


def test_the_index_gives_rate_action_split_and_words(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu", index=INDEX)
    walk, slow = cmu.find(folder)
    assert (walk.name, walk.action, walk.split, walk.fps) == ("02_01", "walk", "test", 30)
    assert (slow.name, slow.split, slow.description) == ("07_01", "train", "slow walk")
    results = read_all(folder)
    assert list(results) == ["02_01", "07_01"]
    first, second = results.values()
    assert isinstance(first, PoseSequence) and isinstance(second, PoseSequence)
    assert (first.fps, second.fps) == (30, 60)
    assert first.source == "CMU motion capture 02_01: walk, turn"


def test_an_index_of_file_names_alone_is_enough(tmp_path: Path) -> None:
    index = "file\nsubjects/02/02_02.amc\n"
    (clip,) = cmu.find(write_cmu_folder(tmp_path / "cmu", index=index))
    assert (clip.subject, clip.trial, clip.action, clip.split) == ("02", "02", "motion", None)
    assert isinstance(cmu.read_clip(clip), PoseSequence)


def test_a_thorax_that_was_put_back_by_a_guess_is_said(tmp_path: Path) -> None:
    index = "file,bone_fix\nsubjects/07/07_01.bvh,thorax-estimated\n"
    (result,) = read_all(write_cmu_folder(tmp_path / "cmu", index=index)).values()
    assert isinstance(result, PoseSequence)
    assert result.source == "CMU motion capture 07_01 (thorax estimated, 1 to 8 mm off)"


def test_a_clip_in_both_formats_is_read_once_as_amc(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu")
    bvh = folder / "subjects/07/07_01.bvh"
    bvh.rename(folder / "subjects/02/02_01.bvh")
    assert [c.motion.name for c in cmu.find(folder)] == ["02_01.amc", "02_02.amc"]


def test_a_broken_clip_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu")
    motion = folder / "subjects/02/02_01.amc"
    motion.write_text(motion.read_text()[:-40])
    results = read_all(folder)
    assert isinstance(results["02_01"], PoseFormatError)
    assert "02_01.amc, line " in str(results["02_01"])
    assert isinstance(results["02_02"], PoseSequence)
    assert isinstance(results["07_01"], PoseSequence)


def test_a_broken_skeleton_breaks_its_subject_alone(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu")
    (folder / "subjects/02/02.asf").write_text("")
    results = read_all(folder)
    for name in ("02_01", "02_02"):
        assert "02.asf: it has no bones" in str(results[name])
    assert isinstance(results["07_01"], PoseSequence)


def test_a_missing_skeleton_is_asked_for_by_name(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu")
    (folder / "subjects/02/02.asf").unlink()
    assert "its skeleton 02.asf was expected beside it" in str(read_all(folder)["02_01"])


def test_a_listed_file_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = write_cmu_folder(tmp_path / "cmu", index=INDEX)
    (folder / "subjects/07/07_01.bvh").unlink()
    assert "07_01.bvh: it can't be read" in str(read_all(folder)["07_01"])


@pytest.mark.parametrize(
    ("index", "place", "problem"),
    [
        pytest.param("clip,fps\n1,2\n", "line 1", "a column 'file' was expected", id="no file"),
        pytest.param("file,fps\n,30\n", "line 2", "the column 'file' is empty", id="empty file"),
        pytest.param(
            "file,split\na_1.amc,val\n", "line 2", "train or test, not 'val'", id="unknown split"
        ),
        pytest.param("file,fps\na_1.amc,fast\n", "line 2", "a number above 0", id="fps a word"),
        pytest.param("file,fps\na_1.amc,nan\n", "line 2", "a number above 0", id="fps nan"),
        pytest.param(
            "file\na_1.amc\na_1.bvh\n", "line 3", "the clip a_1 is listed twice", id="twice"
        ),
        pytest.param(
            "file,split\na_1.amc,train\na_2.amc,test\n",
            "line 3",
            "subject a is in two splits",
            id="two splits",
        ),
    ],
)
def test_a_wrong_index_is_refused_by_its_line(
    tmp_path: Path, index: str, place: str, problem: str
) -> None:
    (tmp_path / "index.csv").write_text(index)
    with pytest.raises(PoseFormatError, match=problem) as error:
        cmu.find(tmp_path)
    assert error.value.file == str(tmp_path / "index.csv")
    assert error.value.place == place


def test_an_index_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_bytes(b"\xff\xfe\x00file")
    with pytest.raises(PoseFormatError, match="it can't be read as a table"):
        cmu.find(tmp_path)


def test_an_empty_folder_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        PoseFormatError, match=r"no clip is here: an index\.csv or files named like"
    ):
        cmu.find(tmp_path)
    with pytest.raises(PoseFormatError, match="there is no such folder"):
        cmu.find(tmp_path / "none")


def test_the_subset_has_the_clips_that_its_description_counts(shared: Path) -> None:
    clips = cmu.find(shared / "data/cmu_mocap")
    assert len(clips) == 289
    assert len({c.subject for c in clips}) == 19
    assert {c.fps for c in clips} == {30}


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["02/02.asf", "02/02_01.amc", "07/07_01.bvh"]),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from("\n 0-9.ae{}:#\x00é")),
        min_size=1,
        max_size=3,
    ),
)
def test_a_damaged_file_is_read_or_refused_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, name: str, damage: list[tuple[float, str]]
) -> None:
    folder = write_cmu_folder(tmp_path_factory.mktemp("cmu"))
    path = folder / "subjects" / name
    text = list(path.read_text())
    for place, letter in damage:
        text[int(place * len(text))] = letter
    path.write_text("".join(text), encoding="latin-1")
    for result in read_all(folder).values():
        assert isinstance(result, PoseSequence | PoseFormatError)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("0,4,1", "line 2: whole numbers above 0 were expected for first, last and every"),
        ("1,4,x", "line 2: whole numbers above 0"),
    ],
)
def test_a_stretch_that_is_none_is_refused(tmp_path: Path, row: str, says: str) -> None:
    index = f"file,first,last,every\nsubjects/02/02_01.amc,{row}\n"
    with pytest.raises(PoseFormatError, match=says):
        cmu.find(write_cmu_folder(tmp_path / "cmu", index=index))


def test_a_file_that_ends_before_its_stretch_is_named(tmp_path: Path) -> None:
    index = "file,first,last,every\nsubjects/02/02_01.amc,2,6,1\n"
    (error,) = read_all(write_cmu_folder(tmp_path / "cmu", index=index)).values()
    assert isinstance(error, PoseFormatError)
    assert "02_01.amc: its frames 2 to 6 are asked for, and 5 are there" in str(error)


def test_a_stretch_is_cut_out_at_its_rate(tmp_path: Path) -> None:
    index = "file,fps,first,last,every\nsubjects/02/02_01.amc,120,2,5,2\n"
    (sequence,) = read_all(write_cmu_folder(tmp_path / "cmu", index=index)).values()
    assert isinstance(sequence, PoseSequence)
    assert sequence.fps == 60
    whole = joints_by_the_letter(random_frames(1, 5))
    np.testing.assert_allclose(sequence.positions, whole[[1, 3]], atol=0.01)
