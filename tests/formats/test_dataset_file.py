"""The data set file: what goes in comes out, and a stranger can read it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from core import rig
from core.dataset import Dataset, Entry, Key, Pictures, Recording
from core.errors import PoseFormatError
from core.formats import dataset_file
from core.formats.dataset_writer import Column, Progress, Writer
from core.normalization import Statistics
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

CAMERAS = rig.four_cameras()


def poses(rng: np.random.Generator, frames: int, space: Any, **fields: Any) -> PoseSequence:
    joints, width = (16, 2) if space == "image" else (17, 3)
    positions = rng.normal(0, 500, (frames, joints, width))
    positions[rng.random((frames, joints)) < 0.1] = np.nan
    if fields.pop("sure", False):
        fields["confidence"] = rng.random((frames, joints))
    skeleton = INPUT_16 if space == "image" else H36M_17
    return PoseSequence(positions, skeleton, space, fields.pop("fps", 50), **fields)


def walk(subject: str = "S1", frames: int = 3, seed: int = 0) -> list[Recording]:
    """One take that the four cameras of the rig see."""
    world = poses(np.random.default_rng(seed), frames, "world", source=f"made up {seed}")
    return list(rig.views(world, CAMERAS, subject=subject, action="Walking", take="1"))


def write(path: Path, recordings: Iterable[Recording], **fields: Any) -> Path:
    with Writer(path) as writer:
        for recording in recordings:
            writer.add(recording)
        writer.finish(**{"title": "Made up", **fields})
    return path


def assert_same_sequence(one: PoseSequence | None, other: PoseSequence | None, atol: float) -> None:
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    np.testing.assert_allclose(one.positions, other.positions, atol=atol, rtol=0)
    assert (one.confidence is None) == (other.confidence is None)
    if one.confidence is not None and other.confidence is not None:
        np.testing.assert_array_equal(one.confidence, other.confidence)
    for field in ("space", "skeleton", "fps", "source"):
        assert getattr(one, field) == getattr(other, field)


def assert_same_recording(one: Recording, other: Recording) -> None:
    assert (one.key, one.camera, one.pictures) == (other.key, other.camera, other.pictures)
    assert list(one.inputs) == list(other.inputs)
    for source in one.inputs:
        assert_same_sequence(one.inputs[source], other.inputs[source], atol=0)
    in_world = one.camera is not None and one.truth is not None and one.truth.space == "camera"
    assert_same_sequence(one.truth, other.truth, atol=0.01 if in_world else 0)


@st.composite
def recordings(draw: st.DrawFn) -> list[Recording]:
    """Takes of one to three views with any mixture of what a recording may hold."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = []
    for take in range(draw(st.integers(1, 3))):
        frames, fps = draw(st.integers(0, 4)), draw(st.sampled_from([25.0, 50.0, 29.97]))
        world = poses(rng, frames, "world", fps=fps, source="w", sure=draw(st.booleans()))
        for number in range(draw(st.integers(1, 3))):
            key = Key("S1", "Ä · action", str(take), CAMERAS[number].name)
            names = draw(st.sets(st.sampled_from(["gt", "hourglass (simulated)", "a.b"])))
            inputs = {
                name: poses(rng, frames, "image", fps=fps, source=name, sure=draw(st.booleans()))
                for name in sorted(names)
            }
            kind = draw(st.sampled_from(["world", "other", "camera", "root", "none"]))
            camera = CAMERAS[number] if kind in ("world", "other") else None
            truth = {
                "world": rig.view(world, CAMERAS[number], key).truth,
                "other": poses(rng, frames, "camera", fps=fps, sure=draw(st.booleans())),
                "camera": poses(rng, frames, "camera", fps=fps),
                "root": poses(rng, frames, "root", fps=fps, source="r", sure=draw(st.booleans())),
                "none": None,
            }[kind]
            if truth is None and not inputs:
                inputs = {"gt": poses(rng, frames, "image", fps=fps)}
            pictures = None
            if draw(st.booleans()):
                encoded = tuple(rng.bytes(int(rng.integers(0, 9))) for _ in range(frames))
                pictures = Pictures(encoded, (640, 480))
            made.append(Recording(key, inputs, truth, camera, pictures))
    return made


@settings(max_examples=40, deadline=None)
@given(recordings())
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, made: list[Recording]
) -> None:
    dataset = dataset_file.read(write(tmp_path_factory.mktemp("d") / "made.safetensors", made))
    assert [e.key for e in dataset.entries] == [r.key for r in made]
    for recording, entry in zip(made, dataset.entries, strict=True):
        assert entry.sources == tuple(recording.inputs)
        loaded = dataset.load(entry.key)
        assert_same_recording(recording, loaded)
        for sequence in loaded.inputs.values():
            assert (entry.frames, entry.fps) == (len(sequence), sequence.fps)


def described() -> dict[str, Any]:
    return {
        "title": "A title",
        "kind": "synthetic",
        "splits": {"S1": "train", "S9": "test"},
        "statistics": {"gt": Statistics(np.arange(32.0), np.ones(32), "published", True)},
        "notes": ("one", "two, with “quotes”"),
        "credit": "Nobody",
    }


def test_what_is_said_of_the_data_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "made.safetensors", walk(), **described())
    dataset = dataset_file.read(path)
    said = described()
    for field in ("title", "kind", "splits", "notes", "credit"):
        assert getattr(dataset, field) == said[field]
    assert dataset.id == str(path)
    gt = dataset.statistics["gt"]
    np.testing.assert_array_equal(gt.mean, np.arange(32.0))
    assert (gt.origin, gt.estimated) == ("published", True)


def test_a_data_set_is_copied_with_all_it_says(tmp_path: Path) -> None:
    first = dataset_file.read(write(tmp_path / "a.safetensors", walk(), **described()))
    steps: list[Progress] = []
    dataset_file.write(tmp_path / "b.safetensors", first, progress=steps.append)
    second = dataset_file.read(tmp_path / "b.safetensors")
    assert [s.done for s in steps] == [1, 2, 3, 4]
    assert {(s.total, s.frames) for s in steps} == {(4, 3)}
    assert steps[0].name == "S1 · Walking · 1 · 54138969"
    assert second.entries == first.entries
    assert (second.title, second.splits, second.notes) == (first.title, first.splits, first.notes)
    for entry in first.entries:
        assert_same_recording(first.load(entry.key), second.load(entry.key))


def test_a_data_set_can_be_written_over_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", walk())
    dataset_file.write(path, dataset_file.read(path))
    assert len(dataset_file.read(path).entries) == 4


def test_views_of_a_take_share_its_world_joints(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", [*walk("S1"), *walk("S5", frames=5, seed=1)])
    with safe_open(path, framework="numpy") as file:
        assert sorted(file.keys()) == ["input_2d.gt", "joints_world"]
        assert file.get_slice("joints_world").get_shape() == [3 + 5, 17, 3]
        assert file.get_slice("input_2d.gt").get_shape() == [4 * (3 + 5), 16, 2]


def test_a_view_with_joints_of_its_own_keeps_them(tmp_path: Path) -> None:
    first, second, *_ = walk()
    assert second.truth is not None
    moved = second.truth.with_positions(second.truth.positions + 5)
    path = write(tmp_path / "a.safetensors", [first, replace(second, truth=moved)])
    loaded = dataset_file.read(path).load(second.key)
    assert_same_sequence(loaded.truth, moved, atol=0)


def test_a_stranger_reads_it_with_the_safetensors_library_alone(tmp_path: Path) -> None:
    made = [*walk("S1"), *walk("S5", frames=5, seed=1)]
    path = write(tmp_path / "a.safetensors", made)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        index = json.loads(metadata["index"])
        world, image = file.get_tensor("joints_world"), file.get_tensor("input_2d.gt")
    assert (metadata["format"], metadata["version"]) == ("pose-baseline-dataset", "1")
    view = index["views"][6]
    take, camera = index["takes"][view["take"]], index["cameras"][view["camera"]]
    assert (take["subject"], view["name"], take["frames"], take["fps"]) == ("S5", "58860488", 5, 50)
    start = view["truth"]["offset"]
    joints = world[start : start + 5] - np.array(camera["centre_mm"])
    assert made[6].truth is not None
    np.testing.assert_allclose(
        joints @ np.array(camera["rotation"]).T, made[6].truth.positions, atol=0.01
    )
    pixels = image[view["offset"] :][:5]
    np.testing.assert_array_equal(pixels, made[6].inputs["gt"].positions)
    assert index["joints_2d"][9] == "head"


def test_rows_of_a_source_that_a_view_lacks_are_nan(tmp_path: Path) -> None:
    first, second, third, _ = walk()
    extra = {**second.inputs, "openpose": second.inputs["gt"]}
    path = write(tmp_path / "a.safetensors", [first, replace(second, inputs=extra), third])
    with safe_open(path, framework="numpy") as file:
        openpose = file.get_tensor("input_2d.openpose")
    assert len(openpose) == 9
    assert np.isnan(openpose[:3]).all() and np.isnan(openpose[6:]).all()
    dataset = dataset_file.read(path)
    assert [e.sources for e in dataset.entries] == [("gt",), ("gt", "openpose"), ("gt",)]


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    def digest(name: str, made: list[Recording], **fields: Any) -> str:
        return dataset_file.read(write(tmp_path / name, made, **fields)).digest

    same = digest("a", walk())
    assert digest("b", walk()) == same
    assert digest("c", walk(), title="Another") != same
    assert digest("d", walk(seed=1)) != same


def test_loading_gives_read_only_arrays(tmp_path: Path) -> None:
    dataset = dataset_file.read(write(tmp_path / "a", walk()))
    recording = dataset.load(dataset.entries[0].key)
    assert recording.truth is not None
    assert not recording.truth.positions.flags.writeable
    assert not recording.inputs["gt"].positions.flags.writeable


def test_a_file_that_changed_since_it_was_opened_is_not_mixed_up(tmp_path: Path) -> None:
    path = write(tmp_path / "a", walk())
    dataset = dataset_file.read(path)
    write(path, walk(frames=2, seed=1))
    with pytest.raises(PoseFormatError, match="it was replaced after it was opened"):
        dataset.load(dataset.entries[0].key)


def test_a_file_with_another_time_but_the_same_content_goes_on_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "a", walk())
    dataset = dataset_file.read(path)
    key = dataset.entries[0].key
    before = dataset.load(key)
    os.utime(path, (1e9, 1e9))
    for _ in range(2):
        assert dataset.load(key).inputs["gt"].digest == before.inputs["gt"].digest


def test_a_file_cut_off_after_it_was_opened_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a", walk())
    dataset = dataset_file.read(path)
    seen = path.stat()
    with path.open("r+b") as file:
        file.truncate(seen.st_size - 100)
    with pytest.raises(PoseFormatError, match="it is cut off"):
        dataset.load(dataset.entries[0].key)


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "a", walk())
    before = path.read_bytes()

    def failing(key: Key) -> Recording:
        raise PoseFormatError("broken on purpose", file="elsewhere")

    broken = Dataset("x", "x", "recorded", (Entry(walk()[0].key, 3, 50, ("gt",)),), failing, "x")
    with pytest.raises(PoseFormatError, match="broken on purpose"):
        dataset_file.write(path, broken)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(column: Column, values: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Column, "append", no_space)
    with pytest.raises(PoseFormatError, match="it can't be written: No space left on device"):
        write(tmp_path / "a", walk())
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PoseFormatError, match="it can't be written"):
        write(tmp_path / "file" / "a.safetensors", walk())
    with pytest.raises(PoseFormatError, match="a file name was expected; this is a folder"):
        write(tmp_path, walk())


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    assert dataset_file.matches(write(tmp_path / "new" / "folder" / "a", walk()))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda r: replace(r, inputs={}, truth=None), "holds neither 2D nor 3D"),
        (lambda r: replace(r, pictures=Pictures((b"x",), (4, 4))), "one picture a frame is needed"),
    ],
)
def test_a_recording_that_makes_no_sense_is_a_mistake_of_the_caller(
    tmp_path: Path, change: Any, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        write(tmp_path / "a", [change(walk()[0])])


def test_a_recording_is_added_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was added twice"):
        write(tmp_path / "a", [walk()[0], walk()[0]])
