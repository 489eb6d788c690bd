"""Lift your own, the page's Python: ways in, whom to lift, how, and what it says."""

from __future__ import annotations

import gc
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.detector import models
from core.errors import PoseFormatError
from core.formats import keypoints
from core.sequence import PoseSequence
from core.skeleton import INPUT_16
from core.workflows import fetch_detector, footage
from pages.components import loaders, own_source, take_along
from tests.formats import detection_writers as writers
from tests.formats.film_writers import PaintedEyes, picture, sound, write_film
from tests.formats.test_detections import walker as person_walking

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_detector(monkeypatch):
    """By default nobody installed the extra."""
    monkeypatch.setattr(models, "is_installed", lambda: False)


@pytest.fixture
def painted(monkeypatch):
    """A detector that sees what the tests paint."""
    monkeypatch.setattr(fetch_detector, "is_ready", lambda *_: True)
    monkeypatch.setattr(loaders, "eyes", lambda **_: PaintedEyes())


def open_page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    return app.switch_page("pages/lift.py").run()


def open_path(page: AppTest, path: Path) -> AppTest:
    page.text_input("own_path_text").set_value(str(path))
    page.button[[b.label for b in page.button].index("Open")].click()
    page.run()
    # What takes longer is waited for in a fragment, which tests don't see.
    for _ in range(100):
        if own_source.JOB not in page.session_state:
            break
        page.run()
    return page


def shown(page: AppTest) -> dict:
    viewers = [c for c in page.get("bidi_component") if c.key == "own"]
    assert viewers, [e.value for e in (*page.error, *page.warning)]
    return json.loads(page.session_state["own_memory"].payload["spec"])


def walker(frames: int = 12, shift: float = 0.0) -> np.ndarray:
    from core.human36m import PUBLISHED_INPUT

    steps = np.arange(frames)[:, None, None] * 2.0
    return PUBLISHED_INPUT.mean.reshape(16, 2) + steps + shift


def openpose_clip(folder: Path, people: int) -> Path:
    """Write BODY_25B frames: people beside each other, the first the largest."""
    from core.formats.layouts import LAYOUTS

    points = LAYOUTS["BODY_25B"].points
    at = {"nose": "head", "upper_neck": "thorax", "head_top": "head"}
    folder.mkdir()
    for frame in range(8):
        rows = []
        for number in range(people):
            joints = walker(8)[frame] * (1 - 0.3 * number) + 500 * number
            row = []
            for name in points:
                joint = at.get(name, name)
                known = joint in INPUT_16.joints
                x, y = joints[INPUT_16.index(joint)] if known else (0, 0)
                row += [x, y, 0.9 if known else 0.0]
            rows.append({"pose_keypoints_2d": row})
        (folder / f"c_{frame:03d}.json").write_text(json.dumps({"people": rows}))
    return folder


def test_it_opens_with_what_to_do_and_says_that_nothing_leaves_the_machine():
    page = open_page()
    assert not page.exception
    assert page.title[0].value == "Lift your own"
    assert "Everything stays on this machine" in page.markdown[0].value


def test_without_the_extra_it_says_what_to_install_and_keypoints_still_work(tmp_path):
    page = open_page()
    assert page.code[0].value == models.INSTALL
    assert page.get("file_uploader")[0].proto.label == "2D keypoints"
    keypoints.write(tmp_path / "me.csv", PoseSequence(walker(), INPUT_16, "image", 25.0))
    page = open_path(page, tmp_path / "me.csv")
    assert not page.exception
    spec = shown(page)
    assert (spec["frames"], spec["fps"]) == (12, 25.0)
    assert [panel["kind"] for panel in spec["panels"]] == ["image", "scene", "scene"]


def test_installed_without_weights_it_offers_to_download_them(monkeypatch, tmp_path):
    monkeypatch.setattr(models, "is_installed", lambda: True)
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path))
    page = open_page()
    assert page.button("fetch_detector").label == "Download the weights (36 MB)"
    page.segmented_control("own_way").set_value("camera").run()
    assert page.button("fetch_detector")


def test_the_example_stands_beside_its_triangulated_truth():
    page = open_page()
    page.segmented_control("own_way").set_value("example").run()
    page.button("own_example").click().run()
    assert not page.exception
    spec = shown(page)
    assert [panel["title"] for panel in spec["panels"]][1:] == ["3D truth", "3D prediction"]
    assert any("triangulated" in caption.value for caption in page.caption)


def test_another_file_leads_back_to_the_start():
    page = open_page()
    page.segmented_control("own_way").set_value("example").run()
    page.button("own_example").click().run()
    page.button("own_again").click().run()
    assert page.title[0].value == "Lift your own"
    assert own_source.MATERIAL not in page.session_state


def test_a_clip_of_several_people_lets_one_pick(tmp_path):
    page = open_path(open_page(), openpose_clip(tmp_path / "clip", people=2))
    first = shown(page)
    assert page.segmented_control("own_person_row").options == ["1", "2"]
    page.segmented_control("own_person_row").set_value(1).run()
    assert not page.exception
    assert page.segmented_control("own_person_row").value == 1
    assert shown(page)["digest"] != first["digest"]
    assert shown(page)["panels"][0]["box"][0][0] > first["panels"][0]["box"][0][0]


def test_a_clip_that_doesnt_say_its_pace_asks_for_it(tmp_path):
    page = open_path(open_page(), openpose_clip(tmp_path / "clip", people=1))
    assert (page.number_input("own_fps").value, shown(page)["fps"]) == (30, 30)
    page.number_input("own_fps").set_value(60.0).run()
    assert shown(page)["fps"] == 60


def test_the_layout_is_recognised_and_can_be_overridden(tmp_path):
    page = open_path(open_page(), openpose_clip(tmp_path / "clip", people=1))
    picker = page.selectbox("own_layout")
    assert picker.options == ["BODY_25B (recognised)", "BODY_25"]
    picker.set_value("BODY_25").run()
    assert not page.exception and not page.error
    # The data contradicts it: that is said, and shown, and done.
    assert "look like BODY_25B, not BODY_25" in page.warning[0].value.replace("\\", "")
    assert any("BODY_25, frame" in caption.value for caption in page.caption)
    assert page.expander[0].proto.expanded


def test_a_layout_that_cant_be_told_is_asked_beside_the_preview(tmp_path):
    clip = writers.clip("COCO-17", person_walking(frames=1))
    clip[:, 5:] = 0
    np.save(tmp_path / "head.npy", clip)
    page = open_path(open_page(), tmp_path / "head.npy")
    assert not page.exception
    assert "fit more than one layout" in page.warning[0].value
    assert page.radio("own_layout_asked").options == ["COCO-17", "Human3.6M-17"]
    assert page.expander[0].proto.expanded
    page.radio("own_layout_asked").set_value("Human3.6M-17").run()
    assert any("Human3.6M-17, frame 1" in caption.value for caption in page.caption)
    assert len(page.warning) == 2, "what is missing is said in one box"


@pytest.mark.parametrize("switch", ["own_smooth", "own_average", "own_bones", "own_level"])
def test_each_switch_changes_the_figure(tmp_path, switch):
    rng = np.random.default_rng(0)
    noisy = walker() + rng.normal(0, 4, (12, 16, 2))
    keypoints.write(tmp_path / "me.npz", PoseSequence(noisy, INPUT_16, "image", 25.0))
    page = open_path(open_page(), tmp_path / "me.npz")
    before = shown(page)["digest"]
    toggle = page.toggle(switch)
    toggle.set_value(not toggle.value).run()
    assert not page.exception
    assert shown(page)["digest"] != before


def test_a_film_is_looked_at_in_the_background_and_lifted(tmp_path, painted):
    film = write_film(tmp_path / "film.mp4", [picture(i) for i in range(12)])
    page = open_path(open_page(), film)
    assert not page.exception
    spec = shown(page)
    assert (spec["frames"], spec["fps"]) == (12, 25.0)
    assert spec["errors"][0]["unit"] == "%"
    assert spec["panels"][0]["pictures"]


def test_a_long_film_asks_which_part_is_meant(tmp_path, painted, monkeypatch):
    monkeypatch.setattr(own_source, "AT_ONCE_FRAMES", 5)
    film = write_film(tmp_path / "film.mp4", [picture(i) for i in range(12)])
    page = open_path(open_page(), film)
    assert page.slider("own_range").value == (0.0, pytest.approx(0.2, abs=0.05))
    page.slider("own_range").set_value((0.0, 0.4)).run()
    page.segmented_control("own_stride").set_value(2).run()
    button = page.button("own_look")
    assert button.label == "Find people in 6 frames"
    button.click().run()
    for _ in range(100):
        if own_source.JOB not in page.session_state:
            break
        page.run()
    assert shown(page)["frames"] == 6


def test_what_is_shown_can_be_taken_along_in_every_kind(tmp_path):
    keypoints.write(tmp_path / "me.npz", PoseSequence(walker(), INPUT_16, "image", 25.0))
    page = open_path(open_page(), tmp_path / "me.npz")
    assert {b.key for b in page.get("download_button")} >= {"download_csv", "download_npz"}
    page.button("take_along").click().run()
    assert not page.exception
    assert page.selectbox("take_as").options[0].startswith("BVH")


def test_what_is_wrong_with_a_file_is_said_and_the_ways_in_stay(tmp_path, painted):
    (tmp_path / "song.mp4").write_bytes(sound())
    page = open_path(open_page(), tmp_path / "song.mp4")
    assert "this is sound without pictures" in page.error[0].value.replace("\\", "")
    assert page.text_input("own_path_text")
    keypoints.write(tmp_path / "me.csv", PoseSequence(walker(), INPUT_16, "image", 25.0))
    page = open_path(page, tmp_path / "me.csv")
    assert not page.error
    shown(page)


def test_a_film_with_nobody_in_it_says_so(tmp_path, painted):
    grey = np.full((64, 96, 3), 90, dtype=np.uint8)
    page = open_path(open_page(), write_film(tmp_path / "film.mp4", [grey] * 3))
    assert "nobody was found" in page.error[0].value


def test_a_film_without_the_detector_says_what_is_missing(tmp_path):
    film = write_film(tmp_path / "film.mp4", [picture(0)])
    page = open_path(open_page(), film)
    assert "optional 2D detector" in page.error[0].value
    assert page.code[0].value == models.INSTALL


def test_warnings_of_the_lift_are_shown(tmp_path):
    upside_down = walker()
    upside_down[..., 1] = 1000 - upside_down[..., 1]
    keypoints.write(tmp_path / "me.npz", PoseSequence(upside_down, INPUT_16, "image", 25.0))
    page = open_path(open_page(), tmp_path / "me.npz")
    assert "upside-down" in page.warning[0].value


def test_temporary_files_stay_while_they_are_in_hand_and_go_with_another_file(
    monkeypatch, tmp_path, painted
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(footage, "MOST_FRAMES", 3)
    page = open_page()
    page.segmented_control("own_way").set_value("example").run()
    page.button("own_example_pictures").click().run()
    for _ in range(100):
        if own_source.JOB not in page.session_state:
            break
        page.run()
    assert not page.exception
    assert len(list(tmp_path.rglob("*.webp"))) == 100
    page.button("own_again").click().run()
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_what_cant_be_used_are_removed(monkeypatch, tmp_path, painted):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(
        own_source.footage, "look", lambda *_, **__: own_source.own.read_keypoints("none")
    )
    page = open_page()
    page.segmented_control("own_way").set_value("example").run()
    page.button("own_example_pictures").click().run()
    for _ in range(100):
        if own_source.JOB not in page.session_state:
            break
        page.run()
    assert "no such file" in page.error[0].value
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("frames", [1, 6])
def test_the_skeleton_over_ones_own_film_or_photo_is_offered_first(tmp_path, painted, frames):
    if frames == 1:
        path = tmp_path / "me.png"
        cv2.imwrite(str(path), picture(0))
    else:
        path = write_film(tmp_path / "me.mp4", [picture(i) for i in range(frames)])
    page = open_path(open_page(), path)
    page.button("take_along").click().run()
    assert not page.exception
    kinds = take_along.OF_A_PHOTO if frames == 1 else take_along.OF_A_FILM
    picker = page.selectbox("take_as")
    assert picker.options[:2] == list(kinds.values())
    suffix = Path(f"x{picker.value}").suffix
    sizes = page.selectbox(f"take_width_skeleton{suffix}")
    assert sizes.options == ["96 x 64 px, its own"]


def test_the_page_and_the_command_agree(tmp_path, painted, monkeypatch):
    from core.cli import main

    monkeypatch.setattr(footage, "open_eyes", lambda *_: PaintedEyes())
    film = write_film(tmp_path / "film.mp4", [picture(i) for i in range(6)])
    assert main(["predict", str(film), "--out", str(tmp_path / "out.npz"), "--smooth"]) == 0
    page = open_path(open_page(), film)
    page.toggle("own_smooth").set_value(True).run()
    from core.viz.encoding import Encoded, decode

    payload = page.session_state["own_memory"].payload
    scale = json.loads(payload["spec"])["layers"][1]["scale"]
    placed = decode(
        Encoded(
            payload["layer1_centres"].reshape(6, 3),
            payload["layer1_offsets"].reshape(6, 17, 3),
            scale,
        )
    )
    told = keypoints.read(tmp_path / "out.npz").positions
    bones = [np.linalg.norm(x[:, 1] - x[:, 2], axis=-1) for x in (placed, told)]
    np.testing.assert_allclose(bones[0], bones[1], atol=0.2)


@pytest.mark.parametrize("names", [("a.mp4", "b.mp4"), ("a.json", "b.jpg"), ("a.npz", "b.npz")])
def test_several_files_that_are_no_clip_are_told_apart_from_one(names):
    files = [SimpleNamespace(name=name) for name in names]
    with pytest.raises(PoseFormatError, match=f"^{names[0]}, {names[1]}: several files at once"):
        own_source._take_uploads(files)
