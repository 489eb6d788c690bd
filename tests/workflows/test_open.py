"""Opening data sets and checkpoints: names that ship, paths, and what is neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core import checkpoint
from core.errors import PoseFormatError
from core.formats import dataset_file, keypoints
from core.sequence import PoseSequence
from core.skeleton import H36M_17
from core.workflows.open import (
    BUILT_IN,
    checkpoint_names,
    open_checkpoint,
    open_dataset,
    recognise,
    told_apart,
)
from tests.toys import toy_checkpoint, toy_dataset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data_file(tmp_path) -> Path:
    path = tmp_path / "set" / "toy.safetensors"
    path.parent.mkdir()
    dataset_file.write(path, toy_dataset())
    return path


def test_what_ships_opens_by_its_name():
    for name in BUILT_IN:
        dataset = open_dataset(name)
        assert dataset.id == name
        assert dataset.frames > 0


def test_a_data_set_file_opens_by_its_path(data_file):
    assert open_dataset(data_file).frames == toy_dataset().frames
    assert open_dataset(str(data_file)).id == str(data_file)


def test_a_folder_with_one_data_set_file_stands_for_it(data_file):
    checkpoint.save(data_file.parent / "weights.safetensors", toy_checkpoint())
    assert open_dataset(data_file.parent).title == "Toy"


def test_a_folder_with_two_data_set_files_is_ambiguous(data_file):
    dataset_file.write(data_file.with_name("other.safetensors"), toy_dataset())
    with pytest.raises(PoseFormatError, match=r"it holds other\.safetensors, toy\.safetensors"):
        open_dataset(data_file.parent)


def test_the_reimplementations_folder_opens_and_so_does_a_file_in_it(shared):
    folder = shared / "fixtures" / "reimplementation" / "data"
    assert open_dataset(folder).digest == open_dataset(folder / "test_2d.pth.tar").digest


def test_a_wrong_path_says_what_would_be_right(tmp_path):
    with pytest.raises(PoseFormatError, match=r"none: no such file or folder; expected balancing "):
        open_dataset(tmp_path / "none")
    with pytest.raises(PoseFormatError, match=r"\(did you mean synthetic\?\)"):
        open_dataset("sinthetic")


def test_an_empty_folder_is_told(tmp_path):
    with pytest.raises(PoseFormatError, match="no data set in this folder: it is empty; expected"):
        open_dataset(tmp_path)


def made(folder: Path, *names: str) -> Path:
    """Make files of these names; what is JSON looks like OpenPose's."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"people": []}' if path.suffix == ".json" else "")
    return folder


@pytest.mark.parametrize(
    ("names", "layout", "message"),
    [
        (["a_000_keypoints.json"], "openpose folder", "or with `python -m core predict`"),
        (["calibration/c.toml", "pose/p"], "pose2sim folder", "`python -m core prepare pose2sim`"),
        (["subjects/01/01_01.amc"], "motion capture folder", "`python -m core prepare cmu`"),
        (["walk.bvh"], "motion capture folder", "`python -m core prepare cmu`"),
        (["a.txt"], "unknown", r"it holds a\.txt; expected a data set file"),
    ],
)  # fmt: skip
def test_other_folders_are_sent_to_their_command(tmp_path, names, layout, message):
    folder = made(tmp_path, *names)
    assert recognise(folder) == layout
    with pytest.raises(PoseFormatError, match=message):
        open_dataset(folder)


@pytest.mark.parametrize(
    ("name", "layout", "message"),
    [
        ("ckpt_best.pth.tar", "checkpoint", "it is a checkpoint, no data: load it as a checkpoint"),
        ("poses.npz", "pose file", "is no NPZ file, or cut short"),
        ("a.amc", "motion capture file", "run `python -m core prepare cmu` on its folder"),
        ("a.trc", "marker file", "it is a marker file, not a data set"),
        ("a.mp4", "unknown", "it is no data set; expected"),
    ],
)
def test_other_files_are_sent_to_their_command(tmp_path, name, layout, message):
    path = made(tmp_path, name) / name
    assert recognise(path) == layout
    with pytest.raises(PoseFormatError, match=message):
        open_dataset(path)


def test_our_checkpoint_is_known_by_its_content_not_its_name(tmp_path, data_file):
    path = tmp_path / "data.safetensors"
    checkpoint.save(path, toy_checkpoint())
    assert recognise(path) == "checkpoint"
    with pytest.raises(PoseFormatError, match="it is a checkpoint, no data"):
        open_dataset(path)
    with pytest.raises(PoseFormatError, match="it is a data set, not a checkpoint"):
        open_checkpoint(data_file)


def test_a_cut_data_set_file_is_told(data_file):
    data = data_file.read_bytes()
    data_file.write_bytes(data[: len(data) - 100])
    with pytest.raises(PoseFormatError, match="cut off"):
        open_dataset(data_file)


def test_checkpoints_open_by_path(tmp_path):
    path = tmp_path / "own.safetensors"
    checkpoint.save(path, toy_checkpoint())
    assert open_checkpoint(path).digest == toy_checkpoint().digest


def test_checkpoints_that_ship_open_by_name():
    assert checkpoint_names() == tuple(checkpoint.shipped())
    for name in checkpoint_names():
        assert open_checkpoint(name).input_statistics is not None


@pytest.mark.parametrize(
    ("paths", "least", "shown"),
    [
        (["gt", "runs/a/best.st"], 1, ["gt", "best.st"]),
        (["gt", "runs/a/best.st"], 2, ["gt", "a/best.st"]),
        (["r/a/seed_0/best.st", "r/b/seed_0/best.st"], 1, ["a/seed_0/best.st", "b/seed_0/best.st"]),
        (["r/a/best.st", "r/b/best.st", "r/b/last.st"], 1, ["a/best.st", "b/best.st", "last.st"]),
        (["/best.st", "best.st", "a/best.st"], 1, ["/best.st", "best.st", "a/best.st"]),
    ],
)
def test_paths_are_as_short_as_can_be_told_apart(paths, least, shown):
    assert list(told_apart(paths, least=least).values()) == shown


def test_a_wrong_checkpoint_is_told(tmp_path):
    with pytest.raises(PoseFormatError, match=r"nope: no such checkpoint.*or the path of a"):
        open_checkpoint("nope")
    with pytest.raises(PoseFormatError, match="a checkpoint is a file, not a folder: it is empty"):
        open_checkpoint(tmp_path)
    poses = tmp_path / "poses.npz"
    keypoints.write(poses, PoseSequence(np.ones((1, 17, 3)), H36M_17, "camera", 50))
    with pytest.raises(PoseFormatError, match=r"poses\.npz"):
        open_checkpoint(poses)


def test_pages_that_open_and_lift_do_not_pay_for_torch_at_start_up():
    code = (
        "import sys, core.workflows.open, core.workflows.lift, core.workflows.evaluate, "
        "core.workflows.export, core.workflows.info, core.workflows.predict; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
