"""The training loop: batches in, progress out. It prints nothing and knows no files.

A run's whole state can be taken between any two steps and put back: what follows is the same to
the last bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, distributed, nn

from core.adam import Adam
from core.averaging import RunningAverage
from core.backprop import Backprop, square_of
from core.layers import Chance, draw_from, spread_batches, suits_onednn
from core.loss import loss_and_slope
from core.model import Lifter, LifterConfig, without_effect
from core.normalization import normalize
from core.samples import Pairs, Samples, Scales
from core.testing import Tested, tested
from core.training_config import DIVERGED, TrainingConfig, learning_rate

# How often a consumer hears of an epoch that is under way.
REPORT_EVERY_S = 1.0

# Processes that share the work agree on whether to stop once in so many steps.
STOP_STEPS = 16

# After an epoch the network is also tested on so many of the samples that it learns from.
TRAIN_AT_MOST = 4096

# Between epochs Protocol #2, which is the dearer one, is measured on so many test samples.
ALIGN_AT_MOST = 20_000


@dataclass(frozen=True)
class Progress:
    """What is known at one moment of a run.

    Attributes:
        epoch: 1-based; `epochs` of them in all.
        step: optimiser steps so far; `steps` of them in all.
        loss: mean over the epoch so far.
        lr: learning rate of the last step.
        samples_per_s: over the epoch so far, since the run was started or resumed.
        test_mpjpe_mm: Protocol #1 over 17 joints; None until the epoch is over, or without test.
        epoch_done: this is the end of the epoch.
        train_mpjpe_mm: the same on some of the training samples, at the end of the epoch.
        by_action: `test_mpjpe_mm` by action.
        test_p_mpjpe_mm: Protocol #2; before the last epoch on some of the test samples.
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
    train_mpjpe_mm: float | None = None
    by_action: Mapping[str, float] = field(default_factory=dict)
    test_p_mpjpe_mm: float | None = None


@dataclass(frozen=True)
class Share:
    """Which of several processes this one is; by default the only one."""

    rank: int = 0
    processes: int = 1

    def rows(self, count: int) -> tuple[int, int]:
        """Say which rows of a batch of `count` are this process's: first, and behind the last."""
        return count * self.rank // self.processes, count * (self.rank + 1) // self.processes


@dataclass(eq=False)
class Training:
    """One run: a network that learns from samples and is tested after each epoch.

    Attributes:
        config: the recipe.
        model: the network; its weights change in place.
        samples: what it learns from.
        scales: the normalisation of inputs and outputs.
        test: samples with which it is tested, or None.
        share: which of several processes this is; each has the same samples.
        generator: source of order and augmentation.
        chance: source of dropout.
        epoch: epochs that are over.
        step: optimiser steps so far.
    """

    config: TrainingConfig
    model: Lifter
    samples: Samples
    scales: Scales
    test: Pairs | None = None
    share: Share = field(default_factory=Share)
    generator: torch.Generator = field(init=False)
    chance: Chance = field(init=False)
    epoch: int = field(init=False, default=0)
    step: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if len(self.samples) < 2:
            raise ValueError(f"there are {len(self.samples)} training samples; 2 are the least")
        self.device = next(self.model.parameters()).device
        self.generator = torch.Generator(self.device).manual_seed(self.config.seed)
        self.chance = Chance(torch.Generator(self.device).manual_seed(self.config.seed + 1))
        draw_from(self.model, self.chance)
        for bias in without_effect(self.model):
            bias.requires_grad_(False)
        self._network: nn.Module = self.model
        if self.share.processes > 1:
            spread_batches(self.model)
            self._network = nn.parallel.DistributedDataParallel(
                self.model, forward_sync_buffers=False, gradient_as_bucket_view=True
            )
        self._passes = None
        if self.share.processes == 1 and suits_onednn(self.device):
            reduced = self.config.precision == "bfloat16"
            self._passes = Backprop(self.model, self.chance, coarse=reduced)
        self._learnt = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self._matrices = [p for p in self._learnt.values() if p.dim() == 2]
        self._optimizer = Adam(self._learnt)
        # The weights as they are, by name, and their average where the recipe has one.
        self._live = dict(self.model.state_dict())
        self._average = RunningAverage(self.config.average)
        # Where the epoch under way began, as the generator's state, and how far it is.
        self._began: Tensor | None = None
        self._seen = 0
        self._asked = False
        self._loss = torch.zeros((), device=self.device)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; a last batch of one sample is left out: batch norm can't use it."""
        count, size = len(self.samples), self.config.train_batch
        return count // size + (count % size > 1)

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.config.epochs * self.steps_per_epoch

    @property
    def weights(self) -> dict[str, Tensor]:
        """The result so far: the averaged weights if the recipe averages, else the model's."""
        return {name: t.detach().cpu().clone() for name, t in self._result.items()}

    @property
    def _result(self) -> Mapping[str, Tensor]:
        return self._live if self._average.values is None else self._average.values

    def run(self, report_steps: int | None = None) -> Iterator[Progress]:
        """Train, and say about once a second, and at the end of each epoch, how it goes.

        Whoever stops iterating stops the training; `weights` and `state` then hold what was
        reached.

        Args:
            report_steps: report after each so many steps as well.

        Raises:
            FloatingPointError: the loss is no longer a finite number.
        """
        while self.epoch < self.config.epochs:
            began = reported = time.perf_counter()
            order, before = self._order(), self._seen
            parts = order.split(self.config.train_batch)[: self.steps_per_epoch]
            lr = learning_rate(self.config, max(0, self.step - 1), self.steps)
            for which in parts[self.step - self.epoch * self.steps_per_epoch :]:
                lr = learning_rate(self.config, self.step, self.steps)
                self._loss += self._step(which, lr) * len(which)
                self.step, self._seen = self.step + 1, self._seen + len(which)
                if self._is_asked_to_stop():
                    yield self._progress(lr, (self._seen - before) / (time.perf_counter() - began))
                    return
                now = time.perf_counter()
                counted = report_steps is not None and self.step % report_steps == 0
                if now - reported >= REPORT_EVERY_S or counted:
                    reported = now
                    yield self._progress(lr, (self._seen - before) / (now - began))
            self._checked()
            speed = (self._seen - before) / (time.perf_counter() - began)
            done = self._finished(self._progress(lr, speed))
            self.epoch, self._began, self._seen = self.epoch + 1, None, 0
            self._loss.zero_()
            yield done

    def stop(self) -> None:
        """Let `run` report once more and end, after the step under way; from a signal's handler."""
        self._asked = True

    def _is_asked_to_stop(self) -> bool:
        """Tell whether any process was asked; now and then, all at the same step."""
        if self.share.processes == 1:
            return self._asked
        if self.step % STOP_STEPS:
            return False
        asked = torch.tensor(float(self._asked), device=self.device)
        distributed.all_reduce(asked)
        return bool(asked > 0)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Take everything that decides how the run goes on: tensors, and numbers as JSON has them.

        Call it between two reports of `run`.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self._live.items()}
        if self.step:
            tensors |= {f"adam.{name}": value for name, value in self._optimizer.state().items()}
        for name, value in (self._average.values or {}).items():
            tensors[f"average.{name}"] = value
        tensors["loss"] = self._loss
        tensors["chance.order"] = self.generator.get_state()
        tensors["chance.dropout"] = self.chance.generator.get_state()
        if self._began is not None:
            tensors["chance.epoch"] = self._began
        numbers = {
            "epoch": self.epoch,
            "step": self.step,
            "seen": self._seen,
            "followed": self._average.followed,
            "samples": len(self.samples),
        }
        return {name: t.detach().cpu().clone() for name, t in tensors.items()}, numbers

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Put back what `state` took.

        Raises:
            KeyError, RuntimeError: the state is not one of this network and recipe.
            ValueError: the training samples are others than they were.
        """
        if numbers["samples"] != len(self.samples):
            raise ValueError(
                f"the run had {numbers['samples']:,} training samples, now there are "
                f"{len(self.samples):,}"
            )
        with torch.no_grad():
            for name, tensor in self._live.items():
                tensor.copy_(tensors[f"model.{name}"])
        if numbers["step"]:
            self._optimizer.restore(
                {n.removeprefix("adam."): t for n, t in tensors.items() if n.startswith("adam.")}
            )
        averaged = {n: tensors.get(f"average.{n}") for n in self._live}
        if all(value is not None for value in averaged.values()):
            self._average.values = {
                n: v.to(self.device, copy=True) for n, v in averaged.items() if v is not None
            }
        self._loss = tensors["loss"].to(self.device, copy=True)
        self.generator.set_state(tensors["chance.order"])
        self.chance.generator.set_state(tensors["chance.dropout"])
        self._began = tensors.get("chance.epoch")
        self.epoch, self.step = int(numbers["epoch"]), int(numbers["step"])
        self._seen, self._average.followed = int(numbers["seen"]), int(numbers["followed"])

    def _order(self) -> Tensor:
        """Draw the epoch's order, or the one of the epoch that was left, once more."""
        now = self.generator.get_state()
        if self._began is not None:
            self.generator.set_state(self._began)
        begun = self._began
        self._began = self.generator.get_state() if begun is None else begun
        order = torch.randperm(len(self.samples), generator=self.generator, device=self.device)
        if begun is not None:
            self.generator.set_state(now)
        return order

    def _progress(self, lr: float, speed: float) -> Progress:
        loss = self._checked()
        return Progress(self.epoch + 1, self.config.epochs, self.step, self.steps, loss, lr, speed)

    def _finished(self, progress: Progress) -> Progress:
        """Test at the end of an epoch; before the last one with as many as the recipe allows."""
        progress = replace(progress, epoch_done=True)
        if self.test is None or self.share.rank > 0:
            return progress
        last = progress.epoch == self.config.epochs
        tested = self.tested(
            self.test.thinned(None if last else self.config.test_at_most),
            align_at_most=None if last else ALIGN_AT_MOST,
        )
        return replace(
            progress,
            test_mpjpe_mm=tested.mpjpe_mm,
            test_p_mpjpe_mm=tested.p_mpjpe_mm,
            by_action=tested.by_action,
            train_mpjpe_mm=self.tested(self._some()).mpjpe_mm,
        )

    def _some(self) -> Pairs:
        """Take the same few training samples at the end of every epoch."""
        generator = torch.Generator(self.device).manual_seed(self.config.seed)
        stride = max(1, -(-len(self.samples) // TRAIN_AT_MOST))
        which = torch.arange(0, len(self.samples), stride, device=self.device)
        return Pairs(*self.samples.batch(which, generator))

    def error_mm(self, samples: Pairs) -> float:
        """Measure the result's MPJPE over frames, 17 joints with the root at zero error, mm."""
        return self.tested(samples).mpjpe_mm

    def tested(self, samples: Pairs, *, align_at_most: int | None = 0) -> Tested:
        """Measure the result's errors, see `testing.tested`."""
        return tested(
            self.model.config,
            self._result,
            self.scales,
            samples,
            batch=self.config.test_batch,
            align_at_most=align_at_most,
        )

    def _step(self, which: Tensor, lr: float) -> Tensor:
        """Learn from one batch; returns its loss, detached."""
        framed, relative = self.samples.batch(which, self.generator)
        whole = len(framed)
        if self.share.processes > 1:
            first, last = self.share.rows(whole)
            framed, relative = framed[first:last], relative[first:last]
            self.chance.rows = (first, last, whole)
        scales = self.scales
        inputs = normalize(framed, scales.input_mean, scales.input_std)
        outputs = normalize(relative, scales.output_mean, scales.output_std)
        loss, square = self._gradients(inputs, outputs, whole)
        parts = None if self._passes is None else self._passes.parts()
        self._optimizer.step(lr, self._divisor(square), parts)
        if self.config.clip_weights:
            with torch.no_grad():
                for matrix in self._matrices:
                    matrix.mul_(1 / matrix.norm().clamp(min=1.0))
        if self.config.average:
            self._average.follow(self._live)
        if self.share.processes > 1:
            distributed.all_reduce(loss)
            loss = loss / self.share.processes
        return loss

    def _gradients(self, inputs: Tensor, outputs: Tensor, whole: int) -> tuple[Tensor, Tensor]:
        """Find every parameter's gradient; returns the loss and the gradient's squared norm."""
        std = self.scales.output_std
        if self._passes is not None:
            predicted = self._passes.forward(inputs)
            loss, slope = loss_and_slope(self.config.loss, predicted, outputs, std)
            return loss, self._passes.backward(slope)
        reduced = self.config.precision == "bfloat16"
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=reduced):
            predicted = self._network(inputs).float()
        loss, slope = loss_and_slope(self.config.loss, predicted, outputs, std)
        # DDP takes the mean of the processes' gradients; their parts may differ in size.
        part = len(inputs) * self.share.processes / whole
        self._optimizer.forget_gradients()
        predicted.backward(slope * part)
        return loss * part, square_of(self._learnt.values())

    def _divisor(self, square: Tensor) -> Tensor | None:
        """Say what brings a gradient of this squared norm down to the recipe's norm."""
        if self.config.max_norm is None:
            return None
        divisor = ((square.sqrt() + 1e-6) / self.config.max_norm).clamp(min=1.0)
        # On a CPU it costs nothing to look whether there is anything to divide.
        return divisor if self.device.type != "cpu" or float(divisor) != 1 else None

    def _checked(self) -> float:
        value = float(self._loss) / max(1, self._seen)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} after step {self.step}: {DIVERGED}; "
                "a lower lr or float32 may help"
            )
        return value


def new_model(network: LifterConfig, seed: int) -> Lifter:
    """Make a network with fresh weights; seeds PyTorch's global state."""
    torch.manual_seed(seed)
    return Lifter(network)
