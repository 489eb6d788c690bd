"""Checkpoints: weights with everything that is needed to use them, in one file that runs no code.

Ours are safetensors files whose metadata holds, as JSON, the network's options, the joints in and
out, the statistics, the framing of the 2D and the provenance. Files of the paper's PyTorch
re-implementation are read too; they hold weights only.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core.errors import PoseFormatError
from core.formats.predictions import SavedPoses
from core.framing import FRAMINGS, Framing
from core.model import Lifter, LifterConfig
from core.normalization import Statistics
from core.skeleton import INPUT_16, OUTPUT_16_JOINTS
from core.whole_file import write_whole

FORMAT = "pose-baseline-lifter"
VERSION = 1
SUFFIX = ".safetensors"
WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "weights"

INPUTS = 2 * len(INPUT_16)
OUTPUTS = 3 * len(OUTPUT_16_JOINTS)

# What torch.save writes is a zip, or was a pickle.
TORCH_STARTS = (b"PK", b"\x80")

# Batch norm's step counter: no part of the function, and absent from files of old PyTorch.
COUNTER = "num_batches_tracked"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and what is known about it.

    Attributes:
        name: for people, usually the file's name without its ending.
        config: the network's options.
        state: the network's `state_dict`, float32, complete for `config`.
        input_statistics: of the framed 2D (32); None where the file has none.
        output_statistics: of the root-relative 3D in the camera frame, mm (48); None likewise.
        framing: how 2D px are prepared before they are normalised, see `framing.frame`.
        provenance: training data, recipe, command, seed, results; whatever JSON can hold.
        saved: predictions of somebody else's method, which stand here in a network's place.
    """

    name: str
    config: LifterConfig
    state: Mapping[str, Tensor]
    input_statistics: Statistics | None = None
    output_statistics: Statistics | None = None
    framing: Framing = "image"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    saved: SavedPoses | None = None

    @property
    def axes(self) -> Literal["camera", "world"]:
        """Axes of the 3D that comes out: the camera's, unless its training recipe says the world's.

        The world's are an ablation of the paper's; who judges turns them, see `lift`.
        """
        recipe = self.provenance.get("recipe")
        exposure = recipe.get("exposure") if isinstance(recipe, dict) else None
        said = exposure.get("frame") if isinstance(exposure, dict) else None
        return "world" if said == "world" else "camera"

    @cached_property
    def digest(self) -> str:
        """Hash of all that decides a prediction; name and provenance don't."""
        if self.saved is not None:
            return self.saved.digest
        h = hashlib.blake2b(digest_size=16)
        statistics = (self.input_statistics, self.output_statistics)
        h.update(json.dumps([asdict(self.config), self.framing]).encode())
        for known in statistics:
            h.update(b"none" if known is None else known.mean.tobytes() + known.std.tobytes())
        for name in sorted(self.state):
            if not name.endswith(COUNTER):
                h.update(name.encode())
                h.update(self.state[name].detach().cpu().float().contiguous().numpy().data)
        return h.hexdigest()


def load(path: str | Path) -> Checkpoint:
    """Load a checkpoint of ours, or of the re-implementation (`ckpt_best.pth.tar`).

    Raises:
        PoseFormatError: the file can't be read or is no checkpoint for 16 joints in and out.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or "it can't be read"
        raise PoseFormatError(f"can't open the checkpoint: {reason}", file=path) from None
    return load_bytes(data, str(path))


def load_bytes(data: bytes, name: str) -> Checkpoint:
    """Load a checkpoint from its bytes; `name` is the file's, for messages and for people.

    Raises:
        PoseFormatError: as `load` does.
    """
    if data[8:9] == b"{" or name.lower().endswith(SUFFIX):
        return _read_own(data, name)
    if data and not data.startswith(TORCH_STARTS):
        raise PoseFormatError(
            "is no checkpoint; a .safetensors file of this project, what torch.save wrote "
            "(.pth.tar), or predictions as .npy or .npz were expected",
            file=name,
        )
    return _read_reimplementation(data, name)


def save(path: str | Path, checkpoint: Checkpoint, *, half: bool = False) -> None:
    """Write a checkpoint atomically: whoever reads `path` sees the old file or the whole new one.

    Args:
        path: the file to write; its folder must exist.
        checkpoint: what to write.
        half: store the weight matrices as float16, half the size. Biases and batch norm stay
            float32: they are few, and a variance may exceed float16's range.

    Raises:
        PoseFormatError: the weights don't fit the config or aren't finite, or the file can't be
            written; a file that was there is kept.
    """
    check_state(checkpoint.state, checkpoint.config, file=path)
    stored = {
        name: (tensor.half() if half and tensor.dim() == 2 else tensor).contiguous()
        for name, tensor in checkpoint.state.items()
    }
    data = safetensors.torch.save(stored, metadata=_metadata(checkpoint))
    try:
        write_whole(Path(path), data)
    except OSError as error:
        raise PoseFormatError(
            f"the checkpoint can't be written: {error.strerror}", file=path
        ) from error


def model_from(checkpoint: Checkpoint) -> Lifter:
    """Build the checkpoint's network in float32, ready to predict (eval mode, no gradients)."""
    # Weights that are about to be replaced need not be drawn first.
    with torch.device("meta"):
        model = Lifter(checkpoint.config)
    own = {name: tensor.clone() for name, tensor in checkpoint.state.items()}
    model.load_state_dict(own, assign=True)
    return model.float().eval().requires_grad_(False)


def shipped() -> dict[str, Path]:
    """Find the checkpoints that come with the project: name -> path."""
    return {path.stem: path for path in sorted(WEIGHTS.glob(f"*{SUFFIX}"), reverse=True)}


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


def _metadata(checkpoint: Checkpoint) -> dict[str, str]:
    known = {"input": checkpoint.input_statistics, "output": checkpoint.output_statistics}
    statistics = {
        name: {
            "mean": values.mean.tolist(),
            "std": values.std.tolist(),
            "origin": values.origin,
            "estimated": values.estimated,
        }
        for name, values in known.items()
        if values is not None
    }
    return {
        "format": FORMAT,
        "version": str(VERSION),
        "config": json.dumps(asdict(checkpoint.config)),
        "joints": json.dumps({"input": INPUT_16.joints, "output": OUTPUT_16_JOINTS}),
        "statistics": json.dumps(statistics),
        "framing": checkpoint.framing,
        "provenance": json.dumps(dict(checkpoint.provenance)),
    }


def _read_own(data: bytes, name: str) -> Checkpoint:
    metadata = _header(data, name).get("__metadata__") or {}
    if metadata.get("format") != FORMAT:
        raise PoseFormatError(
            f'is a safetensors file, but its metadata does not say "format": "{FORMAT}"; '
            "it holds no 3D pose baseline",
            file=name,
            place="metadata",
        )
    if metadata.get("version") != str(VERSION):
        raise PoseFormatError(
            f"has version {metadata.get('version')!r}; this program reads version {VERSION}",
            file=name,
            place="metadata",
        )
    try:
        state = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise PoseFormatError(f"is cut short or damaged ({error})", file=name) from None
    config = _config(metadata, name)
    _check_joints(metadata, name)
    statistics = _json(metadata, "statistics", name)
    framing = metadata.get("framing")
    if framing not in FRAMINGS:
        raise PoseFormatError(
            f"framing is {framing!r}; expected one of {', '.join(FRAMINGS)}",
            file=name,
            place="metadata",
        )
    return Checkpoint(
        name=_short(name),
        config=config,
        state=check_state(state, config, file=name),
        input_statistics=_statistics(statistics, "input", INPUTS, name),
        output_statistics=_statistics(statistics, "output", OUTPUTS, name),
        framing=framing,
        provenance=_json(metadata, "provenance", name),
    )


def _header(data: bytes, name: str) -> dict[str, Any]:
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= len(data) - 8:
        raise PoseFormatError(
            f"is no safetensors file, or is cut short: it has {len(data)} bytes and its header "
            f"alone should have {length}",
            file=name,
        )
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise PoseFormatError("is no safetensors file: its header is not JSON", file=name)
    return header


def _json(metadata: Mapping[str, str], key: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(metadata[key])
    except (KeyError, TypeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PoseFormatError(
            f"{key} is missing or not a JSON object", file=name, place="metadata"
        ) from None
    return value


def _config(metadata: Mapping[str, str], name: str) -> LifterConfig:
    stated = _json(metadata, "config", name)
    kinds = {f.name: type(f.default) for f in fields(LifterConfig)}
    for key, value in stated.items():
        if key not in kinds:
            raise PoseFormatError(f"unknown option {key!r}", file=name, place="config")
        wanted = (int, float) if kinds[key] is float else kinds[key]
        if not isinstance(value, wanted) or (kinds[key] is not bool and isinstance(value, bool)):
            raise PoseFormatError(
                f"{key} is {value!r}; expected {kinds[key].__name__}", file=name, place="config"
            )
    try:
        config = LifterConfig(**stated)
    except ValueError as error:
        raise PoseFormatError(str(error), file=name, place="config") from None
    _check_sizes(config, name)
    return config


def _check_sizes(config: LifterConfig, name: str) -> None:
    if (config.inputs, config.outputs) != (INPUTS, OUTPUTS):
        raise PoseFormatError(
            f"the network takes {config.inputs} numbers and gives {config.outputs}; expected "
            f"{INPUTS} (16 joints in 2D) and {OUTPUTS} (16 joints in 3D)",
            file=name,
        )


def _check_joints(metadata: Mapping[str, str], name: str) -> None:
    stated = _json(metadata, "joints", name)
    for key, joints in (("input", INPUT_16.joints), ("output", OUTPUT_16_JOINTS)):
        if stated.get(key) != list(joints):
            raise PoseFormatError(
                f"the {key} joints are {stated.get(key)}; expected {list(joints)}",
                file=name,
                place="joints",
            )


def _statistics(stated: Mapping[str, Any], key: str, size: int, name: str) -> Statistics | None:
    if key not in stated:
        return None
    try:
        known = stated[key]
        statistics = Statistics(
            known["mean"], known["std"], str(known["origin"]), bool(known["estimated"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PoseFormatError(
            f"the {key} statistics can't be used: {error}", file=name, place="statistics"
        ) from None
    if statistics.mean.size != size:
        raise PoseFormatError(
            f"the {key} statistics have {statistics.mean.size} numbers; expected {size}",
            file=name,
            place="statistics",
        )
    return statistics


def _read_reimplementation(data: bytes, name: str) -> Checkpoint:
    from core.formats import reimplementation_checkpoint

    found = reimplementation_checkpoint.read(io.BytesIO(data), name, with_optimizer=False)
    state = found["state_dict"]
    config = config_of(state, file=name)
    _check_sizes(config, name)
    said = {"epoch": found["epoch"], "step": found["step"], "test_mpjpe_mm": found["err"]}
    provenance = {key: value for key, value in said.items() if value is not None}
    return Checkpoint(
        name=_short(name),
        config=config,
        state=check_state(state, config, file=name),
        provenance={"origin": "a checkpoint of the PyTorch re-implementation", **provenance},
    )


def _short(name: str) -> str:
    short = Path(name).name
    for ending in (SUFFIX, ".tar", ".pth", ".pt"):
        short = short.removesuffix(ending)
    return short
