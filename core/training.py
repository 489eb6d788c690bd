"""The training loop: batches in, progress out. It prints nothing and knows no files.

The defaults of `TrainingConfig` are the recipe of the paper's PyTorch re-implementation by its
option names; everything beyond it is off.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from core.augmentation import (
    INPUT_FROM_17,
    AnyCamera,
    Detector,
    Lenses,
    mirror_half,
    mix_limbs,
    turn_about_vertical,
    vary_bones,
)
from core.framing import Framing, frame, size_px
from core.model import Lifter, LifterConfig, lift
from core.normalization import Statistics, normalize, unnormalize

# How often a consumer hears of an epoch that is under way.
REPORT_EVERY_S = 1.0

# A pose of which a joint is nearer than this to the camera's plane is left out of a batch.
NEAREST_MM = 1000.0


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
        schedule: "stairs", or "one_cycle": linear warm-up, then half a cosine to 0.
        warm_up: share of all steps that "one_cycle" warms up.
        loss: "mse" on normalised coordinates, as published, or "distance": the mean distance
            of the joints, which MPJPE measures, in units of the outputs' overall spread.
        precision: "bfloat16" runs the forward pass under autocast; weights stay float32.
        average: decay of a running average of the weights, which is then the result; 0 for none.
            It is shorter at the start, so that fresh weights are soon forgotten.
        test_at_most: test after an epoch with at most so many samples, evenly spaced, to save
            time; after the last epoch all are taken. None takes all each time.
        seed: decides weights, order, dropout and every augmentation.
    """

    epochs: int = 200
    train_batch: int = 64
    lr: float = 1e-3
    lr_decay: int = 100_000
    lr_gamma: float = 0.96
    max_norm: float | None = 1.0
    schedule: Literal["stairs", "one_cycle"] = "stairs"
    warm_up: float = 0.1
    loss: Literal["mse", "distance"] = "mse"
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.0
    test_at_most: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.train_batch < 2:
            raise ValueError("training needs at least 1 epoch and batches of at least 2 samples")
        if not self.lr > 0:
            raise ValueError(f"lr must be above 0, not {self.lr}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be in [0, 1), not {self.average}")


@dataclass(frozen=True)
class Progress:
    """What is known at one moment of a run.

    Attributes:
        epoch: 1-based; `epochs` of them in all.
        step: optimiser steps so far; `steps` of them in all.
        loss: mean over the epoch so far.
        lr: learning rate of the last step.
        samples_per_s: over the epoch so far.
        test_mpjpe_mm: Protocol #1 over 17 joints; None until the epoch is over, or without test.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    lr: float
    samples_per_s: float
    test_mpjpe_mm: float | None = None
    epoch_done: bool = False


class Samples(Protocol):
    """Where batches come from: pairs of framed 2D (B, 32) and root-relative 3D (B, 48), mm."""

    def __len__(self) -> int:
        """Count the samples of one epoch."""
        ...

    def batch(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Make the batch of the samples `which` (B,)."""
        ...


@dataclass(frozen=True, eq=False)
class Pairs:
    """Samples that are the same in every epoch, as published.

    Attributes:
        inputs: (N, 32) framed 2D.
        outputs: (N, 48) root-relative 3D, mm.
    """

    inputs: Tensor
    outputs: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Take the pairs as they are; nothing is drawn."""
        del generator
        return self.inputs[which], self.outputs[which]


@dataclass(frozen=True, eq=False)
class Views:
    """Samples made anew in every epoch: 3D poses seen by cameras, with or without noise.

    Attributes:
        world: (N, 17, 3) poses in the world, mm.
        cameras: a rig, of which each pose is seen once by each camera in an epoch, or `AnyCamera`,
            which sees each pose `views` times.
        framing: how the 2D is framed.
        flip: mirror half of the poses.
        turn: turn each pose about the world's vertical axis (`AnyCamera` always does).
        bones: spread of bone lengths, see `augmentation.vary_bones`; 0 leaves bodies as they are.
        limbs: share of limbs exchanged between poses, see `augmentation.mix_limbs`.
        detector: None for exact 2D.
        views: how often an epoch shows each pose to `AnyCamera`.
    """

    world: Tensor
    cameras: Lenses | AnyCamera
    framing: Framing
    flip: bool = False
    turn: bool = False
    bones: float = 0.0
    limbs: float = 0.0
    detector: Detector | None = None
    views: int = 4

    def __len__(self) -> int:
        return len(self.world) * self._views

    @property
    def _views(self) -> int:
        return len(self.cameras) if isinstance(self.cameras, Lenses) else self.views

    def batch(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See the poses of a batch; those too near to a rig's camera are left out."""
        poses = self.world[which // self._views]
        if self.flip:
            poses = mirror_half(poses, generator)
        if self.limbs:
            poses = mix_limbs(poses, self.limbs, generator)
        if self.bones:
            poses = vary_bones(poses, self.bones, generator)
        if isinstance(self.cameras, AnyCamera):
            in_camera, joints_2d = self.cameras.see(poses, generator)
        else:
            if self.turn:
                poses = turn_about_vertical(poses, generator)
            in_camera, joints_2d = self.cameras.see(poses, which % self._views)
            far = in_camera[..., 2].amin(dim=1) >= NEAREST_MM
            in_camera, joints_2d = in_camera[far], joints_2d[far]
        joints_2d = joints_2d[:, INPUT_FROM_17]
        if self.detector is not None:
            joints_2d = self.detector.see(joints_2d, size_px(joints_2d), generator)
        framed = frame(joints_2d, self.framing)
        relative = in_camera[:, 1:] - in_camera[:, :1]
        return framed.flatten(1), relative.flatten(1)


@dataclass(frozen=True, eq=False)
class Scales:
    """Statistics as tensors, between the samples and the network's numbers."""

    input_mean: Tensor
    input_std: Tensor
    output_mean: Tensor
    output_std: Tensor

    @classmethod
    def of(cls, inputs: Statistics, outputs: Statistics) -> Scales:
        """Take both statistics in float32."""
        arrays = (inputs.mean, inputs.std, outputs.mean, outputs.std)
        return cls(*(torch.tensor(a, dtype=torch.float32) for a in arrays))


def measure(
    samples: Samples, *, seed: int, at_most: int = 200_000
) -> tuple[Statistics, Statistics]:
    """Measure the statistics of inputs and outputs over (some of) an epoch."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(samples), generator=generator)[:at_most]
    parts = [samples.batch(which, generator) for which in order.split(8192)]
    inputs = torch.cat([framed for framed, _ in parts])
    outputs = torch.cat([relative for _, relative in parts])
    return (
        Statistics.of(inputs.numpy(), "measured over the training samples"),
        Statistics.of(outputs.numpy(), "measured over the training samples"),
    )


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """Give the rate of a step, 0-based, of `steps` in all."""
    if config.schedule == "stairs":
        return config.lr * config.lr_gamma ** (step // config.lr_decay)
    warm = max(1, round(config.warm_up * steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return config.lr * 0.5 * (1 + math.cos(math.pi * done))


@dataclass(eq=False)
class Training:
    """One run: a network that learns from samples and is tested after each epoch.

    Attributes:
        config: the recipe.
        model: the network; its weights change in place.
        samples: what it learns from.
        scales: the normalisation of inputs and outputs.
        test: samples with which it is tested, or None.
        generator: source of order and augmentation.
    """

    config: TrainingConfig
    model: Lifter
    samples: Samples
    scales: Scales
    test: Pairs | None = None
    generator: torch.Generator = field(init=False)
    _average: dict[str, Tensor] | None = field(init=False, default=None)
    _followed: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if len(self.samples) < 2:
            raise ValueError(f"there are {len(self.samples)} training samples; 2 are the least")
        self.generator = torch.Generator().manual_seed(self.config.seed)
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=self.config.lr, fused=True)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; a last batch of one sample is left out: batch norm can't use it."""
        count, size = len(self.samples), self.config.train_batch
        return count // size + (count % size > 1)

    @property
    def weights(self) -> dict[str, Tensor]:
        """The result so far: the averaged weights if the recipe averages, else the model's."""
        state = self.model.state_dict() if self._average is None else self._average
        return {name: tensor.detach().clone() for name, tensor in state.items()}

    def run(self) -> Iterator[Progress]:
        """Train, and say about once a second, and at the end of each epoch, how it goes.

        Whoever stops iterating stops the training; `weights` then holds what was reached.

        Raises:
            FloatingPointError: the loss is no longer a finite number.
        """
        steps = self.config.epochs * self.steps_per_epoch
        step = 0
        for epoch in range(1, self.config.epochs + 1):
            began = reported = time.perf_counter()
            order = torch.randperm(len(self.samples), generator=self.generator)
            parts = order.split(self.config.train_batch)[: self.steps_per_epoch]
            loss_sum, seen = torch.zeros(()), 0
            self.model.train()
            for which in parts:
                lr = learning_rate(self.config, step, steps)
                loss_sum += self._step(which, lr) * len(which)
                step, seen = step + 1, seen + len(which)
                now = time.perf_counter()
                if now - reported >= REPORT_EVERY_S:
                    reported = now
                    loss = self._checked(loss_sum / seen, step)
                    speed = seen / (now - began)
                    yield Progress(epoch, self.config.epochs, step, steps, loss, lr, speed)
            speed = seen / (time.perf_counter() - began)
            loss = self._checked(loss_sum / seen, step)
            error = self._tested(last=epoch == self.config.epochs)
            yield Progress(
                epoch, self.config.epochs, step, steps, loss, lr, speed, error, epoch_done=True
            )

    def _tested(self, *, last: bool) -> float | None:
        """Test with all samples, or with as many as the recipe allows before the last epoch."""
        if self.test is None:
            return None
        most = self.config.test_at_most
        stride = 1 if last or most is None else max(1, -(-len(self.test) // most))
        return self.error_mm(Pairs(self.test.inputs[::stride], self.test.outputs[::stride]))

    def error_mm(self, samples: Pairs) -> float:
        """Measure the result's MPJPE over frames, 17 joints with the root at zero error, mm."""
        model = Lifter(self.model.config)
        model.load_state_dict(self.weights)
        scales = self.scales
        inputs = normalize(samples.inputs, scales.input_mean, scales.input_std)
        predicted = lift(model.eval(), inputs)
        predicted = unnormalize(predicted, scales.output_mean, scales.output_std)
        distances = (predicted - samples.outputs).unflatten(1, (-1, 3)).norm(dim=-1)
        joints = distances.shape[1]
        return float(distances.mean()) * joints / (joints + 1)

    def _step(self, which: Tensor, lr: float) -> Tensor:
        """Learn from one batch; returns its loss, detached."""
        framed, relative = self.samples.batch(which, self.generator)
        scales = self.scales
        inputs = normalize(framed, scales.input_mean, scales.input_std)
        outputs = normalize(relative, scales.output_mean, scales.output_std)
        reduced = self.config.precision == "bfloat16"
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=reduced):
            predicted = self.model(inputs)
        loss = self._loss(predicted.float(), outputs)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.config.max_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_norm)
        self._optimizer.step()
        self._follow()
        return loss.detach()

    def _loss(self, predicted: Tensor, outputs: Tensor) -> Tensor:
        if self.config.loss == "mse":
            return nn.functional.mse_loss(predicted, outputs)
        spread = self.scales.output_std / self.scales.output_std.square().mean().sqrt()
        off = ((predicted - outputs) * spread).unflatten(1, (-1, 3))
        # The small constant keeps the root's slope finite where a joint is exactly right.
        return (off.square().sum(-1) + 1e-8).sqrt().mean()

    def _follow(self) -> None:
        """Let the running average take a step towards the weights."""
        if self.config.average == 0:
            return
        state = self.model.state_dict()
        if self._average is None:
            self._average = {name: tensor.detach().clone() for name, tensor in state.items()}
            return
        self._followed += 1
        decay = min(self.config.average, self._followed / (self._followed + 9))
        for name, kept in self._average.items():
            if kept.is_floating_point():
                kept.lerp_(state[name].detach(), 1 - decay)
            else:
                kept.copy_(state[name])

    @staticmethod
    def _checked(loss: Tensor, step: int) -> float:
        value = float(loss)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} after step {step}: training has diverged; "
                "a lower lr or float32 may help"
            )
        return value


def new_model(network: LifterConfig, seed: int) -> Lifter:
    """Make a network with fresh weights; seeds PyTorch's global state, which dropout draws from."""
    torch.manual_seed(seed)
    return Lifter(network)
