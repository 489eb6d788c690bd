"""How the network is trained: the options, and the learning rate that follows from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Loss = Literal["mse", "distance"]

# What a run says whose loss is no longer a number.
DIVERGED = "training has diverged"


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained; the defaults are the published recipe.

    Attributes:
        epochs: passes over the training samples.
        train_batch: samples a step.
        lr: Adam's learning rate at the start, or at the peak of "one_cycle".
        lr_decay, lr_gamma: "stairs" multiplies the rate by `lr_gamma` every `lr_decay` steps.
        max_norm: clip the gradient's norm to this, None for no clipping. The re-implementation
            does so; the original clips the weights instead.
        clip_weights: after each step, scale each weight matrix down to norm 1, as the original.
        schedule: "stairs", or "one_cycle": linear warm-up, then half a cosine to 0.
        warm_up: share of all steps that "one_cycle" warms up.
        loss: "mse" on normalised coordinates, as published, or "distance": the mean distance
            of the joints, which MPJPE measures, in units of the outputs' overall spread.
        precision: "bfloat16" multiplies the large matrices in it; weights and sums stay float32.
        average: decay of a running average of the weights, which is then the result; 0 for none.
            It is shorter at the start, so that fresh weights are soon forgotten.
        test_at_most: test after an epoch with at most so many samples, evenly spaced, to save
            time; after the last epoch all are taken. None takes all each time.
        test_batch: samples the network is given at once in a test; no matter for the result.
        seed: decides weights, order, dropout and every augmentation.
    """

    epochs: int = 200
    train_batch: int = 64
    lr: float = 1e-3
    lr_decay: int = 100_000
    lr_gamma: float = 0.96
    max_norm: float | None = 1.0
    clip_weights: bool = False
    schedule: Literal["stairs", "one_cycle"] = "stairs"
    warm_up: float = 0.1
    loss: Loss = "mse"
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.0
    test_at_most: int | None = None
    test_batch: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.train_batch < 2:
            raise ValueError("training needs at least 1 epoch and batches of at least 2 samples")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, not {self.lr}")
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be in [0, 1), not {self.warm_up}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be in [0, 1), not {self.average}")


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Give the rate of a step, 0-based, of `steps` in all."""
    if config.schedule == "stairs":
        return config.lr * config.lr_gamma ** (step // config.lr_decay)
    warm = max(1, round(config.warm_up * steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))
