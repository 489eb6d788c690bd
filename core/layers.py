"""The layers that the network is made of: PyTorch's own, with what training asks of them beside.

Each is the published layer with the published parameters; what differs is how it is computed:
products on a CPU go through oneDNN, dropout draws from a generator that a run owns, and the batch
of batch norm may be spread over processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn


class Linear(nn.Linear):
    """A linear layer; in float32 on a CPU its three products are oneDNN's.

    PyTorch's own choice there is MKL, which on CPUs of other makers than its own takes twice as
    long for the same digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs) to (B, outputs)."""
        # A graph that is traced for export keeps PyTorch's public operation.
        working = self.training or torch.is_inference_mode_enabled()
        if working and x.dim() == 2 and _suits_onednn(x):
            out: Tensor = _Product.apply(x, self.weight, self.bias)
            return out
        return super().forward(x)


def _suits_onednn(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and not torch.is_autocast_enabled("cpu")
    )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x W^T + b; either may lie transposed in memory."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out


class _Product(torch.autograd.Function):
    """x W^T + b and its three gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        slope = slopes[0].contiguous()
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            _product(slope, weight.t()) if for_x else None,
            _product(slope.t(), x.t()) if for_weight else None,
            slope.sum(0) if for_bias else None,
        )


@dataclass(eq=False)
class Chance:
    """Where dropout's masks come from, and which rows of the batch are this process's.

    Every process draws the masks of the whole batch and takes its own rows, so that the masks
    don't depend on how many processes share the work.

    Attributes:
        generator: decides the masks.
        rows: first row, row behind the last, and rows of the whole batch; None for all.
    """

    generator: torch.Generator
    rows: tuple[int, int, int] | None = None

    def keep(self, shape: tuple[int, ...], drop: float) -> Tensor:
        """Draw a mask: 0 with probability `drop`, to 1/65536, else what keeps the mean.

        Args:
            shape: (B, width) of this process's rows.
            drop: the share that is dropped.
        """
        first, last, count = self.rows or (0, shape[0], shape[0])
        # Whole words are drawn and cut up: many times faster than a number for each unit.
        bits = 8 if drop * 256 == round(drop * 256) else 16
        dtype, span = (torch.int8, 256) if bits == 8 else (torch.int16, 65536)
        units = count * shape[1]
        words = torch.empty(-(-units * bits // 64), dtype=torch.int64, device=self.generator.device)
        words.random_(-(2**63), None, generator=self.generator)
        drawn = words.view(dtype)[:units].view(count, shape[1])[first:last]
        dropped = round(drop * span)
        return (drawn >= dropped - span // 2).float().mul_(span / (span - dropped))


class Dropout(nn.Dropout):
    """Dropout that draws from `chance` where it has one, else from PyTorch's global state."""

    chance: Chance | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop units of (B, width) in training."""
        if not self.training or self.chance is None:
            return super().forward(x)
        if self.p == 0:
            return x
        return x * self.chance.keep(tuple(x.shape), self.p).to(x.dtype)


class BatchNorm(nn.BatchNorm1d):
    """Batch norm; in training over the batches of all processes where `spread` says so."""

    spread: bool = False

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, width)."""
        if not (self.training and self.spread):
            return super().forward(x)
        out, mean, variance, count = _SpreadNorm.apply(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            momentum = self.momentum or 0.0
            cast(Tensor, self.running_mean).lerp_(mean, momentum)
            unbiased = variance * (count / (count - 1))
            cast(Tensor, self.running_var).lerp_(unbiased, momentum)
            cast(Tensor, self.num_batches_tracked).add_(1)
        normalised: Tensor = out
        return normalised


class _SpreadNorm(torch.autograd.Function):
    """Batch norm whose mean and variance are those of all processes' rows together.

    PyTorch's own, SyncBatchNorm, works on GPUs only.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Any:
        sums = torch.cat([x.sum(0), x.new_tensor([float(len(x))])])
        distributed.all_reduce(sums)
        mean, count = sums[:-1] / sums[-1], sums[-1]
        centred = x - mean
        squares = centred.square().sum(0)
        distributed.all_reduce(squares)
        variance = squares / count
        scale = torch.rsqrt(variance + eps)
        unit = centred * scale
        ctx.save_for_backward(unit, weight, scale, count)
        ctx.mark_non_differentiable(mean, variance, count)
        return torch.addcmul(bias, unit, weight), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        unit, weight, scale, count = ctx.saved_tensors
        slope = slopes[0]
        for_bias, for_weight = slope.sum(0), (slope * unit).sum(0)
        sums = torch.stack([for_bias, for_weight])
        distributed.all_reduce(sums)
        centred = slope - (sums[0] + unit * sums[1]) / count
        return centred * (weight * scale), for_weight, for_bias, None


def draw_from(model: nn.Module, chance: Chance) -> None:
    """Let every dropout of a network draw from one source."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.chance = chance


def spread_batches(model: nn.Module) -> None:
    """Let every batch norm of a network see the batches of all processes."""
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.spread = True
