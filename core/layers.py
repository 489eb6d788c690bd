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
        if working and x.dim() == 2 and self._takes(x):
            out: Tensor = _Product.apply(x, self.weight, self.bias)
            return out
        return super().forward(x)

    @staticmethod
    def _takes(x: Tensor) -> bool:
        exact = x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        return exact and suits_onednn(x.device)


def suits_onednn(device: torch.device) -> bool:
    """Tell whether `product` can be had there."""
    return device.type == "cpu" and torch.backends.mkldnn.is_available()


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute x W^T + b with oneDNN; either may lie transposed in memory.

    Args:
        x: (B, inputs), float32 or bfloat16, as all three.
        weight: (outputs, inputs).
        bias: (outputs,).
    """
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out


class _Product(torch.autograd.Function):
    """x W^T + b and its three gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        slope = slopes[0].contiguous()
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            product(slope, weight.t()) if for_x else None,
            product(slope.t(), x.t()) if for_weight else None,
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
            shape: (B, width) of this process's rows, or (layers, B, width): the masks that as
                many calls would draw one after the other, where their units fill whole words.
            drop: the share that is dropped.
        """
        *layers, rows, width = shape
        first, last, count = self.rows or (0, rows, rows)
        # Whole words are drawn and cut up: many times faster than a number for each unit.
        bits, dropped = _fraction(drop)
        units = count * width
        words = torch.empty(
            (*layers, -(-units * bits // 64)), dtype=torch.int64, device=self.generator.device
        )
        words.random_(-(2**63), None, generator=self.generator)
        if bits == 1:
            # Of each byte one bit after the other: eight rows of bytes that are 0 or 1.
            places = torch.arange(8, device=words.device).unsqueeze(1)
            words = (words.unsqueeze(-2) >> places) & 0x0101010101010101
            kept = words.view(torch.uint8).flatten(len(layers))
        else:
            drawn = words.view(torch.int8 if bits == 8 else torch.int16)
            kept = drawn >= dropped - 2 ** (bits - 1)
        kept = kept[..., :units].unflatten(-1, (count, width))[..., first:last, :]
        return kept.float().mul_(kept_scale(drop))


def kept_scale(drop: float) -> float:
    """Say what the units that are kept are multiplied by, so that the mean stays."""
    bits, dropped = _fraction(drop)
    return 2**bits / (2**bits - dropped)


def _fraction(drop: float) -> tuple[int, int]:
    """Write a share as (bits, n), n / 2**bits, with as few of 1, 8 or 16 bits as it needs."""
    bits = 1 if drop == 0.5 else 8 if (drop * 256).is_integer() else 16
    return bits, round(drop * 2**bits)


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
