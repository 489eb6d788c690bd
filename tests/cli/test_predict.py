"""`python -m core predict`: 2D files in, 3D files out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.detector import models
from core.formats import keypoints
from core.human36m import PUBLISHED_INPUT
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.workflows import footage
from core.workflows.lift import PoseLifter, judge, relative_to_root
from core.workflows.open import open_checkpoint, open_dataset
from core.workflows.predict import predict
from tests.cli.conftest import one_line
from tests.formats import detection_writers as writers
from tests.formats.film_writers import PaintedEyes, picture, write_film
from tests.formats.test_detections import walker


def people(frames: int = 4) -> np.ndarray:
    mean = PUBLISHED_INPUT.mean.reshape(16, 2)
    return mean + np.random.default_rng(0).normal(0, 40, (frames, 1, 2)) + np.zeros((frames, 16, 2))


@pytest.fixture
def poses(tmp_path) -> Path:
    path = tmp_path / "my poses.npz"
    keypoints.write(path, PoseSequence(people(), INPUT_16, "image", 25.0))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".json"])
def test_poses_are_lifted_into_each_kind_of_file(run, toys, poses, tmp_path, suffix):
    weights, out = toys / "weights.safetensors", tmp_path / f"out{suffix}"
    said = run("predict", poses, "--load", weights, "--out", out, "--no_average", "--as_is")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        f"{out}: 4 frames, 17 joints, mm relative to the hip\n2D read: my poses.npz\n"
    )
    found = keypoints.read(out)
    expected = PoseLifter(open_checkpoint(weights)).lift(keypoints.read(poses))
    np.testing.assert_array_equal(found.positions, expected.positions)
    assert (found.skeleton, found.space, found.unit) == (H36M_17, "root", "mm")
    assert found.fps == 25


def test_a_frame_without_a_joint_stays_empty_and_is_counted(run, toys, tmp_path):
    positions = people()
    positions[1] = np.nan
    np.save(tmp_path / "holed.npy", positions)
    out = tmp_path / "out.json"
    said = run(
        "predict", tmp_path / "holed.npy", "--load", toys / "weights.safetensors", "--out", out,
        "--fps", "60",
    )  # fmt: skip
    assert said.code == 0
    assert said.err == "note: 1 frames are empty: a joint is missing in 2D\n"
    content = json.loads(out.read_text())
    assert content["fps"] == 60
    assert content["positions"][1][5] == [None, None, None]
    assert content["positions"][2][0] == [0, 0, 0]


def test_people_in_an_unusual_place_are_pointed_out(run, toys, tmp_path):
    np.save(tmp_path / "far.npy", people() * 5)
    said = run(
        "predict", tmp_path / "far.npy", "--load", toys / "weights.safetensors",
        "--out", tmp_path / "out.csv", "--as_is",
    )  # fmt: skip
    assert said.code == 0
    assert said.err.startswith("note: The person is not where, or not as large as, the persons")
    assert "in 100% of the frames" in said.err


def test_openposes_folder_is_lifted(run, toys, shared, tmp_path):
    folder = shared / "data" / "pose2sim_demo" / "pose" / "cam1_json"
    arguments = ["predict", folder, "--load", toys / "weights.safetensors", "--out"]
    assert run(*arguments, tmp_path / "out.npz").code == 0
    assert len(keypoints.read(tmp_path / "out.npz")) == 100
    line = one_line(run(*arguments, tmp_path / "out.npz", "--layout", "BODY_25"))
    assert "these numbers look like BODY_25B, not BODY_25" in line


def test_wrong_use_is_told_before_any_work(run, toys, poses, tmp_path):
    assert "required: --out" in one_line(run("predict", poses))
    line = one_line(run("predict", poses, "--out", tmp_path / "out.bvh"))
    assert "3D poses are written as .npz, .csv, .json, not '.bvh'" in line
    line = one_line(run("predict", poses, "--out", tmp_path / "none" / "out.csv"))
    assert "the folder to write into does not exist" in line
    assert "expected a number above 0" in one_line(run("predict", poses, "--fps", "-1"))


def test_who_of_several_people_is_taken_is_said(run, toys, tmp_path):
    near = writers.clip("COCO-17", walker())
    far = near * (0.4, 0.4, 1) + (700, 300, 0)
    clip = tmp_path / "two.json"
    clip.write_text(writers.alphapose([[a, b] for a, b in zip(near, far, strict=True)]))
    options = ["--load", toys / "weights.safetensors", "--out"]
    said = run("predict", clip, *options, tmp_path / "o.npz")
    assert "note: 2 people are in it; this is number 1 (--person)" in said.err
    said = run("export", "--input", clip, "--person", "2", *options, tmp_path / "o.csv")
    assert (said.code, "this is number 2 (--person)" in said.err) == (0, True)
    line = one_line(run("export", "--input", clip, "--person", "3", *options, tmp_path / "o.csv"))
    assert "there is no person 3; it has 2" in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--first", "2"), "--first is for photos and films, not for keypoints"),
        (("--stride", "4", "--heavy"), "--stride, --heavy are for photos and films"),
        (("--person", "2"), "there is no person 2; it holds one"),
        (("--out_2d", "OUT"), "--out_2d and --out are the same file"),
        (("--out", "POSES"), "--out and FILE are the same file"),
    ],
)
def test_options_that_nothing_would_come_of_are_refused(run, poses, tmp_path, options, expected):
    named = {"OUT": tmp_path / "out.npz", "POSES": poses}
    before = poses.read_bytes()
    arguments = [named.get(option, option) for option in options]
    line = one_line(run("predict", poses, "--out", named["OUT"], *arguments))
    assert expected in line
    assert poses.read_bytes() == before


def test_an_array_has_one_pace_whatever_the_order_of_its_points(run, toys, poses, tmp_path):
    np.save(tmp_path / "coco.npy", writers.clip("COCO-17", walker())[..., :2])
    options = ["--load", toys / "weights.safetensors", "--out", tmp_path / "out.npz"]
    assert run("predict", tmp_path / "coco.npy", *options).code == 0
    assert keypoints.read(tmp_path / "out.npz").fps == 50
    assert "50 unless --fps" in run("info", tmp_path / "coco.npy").out


def test_what_can_not_be_lifted_is_told(run, toys, tmp_path):
    def refused(path: Path) -> str:
        weights = toys / "weights.safetensors"
        return one_line(run("predict", path, "--load", weights, "--out", tmp_path / "o.csv"))

    assert "none.npz: no such file or folder" in refused(tmp_path / "none.npz")
    assert "this is another folder" in refused(tmp_path)
    done = tmp_path / "done.npz"
    keypoints.write(done, PoseSequence(np.ones((2, 17, 3)), H36M_17, "camera", 50))
    assert "2D poses were expected; these are 3D already" in refused(done)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(done.read_bytes()[:100])
    assert "cut.npz: is no NPZ file, or cut short" in refused(cut)
    np.save(tmp_path / "nan.npy", np.full((3, 16, 2), np.nan))
    assert "every joint is NaN" in refused(tmp_path / "nan.npy")
    np.save(tmp_path / "wide.npy", np.zeros((3, 25, 2)))
    assert "25 joints in 2D without names (OpenPose's BODY_25" in refused(tmp_path / "wide.npy")


def test_a_checkpoint_without_statistics_asks_for_them(run, toys, poses, tmp_path):
    bare, out = toys / "bare.safetensors", tmp_path / "out.csv"
    line = one_line(run("predict", poses, "--load", bare, "--out", out))
    assert "missing statistics" in line
    assert not out.exists()
    assert run("predict", poses, "--load", bare, "--out", out, "--statistics", "human36m").code == 0


def test_a_gap_of_one_joint_is_interpolated_and_counted(run, toys, tmp_path):
    positions = people()
    positions[1, 3] = np.nan
    np.save(tmp_path / "holed.npy", positions)
    said = run(
        "predict", tmp_path / "holed.npy", "--load", toys / "weights.safetensors",
        "--out", tmp_path / "out.npz", "--out_2d", tmp_path / "2d.npz",
    )  # fmt: skip
    assert said.err == "note: 1 joints in 1 frames were interpolated over short gaps\n"
    filled = keypoints.read(tmp_path / "2d.npz").positions[1, 3]
    np.testing.assert_allclose(filled, (positions[0, 3] + positions[2, 3]) / 2, rtol=1e-5)


def test_a_film_without_the_detector_is_answered_in_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "is_installed", lambda: False)
    film = write_film(tmp_path / "film.mp4", [picture(0)])
    said = run("predict", film, "--out", tmp_path / "out.npz")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"python -m core predict: {film}: photos and films need the optional 2D detector: install "
        f"it with `{models.INSTALL}`, then `{models.FETCH}`\n"
    )


@pytest.fixture
def painted(monkeypatch):
    monkeypatch.setattr(footage, "open_eyes", lambda *_: PaintedEyes())


def test_a_film_is_lifted_like_the_keypoints_in_it(run, toys, tmp_path, painted):
    film = write_film(tmp_path / "film.mp4", [picture(i) for i in range(12)])
    weights, out = toys / "weights.safetensors", tmp_path / "out.npz"
    said = run("predict", film, "--load", weights, "--out", out, "--first", 3, "--stride", 2)
    assert said.code == 0
    assert said.out.splitlines()[0] == f"{out}: 5 frames, 17 joints, mm relative to the hip"
    assert said.out.splitlines()[1] == "2D read: BlazePose, MediaPipe-33"
    found = keypoints.read(out)
    seen = footage.look(film, PaintedEyes(), span=footage.Span(2, None, 2)).detections.person(0)
    expected = predict(PoseLifter(open_checkpoint(weights)), seen)
    np.testing.assert_array_equal(found.positions, expected.poses.positions)
    assert found.fps == 12.5


def test_options_change_what_comes_out(run, toys, tmp_path, poses):
    outs = {}
    for option in ("", "--smooth", "--no_average", "--steady_bones", "--as_is"):
        out = tmp_path / "out.npz"
        asked = [option] if option else []
        weights = toys / "weights.safetensors"
        assert run("predict", poses, "--load", weights, "--out", out, *asked).code == 0
        outs[option] = keypoints.read(out).positions.tobytes()
    assert len(set(outs.values())) == 5


def test_a_range_that_ends_before_it_starts_is_refused(run, tmp_path, painted):
    film = write_film(tmp_path / "film.mp4", [picture(0)] * 3)
    line = one_line(run("predict", film, "--out", tmp_path / "o.npz", "--first", 3, "--last", 2))
    assert "--last 2 lies before --first 3" in line


def test_without_the_detector_a_film_names_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "is_installed", lambda: False)
    film = write_film(tmp_path / "film.mp4", [picture(0)])
    line = one_line(run("predict", film, "--out", tmp_path / "o.npz"))
    assert models.INSTALL in line
    assert models.FETCH in line


def test_a_real_film_comes_close_to_its_triangulated_pose(run, tmp_path, shared, detector_weights):
    out = tmp_path / "out.npz"
    film = shared / "data/pose2sim_demo/videos/cam04.mp4"
    said = run("predict", film, "--out", out, "--first", 40, "--last", 51)
    assert said.code == 0
    data = open_dataset("balancing")
    truth = data.load(data.entries[3].key).truth
    assert truth is not None
    _, errors = judge(keypoints.read(out).positions, relative_to_root(truth).positions[39:51])
    assert np.median(errors[2].mean(axis=1)) < 90, "P-MPJPE, mm"


@pytest.mark.parametrize("out", ["skeleton.mp4", "skeleton.gif"])
def test_the_skeleton_is_drawn_over_the_film(run, toys, tmp_path, painted, out):
    film = write_film(tmp_path / "me.mp4", [picture(i) for i in range(8)])
    said = run(
        "predict", film, "--out", tmp_path / "o.npz", "--load", toys / "weights.safetensors",
        "--annotated", tmp_path / out,
    )  # fmt: skip
    assert said.code == 0
    assert f"{tmp_path / out}: the skeleton over the pictures, 96 x 64 px, 0.3 s" in said.out
    assert (tmp_path / out).stat().st_size > 500


@pytest.mark.parametrize(
    ("file", "out", "problem"),
    [
        ("me.csv", "x.mp4", "--annotated draws over a photo or film; keypoints have no pictures"),
        ("me.mp4", "x.avi", "--annotated ends in .mp4, .gif, .png, .jpg, not '.avi'"),
        ("me.mp4", "none/x.mp4", "the folder to write into does not exist"),
    ],
)
def test_what_can_not_be_annotated_is_told_before_any_work(
    run, tmp_path, monkeypatch, file, out, problem
):
    write_film(tmp_path / "me.mp4", [picture(0)])
    monkeypatch.chdir(tmp_path)
    assert problem in one_line(run("predict", file, "--out", "o.npz", "--annotated", out))
