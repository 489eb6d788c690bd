"""Layers as PyTorch has them: the same digits by another way, and masks that a run owns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.layers import BatchNorm, Chance, Dropout, Linear, draw_from
from core.model import Lifter, LifterConfig, without_effect

SHAPES = [(64, 32, 1024), (64, 1024, 48), (7, 5, 3), (1, 8, 8), (513, 64, 64)]


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SHAPES)
def test_a_linear_layer_and_its_gradients_are_pytorchs(
    rows: int, inputs: int, outputs: int
) -> None:
    torch.manual_seed(0)
    ours, plain = Linear(inputs, outputs), nn.Linear(inputs, outputs)
    plain.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours.train(), plain):
        x = torch.randn(rows, inputs, generator=torch.Generator().manual_seed(1))
        x.requires_grad_()
        y = layer(x)
        (y.sin() * torch.arange(outputs)).sum().backward()
        found.append((y.detach(), x.grad, layer.weight.grad, layer.bias.grad))
    for one, other in zip(*found, strict=True):
        assert one is not None and other is not None
        scale = float(other.abs().max())
        torch.testing.assert_close(one, other, rtol=0, atol=3e-6 * scale)


def test_a_gradient_that_is_one_number_spread_out_is_taken() -> None:
    layer = Linear(4, 3)
    layer(torch.ones(5, 4)).sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad, torch.full((3, 4), 5.0))


def test_under_autocast_a_linear_layer_computes_in_bfloat16() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert Linear(4, 3)(torch.ones(5, 4)).dtype == torch.bfloat16


@pytest.mark.parametrize("drop", [0.1, 0.25, 0.5, 0.9])
def test_a_mask_drops_the_asked_share_and_keeps_the_mean(drop: float) -> None:
    mask = Chance(torch.Generator().manual_seed(0)).keep((1000, 500), drop)
    kept = mask[mask > 0]
    assert len(kept) / mask.numel() == pytest.approx(1 - drop, abs=0.003)
    assert torch.all(kept == kept[0])
    assert float(kept[0]) == pytest.approx(1 / (1 - drop), rel=1e-4)


def test_the_units_of_a_mask_are_independent() -> None:
    mask = Chance(torch.Generator().manual_seed(0)).keep((2000, 64), 0.5) - 1
    together = (mask.T @ mask / len(mask)).fill_diagonal_(0)
    assert float(together.abs().max()) < 0.11
    neighbours = (mask[1:] * mask[:-1]).mean()
    assert abs(float(neighbours)) < 0.01


def test_masks_are_the_generators_and_differ_from_step_to_step() -> None:
    one, other = (Chance(torch.Generator().manual_seed(3)) for _ in range(2))
    first, second = one.keep((4, 64), 0.5), one.keep((4, 64), 0.5)
    assert torch.equal(first, other.keep((4, 64), 0.5))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("drop", [0.5, 0.25, 0.1])
def test_masks_of_several_layers_are_those_that_each_would_draw(drop: float) -> None:
    one, other = (Chance(torch.Generator().manual_seed(3)) for _ in range(2))
    together = one.keep((3, 4, 64), drop)
    assert torch.equal(together, torch.stack([other.keep((4, 64), drop) for _ in range(3)]))


@pytest.mark.parametrize("drop", [0.5, 0.3])
def test_processes_share_the_masks_of_the_whole_batch(drop: float) -> None:
    whole = Chance(torch.Generator().manual_seed(3)).keep((10, 7), drop)
    parts = [
        Chance(torch.Generator().manual_seed(3), rows).keep((rows[1] - rows[0], 7), drop)
        for rows in ((0, 4, 10), (4, 10, 10))
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_a_run_that_draws_its_own_masks_leaves_pytorchs_state_alone() -> None:
    layer = Dropout(0.5).train()
    draw_from(layer, Chance(torch.Generator()))
    before = torch.get_rng_state()
    assert bool((layer(torch.ones(8, 8)) == 0).any())
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_norm_alone_is_pytorchs() -> None:
    x = torch.randn(9, 4)
    assert torch.equal(BatchNorm(4).train()(x), nn.BatchNorm1d(4).train()(x))


def test_biases_before_a_batch_norm_have_no_slope_but_for_rounding() -> None:
    model = Lifter(LifterConfig(linear_size=32)).train()
    idle = without_effect(model)
    assert len(idle) == 5
    # The norm of a batch of which every unit varies takes away whatever is the same for all.
    model(torch.randn(64, 32)).square().mean().backward()
    slopes = {name: float(p.grad.abs().max()) for name, p in model.named_parameters()
              if p.grad is not None and name.endswith(".bias")}  # fmt: skip
    names = {name for name, p in model.named_parameters() if any(p is bias for bias in idle)}
    assert all(slopes[name] < 1e-6 for name in names), slopes
    assert all(slope > 1e-4 for name, slope in slopes.items() if name not in names), slopes
    assert without_effect(Lifter(LifterConfig(linear_size=8, batch_norm=False))) == []
