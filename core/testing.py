"""How good a network is between epochs: both protocols over samples, on the device they lie on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.alignment import align_procrustes
from core.metrics import joint_errors
from core.model import Lifter, LifterConfig, lift
from core.normalization import normalize, unnormalize
from core.samples import Pairs, Scales

# A test never holds the results of more samples than this at once.
PART = 65_536


@dataclass(frozen=True)
class Tested:
    """Errors over frames, 17 joints with the root at zero error, mm.

    Attributes:
        mpjpe_mm: Protocol #1.
        by_action: the same by action.
        p_mpjpe_mm: Protocol #2; None where it was not asked for.
    """

    mpjpe_mm: float
    by_action: Mapping[str, float]
    p_mpjpe_mm: float | None = None


def tested(
    config: LifterConfig,
    state: Mapping[str, Tensor],
    scales: Scales,
    samples: Pairs,
    *,
    batch: int,
    align_at_most: int | None = 0,
) -> Tested:
    """Measure a network's errors, the whole and by action.

    Args:
        config: the network's options.
        state: its weights; they are neither copied nor changed.
        scales: the normalisation of inputs and outputs.
        samples: with which to test.
        batch: samples that go through the network at once; no matter for the result.
        align_at_most: measure Protocol #2 on so many samples, evenly spaced; None takes all.
    """
    with torch.device("meta"):
        model = Lifter(config)
    model.load_state_dict(dict(state), assign=True)
    model.eval()
    errors, aligned = [], []
    stride = max(1, -(-len(samples) // (align_at_most or len(samples))))
    for first in range(0, len(samples), PART):
        part = slice(first, first + PART)
        inputs = normalize(samples.inputs[part], scales.input_mean, scales.input_std)
        lifted = lift(model, inputs, batch)
        predicted = unnormalize(lifted, scales.output_mean, scales.output_std).unflatten(1, (-1, 3))
        truth = samples.outputs[part].unflatten(1, (-1, 3))
        distances = (predicted - truth).norm(dim=-1)
        joints = distances.shape[1]
        errors.append(distances.double().mean(dim=1) * joints / (joints + 1))
        if align_at_most != 0:
            chosen = slice(-first % stride, None, stride)
            aligned.append(aligned_errors(with_root(predicted[chosen]), with_root(truth[chosen])))
    each = torch.cat(errors)
    p_mpjpe = float(np.concatenate(aligned).mean()) if aligned else None
    return Tested(float(each.mean()), _by_action(each, samples), p_mpjpe)


def _by_action(each: Tensor, samples: Pairs) -> dict[str, float]:
    """Take the mean of the samples' errors (N,) by action; actions without samples are left."""
    if samples.action is None:
        return {}
    count = len(samples.actions)
    sums = torch.zeros(count, dtype=each.dtype, device=each.device)
    sums.index_add_(0, samples.action, each)
    frames = torch.bincount(samples.action, minlength=count)
    return {
        name: total / number
        for name, total, number in zip(samples.actions, sums.tolist(), frames.tolist(), strict=True)
        if number
    }


def with_root(relative: Tensor) -> Tensor:
    """Put the root back in front of the other joints: (N, 16, 3) to (N, 17, 3)."""
    return nn.functional.pad(relative, (0, 0, 1, 0))


def aligned_errors(predicted: Tensor, truth: Tensor) -> NDArray[np.float64]:
    """Measure each pose's mean error (N,) after the best rotation, shift and scale."""
    pose, true = predicted.double().cpu().numpy(), truth.double().cpu().numpy()
    return joint_errors(align_procrustes(pose, true).aligned, true).mean(axis=-1)
