"""The engine: the plain network's output, whatever the machine does to be fast."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core import inference
from core.inference import Engine, engine, folded
from core.model import Lifter, LifterConfig
from core.workflows.open import checkpoint_names, open_checkpoint

# What a bfloat16 network may be off, against 1 for the spread of its outputs.
COARSE = 0.01


def trained(**options) -> Lifter:
    """Make a network whose batch norms have something to fold."""
    torch.manual_seed(1)
    model = Lifter(LifterConfig(**{"linear_size": 24, **options})).train()
    for _ in range(3):
        model(torch.randn(64, 32) * 2 + 1)
    return model.eval()


def folded_of(model: Lifter) -> inference.Folded:
    config = model.config
    return folded(
        model.state_dict(),
        stages=config.num_stage,
        batch_norm=config.batch_norm,
        residual=config.residual,
    )


def poses(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 32)).astype(np.float32)


def plainly(model: Lifter, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(x)).numpy()


@pytest.fixture(scope="module")
def wide() -> Lifter:
    return trained(linear_size=1024)


@pytest.mark.parametrize("packs", [True, False], ids=["onednn", "plain products"])
@pytest.mark.parametrize(
    "options",
    [{}, {"batch_norm": False}, {"residual": False}, {"num_stage": 0}, {"num_stage": 3}],
    ids=str,
)
def test_float32_gives_what_the_model_gives(options, packs, monkeypatch):
    if not packs:
        monkeypatch.setattr(inference, "_packs", lambda: False)
    model = trained(**options)
    found = engine(folded_of(model), "float32").lift(poses(300))
    np.testing.assert_allclose(found, plainly(model, poses(300)), rtol=1e-4, atol=1e-5)
    assert found.dtype == np.float32


@pytest.mark.parametrize("precision", inference.PRECISIONS)
@pytest.mark.parametrize("count", [1, 2, 3, 63, 65, 255, 257, 700])
def test_a_poses_digits_do_not_depend_on_how_many_come_with_it(wide, precision, count):
    chosen = engine(folded_of(wide), precision)
    whole = chosen.lift(poses(1000))
    np.testing.assert_array_equal(chosen.lift(poses(1000)[:count]), whole[:count])
    np.testing.assert_array_equal(chosen.lift(poses(1000)[-count:]), whole[-count:])


@pytest.mark.parametrize("batch", [1, 7, 64, 5000])
def test_a_batch_that_is_asked_for_changes_no_digit(wide, batch):
    chosen = engine(folded_of(wide))
    np.testing.assert_array_equal(chosen.lift(poses(130), batch), chosen.lift(poses(130)))


def test_two_engines_of_one_network_agree_to_the_last_digit(wide):
    a, b = engine(folded_of(wide)), engine(folded_of(wide))
    assert a.kind == b.kind
    np.testing.assert_array_equal(a.lift(poses(70)), b.lift(poses(70)))


def test_bfloat16_stays_close_to_float32(wide):
    exact = Engine(folded_of(wide), "float32").lift(poses(64))
    coarse = Engine(folded_of(wide), "bfloat16").lift(poses(64))
    spread = exact.std()
    assert 0 < np.abs(coarse - exact).max() < COARSE * spread * 5


def can_be_coarse(monkeypatch) -> None:
    """Take any machine for one that has bfloat16 and is faster with it."""
    monkeypatch.setattr(inference, "_candidates", lambda: ("bfloat16",))
    monkeypatch.setattr(inference, "_speedup", lambda *_: 2.0)


def test_coarser_numbers_are_taken_where_they_are_faster_and_close(wide, monkeypatch):
    can_be_coarse(monkeypatch)
    chosen = engine(folded_of(wide))
    assert chosen.kind == "bfloat16"
    assert 0 < chosen.error < inference.LARGEST_ERROR


@pytest.mark.parametrize(
    ("name", "value"), [("LARGEST_ERROR", 1e-9), ("LEAST_SPEEDUP", 3.0), ("LEAST_WIDTH", 4096)]
)
def test_float32_is_taken_where_the_coarser_numbers_fail_the_check(wide, monkeypatch, name, value):
    can_be_coarse(monkeypatch)
    monkeypatch.setattr(inference, name, value)
    assert engine(folded_of(wide)).kind == "float32"


def test_float32_is_taken_where_it_is_asked_for(wide, monkeypatch):
    can_be_coarse(monkeypatch)
    assert engine(folded_of(wide), "float32").kind == "float32"


def test_weights_that_overflow_in_bfloat16_fall_back_to_float32(wide, monkeypatch):
    can_be_coarse(monkeypatch)
    network = folded_of(wide)
    huge = network.blocks[0][0]._replace(bias=np.full(1024, 3.4e38, dtype=np.float32))
    broken = inference.Folded(
        network.first, ((huge, network.blocks[0][1]),), network.last, residual=True
    )
    with np.errstate(all="ignore"):
        assert engine(broken).kind == "float32"


def test_where_sizes_would_change_digits_only_one_is_used(wide, monkeypatch):
    monkeypatch.setattr(inference, "_is_size_of_no_matter", lambda *_: False)
    chosen = engine(folded_of(wide))
    sizes = []
    forward = chosen._forward

    def noted(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return forward(x)

    monkeypatch.setattr(chosen, "_forward", noted)
    chosen.lift(poses(3))
    chosen.lift(poses(300))
    assert set(sizes) == {inference.SIZES[-1]}


def test_no_poses_give_none(wide):
    assert engine(folded_of(wide)).lift(poses(0)).shape == (0, 48)


@pytest.mark.parametrize("name", checkpoint_names())
def test_the_shipped_checkpoints_pass_the_check(name, monkeypatch):
    can_be_coarse(monkeypatch)
    checkpoint = open_checkpoint(name)
    network = folded(checkpoint.state, stages=2, batch_norm=True, residual=True)
    assert engine(network).kind == "bfloat16"
