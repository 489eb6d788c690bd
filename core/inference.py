"""The trained network at the speed of the machine, with the same digits for a pose every time.

Batch norm is folded into the layers before it. The hidden layers run in bfloat16 where the
processor multiplies it faster than float32 and a check at load finds the error small; the first
and last layer and the sum that the blocks add to stay in float32. A pose's digits depend on the
pose alone, not on how many others come with it: a page and the command line show the same.
Pure numbers in and out, like `model`; it knows neither pixels nor files.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core import workers

Float32Array = NDArray[np.float32]
Precision = Literal["auto", "float32"]
Kind = Literal["float32", "bfloat16", "float32 on cuda"]
PRECISIONS: tuple[Precision, ...] = ("auto", "float32")

# What PyTorch's batch norm adds to a variance before its root is taken.
BATCH_NORM_EPS = 1e-5

# Poses that go through the network at once: their hidden layer fits a core's cache. What is left
# over is filled up to the next of these sizes; one pose alone would be summed in another order.
SIZES = (2, 16, 64, 256)
SIZES_ON_CUDA = (4096,)
# Fewer poses are not worth handing to another thread.
FEW = 64

# Largest error of the coarser numbers, RMS as a share of the output's own RMS. Trained
# networks come to 0.0015: each joint moves by 0.1 mm, and no action's MPJPE by more than 0.01 mm.
LARGEST_ERROR = 0.003
# The coarser numbers must pay, which in a narrow network nothing does: calls take its time.
LEAST_SPEEDUP = 1.2
LEAST_WIDTH = 256
CHECKED_POSES, REPETITIONS = 64, 8


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


class Engine:
    """A folded network, ready to predict.

    Attributes:
        kind: the numbers that the hidden layers are computed in.
        error: measured against float32 as a share of the output's RMS; 0 for float32.
        speedup: measured against float32 on a CPU; 1 for float32.
    """

    def __init__(self, network: Folded, kind: Kind) -> None:
        self.kind: Kind = kind
        self.error, self.speedup = 0.0, 1.0
        self.inputs, self.outputs = network.first.weight.shape[1], len(network.last.bias)
        self._device = torch.device("cuda" if kind == "float32 on cuda" else "cpu")
        self._hidden = torch.bfloat16 if kind == "bfloat16" else torch.float32
        self._residual = network.residual
        self._first = _PackedLayer(network.first, torch.float32, self._device)
        self._blocks = [
            (
                _PackedLayer(a, self._hidden, self._device),
                _PackedLayer(b, self._hidden, self._device),
            )
            for a, b in network.blocks
        ]
        self._last = _PackedLayer(network.last, torch.float32, self._device, relu=False)
        self._sizes = SIZES_ON_CUDA if kind == "float32 on cuda" else SIZES

    def lift(self, x: Float32Array, batch: int | None = None) -> Float32Array:
        """Map normalised 2D (N, inputs) to normalised 3D (N, outputs), both float32.

        Args:
            x: one pose a row.
            batch: poses that go through at once, instead of what suits the machine; it changes
                no digit.
        """
        found = np.empty((len(x), self.outputs), dtype=np.float32)
        largest = self._sizes[-1] if batch is None else max(batch, self._sizes[0])

        def fill(start: int) -> None:
            part = x[start : start + largest]
            found[start : start + len(part)] = self._lift_at_once(part, largest)

        starts = range(0, len(x), largest)
        if len(x) <= FEW or self._device.type != "cpu":
            with workers.alone():
                for start in starts:
                    fill(start)
        else:
            for _ in workers.each(fill, starts):
                pass
        return found

    def _lift_at_once(self, x: Float32Array, largest: int) -> Float32Array:
        poses = len(x)
        size = next((s for s in self._sizes if poses <= s), max(largest, poses))
        if poses < size:
            filled = np.zeros((size, self.inputs), dtype=np.float32)
            filled[:poses] = x
            x = filled
        with torch.inference_mode():
            found: Float32Array = self._forward(torch.from_numpy(x).to(self._device)).numpy()
        return found[:poses]

    def _forward(self, x: Tensor) -> Tensor:
        y = self._first(x)  # (size, width), float32
        for first, second in self._blocks:
            hidden = second(first(y.to(self._hidden)))
            y = y + hidden if self._residual else hidden.float()
        lifted: Tensor = self._last(y).cpu()
        return lifted

    def _one_size_only(self) -> None:
        """Give up the smaller sizes where they would change the digits."""
        self._sizes = self._sizes[-1:]


def engine(network: Folded, precision: Precision = "auto") -> Engine:
    """Choose how to compute a network: what is fastest here among what is exact enough.

    Args:
        network: the weights.
        precision: "float32" leaves no choice but the device's; a CPU's is taken.
    """
    plain = Engine(network, "float32")
    poses = _poses_like_real_ones(plain.inputs)
    if precision == "auto" and len(network.first.bias) >= LEAST_WIDTH:
        for kind in _candidates():
            found = _checked(Engine(network, kind), plain, poses)
            if found is not None:
                return found
    if not _is_size_of_no_matter(plain, poses):
        plain._one_size_only()
    return plain


def _candidates() -> tuple[Kind, ...]:
    """Name what this machine may do better than float32 on its CPU, the most promising first."""
    if torch.cuda.is_available():
        return ("float32 on cuda",)
    # Without its own instructions a processor imitates bfloat16, slowly.
    has_instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return ("bfloat16",) if has_instructions and _packs() else ()


def _checked(found: Engine, plain: Engine, poses: Float32Array) -> Engine | None:
    """Measure a candidate: its error, whether sizes matter, and whether it pays."""
    exact, coarse = plain.lift(poses), found.lift(poses)
    rms = float(np.sqrt(np.mean(exact.astype(np.float64) ** 2)))
    found.error = float(np.sqrt(np.mean((coarse - exact.astype(np.float64)) ** 2))) / max(rms, 1e-9)
    if not found.error <= LARGEST_ERROR:
        return None
    if not _is_size_of_no_matter(found, poses):
        found._one_size_only()
    found.speedup = _speedup(found, plain, poses)
    return found if found.speedup >= LEAST_SPEEDUP else None


def _speedup(found: Engine, plain: Engine, poses: Float32Array) -> float:
    """Time both in turn, once a process for networks of one shape; the best of each counts."""
    shape = (found.kind, plain.inputs, len(plain._first.bias), len(plain._blocks), plain.outputs)
    if shape not in _measured:
        # Of this thread alone: other work must not decide which digits come out.
        def seconds(engine: Engine) -> float:
            started = time.thread_time()
            engine._lift_at_once(poses, len(poses))
            return time.thread_time() - started

        with workers.alone():
            pairs = [(seconds(plain), seconds(found)) for _ in range(REPETITIONS)]
        _measured[shape] = min(p for p, _ in pairs) / max(min(f for _, f in pairs), 1e-9)
    return _measured[shape]


_measured: dict[tuple[Any, ...], float] = {}


def _is_size_of_no_matter(engine: Engine, poses: Float32Array) -> bool:
    """Tell whether a pose comes out the same whatever comes with it."""
    with workers.alone():
        whole = engine._lift_at_once(poses, len(poses))
        for size in engine._sizes:
            first = engine._lift_at_once(poses[:size], size)
            last = engine._lift_at_once(poses[-size:], size)
            if not np.array_equal(first, whole[:size]) or not np.array_equal(last, whole[-size:]):
                return False
    return True


def _poses_like_real_ones(inputs: int) -> Float32Array:
    """Make normalised 2D: joints move together with the person, and a little by themselves."""
    rng = np.random.default_rng(2017)
    person = rng.normal(size=(CHECKED_POSES, 1, 2))
    joints = rng.normal(size=(CHECKED_POSES, inputs // 2, 2))
    return np.float32(0.9 * person + 0.4 * joints).reshape(CHECKED_POSES, -1)


class _PackedLayer:
    """A layer laid out as the processor multiplies fastest."""

    def __init__(
        self, layer: Layer, dtype: torch.dtype, device: torch.device, *, relu: bool = True
    ) -> None:
        weight = torch.from_numpy(layer.weight).to(device, dtype)
        self.bias = torch.from_numpy(layer.bias).to(device, dtype)
        self.activation = "relu" if relu else "none"
        self.multiply: Callable[[Tensor], Tensor] = self._plainly
        if device.type == "cpu" and _packs():
            weight = torch.ops.mkldnn._reorder_linear_weight(weight, SIZES[-1])
            self.product = torch.ops.mkldnn._linear_pointwise
            self.multiply = self._with_onednn
        self.weight = weight

    def __call__(self, x: Tensor) -> Tensor:
        return self.multiply(x)

    def _with_onednn(self, x: Tensor) -> Tensor:
        found: Tensor = self.product(x, self.weight, self.bias, self.activation, [], "")
        return found

    def _plainly(self, x: Tensor) -> Tensor:
        found = functional.linear(x, self.weight, self.bias)
        return found.relu_() if self.activation == "relu" else found


@functools.cache
def _packs() -> bool:
    """Tell whether this PyTorch hands its products to oneDNN, whose kernels fit the processor."""
    return bool(
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
