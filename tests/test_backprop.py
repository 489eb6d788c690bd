"""The step written out: the same losses, outputs, statistics and gradients as PyTorch's own."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core import backprop
from core.backprop import Backprop
from core.layers import Chance, draw_from
from core.loss import loss_and_slope
from core.model import Lifter, LifterConfig, without_effect

BATCH = 24
# Widths for which a layer's masks fill whole words, as the published one does.
SMALL = LifterConfig(linear_size=64, num_stage=2, dropout=0.5)


def two_networks(config: LifterConfig) -> tuple[Lifter, Lifter]:
    """Make two equal networks with drawn biases and norms, so that none is without effect."""
    torch.manual_seed(0)
    one = Lifter(config)
    with torch.no_grad():
        for parameter in one.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape))
    other = copy.deepcopy(one)
    for model in (one, other):
        model.train()
        for bias in without_effect(model):
            bias.requires_grad_(False)
    return one, other


def chance() -> Chance:
    return Chance(torch.Generator().manual_seed(7))


def batch(seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn((BATCH, 32), generator=generator),
        torch.randn((BATCH, 48), generator=generator),
    )


def gradients_of(model: Lifter, passes: Backprop) -> dict[str, Tensor]:
    """Collect the gradient part by part, each parameter's once."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    found: dict[str, Tensor] = {}
    for part in passes.parts():
        for parameter in part:
            assert names[parameter] not in found
            assert parameter.grad is not None
            found[names[parameter]] = parameter.grad.clone()
    return found


@pytest.mark.parametrize(
    "change",
    [{}, {"dropout": 0.0}, {"dropout": 0.25}, {"dropout": 0.1}, {"batch_norm": False},
     {"residual": False}, {"num_stage": 0}, {"num_stage": 4},
     {"batch_norm": False, "dropout": 0.0, "residual": False}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_outputs_gradients_and_statistics_are_those_of_autograd(
    change: dict[str, Any], late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backprop, "LATE_FROM", 0 if late else 1000)
    ours, plain = two_networks(replace(SMALL, **change))
    draw_from(plain, chance())
    passes = Backprop(ours, chance())
    for step in range(3):
        x, truth = batch(step)
        predicted = plain(x)
        plain.zero_grad()
        nn.functional.mse_loss(predicted, truth).backward()
        found = passes.forward(x)
        torch.testing.assert_close(found, predicted, rtol=1e-4, atol=1e-5)
        _, slope = loss_and_slope("mse", found, truth, torch.ones(48))
        square = passes.backward(slope)
        norm = nn.utils.get_total_norm([p.grad for p in plain.parameters() if p.grad is not None])
        assert float(square.sqrt()) == pytest.approx(float(norm), rel=1e-4)
        gradients = gradients_of(ours, passes)
        for (name, one), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
            assert one.requires_grad == other.requires_grad
            if other.requires_grad:
                assert other.grad is not None, name
                scale = float(other.grad.abs().max())
                torch.testing.assert_close(gradients[name], other.grad, rtol=0, atol=1e-4 * scale)
    for (name, one), other in zip(ours.state_dict().items(), plain.state_dict().values(),
                                  strict=True):  # fmt: skip
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_coarse_products_change_the_gradient_by_their_rounding_only(
    late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backprop, "LATE_FROM", 0 if late else 1000)
    fine, coarse = two_networks(replace(SMALL, linear_size=256))
    gradients = []
    for model, is_coarse in ((fine, False), (coarse, True)):
        passes = Backprop(model, chance(), coarse=is_coarse)
        for seed in (1, 2):  # the second time gradients lie where the first ones lay
            x, truth = batch(seed)
            passes.backward(loss_and_slope("mse", passes.forward(x), truth, torch.ones(48))[1])
        gradients.append(gradients_of(model, passes))
    assert gradients[0].keys() == gradients[1].keys()
    differ = 0
    for name, one in gradients[0].items():
        other = gradients[1][name]
        assert other.dtype == torch.float32
        differ += not torch.equal(one, other)
        # Units whose sum is near 0 may be switched on or off by it.
        assert float((one - other).norm() / one.norm()) < 0.1, name
    assert differ == len(gradients[0])


def test_a_batch_of_another_size_leaves_no_gradient_behind() -> None:
    model, _ = two_networks(replace(SMALL, linear_size=256))
    passes = Backprop(model, chance())
    norms = []
    for rows in (BATCH, 16, 16, BATCH):  # at once, late, late, at once
        x, truth = (each[:rows] for each in batch())
        slope = loss_and_slope("mse", passes.forward(x), truth, torch.ones(48))[1]
        square = passes.backward(slope)
        gradients = gradients_of(model, passes)
        norms.append(float(square.sqrt()))
        assert norms[-1] == pytest.approx(
            float(nn.utils.get_total_norm(gradients.values())), rel=1e-4
        )
    assert norms[0] != norms[1]


def test_coarse_products_follow_weights_that_a_part_changed() -> None:
    model, _ = two_networks(replace(SMALL, linear_size=512, dropout=0.0, batch_norm=False))
    passes = Backprop(model, chance(), coarse=True)
    x, truth = batch()
    slope = loss_and_slope("mse", passes.forward(x), truth, torch.ones(48))[1]
    passes.backward(slope)
    parts = 0
    with torch.no_grad():
        for part in passes.parts():
            parts += 1
            for parameter in part:
                parameter.mul_(0.5)
    assert parts == 5, "four matrices come late, one after the other"
    torch.testing.assert_close(passes.forward(x), model(x).detach(), rtol=0.02, atol=0.05)


def test_coarse_products_follow_the_weights_as_they_change() -> None:
    model, _ = two_networks(replace(SMALL, linear_size=256, dropout=0.0, batch_norm=False))
    passes = Backprop(model, chance(), coarse=True)
    x, _ = batch()
    before = passes.forward(x)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("stages.0.w1.weight"):
                parameter.zero_()
    after = passes.forward(x)
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, model(x).detach(), rtol=0.02, atol=0.05)


@pytest.mark.parametrize("kind", ["mse", "distance"])
def test_the_slope_of_a_loss_is_the_one_of_autograd(kind: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, truth = torch.randn((2, 5, 48), generator=generator, dtype=torch.float64)
    predicted[0, :3] = truth[0, :3]  # a joint that is exactly right
    std = 50 + 100 * torch.rand(48, generator=generator, dtype=torch.float64)
    given = predicted.clone()
    loss, slope = loss_and_slope(kind, predicted, truth, std)
    assert torch.equal(predicted, given), "the prediction was written over"
    asked = predicted.clone().requires_grad_()
    spread = std / std.square().mean().sqrt()
    off = (asked - truth) * (spread if kind == "distance" else 1.0)
    plain = (
        off.square().mean()
        if kind == "mse"
        else (off.view(5, 16, 3).square().sum(-1) + 1e-8).sqrt().mean()
    )
    (other,) = torch.autograd.grad(plain, asked)
    torch.testing.assert_close(loss, plain.detach())
    torch.testing.assert_close(slope, other)
    assert bool(slope.isfinite().all())
