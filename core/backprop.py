"""A training step's two passes through the network, written out for a CPU.

The gradient is the one that PyTorch derives by itself. What it costs to derive it, some
microseconds at each of a hundred places, would be a third of a step of 64 poses; and here each
weight is converted once a step where the products are taken in bfloat16.

With few poses a step is bound by memory. A large matrix's gradient G = S^T X is then made only
when its weight is updated, one matrix after the other, and used while the cache still has it. The
norm for clipping, asked for before, comes from the factors: |G|^2 is the sum of S S^T times X X^T
element by element, which for B poses are B x B.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from core.layers import Chance, kept_scale, product
from core.model import Block, Lifter

# Narrower layers are not worth converting.
LEAST_WIDTH = 256

# A gradient is made late where its matrix has so many times more rows and columns than a batch.
LATE_FROM = 16

# glibc gives free memory back to the system, to be had again page by page, until it has seen a
# block of this size come and go; a step makes and frees megabytes of gradients.
KEPT_BYTES = 31 << 20


class _Kept(NamedTuple):
    """What a hidden layer's backward pass needs of its forward pass."""

    x: Tensor  # its input, in the numbers of its products
    z: Tensor  # behind the product
    mean: Tensor | None  # of the batch; None without batch norm
    scale: Tensor | None  # 1 / standard deviation of the batch
    y: Tensor  # its output


class _Linear:
    """A linear layer's products; its weights lie where the network's do."""

    def __init__(self, linear: nn.Linear, *, coarse: bool = False) -> None:
        self._linear = linear
        self._weight, self._bias = linear.weight.detach(), linear.bias.detach()
        self._coarse = self._weight.bfloat16() if coarse else None
        # The weight's version if `late` has converted it; Adam's kernel changes none.
        self._converted: int | None = None
        # Input and slope as they were multiplied, until the gradient is made of them.
        self._factors: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the input as it was multiplied, and the output in float32."""
        if self._coarse is None:
            return x, product(x, self._weight, self._bias)
        if self._converted != self._weight._version:
            self._coarse.copy_(self._weight)
        self._converted = None
        x = x.bfloat16()
        return x, product(x, self._coarse).float().add_(self._bias)

    def learn(self, x: Tensor, slope: Tensor, *, bias: bool) -> Tensor:
        """Set the gradients, or keep what `late` makes the weight's of.

        Returns:
            The slope as it was multiplied.
        """
        linear = self._linear
        if bias:
            linear.bias.grad = slope.sum(0)
        if self._coarse is not None:
            slope = slope.bfloat16()
        if LATE_FROM * len(x) <= min(self._weight.shape):
            linear.weight.grad, self._factors = None, [(x, slope)]
        else:
            linear.weight.grad, self._factors = product(slope.t(), x.t()).float(), []
        return slope

    def backward(self, slope: Tensor) -> Tensor:
        """Give the slope by the input, of what `learn` gave."""
        weight = self._weight if self._coarse is None else self._coarse
        return product(slope, weight.t()).float()

    def late_squares(self) -> list[Tensor]:
        """Give the squared norm of the gradient that is still to be made, if one is."""
        factors = [(x.float(), slope.float()) for x, slope in self._factors]
        return [product(s, s).flatten().dot(product(x, x).flatten()) for x, s in factors]

    def late(self) -> Iterator[list[nn.Parameter]]:
        """Make the gradient that is still to be made, if one is; it lasts while it is used."""
        weight = cast(nn.Parameter, self._linear.weight)
        while self._factors:
            x, slope = self._factors.pop()
            weight.grad = product(slope.t(), x.t()).float()
            yield [weight]
            weight.grad = None
            if self._coarse is not None:
                self._coarse.copy_(self._weight)
                self._converted = self._weight._version


class _Hidden:
    """Linear, batch norm, ReLU and dropout."""

    def __init__(self, linear: nn.Linear, norm: nn.Module, drop: float, *, coarse: bool) -> None:
        self.linear = _Linear(linear, coarse=coarse)
        self._norm: Any = norm if isinstance(norm, nn.BatchNorm1d) else None
        if isinstance(norm, nn.BatchNorm1d):
            self._gamma, self._beta = norm.weight.detach(), norm.bias.detach()
        self._scale = kept_scale(drop)
        self._kept: list[_Kept] = []
        self.learnt = [p for m in (linear, norm) for p in m.parameters() if p.requires_grad]

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        norm, mean, scale = self._norm, None, None
        x, z = self.linear.forward(x)
        if norm is None:
            y = z.relu()
        else:
            y, mean, scale = torch.native_batch_norm(
                z, self._gamma, self._beta, norm.running_mean, norm.running_var,
                True, norm.momentum, norm.eps,
            )  # fmt: skip
            norm.num_batches_tracked.add_(1)
            y.relu_()
        if mask is not None:
            y.mul_(mask)
        self._kept = [_Kept(x, z, mean, scale, y)]
        return y

    def learn(self, slope: Tensor) -> Tensor:
        """Set the gradients; give the slope behind the product."""
        x, z, mean, scale, y = self._kept.pop()
        # Where ReLU or dropout made the output 0, the slope ends; elsewhere dropout scaled it.
        slope = torch.ops.aten.threshold_backward(slope, y, 0)
        if self._scale != 1:
            slope.mul_(self._scale)
        norm = self._norm
        if norm is not None:
            slope, norm.weight.grad, norm.bias.grad = torch.ops.aten.native_batch_norm_backward(
                slope, z, self._gamma, norm.running_mean, norm.running_var, mean, scale,
                True, norm.eps, [True, True, True],
            )  # fmt: skip
        return self.linear.learn(x, slope, bias=norm is None)

    def backward(self, slope: Tensor) -> Tensor:
        """Set the gradients; give the slope by the input."""
        return self.linear.backward(self.learn(slope))

    def square(self) -> Tensor:
        """Give the gradients' squared norm."""
        return square_of(self.learnt, self.linear.late_squares())


class Backprop:
    """A network in training, on a CPU, alone.

    Args:
        model: the network; its batch norms' running statistics follow, and its parameters' `grad`
            holds the gradient after `backward`, as `parts` gives them.
        chance: source of dropout.
        coarse: multiply the hidden layers' matrices in bfloat16; all else stays float32.
    """

    def __init__(self, model: Lifter, chance: Chance, *, coarse: bool = False) -> None:
        self._config, self._chance = model.config, chance
        coarse = coarse and model.config.linear_size >= LEAST_WIDTH
        drop = model.config.dropout
        self._first = _Hidden(model.w1, model.batch_norm1, drop, coarse=False)
        self._blocks = [
            (
                _Hidden(block.w1, block.batch_norm1, drop, coarse=coarse),
                _Hidden(block.w2, block.batch_norm2, drop, coarse=coarse),
            )
            for block in model.linear_stages
            if isinstance(block, Block)
        ]
        self._last, self._learnt_last = _Linear(model.w2), list(model.w2.parameters())
        self._learnt = [p for p in model.parameters() if p.requires_grad]
        self._x: list[Tensor] = []
        torch.empty(KEPT_BYTES, dtype=torch.uint8)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Map normalised 2D (B, inputs) to normalised 3D (B, outputs)."""
        masks = iter(self._masks(len(x)))
        y = self._first.forward(x, next(masks))
        for one, two in self._blocks:
            z = two.forward(one.forward(y, next(masks)), next(masks))
            y = y + z if self._config.residual else z
        x, predicted = self._last.forward(y)
        self._x = [x]
        return predicted

    @torch.no_grad()
    def backward(self, slope: Tensor) -> Tensor:
        """Set every `grad`.

        Args:
            slope: of the loss by what `forward` gave, (B, outputs).

        Returns:
            The whole gradient's squared norm, taken piece by piece while each is in the cache.
        """
        y = self._last.backward(self._last.learn(self._x.pop(), slope, bias=True))
        squares = [square_of(self._learnt_last, self._last.late_squares())]
        for one, two in reversed(self._blocks):
            z = two.backward(y)
            squares.append(two.square())
            z = one.backward(z)
            squares.append(one.square())
            y = y + z if self._config.residual else z
        self._first.learn(y)
        squares.append(self._first.square())
        return torch.stack(squares).sum()

    def parts(self) -> Iterator[Sequence[nn.Parameter]]:
        """Give the parameters part by part, each with its `grad`: use it before asking on."""
        yield from self._last.late()
        for one, two in reversed(self._blocks):
            yield from two.linear.late()
            yield from one.linear.late()
        yield from self._first.linear.late()
        yield [p for p in self._learnt if p.grad is not None]

    def _masks(self, rows: int) -> list[Tensor | None]:
        config = self._config
        layers = 1 + 2 * len(self._blocks)
        if config.dropout == 0:
            return [None] * layers
        return list(self._chance.keep((layers, rows, config.linear_size), config.dropout))


def square_of(parameters: Iterable[nn.Parameter], others: Iterable[Tensor] = ()) -> Tensor:
    """Sum the squares of gradients, and `others` that were summed already."""
    gradients = [p.grad.flatten() for p in parameters if p.grad is not None]
    return torch.stack([*(gradient.dot(gradient) for gradient in gradients), *others]).sum()
