"""Checkpoints: what is saved comes back, and what is broken is named."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from core import checkpoint, checkpoint_metadata, whole_file
from core.checkpoint import Checkpoint
from core.checkpoint_metadata import Stated
from core.errors import PoseFormatError
from core.formats import reimplementation_checkpoint
from core.model import Lifter, LifterConfig
from core.normalization import Statistics

TINY = LifterConfig(linear_size=8, num_stage=1)


def tiny(config: LifterConfig = TINY, **fields: Any) -> Checkpoint:
    torch.manual_seed(0)
    return Checkpoint(name="tiny", config=config, state=Lifter(config).state_dict(), **fields)


def complete() -> Checkpoint:
    rng = np.random.default_rng(0)
    return tiny(
        input_statistics=Statistics(rng.normal(size=32), rng.uniform(1, 2, 32), "measured"),
        output_statistics=Statistics(rng.normal(size=48), rng.uniform(1, 2, 48), "estimated", True),
        framing="person",
        provenance={"seed": 3, "results": {"mpjpe": 61.5}},
    )


def rewrite(path: Path, **changes: str | None) -> Path:
    """Change entries of a safetensors file's metadata; None removes one."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"].update(changes)
    header["__metadata__"] = {k: v for k, v in header["__metadata__"].items() if v is not None}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    checkpoint.save(path, complete())
    return path


def test_what_is_saved_comes_back(saved: Path) -> None:
    before, after = complete(), checkpoint.load(saved)
    assert (after.name, after.config, after.framing) == ("tiny", TINY, "person")
    assert after.provenance == before.provenance
    for name, tensor in before.state.items():
        assert torch.equal(after.state[name], tensor), name
    for kept, given in (
        (after.input_statistics, before.input_statistics),
        (after.output_statistics, before.output_statistics),
    ):
        assert kept is not None and given is not None
        np.testing.assert_array_equal(kept.mean, given.mean)
        np.testing.assert_array_equal(kept.std, given.std)
        assert (kept.origin, kept.estimated) == (given.origin, given.estimated)
    assert after.digest == before.digest


def test_bytes_load_as_the_file_does(saved: Path) -> None:
    uploaded = checkpoint.load_bytes(saved.read_bytes(), "upload.safetensors")
    assert uploaded.digest == checkpoint.load(saved).digest
    assert uploaded.name == "upload"


def test_a_checkpoint_may_lack_statistics(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "bare.safetensors", tiny())
    bare = checkpoint.load(tmp_path / "bare.safetensors")
    assert bare.input_statistics is None and bare.output_statistics is None


def test_half_precision_halves_the_file_and_hardly_moves_the_weights(tmp_path: Path) -> None:
    whole = tiny(LifterConfig(linear_size=64))
    checkpoint.save(tmp_path / "whole.safetensors", whole)
    checkpoint.save(tmp_path / "half.safetensors", whole, half=True)
    sizes = [(tmp_path / f"{n}.safetensors").stat().st_size for n in ("half", "whole")]
    assert sizes[0] < 0.6 * sizes[1]
    half = checkpoint.load(tmp_path / "half.safetensors")
    for name, tensor in whole.state.items():
        assert half.state[name].dtype == tensor.dtype
        torch.testing.assert_close(half.state[name], tensor, rtol=1e-3, atol=1e-6)


def test_the_digest_is_that_of_the_content() -> None:
    one = complete()
    renamed = Checkpoint(**{**vars_of(one), "name": "other", "provenance": {}})
    assert renamed.digest == one.digest
    assert Checkpoint(**{**vars_of(one), "framing": "image"}).digest != one.digest
    assert Checkpoint(**{**vars_of(one), "output_statistics": None}).digest != one.digest
    state = {**one.state, "w2.bias": one.state["w2.bias"] + 1e-6}
    assert Checkpoint(**{**vars_of(one), "state": state}).digest != one.digest


def vars_of(one: Checkpoint) -> dict[str, Any]:
    names = ("name", "config", "state", "input_statistics", "output_statistics", "framing",
             "provenance")  # fmt: skip
    return {name: getattr(one, name) for name in names}


def test_the_model_is_ready_to_predict_and_the_same_function(saved: Path) -> None:
    torch.manual_seed(0)
    expected = Lifter(TINY).eval()
    model = checkpoint.model_from(checkpoint.load(saved))
    x = torch.randn(4, 32)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert torch.equal(model(x), expected(x).detach())


def test_saving_leaves_no_unfinished_file(saved: Path) -> None:
    assert [p.name for p in saved.parent.iterdir()] == ["tiny.safetensors"]


def test_a_failed_save_keeps_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_file.os, "fsync", full)
    with pytest.raises(PoseFormatError, match="can't be written: No space left on device"):
        checkpoint.save(saved, tiny())
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["tiny.safetensors"]


def test_what_ships_loads_and_is_the_published_network() -> None:
    names = checkpoint.shipped()
    assert list(names) == ["gt", "detector"]
    for path in names.values():
        loaded = checkpoint.load(path)
        assert loaded.config == LifterConfig(dropout=loaded.config.dropout)
        assert loaded.input_statistics is not None and loaded.output_statistics is not None
        assert loaded.framing == "person"
        assert loaded.provenance["command"].startswith("python -m core train ")
        assert "mocap.cs.cmu.edu" in loaded.provenance["data"]["credit"]


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        LifterConfig(linear_size=8),
        LifterConfig(linear_size=4, num_stage=3, batch_norm=False),
    ],
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_go_to_the_re_implementations_file_and_back(
    tmp_path: Path, config: LifterConfig, prefix: str
) -> None:
    original = tiny(config)
    path = tmp_path / "ckpt_best.pth.tar"
    state = {prefix + name: tensor for name, tensor in original.state.items()}
    torch.save({"epoch": 3, "lr": 1e-3, "step": 12, "err": 61.2, "state_dict": state}, path)
    loaded = checkpoint.load(path)
    assert loaded.config == config
    assert loaded.name == "ckpt_best"
    assert loaded.provenance["epoch"] == 3
    assert loaded.input_statistics is None and loaded.framing == "image"
    assert set(loaded.state) == set(original.state)
    for name, tensor in original.state.items():
        assert torch.equal(loaded.state[name], tensor)


def test_the_re_implementations_own_file_loads(shared: Path) -> None:
    path = shared / "fixtures" / "reimplementation" / "ckpt_best.pth.tar"
    loaded = checkpoint.load(path)
    assert loaded.config == LifterConfig()
    stored = reimplementation_checkpoint.read(path)["state_dict"]
    assert all(torch.equal(loaded.state[name], tensor.cpu()) for name, tensor in stored.items())
    assert set(loaded.state) == set(Lifter().state_dict())
    checkpoint.model_from(loaded)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match=r"nowhere.safetensors: can't open the checkpoint"):
        checkpoint.load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_truncated_file_is_named_as_such(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(PoseFormatError, match="cut short") as caught:
        checkpoint.load(saved)
    assert caught.value.file == str(saved)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"w1.weight": torch.zeros(3)}, path)
    with pytest.raises(PoseFormatError, match='does not say "format": "pose-baseline-lifter"'):
        checkpoint.load(path)


def test_a_header_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 4) + b"{no}" + bytes(8))
    with pytest.raises(PoseFormatError, match="its header is not JSON"):
        checkpoint.load(path)


def save_broken(path: Path, **tensors: torch.Tensor | None) -> Path:
    """Write a checkpoint some tensors of which were changed behind `save`'s back."""
    good = complete()
    state = {**good.state, **tensors}
    kept = {name: tensor for name, tensor in state.items() if tensor is not None}
    metadata = checkpoint_metadata.written(Stated(good.config))
    path.write_bytes(safetensors.torch.save(kept, metadata=metadata))
    return path


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"w1.weight": torch.zeros(4, 32)},
         r"w1.weight: has shape \(4, 32\); a network with width 8, 1 stages .* \(8, 32\)"),
        ({"w2.bias": None}, r"w2.bias: is missing; .* has it with shape \(48,\)"),
        ({"w3.bias": torch.zeros(2)}, "w3.bias: is no tensor of a network with width 8"),
        ({"w2.bias": torch.full((48,), float("nan"))}, "w2.bias: holds NaN or infinite weights"),
        ({"w1.bias": torch.full((8,), float("inf"))}, "w1.bias: holds NaN or infinite weights"),
    ],
    ids=["wrong shape", "missing", "unknown", "nan", "infinite"],
)  # fmt: skip
def test_a_tensor_that_does_not_fit_is_named(
    tmp_path: Path, tensors: dict[str, torch.Tensor | None], message: str
) -> None:
    path = save_broken(tmp_path / "broken.safetensors", **tensors)
    with pytest.raises(PoseFormatError, match=message):
        checkpoint.load(path)


def test_saving_refuses_weights_that_are_not_finite(tmp_path: Path) -> None:
    one = tiny()
    state = {**one.state, "w2.bias": torch.full((48,), float("nan"))}
    with pytest.raises(PoseFormatError, match=r"w2\.bias: holds NaN"):
        checkpoint.save(tmp_path / "x.safetensors", Checkpoint(**{**vars_of(one), "state": state}))
    assert not list(tmp_path.iterdir())


def test_the_batch_norm_counter_may_be_missing_as_in_old_files(tmp_path: Path) -> None:
    path = save_broken(tmp_path / "old.safetensors", **{"batch_norm1.num_batches_tracked": None})
    checkpoint.model_from(checkpoint.load(path))


def option(**changes: Any) -> str:
    return json.dumps({**vars(TINY), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "9"}, "has version '9'; this program reads version 1"),
        ({"config": None}, "config is missing or not a JSON object"),
        ({"config": "[1]"}, "config is missing or not a JSON object"),
        ({"config": option(width=3)}, "unknown option 'width'"),
        ({"config": option(linear_size="8")}, "linear_size is '8'; expected int"),
        ({"config": option(residual=1)}, "residual is 1; expected bool"),
        ({"config": option(dropout=2.0)}, r"dropout must be in \[0, 1\), not 2.0"),
        ({"config": option(num_stage=10**9)}, "num_stage is 1000000000, but the file has"),
        ({"config": option(linear_size=16)}, r"has shape .*; a network with width 16"),
        ({"config": option(inputs=34)}, r"takes 34 numbers and gives 48; expected 32"),
        ({"joints": json.dumps({"input": ["nose"]})}, r"the input joints are \['nose'\]"),
        ({"framing": "sideways"}, "framing is 'sideways'; expected one of image, person"),
        ({"statistics": json.dumps({"input": {"mean": [0], "std": [1], "origin": "",
                                              "estimated": False}})},
         "the input statistics have 1 numbers; expected 32"),
        ({"statistics": json.dumps({"output": {"mean": [0]}})},
         "the output statistics can't be used"),
        ({"provenance": "no"}, "provenance is missing or not a JSON object"),
    ],
)  # fmt: skip
def test_metadata_that_does_not_fit_is_named(
    saved: Path, changes: dict[str, str | None], message: str
) -> None:
    with pytest.raises(PoseFormatError, match=message):
        checkpoint.load(rewrite(saved, **changes))


def test_a_file_of_another_number_of_joints_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ckpt_best.pth.tar"
    state = Lifter(LifterConfig(linear_size=8, inputs=34, outputs=51)).state_dict()
    torch.save({"state_dict": state}, path)
    with pytest.raises(PoseFormatError, match="takes 34 numbers and gives 51; expected 32"):
        checkpoint.load(path)
