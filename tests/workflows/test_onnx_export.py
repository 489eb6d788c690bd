"""ONNX files: a runtime without PyTorch gives what PyTorch gives."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import model_from
from core.errors import PoseFormatError
from core.human36m import PUBLISHED_INPUT
from core.model import Lifter, LifterConfig
from core.skeleton import H36M_17, INPUT_16
from core.workflows import onnx_export
from core.workflows.lift import PoseLifter
from core.workflows.open import checkpoint_names, open_checkpoint
from tests.toys import toy_checkpoint

TOLERANCE = 1e-5
POSES_PX = PUBLISHED_INPUT.mean.reshape(16, 2) + np.random.default_rng(0).normal(0, 60, (65, 16, 2))


def ran(path: Path, values: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = (given.name for given in session.get_inputs())
    (found,) = session.run(None, {name: values.astype(np.float32)})
    return found


def trained(config: LifterConfig) -> PoseLifter:
    """Make a network whose batch norms have something to fold."""
    torch.manual_seed(1)
    model = Lifter(config).train()
    for _ in range(3):
        model(torch.randn(64, config.inputs) * 2 + 1)
    return PoseLifter(toy_checkpoint(config=config, state=model.state_dict()))


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_norm": False}, {"residual": False}, {"num_stage": 3}, {"num_stage": 0}],
    ids=str,
)
def test_the_bare_network_gives_what_pytorch_gives(tmp_path, options):
    lifter = trained(LifterConfig(**{"linear_size": 16, "num_stage": 2, **options}))
    onnx_export.write(tmp_path / "bare.onnx", lifter)
    x = np.random.default_rng(0).normal(size=(65, 32)).astype(np.float32)
    expected = model_from(lifter.checkpoint)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(
        ran(tmp_path / "bare.onnx", x), expected, rtol=TOLERANCE, atol=TOLERANCE
    )


@pytest.mark.parametrize("name", checkpoint_names())
def test_a_shipped_checkpoint_takes_pixels_and_gives_the_apps_millimetres(tmp_path, name):
    lifter = PoseLifter(open_checkpoint(name))
    onnx_export.write(tmp_path / "whole.onnx", lifter, pixels=True)
    found = ran(tmp_path / "whole.onnx", POSES_PX)
    assert found.shape == (65, 17, 3)
    assert not found[:, H36M_17.root].any(), "the hip is at 0"
    expected = reference(lifter, POSES_PX)
    scale = lifter.statistics()[1].std.max()
    assert np.abs(found - expected).max() <= TOLERANCE * scale * 10


def reference(lifter: PoseLifter, joints_2d: np.ndarray) -> np.ndarray:
    """Lift with the plain model, as published, in float64."""
    from core.framing import frame

    of_input, of_output = lifter.statistics()
    framed = frame(joints_2d, lifter.checkpoint.framing).reshape(len(joints_2d), 32)
    x = torch.from_numpy((framed - of_input.mean) / of_input.std)
    y = model_from(lifter.checkpoint).double()(x).numpy() * of_output.std + of_output.mean
    return np.concatenate([np.zeros((len(y), 1, 3)), y.reshape(-1, 16, 3)], axis=1)


@pytest.mark.parametrize("pixels", [False, True])
def test_the_file_says_what_its_numbers_are(tmp_path, pixels):
    import onnx

    lifter = PoseLifter(toy_checkpoint())
    onnx_export.write(tmp_path / "told.onnx", lifter, pixels=pixels)
    model = onnx.load(tmp_path / "told.onnx")
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(said["joints_2d"]) == list(INPUT_16.joints)
    assert len(json.loads(said["joints_3d"])) == (17 if pixels else 16)
    assert said["checkpoint_digest"] == lifter.checkpoint.digest
    assert ("input_mean" in said) is not pixels
    assert "mm" in said["units"] if pixels else "normalised" in said["units"]


def test_without_statistics_only_the_bare_network_can_be_written(tmp_path):
    lifter = PoseLifter(toy_checkpoint(statistics=False))
    onnx_export.write(tmp_path / "bare.onnx", lifter)
    with pytest.raises(PoseFormatError, match="missing statistics"):
        onnx_export.write(tmp_path / "whole.onnx", lifter, pixels=True)
    assert [p.name for p in tmp_path.iterdir()] == ["bare.onnx"]


def test_without_the_package_a_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(PoseFormatError, match=r"needs the package onnx.*pip install onnx"):
        onnx_export.write(tmp_path / "x.onnx", PoseLifter(toy_checkpoint()))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PoseFormatError, match=r"can't be written: No such file"):
        onnx_export.write(tmp_path / "gone" / "x.onnx", PoseLifter(toy_checkpoint()))
