"""The re-implementation's checkpoints: `ckpt_best.pth.tar`, `ckpt_last.pth.tar`.

A dict of epoch, lr, step, err, state_dict and optimizer, written by torch.save; also a bare
state_dict. Nothing in such a file is run. Which network the weights fit is the caller's matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

import numpy as np

from core.errors import PoseFormatError
from core.formats import restricted_pickle

if TYPE_CHECKING:
    from torch import Tensor

# The names of the baseline's weights, whatever its width and its number of stages.
FIRST, LAST = "w1.weight", "w2.weight"
STAGE = r"linear_stages\.\d+\."
LINEAR, BATCH_NORM = r"w[12]\.(weight|bias)", r"batch_norm[12]\."
NORM_VALUES = "(weight|bias|running_mean|running_var|num_batches_tracked)"
NOT_TRAINED = ("running_mean", "running_var", "num_batches_tracked")
KNOWN_NAME = re.compile(rf"^({STAGE})?({LINEAR}|{BATCH_NORM}{NORM_VALUES})$")


class SavedTraining(TypedDict):
    """What a checkpoint says; None where it does not say it.

    Attributes:
        state_dict: weights by the re-implementation's names, without "module.".
        epoch, step: how far it was trained.
        lr: learning rate at that point.
        err: test error in mm that its writer measured.
        optimizer: state of Adam, as its `load_state_dict` takes it.
    """

    state_dict: dict[str, Tensor]
    epoch: int | None
    step: int | None
    lr: float | None
    err: float | None
    optimizer: dict[str, Any] | None


def read(
    source: str | Path | BinaryIO, name: str | None = None, *, with_optimizer: bool = True
) -> SavedTraining:
    """Read a checkpoint of the baseline, or its bare state_dict.

    Args:
        source: a path, or a seekable binary file (an upload).
        name: how errors call it; the path where not given.
        with_optimizer: read Adam's state, which is twice as large as the weights.

    Raises:
        PoseFormatError: not a checkpoint of this network, damaged, not finite, or it names a
            global that is not allowed.
    """
    import torch

    label = name or str(source if isinstance(source, (str, Path)) else "upload")
    found = restricted_pickle.read_torch_file(
        source, label, leave_out=() if with_optimizer else ("optimizer",)
    )
    weights = _weights(found, label)
    state: dict[str, Tensor] = {}
    for weight, values in weights.items():
        if not np.isfinite(values).all():
            raise PoseFormatError("a weight is NaN or infinite", file=label, place=weight)
        state[weight] = torch.from_numpy(np.array(values))
    said = found if "state_dict" in found else {}
    optimizer = said.get("optimizer")
    return SavedTraining(
        state_dict=state,
        epoch=_number(said, "epoch", int, label),
        step=_number(said, "step", int, label),
        lr=_number(said, "lr", float, label),
        err=_number(said, "err", float, label),
        optimizer=_tensors(optimizer) if isinstance(optimizer, dict) else None,
    )


def write(
    target: str | Path | BinaryIO,
    state_dict: Mapping[str, Tensor],
    *,
    epoch: int = 0,
    step: int = 0,
    lr: float = 0.0,
    err: float = 0.0,
    optimizer: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint that the re-implementation reads.

    In torch's older format, the only one that the torch versions of its time know.

    Args:
        target: a path, or a writable binary file.
        state_dict: weights by the re-implementation's names.
        epoch: epochs trained so far.
        step: optimizer steps so far.
        lr: learning rate at that point.
        err: test error, mm.
        optimizer: state of Adam; a fresh one where not given, since its loader asks for one.
    """
    import torch

    if optimizer is None:
        trained = [v for k, v in state_dict.items() if not k.endswith(NOT_TRAINED)]
        optimizer = torch.optim.Adam(trained, lr=lr or 1e-3).state_dict()
    content = {
        "epoch": epoch,
        "lr": lr,
        "step": step,
        "err": err,
        "state_dict": {name: values.detach().cpu() for name, values in state_dict.items()},
        "optimizer": dict(optimizer),
    }
    torch.save(content, target, _use_new_zipfile_serialization=False)


def _weights(found: object, name: str) -> dict[str, np.ndarray[Any, Any]]:
    if not isinstance(found, dict):
        problem = f"a checkpoint (a dict with state_dict) was expected, not {_a(found)}"
        raise PoseFormatError(problem, file=name)
    if any(isinstance(key, tuple) for key in found) or {"mean", "std"} <= found.keys():
        problem = "this is a data file (poses or statistics); a checkpoint was expected"
        raise PoseFormatError(problem, file=name)
    state = found.get("state_dict", found)
    if not isinstance(state, dict) or not state:
        problem = f"weights by name were expected, not {_a(state)}"
        raise PoseFormatError(problem, file=name, place="state_dict")
    weights = {str(key).removeprefix("module."): values for key, values in state.items()}
    strange = [key for key in weights if not KNOWN_NAME.match(key)]
    if strange or FIRST not in weights or LAST not in weights:
        listed = ", ".join(repr(key) for key in (strange or list(weights))[:3])
        problem = (
            "not a checkpoint of the 3D pose baseline, whose weights are called "
            f"w1, batch_norm1, linear_stages.N..., w2: it holds {listed}"
        )
        raise PoseFormatError(problem, file=name)
    for key, values in weights.items():
        is_number = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
        if not is_number or (key in (FIRST, LAST) and values.ndim != 2):
            problem = f"a tensor of weights was expected, not {_a(values)}"
            raise PoseFormatError(problem, file=name, place=key)
    return weights


def _tensors(tree: Any) -> Any:
    import torch

    if isinstance(tree, dict):
        return {key: _tensors(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_tensors(value) for value in tree)
    return torch.from_numpy(np.array(tree)) if isinstance(tree, np.ndarray) else tree


def _number(said: Mapping[str, Any], key: str, kind: type, name: str) -> Any:
    value = said.get(key)
    if value is None:
        return None
    try:
        return kind(np.asarray(value).item())
    except (TypeError, ValueError):
        raise PoseFormatError(
            f"a number was expected, not {_a(value)}", file=name, place=key
        ) from None


def _a(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return f"a {type(value).__name__}"
