"""The network of the 2017 baseline, whole, and its options.

Source: Martinez, Hossain, Romero, Little, "A simple yet effective baseline for 3d human pose
estimation", ICCV 2017, section 3.2. Pure tensors in, pure tensors out: it knows neither pixels
nor millimetres (see `normalization`) nor files (see `checkpoint`).

Weights carry the names of the paper's PyTorch re-implementation, so that either reads the other's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.layers import BatchNorm, Dropout, Linear


@dataclass(frozen=True)
class LifterConfig:
    """The network's options; the defaults are the published ones.

    Attributes:
        linear_size: width of the hidden layers.
        num_stage: number of residual blocks, each of two layers.
        dropout: share of hidden units dropped in training.
        batch_norm: normalise each hidden layer over the batch.
        residual: add each block's input to its output.
        inputs, outputs: coordinates in (16 joints in 2D) and out (16 joints in 3D).
    """

    linear_size: int = 1024
    num_stage: int = 2
    dropout: float = 0.5
    batch_norm: bool = True
    residual: bool = True
    inputs: int = 32
    outputs: int = 48

    def __post_init__(self) -> None:
        for field in ("linear_size", "inputs", "outputs"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be at least 1, not {getattr(self, field)}")
        if self.num_stage < 0:
            raise ValueError(f"num_stage must be at least 0, not {self.num_stage}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {self.dropout}")

    @property
    def parameters(self) -> int:
        """How many numbers training changes: 4,291,632 in the published network."""
        size = self.linear_size
        norm = 2 * size if self.batch_norm else 0
        ends = (self.inputs + 1) * size + norm + (size + 1) * self.outputs
        return ends + 2 * self.num_stage * ((size + 1) * size + norm)


class Block(nn.Module):
    """Two layers of linear, batch norm, ReLU and dropout, with a skip around the two."""

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        size = config.linear_size
        self.residual = config.residual
        self.w1 = Linear(size, size)
        self.batch_norm1 = batch_norm(config)
        self.w2 = Linear(size, size)
        self.batch_norm2 = batch_norm(config)
        self.relu = nn.ReLU()
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, linear_size) to (B, linear_size)."""
        y = self.dropout(self.relu(self.batch_norm1(self.w1(x))))  # (B, linear_size)
        y = self.dropout(self.relu(self.batch_norm2(self.w2(y))))  # (B, linear_size)
        return x + y if self.residual else y


class Lifter(nn.Module):
    """Lift normalised 2D joints to normalised, root-relative 3D joints."""

    def __init__(self, config: LifterConfig | None = None) -> None:
        super().__init__()
        config = config or LifterConfig()
        self.config = config
        self.w1 = Linear(config.inputs, config.linear_size)
        self.batch_norm1 = batch_norm(config)
        self.linear_stages = nn.ModuleList(Block(config) for _ in range(config.num_stage))
        self.w2 = Linear(config.linear_size, config.outputs)
        self.relu = nn.ReLU()
        self.dropout = Dropout(config.dropout)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised 2D (B, inputs), x and y interleaved, to normalised 3D (B, outputs)."""
        y = self.dropout(self.relu(self.batch_norm1(self.w1(x))))  # (B, linear_size)
        for stage in self.linear_stages:
            y = stage(y)  # (B, linear_size)
        lifted: Tensor = self.w2(y)  # (B, outputs)
        return lifted


def batch_norm(config: LifterConfig) -> nn.Module:
    """Make a hidden layer's normalisation, or nothing where the config has none."""
    return BatchNorm(config.linear_size) if config.batch_norm else nn.Identity()


def without_effect(model: Lifter) -> list[nn.Parameter]:
    """List the biases that batch norm takes away again: their gradient is 0, but for rounding.

    Left to an optimiser that scales gradients, as Adam does, they would wander by rounding alone.
    """
    if not model.config.batch_norm:
        return []
    blocks = [block for block in model.linear_stages if isinstance(block, Block)]
    layers = [model.w1, *(layer for block in blocks for layer in (block.w1, block.w2))]
    return [layer.bias for layer in layers]


def initialise(module: nn.Module) -> None:
    """Draw a linear layer's weights as He et al. 2015 ("Kaiming"), which the paper uses."""
    # On the meta device there is nothing to draw, and asking costs a second of imports.
    if isinstance(module, nn.Linear) and not module.weight.is_meta:
        nn.init.kaiming_normal_(module.weight)


@torch.inference_mode()
def lift(model: Lifter, joints_2d: Tensor, batch: int = 8192) -> Tensor:
    """Run the network in batches: (N, inputs) normalised in, (N, outputs) normalised out."""
    if len(joints_2d) == 0:
        return joints_2d.new_zeros((0, model.config.outputs))
    return torch.cat([model(part) for part in joints_2d.split(batch)])
