"""The re-implementation's checkpoints: read, written back, and refused in words."""

from __future__ import annotations

import io
from collections import OrderedDict

import numpy as np
import pytest
import torch

from core.errors import PoseFormatError
from core.formats import reimplementation_checkpoint as checkpoints
from core.model import Lifter, LifterConfig


@pytest.fixture(scope="module")
def model() -> Lifter:
    torch.manual_seed(0)
    return Lifter(LifterConfig(linear_size=8, num_stage=1))


def saved(content, *, legacy: bool = True) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    buffer.seek(0)
    return buffer


def whole(model: Lifter, **changes) -> dict:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    content = {
        "epoch": 7,
        "lr": 1e-3,
        "step": 123,
        "err": np.float64(67.1),
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    return content | changes


def same(found, state) -> bool:
    return found.keys() == state.keys() and all(torch.equal(found[k], state[k]) for k in state)


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_a_checkpoint_is_read_with_its_optimizer(model, legacy):
    found = checkpoints.read(saved(whole(model), legacy=legacy), "ckpt_best.pth.tar")
    assert same(found["state_dict"], model.state_dict())
    assert (found["epoch"], found["step"], found["lr"], found["err"]) == (7, 123, 1e-3, 67.1)
    assert found["optimizer"] is not None
    assert found["optimizer"]["param_groups"][0]["lr"] == 1e-3
    torch.optim.Adam(model.parameters()).load_state_dict(found["optimizer"])


def test_a_checkpoint_without_optimizer_and_a_bare_state_dict_are_read(model):
    content = whole(model)
    del content["optimizer"]
    assert checkpoints.read(saved(content))["optimizer"] is None
    found = checkpoints.read(saved(model.state_dict()))
    assert same(found["state_dict"], model.state_dict())
    assert found["epoch"] is None


def test_the_prefix_of_data_parallel_is_taken_off(model):
    state = OrderedDict((f"module.{k}", v) for k, v in model.state_dict().items())
    assert same(checkpoints.read(saved(whole(model, state_dict=state)))["state_dict"], {
        k.removeprefix("module."): v for k, v in state.items()
    })  # fmt: skip


@pytest.mark.parametrize("with_optimizer", [True, False])
def test_what_is_written_is_read_by_torch_and_by_us(model, with_optimizer, tmp_path):
    path = tmp_path / "ckpt_last.pth.tar"
    adam = torch.optim.Adam(model.parameters())
    state = {"optimizer": adam.state_dict()} if with_optimizer else {}
    checkpoints.write(path, model.state_dict(), epoch=3, step=4, lr=0.5, err=6.0, **state)
    found = checkpoints.read(path)
    assert same(found["state_dict"], model.state_dict())
    assert (found["epoch"], found["step"], found["lr"], found["err"]) == (3, 4, 0.5, 6.0)
    # As its own loader does it: strict names, then the optimizer.
    theirs = torch.load(path, weights_only=False)
    assert set(theirs) == {"epoch", "lr", "step", "err", "state_dict", "optimizer"}
    Lifter(LifterConfig(linear_size=8, num_stage=1)).load_state_dict(theirs["state_dict"])
    adam.load_state_dict(theirs["optimizer"])


def test_a_data_file_is_told_from_a_checkpoint():
    for content in ({(9, "Walking", "Walking.1.h5"): np.zeros((2, 32))}, {"mean": 0, "std": 1}):
        with pytest.raises(PoseFormatError, match=r"x: this is a data file .* a checkpoint was"):
            checkpoints.read(saved(content), "x")


def test_another_network_is_named_by_its_weights():
    state = torch.nn.Linear(2, 2).state_dict()
    for content in (state, {"state_dict": state}):
        with pytest.raises(PoseFormatError, match=r"not a checkpoint of the 3D pose .*'weight'"):
            checkpoints.read(saved(content), "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "a dict with state_dict\\) was expected, not a list"),
        ({"state_dict": 3}, "state_dict: weights by name were expected, not a int"),
        ({"state_dict": {}}, "weights by name were expected"),
    ],
)
def test_other_content_is_refused(content, said):
    with pytest.raises(PoseFormatError, match=said):
        checkpoints.read(saved(content), "x")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(model, value):
    state = {k: v.clone() for k, v in model.state_dict().items()}
    state["linear_stages.0.w1.weight"][0, 0] = value
    with pytest.raises(PoseFormatError, match=r"x, linear_stages\.0\.w1\.weight: a weight is NaN"):
        checkpoints.read(saved(whole(model, state_dict=state)), "x")


def test_weights_that_are_no_tensors_are_refused(model):
    state = dict(model.state_dict()) | {"w1.weight": "abc"}
    with pytest.raises(PoseFormatError, match=r"x, w1\.weight: a tensor of weights was expected"):
        checkpoints.read(saved({"state_dict": state}), "x")
    with pytest.raises(PoseFormatError, match=r"x, epoch: a number was expected, not a list"):
        checkpoints.read(saved(whole(model, epoch=[1, 2])), "x")


def test_a_cut_file_is_refused(model):
    data = saved(whole(model)).getvalue()
    with pytest.raises(PoseFormatError, match=r"x: .*cut off"):
        checkpoints.read(io.BytesIO(data[: len(data) // 2]), "x")


def test_the_fixture_s_checkpoint_has_the_published_size(shared):
    found = checkpoints.read(shared / "fixtures/reimplementation/ckpt_best.pth.tar")
    trained = [v for k, v in found["state_dict"].items() if not k.endswith(checkpoints.NOT_TRAINED)]
    assert sum(v.numel() for v in trained) == 4_291_632
    assert found["err"] == pytest.approx(67.148, abs=1e-3)
