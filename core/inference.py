"""The trained network as it predicts: batch norm folded into the layers before it.

Pure numbers in and out, like `model`; it knows neither pixels nor files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

# What PyTorch's batch norm adds to a variance before its root is taken.
BATCH_NORM_EPS = 1e-5


class Layer(NamedTuple):
    """y = weight x + bias, with weight (outputs, inputs) and bias (outputs,), float32."""

    weight: Float32Array
    bias: Float32Array


@dataclass(frozen=True, eq=False)
class Folded:
    """A network without its batch norms, which only scale and shift once it is trained.

    Attributes:
        first: from the inputs to the hidden width; ReLU follows.
        blocks: two layers each, both followed by ReLU.
        last: from the hidden width to the outputs.
        residual: each block's input is added to its output.
    """

    first: Layer
    blocks: tuple[tuple[Layer, Layer], ...]
    last: Layer
    residual: bool


def folded(state: Mapping[str, Any], *, stages: int, batch_norm: bool, residual: bool) -> Folded:
    """Fold a network's weights, by the names of `model.Lifter`; sums in float64.

    Args:
        state: name -> tensor or array.
        stages: number of residual blocks.
        batch_norm: whether there are norms to fold.
        residual: whether blocks have their skip.
    """

    def layer(place: str, number: int, *, norm: bool = batch_norm) -> Layer:
        weight = np.asarray(state[f"{place}w{number}.weight"], dtype=np.float64)
        bias = np.asarray(state[f"{place}w{number}.bias"], dtype=np.float64)
        if norm:
            gamma, beta, mean, variance = (
                np.asarray(state[f"{place}batch_norm{number}.{name}"], dtype=np.float64)
                for name in ("weight", "bias", "running_mean", "running_var")
            )
            scale = gamma / np.sqrt(variance + BATCH_NORM_EPS)
            weight, bias = weight * scale[:, None], (bias - mean) * scale + beta
        return Layer(weight.astype(np.float32), bias.astype(np.float32))

    places = [f"linear_stages.{stage}." for stage in range(stages)]
    return Folded(
        first=layer("", 1),
        blocks=tuple((layer(place, 1), layer(place, 2)) for place in places),
        last=layer("", 2, norm=False),
        residual=residual,
    )
