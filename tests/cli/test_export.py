"""`python -m core export`: into the files of other tools."""

from __future__ import annotations

import pytest

from tests.cli.conftest import one_line


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
        ((), "nothing to write: name a file with --onnx"),
        (("--onnx", "x.onnx"), "--onnx needs the checkpoint"),
        (("--onnx", "x.pt", "--load", "gt"), "an ONNX file ends in .onnx, not '.pt'"),
    ],
    ids=["nothing", "no checkpoint", "other ending"],
)
def test_wrong_use_is_told_in_one_line(run, arguments, expected):
    assert expected in one_line(run("export", *arguments))


def test_bare_weights_with_pixels_ask_for_statistics(run, toys, tmp_path):
    bare, out = toys / "bare.safetensors", tmp_path / "x.onnx"
    line = one_line(run("export", "--load", bare, "--onnx", out, "--pixels"))
    assert "missing statistics" in line
    said = run("export", "--load", bare, "--onnx", out, "--pixels", "--statistics", "human36m")
    assert said.code == 0
