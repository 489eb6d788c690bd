"""Broken data set files are refused, each with what is wrong and where."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from core.dataset import Pictures
from core.errors import PoseFormatError
from core.formats import dataset_file
from tests.formats.test_dataset_file import described, walk, write


def rewritten(path: Path, **changes: Any) -> Path:
    """Write a data set anew with other metadata, index fields or tensors (None leaves one out)."""
    with safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    index = json.loads(metadata["index"])
    for name, value in changes.items():
        target: dict[str, Any] = metadata if name in metadata else index
        target = tensors if name in tensors else target
        target[name] = value(target[name]) if callable(value) else value
        if target[name] is None:
            del target[name]
    if "index" not in changes:
        metadata["index"] = json.dumps(index)
    save_file(tensors, path, metadata=metadata)
    return path


TRUTH = {
    "tensor": "joints_world",
    "offset": 0,
    "space": "camera",
    "origin": "",
    "confidence": False,
}


def first_view(**fields: Any) -> Any:
    return lambda views: [{**views[0], **fields}, *views[1:]]


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        pytest.param({"format": "weights"}, "metadata", "but no data set", id="format"),
        pytest.param(
            {"version": "2"}, "metadata", "version '2'; this program reads version 1", id="version"
        ),
        pytest.param({"index": "{"}, "index", "not what the layout says", id="broken json"),
        pytest.param(
            {"index": "[" * 100_000}, "index", "not what the layout says", id="nested json"
        ),
        pytest.param({"index": "[]"}, "index", "not what the layout says", id="another json"),
        pytest.param({"index": None}, "index", "it lacks 'index'", id="no index"),
        pytest.param({"takes": None}, "index", "it lacks 'takes'", id="no takes"),
        pytest.param({"takes": []}, "index", "not what the layout says", id="takes empty"),
        pytest.param({"kind": "imagined"}, "index", "kind is 'imagined'", id="kind"),
        pytest.param({"splits": {"S1": "val"}}, "index", "train or test", id="split"),
        pytest.param({"joints_3d": ["hip"]}, "index", "not the 17 and 16", id="joints"),
        pytest.param(
            {"views": lambda v: [v[0], *v[:-1]]}, "index", "the same name", id="same name"
        ),
        pytest.param(
            {"joints_world": lambda t: t[:-1]},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "it points to rows 0 to 3 of joints_world, which has 2",
            id="3D cut short",
        ),
        pytest.param(
            {"input_2d.gt": lambda t: t[:-1]},
            "views, 3 (S1 · Walking · 1 · 60457274)",
            "it points to rows 9 to 12 of input_2d.gt, which has 11",
            id="2D cut short",
        ),
        pytest.param(
            {"input_2d.gt": None},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "rows 0 to 3 of input_2d.gt, which is not there",
            id="2D missing",
        ),
        pytest.param(
            {"joints_world": lambda t: t[:, :16]},
            "tensor joints_world",
            "it is F32 (3, 16, 3); F32 (rows, 17, 3) was expected",
            id="joints shape",
        ),
        pytest.param(
            {"input_2d.gt": lambda t: t.astype(np.float64)},
            "tensor input_2d.gt",
            "it is F64 (12, 16, 2); F32 (rows, 16, 2) was expected",
            id="type",
        ),
        pytest.param(
            {"views": first_view(offset=-3)},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "it points to rows -3 to 0",
            id="offset below 0",
        ),
        pytest.param(
            {"views": first_view(offset="a")}, "index", "not what the layout says", id="offset word"
        ),
        pytest.param(
            {"views": first_view(camera=9)}, "index", "not what the layout says", id="camera"
        ),
        pytest.param(
            {"views": first_view(truth={**TRUTH, "tensor": "pictures"})},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "its truth is not what the layout says",
            id="truth",
        ),
        pytest.param(
            {"views": first_view(camera=None)},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "its joints are in the world, but it has no camera",
            id="world without camera",
        ),
        pytest.param(
            {"views": first_view(pictures={"offset": 0, "size_px": [4]})},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "the size of its pictures is not two numbers",
            id="picture size",
        ),
        pytest.param(
            {"takes": lambda t: [{**t[0], "fps": 0}]},
            "views, 0 (S1 · Walking · 1 · 54138969)",
            "fps is 0.0, not a number above 0",
            id="fps",
        ),
        pytest.param(
            {"cameras": lambda c: [{**c[0], "rotation": [[0] * 3] * 3}, *c[1:]]},
            "index",
            "R is not a rotation matrix",
            id="rotation",
        ),
        pytest.param(
            {"cameras": lambda c: [{**c[0], "centre_mm": [1, 2]}, *c[1:]]},
            "index",
            "centre_mm of a camera is not (3,) numbers",
            id="camera centre",
        ),
        pytest.param(
            {"cameras": lambda c: [{**c[0], "distortion": "fisheye"}, *c[1:]]},
            "index",
            "the distortion of a camera is 'fisheye'",
            id="distortion",
        ),
    ],
)
def test_a_file_that_breaks_the_layout_is_refused(
    tmp_path: Path, changes: dict[str, Any], place: str, problem: str
) -> None:
    path = rewritten(write(tmp_path / "a.safetensors", walk()), **changes)
    with pytest.raises(PoseFormatError) as error:
        dataset_file.read(path)
    assert (error.value.file, error.value.place) == (str(path), place)
    assert problem in str(error.value)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "damaged", walk(), **described())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1 - 4 * 12 * 16 * 2))
        content[place] = data.draw(st.sampled_from(b'09a-.,"{}[]\\:e\xff'))
    path.write_bytes(content)
    try:
        dataset = dataset_file.read(path)
        for entry in dataset.entries:
            dataset.load(entry.key)
    except PoseFormatError as error:
        assert str(path) in str(error)


def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", walk()).read_bytes()
    path = tmp_path / "cut"
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(PoseFormatError, match="cut: it is cut off or no safetensors file"):
            dataset_file.read(path)


def test_pictures_that_do_not_lie_one_after_another_are_refused(tmp_path: Path) -> None:
    pictures = Pictures((b"one", b"two", b"three"), (4, 4))
    path = write(tmp_path / "a", [replace(walk()[0], pictures=pictures)])
    for offsets in ([0, 6, 3, 11], [0, 3, 6, 99], [-1, 3, 6, 11]):
        rewritten(path, picture_offsets=np.array(offsets))
        dataset = dataset_file.read(path)
        with pytest.raises(PoseFormatError, match="they do not lie one after another"):
            dataset.load(dataset.entries[0].key)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="none: it can't be read: No such file"):
        dataset_file.read(tmp_path / "none")
    with pytest.raises(PoseFormatError, match="it can't be read"):
        dataset_file.read(tmp_path)


def test_weights_are_told_from_a_data_set(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    save_file({"w": np.zeros(3)}, weights, metadata={"format": "pt"})
    assert not dataset_file.matches(weights)
    save_file({"w": np.zeros(3)}, weights)
    assert not dataset_file.matches(weights)
    with pytest.raises(PoseFormatError, match=r"no data set \(weights, perhaps\)"):
        dataset_file.read(weights)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]", b"text " * 99],
)
def test_any_other_file_does_not_match(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    assert not dataset_file.matches(path)
    assert not dataset_file.matches(tmp_path)
    assert not dataset_file.matches(tmp_path / "none")


def test_a_cut_off_data_set_still_matches_so_that_its_reader_can_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a", walk())
    path.write_bytes(path.read_bytes()[:-1])
    assert dataset_file.matches(path)
