"""`python -m core export`: into the files of other tools."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from core.cameras import level_rotation
from core.formats import bvh, keypoints, trc
from core.human36m import PUBLISHED_INPUT
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.workflows import footage
from tests.cli.conftest import one_line
from tests.formats import detection_writers as writers
from tests.formats.film_writers import PaintedEyes, picture, write_film
from tests.formats.test_detections import walker
from tests.toys import CAMERA, RECORDINGS, toy_recording


@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ((), "(poses, 32) normalised in, (poses, 48) normalised out"),
        (("--pixels",), "(poses, 16, 2) px in, (poses, 17, 3) mm out"),
    ],
)
def test_a_checkpoint_is_written_as_onnx(run, toys, tmp_path, options, shapes):
    out = tmp_path / "toy.onnx"
    said = run("export", "--load", toys / "weights.safetensors", "--onnx", out, *options)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"{out}: weights, {shapes}, ")
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "nothing to write: name a file with --out FILE or --onnx"),
        (("--out", "x.bvh", "--onnx", "x.onnx"), "--out and --onnx are two things"),
        (("--out", "x.fbx"), "--out ends in .npz, .csv, .json, .bvh, .trc, .c3d, .mp4, .gif, "),
        (("--out", "x.bvh"), "name what to export: --data_dir DATA, or --input FILE"),
        (("--out", "x.csv", "--data_dir", "x", "--frames", "0:3"), "numbers are written whole"),
        (("--out", "x.gif", "--data_dir", "x", "--frames", "4:3"), "a last frame after the first"),
        (("--out", "x.gif", "--data_dir", "x", "--frames", "a"), "expected FIRST:LAST or"),
        (("--out", "x.gif", "--data_dir", "x", "--view", "up"), "expected front, side, top or"),
        (("--out", "x.gif", "--data_dir", "x", "--width", "20"), "--width is 240 to 7,680 px"),
        (("--out", "x.mp4", "--data_dir", "x", "--width", "99999"), "7,680 px, not 99,999"),
        (("--out", "x.bvh", "--input", "x.csv", "--figure", "truth"), "has no truth and no world"),
        (("--out", "x.bvh", "--input", "x.csv", "--camera", "c"), "--camera picks a recording"),
        (("--out", "x.bvh", "--input", "none.csv"), "none.csv: no such file"),
        (("--out", "x.bvh", "--input", "x.mp4", "--unit", "m"), "are for poses, not for films"),
        (("--out", "x.bvh", "--annotated"), "--out ends in .mp4, .gif, .png, .jpg, not"),
        (("--out", "x.png", "--input", "x.csv", "--annotated"), "keypoints have no pictures"),
        (("--onnx", "x.onnx"), "--onnx needs the checkpoint"),
        (("--onnx", "x.pt", "--load", "gt"), "an ONNX file ends in .onnx, not '.pt'"),
    ],
)
def test_wrong_use_is_told_in_one_line(run, arguments, expected):
    assert expected in one_line(run("export", *arguments))


def test_what_looks_wrong_with_the_2d_is_said(run, toys, tmp_path):
    upside_down = PUBLISHED_INPUT.mean.reshape(1, 16, 2) * (1, -1) + (0, 1000)
    poses = PoseSequence(np.repeat(upside_down, 3, axis=0), INPUT_16, "image", 50)
    keypoints.write(tmp_path / "poses.csv", poses)
    said = run("export", "--input", tmp_path / "poses.csv", "--load", toys / "weights.safetensors",
               "--out", tmp_path / "o.csv")  # fmt: skip
    assert said.code == 0
    assert "note: The person is upside-down in 100% of the frames" in said.err


def test_bare_weights_with_pixels_ask_for_statistics(run, toys, tmp_path):
    bare, out = toys / "bare.safetensors", tmp_path / "x.onnx"
    line = one_line(run("export", "--load", bare, "--onnx", out, "--pixels"))
    assert "missing statistics" in line
    said = run("export", "--load", bare, "--onnx", out, "--pixels", "--statistics", "human36m")
    assert said.code == 0


@pytest.fixture
def export(run, toys, tmp_path):
    """Export from the toy data set; return the file and what was said."""

    def export_to(name, *options):
        out = tmp_path / name
        said = run("export", "--data_dir", toys / "toy.safetensors", "--load",
                   toys / "weights.safetensors", "--out", out, *options)  # fmt: skip
        assert said.code == 0, said.err
        assert said.out.startswith(f"{out}: Synthetic · ")
        return out, said.out

    return export_to


SITTING = ("--subject", "S9", "--action", "Sitting")


def test_all_kinds_hold_the_same_poses_upright(export):
    numbers, said = export("x.npz", *SITTING)
    assert "S9 · Sitting · Sitting 1" in said
    poses = np.load(numbers)["prediction"].astype(float) @ level_rotation(np.array(CAMERA.R))
    x, y, z = np.moveaxis(poses, -1, 0)
    upright = np.stack([x, z, -y], axis=-1)

    def relative(joints):
        return joints - joints[:, :1]

    markers = trc.read(export("x.trc", *SITTING)[0]).positions
    np.testing.assert_allclose(relative(markers), upright, atol=0.2)
    motion, said = export("x.bvh", *SITTING)
    assert "y up, cm; bones have one length each: joints move by" in said
    found = bvh.read_motion(motion).positions(H36M_17.joints)
    joints = np.stack([found[joint] for joint in H36M_17.joints], axis=1) * 10
    assert np.linalg.norm(relative(joints) - upright, axis=2).mean() < 400
    rows = (export("x.csv", *SITTING)[0]).read_text().splitlines()
    assert len(rows) == 1 + 5
    saved = json.loads(export("x.json", *SITTING)[0].read_text())
    assert len(saved["positions"]) == 5


def test_the_truth_can_be_taken_instead_of_the_prediction(export):
    a, b = (trc.read(export(f"{f}.trc", *SITTING, "--figure", f)[0]) for f in
            ("truth", "prediction"))  # fmt: skip
    assert np.abs(a.positions - b.positions).max() > 1


def test_a_film_has_the_size_and_frames_asked_for(export):
    out, said = export("x.mp4", *SITTING, "--width", "320", "--frames", "1:3", "--fps", "50",
                       "--view", "30", "--theme", "dark", "--colors", "errors")  # fmt: skip
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert film.get(cv2.CAP_PROP_FRAME_WIDTH) == 320
    assert "320 x " in said


def test_frames_that_are_not_there_are_named(run, toys, tmp_path):
    data, weights = toys / "toy.safetensors", toys / "weights.safetensors"
    line = one_line(run("export", "--data_dir", data, "--load", weights, *SITTING,
                        "--out", tmp_path / "x.html", "--frames", "0:99"))  # fmt: skip
    assert "frames 0 to 4 are there, not 0 to 99" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--camera", "left"), "no camera 'left' here; there is 54138969"),
        (("--take", "9"), "no take '9' here"),
        (("--action", "Siting"), "Sitting"),
    ],
)
def test_names_that_are_not_there_are_told_with_those_that_are(run, toys, tmp_path, options, says):
    data, weights = toys / "toy.safetensors", toys / "weights.safetensors"
    line = one_line(run("export", "--data_dir", data, "--load", weights, *options,
                        "--out", tmp_path / "x.bvh"))  # fmt: skip
    assert says in line


def test_a_file_of_2d_poses_is_lifted_as_predict_does_and_one_of_3d_is_taken_as_it_is(
    run, toys, tmp_path
):
    key = next(k for k in RECORDINGS if k.action == "Sitting")
    keypoints.write(tmp_path / "two.csv", toy_recording(key).inputs["gt"])
    weights = toys / "weights.safetensors"
    for given, written in (("two.csv", "three.json"), ("three.json", "again.trc")):
        said = run("export", "--input", tmp_path / given, "--load", weights,
                   "--out", tmp_path / written)  # fmt: skip
        assert said.code == 0, said.err
    said = run("predict", tmp_path / "two.csv", "--load", weights, "--out", tmp_path / "p.npz")
    assert said.code == 0, said.err
    predicted = keypoints.read(tmp_path / "p.npz").positions
    again = trc.read(tmp_path / "again.trc").positions
    again -= again[:, :1]
    # A usual camera's tilt turns it upright: the same shape, turned.
    np.testing.assert_allclose(
        np.linalg.norm(again, axis=2), np.linalg.norm(predicted, axis=2), atol=0.5
    )
    page = run("export", "--input", tmp_path / "three.json", "--out", tmp_path / "page.html")
    assert page.code == 0
    assert "<title>three</title>" in (tmp_path / "page.html").read_text()


def test_an_array_is_read_as_the_options_say_and_as_predict_reads_it(run, toys, tmp_path):
    np.save(tmp_path / "two.npy", writers.clip("COCO-17", walker())[..., :2] * [1, -1])
    said = ["--joint_order", "coco17", "--unit", "px", "--axes", "y-up",
            "--load", toys / "weights.safetensors"]  # fmt: skip
    lifted, there = tmp_path / "lifted.npz", tmp_path / "there.npz"
    told = run("export", "--input", tmp_path / "two.npy", *said, "--input_fps", "25",
               "--out", lifted)  # fmt: skip
    assert told.code == 0, told.err
    told = run("predict", tmp_path / "two.npy", *said, "--fps", "25", "--out", there)
    assert told.code == 0, told.err
    mine, other = keypoints.read(lifted), keypoints.read(there)
    assert mine.fps == other.fps == 25
    np.testing.assert_array_equal(mine.positions, other.positions)


def test_an_array_of_3d_in_metres_with_y_up_becomes_motion(run, tmp_path):
    key = next(k for k in RECORDINGS if k.action == "Sitting")
    truth = toy_recording(key).truth
    assert truth is not None
    np.save(tmp_path / "three.npy", truth.positions / 1000 * [1, -1, -1])
    said = ["--joint_order", "h36m17", "--unit", "m", "--axes", "camera-y-up", "--input_fps", "25"]
    told = run("export", "--input", tmp_path / "three.npy", *said, "--out", tmp_path / "x.trc")
    assert told.code == 0, told.err
    motion = trc.read(tmp_path / "x.trc")
    assert motion.fps == 25
    shin = [H36M_17.joints.index("right_knee"), H36M_17.joints.index("right_ankle")]
    made, expected = (
        np.linalg.norm(np.diff(positions[:, shin], axis=1), axis=-1)
        for positions in (motion.positions, truth.positions)
    )
    np.testing.assert_allclose(made, expected, atol=0.1)


@pytest.fixture
def film(tmp_path, monkeypatch):
    monkeypatch.setattr(footage, "open_eyes", lambda *_: PaintedEyes())
    return write_film(tmp_path / "me.mp4", [picture(i) for i in range(8)])


@pytest.mark.parametrize(
    ("suffix", "options", "note"),
    [
        (".mp4", ("--annotated",), "me, 96 x 64 px, 0.3 s"),
        (".gif", ("--annotated", "--frames", "0:3"), "me, 96 x 64 px, 0.1 s"),
        (".bvh", (), "y up, cm"),
        (".npz", (), "mm, relative to the hip"),
    ],
)
def test_a_film_is_exported_in_each_kind(run, toys, tmp_path, film, suffix, options, note):
    out, weights = tmp_path / f"o{suffix}", toys / "weights.safetensors"
    said = run("export", "--input", film, "--load", weights, "--out", out, *options)
    assert said.code == 0, said.err
    assert note in said.out
    assert out.stat().st_size > 200


def test_the_pictures_of_a_recording_can_be_annotated(run, tmp_path):
    out = tmp_path / "o.mp4"
    said = run("export", "--data_dir", "balancing", "--annotated", "--out", out, "--frames", "0:3")
    assert said.code == 0, said.err
    assert "360 x 634 px, 0.1 s" in said.out


def test_without_pictures_there_is_nothing_to_draw_over(run, toys, tmp_path):
    out = tmp_path / "o.mp4"
    line = one_line(run("export", "--data_dir", "synthetic", "--annotated", "--out", out))
    assert "there are no pictures to draw the skeleton over" in line
