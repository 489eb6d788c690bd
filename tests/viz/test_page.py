"""The page: nothing from outside, everything inside, and text that can't break out."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.viz.bundle import bundle
from core.viz.cut import cut
from core.viz.packet import ImagePanel
from core.viz.page import ASSETS, page
from tests.viz.test_film import packet


def inside(text: str, name: str) -> str:
    (found,) = re.findall(rf'<script type="[\w/]+" id="{name}">(.*?)</script>', text, re.DOTALL)
    return found


def test_the_packets_arrays_are_inside_bit_by_bit() -> None:
    shown = packet(missing=True)
    text = page(shown)
    index = json.loads(inside(text, "index"))
    content = gzip.decompress(base64.b64decode(inside(text, "arrays")))
    payload = shown.payload()
    assert index["spec"] == json.loads(payload.pop("spec"))
    assert [array["name"] for array in index["arrays"]] == list(payload)
    kinds = {"Float32Array": "<f4", "Int16Array": "<i2", "Uint8Array": "<u1", "Int32Array": "<i4"}
    for array in index["arrays"]:
        assert array["start"] % 4 == 0
        values = np.frombuffer(content, kinds[array["kind"]], array["length"], array["start"])
        np.testing.assert_array_equal(values, payload[array["name"]])


def test_nothing_is_loaded_from_anywhere() -> None:
    text = page(packet())
    small = text.replace(inside(text, "plotly"), "")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", small)
    assert "http://" not in small and "https://" not in small
    assert not re.findall(r"^\s*(?:import|export)\b", small, re.MULTILINE)


def test_names_of_strangers_stay_text() -> None:
    evil = "</script><script>alert(1)</script><b>"
    text = page(replace(packet(), title=evil, note=evil), notes=(evil, ""))
    assert "<script>alert" not in text
    assert text.count("</script>") == 4
    assert text.count("<p>&lt;/script&gt;") == 1


def test_the_same_packet_gives_the_same_page() -> None:
    assert page(packet()) == page(packet())


def test_every_module_is_in_the_bundle_once_and_after_what_it_needs() -> None:
    text = bundle(ASSETS / "main.js")
    names = re.findall(r"^modules\['([\w.]+)'\] = ", text, re.MULTILINE)
    assert len(names) == len(set(names)) and names[-2:] == ["viewer.js", "main.js"]
    for name in names:
        body = text.split(f"modules['{name}'] = ")[1].split("\nmodules[")[0]
        for needed in re.findall(r"= modules\['([\w.]+)'\];", body):
            assert names.index(needed) < names.index(name)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"main.js": 'import all from "./a.js";', "a.js": ""}, "main.js: can't be bundled"),
        ({"main.js": "export default 1;"}, "main.js: can't be bundled: 'export default 1;'"),
        ({"main.js": 'const a = await import("./a.js");'}, "can't be bundled"),
        (
            {"main.js": 'import { a } from "./a.js";', "a.js": 'import { b } from "./main.js";'},
            "main.js needs itself: main.js > a.js",
        ),
    ],
)
def test_other_modules_than_ours_are_refused(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=re.escape(says)):
        bundle(tmp_path / "main.js")


def test_a_cut_keeps_the_frames_asked_for_at_their_pace() -> None:
    whole = packet(picture=np.zeros((4, 4, 3), dtype=np.uint8))
    part = cut(whole, range(1, 5, 2))
    assert part.frames == 2 and part.fps == whole.fps / 2
    assert part.timeline != whole.timeline and part.digest != whole.digest
    for before, after in zip(whole.layers, part.layers, strict=True):
        np.testing.assert_array_equal(after.positions, before.positions[[1, 3]])
        assert (after.aligned is None) == (before.aligned is None)
        if before.aligned is not None and after.aligned is not None:
            np.testing.assert_array_equal(after.aligned, before.aligned[[1, 3]])
    for protocol, values in whole.errors[0].values.items():
        np.testing.assert_array_equal(part.errors[0].values[protocol], values[[1, 3]])
    panel = part.panels[0]
    assert isinstance(panel, ImagePanel) and panel.pictures is not None
    assert len(panel.pictures.encoded) == 2
    assert cut(whole, range(whole.frames)) is whole


@pytest.mark.parametrize("frames", [range(0), range(-1, 2), range(3, 6), range(4, 1, -1)])
def test_frames_that_are_not_there_can_not_be_kept(frames: range) -> None:
    with pytest.raises(ValueError, match="frames 0 to 4 can be kept"):
        cut(packet(), frames)
