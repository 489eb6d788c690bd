"""Weights by the names of `model.Lifter`: do they make a network, and which one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import PoseFormatError
from core.model import Lifter, LifterConfig
from core.skeleton import INPUT_16, OUTPUT_16_JOINTS

INPUTS = 2 * len(INPUT_16)
OUTPUTS = 3 * len(OUTPUT_16_JOINTS)

# Batch norm's step counter: no part of the function, and absent from files of old PyTorch.
COUNTER = "num_batches_tracked"


def check_state(
    state: Mapping[str, Tensor], config: LifterConfig, *, file: str | Path
) -> dict[str, Tensor]:
    """Return the weights in float32 if they are complete and finite for `config`.

    Raises:
        PoseFormatError: a tensor is missing, unknown, of another shape, or not finite.
    """
    expected = expected_shapes(config, at_most=len(state), file=file)
    for name in state:
        if name not in expected:
            raise PoseFormatError(
                f"is no tensor of a network with {_described(config)}", file=file, place=name
            )
    checked = {}
    for name, shape in expected.items():
        tensor = state.get(name)
        if tensor is None:
            if not name.endswith(COUNTER):
                raise PoseFormatError(
                    f"is missing; a network with {_described(config)} has it with shape {shape}",
                    file=file,
                    place=name,
                )
            tensor = torch.zeros(shape, dtype=torch.int64)
        if tuple(tensor.shape) != shape:
            raise PoseFormatError(
                f"has shape {tuple(tensor.shape)}; a network with {_described(config)} "
                f"needs {shape}",
                file=file,
                place=name,
            )
        tensor = tensor.detach().cpu()
        if not name.endswith(COUNTER):
            tensor = tensor.float()
            if not np.isfinite(tensor.numpy()).all():
                raise PoseFormatError("holds NaN or infinite weights", file=file, place=name)
        checked[name] = tensor
    return checked


def expected_shapes(
    config: LifterConfig, *, at_most: int, file: str | Path
) -> dict[str, tuple[int, ...]]:
    """List the shapes of the network's tensors, without memory for them."""
    # A forged stage count must not keep us building blocks for ever.
    if config.num_stage > at_most:
        raise PoseFormatError(
            f"num_stage is {config.num_stage}, but the file has {at_most} tensors in all",
            file=file,
            place="config",
        )
    with torch.device("meta"):
        return {name: tuple(t.shape) for name, t in Lifter(config).state_dict().items()}


def config_of(state: Mapping[str, Tensor], *, file: str | Path) -> LifterConfig:
    """Derive the options from the shapes of the weights, where a file doesn't state them.

    Dropout does not matter for prediction, and the skip leaves no trace in the weights: both are
    taken as published.

    Raises:
        PoseFormatError: these are not the weights of this network.
    """
    for name in ("w1.weight", "w2.weight"):
        if name not in state or state[name].dim() != 2:
            raise PoseFormatError(
                "the matrix is missing; the weights are not those of the 3D pose baseline",
                file=file,
                place=name,
            )
    stages = {name.split(".")[1] for name in state if name.startswith("linear_stages.")}
    return LifterConfig(
        linear_size=state["w1.weight"].shape[0],
        num_stage=len(stages),
        batch_norm="batch_norm1.weight" in state,
        inputs=state["w1.weight"].shape[1],
        outputs=state["w2.weight"].shape[0],
    )


def _described(config: LifterConfig) -> str:
    norm = "batch norm" if config.batch_norm else "no batch norm"
    return f"width {config.linear_size}, {config.num_stage} stages and {norm}"


def check_sizes(config: LifterConfig, name: str) -> None:
    """Refuse a network that is not for 16 joints in and out."""
    if (config.inputs, config.outputs) != (INPUTS, OUTPUTS):
        raise PoseFormatError(
            f"the network takes {config.inputs} numbers and gives {config.outputs}; expected "
            f"{INPUTS} (16 joints in 2D) and {OUTPUTS} (16 joints in 3D)",
            file=name,
        )
