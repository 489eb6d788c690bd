"""Checkpoints: weights with everything that is needed to use them, in one file that runs no code.

Ours are safetensors files whose metadata holds, as JSON, the network's options, the joints in and
out, the statistics, the framing of the 2D and the provenance. Files of the paper's PyTorch
re-implementation are read too; they hold weights only.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from core import checkpoint_metadata
from core.checkpoint_metadata import Stated
from core.errors import PoseFormatError
from core.formats.predictions import SavedPoses
from core.framing import Framing
from core.model import Lifter, LifterConfig
from core.normalization import Statistics
from core.weights import COUNTER, check_sizes, check_state, config_of
from core.whole_file import write_whole

SUFFIX = ".safetensors"
WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "weights"

# What torch.save writes is a zip, or was a pickle.
TORCH_STARTS = (b"PK", b"\x80")


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
    stated = Stated(
        config=checkpoint.config,
        input_statistics=checkpoint.input_statistics,
        output_statistics=checkpoint.output_statistics,
        framing=checkpoint.framing,
        provenance=checkpoint.provenance,
    )
    data = safetensors.torch.save(stored, metadata=checkpoint_metadata.written(stated))
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


def _read_own(data: bytes, name: str) -> Checkpoint:
    stated = checkpoint_metadata.read(data, name)
    try:
        state = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise PoseFormatError(f"is cut short or damaged ({error})", file=name) from None
    return Checkpoint(
        name=_short(name),
        config=stated.config,
        state=check_state(state, stated.config, file=name),
        input_statistics=stated.input_statistics,
        output_statistics=stated.output_statistics,
        framing=stated.framing,
        provenance=stated.provenance,
    )


def _read_reimplementation(data: bytes, name: str) -> Checkpoint:
    from core.formats import reimplementation_checkpoint

    found = reimplementation_checkpoint.read(io.BytesIO(data), name, with_optimizer=False)
    state = found["state_dict"]
    config = config_of(state, file=name)
    check_sizes(config, name)
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
