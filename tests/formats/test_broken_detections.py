"""Damaged files of 2D detectors: what is wrong is named, and nothing else is raised."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats.detections import read, read_bytes
from tests.formats import detection_writers as writers
from tests.formats.test_detections import SPELLINGS, alone, walker


def test_a_damaged_zip_that_is_packed_with_lzma_is_refused(tmp_path: Path):
    packed = tmp_path / "frames.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("0.json", '{"people": []}' + " " * 1000)
    data = bytearray(packed.read_bytes())
    data[50:60] = bytes(10)
    packed.write_bytes(data)
    with pytest.raises(PoseFormatError, match=r"frames\.zip: is no zip file, or cut short"):
        read(packed)


def test_a_number_of_thousands_of_digits_in_a_zip_s_name_is_no_harm(tmp_path: Path):
    packed = tmp_path / "frames.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("1.json", "9" * 5000 + ".json"):
            archive.writestr(name, '{"people": []}')
    assert len(read(packed).frames) == 2


COCO_ROW = '{"image_id": 1, "keypoints": %s}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "not readable as JSON"),
        ("[1, 2]", "the keypoints of a 2D detector were expected"),
        ('{"a": 1}', "the keypoints of a 2D detector were expected"),
        (f"[{COCO_ROW % '[1, 2]'}]", r"\[0\]\.keypoints: a list of x, y, confidence"),
        (f"[{COCO_ROW % '[[1, 1e300]]'}]", r"\[0\]\.keypoints: finite numbers in px"),
        (f"[{COCO_ROW % '[1, 2, 1]'}, 3]", r"\[1\]: an object was expected"),
        ('[{"image_id": null, "keypoints": [1, 2, 1]}]', r"\[0\]: image_id, a number or"),
        (
            f"[{COCO_ROW % '[1, 2, 1]'}, {COCO_ROW % '[1, 2, 1, 4, 5, 1]'}]",
            "people have different numbers of points: 1 and 2",
        ),
        ('{"instance_info": 3}', "instance_info: a list was expected"),
        (
            '[{"instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1, 2]}]}]',
            r"\[0\]\.instances\[0\]\.scores: 1 numbers were expected",
        ),
        ('{"fps": -1, "frames": [[{"x": 1, "y": 2}]]}', "fps: a number above 0 was expected"),
        (
            '{"images": [{"id": [1]}], "annotations": []}',
            r"images\[0\]: an id \(a number or text\) was expected",
        ),
        (
            '{"images": [{"id": 1}], "annotations": [{"image_id": [1], "keypoints": [1, 2, 1]}]}',
            r"annotations\[0\]: an image_id out of images \(a number or text\) was expected",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(content, said):
    with pytest.raises(PoseFormatError, match=said):
        read_bytes(content.encode(), "x.json")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_raise_our_own_error_only(data):
    kind = data.draw(st.sampled_from(sorted(SPELLINGS)))
    write, layout, _ = SPELLINGS[kind]
    text = bytearray(write(alone(writers.clip(layout, walker())[:3])).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_bytes(bytes(text), "x.json")
        found.person()
    except PoseFormatError:
        pass


WRONG: tuple[object, ...] = (
    None, True, 0, -1, 2.5, 1e300, 10**400, "", "x", "12", [], {}, [1], [[1]], {"a": 1}, [None],
    [{}], [[[1, 2], [3]]], [{"x": [1], "y": 2}], {"people": 3}, {"keypoints": [1, 2, 3]},
)  # fmt: skip


@functools.cache
def small_files() -> tuple[str, ...]:
    clip = writers.clip("MediaPipe-33", walker())[:2]
    landmarks = json.loads(writers.mediapipe(alone(clip)))
    beside = {"width": 1280, "height": 720, "fps": 24, "frames": landmarks}
    written = [
        write(alone(writers.clip(layout, walker())[:2])) for write, layout, _ in SPELLINGS.values()
    ]
    return (*written, json.dumps(landmarks), json.dumps(beside))


def places_in(value: object, place: tuple = ()) -> list[tuple]:
    """List where something stands in JSON; of many alike, the first few."""
    held = value.items() if isinstance(value, dict) else enumerate(value[:3])  # type: ignore[index]
    found = [place] if place else []
    for key, part in held:
        deeper = isinstance(part, dict | list)
        found += places_in(part, (*place, key)) if deeper else [(*place, key)]
    return found


def test_values_of_a_wrong_type_raise_our_own_error_only():
    for text in small_files():
        for place, wrong in itertools.product(places_in(json.loads(text))[:40], WRONG):
            content = json.loads(text)
            functools.reduce(lambda held, key: held[key], place[:-1], content)[place[-1]] = wrong
            with contextlib.suppress(PoseFormatError):
                read_bytes(json.dumps(content).encode(), "x.json").in_px((100, 100)).person()
