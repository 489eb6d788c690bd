"""Write a checkpoint as an ONNX file, for those who deploy it without PyTorch.

The graph holds the network with its batch norms folded. With pixels, framing and normalisation
are in the graph too: joints in px go in and joints in mm come out. The package `onnx` is
imported once it is needed and is no requirement of the rest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.framing import SMALLEST_SIZE_PX
from core.inference import Folded, Layer, folded
from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS
from core.workflows.lift import PoseLifter

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint

SUFFIX = ".onnx"
# Read by every runtime since 2020.
OPSET, IR_VERSION = 13, 7
POSES = "poses"


class _Graph:
    """Nodes and constants in the order in which they are computed."""

    def __init__(self, helper: Any, numpy_helper: Any) -> None:
        self.helper, self.numpy_helper = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Keep an array in the file and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operation: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Compute something and return its name."""
        name = to or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def linear(self, x: str, layer: Layer, to: str = "") -> str:
        """Multiply by a layer's weight and add its bias."""
        weight, bias = self.constant(layer.weight), self.constant(layer.bias)
        return self.add("Gemm", x, weight, bias, to=to, transB=1)


def write(path: str | Path, lifter: PoseLifter, *, pixels: bool = False) -> None:
    """Write a checkpoint as ONNX; the file appears when it is complete.

    Args:
        path: the new file; one that is there is replaced.
        lifter: the checkpoint, with the statistics that `pixels` needs.
        pixels: `joints_2d` (poses, 16, 2) px in and `joints_3d` (poses, 17, 3) mm out, joints as
            INPUT_16 and H36M_17, hip at 0. Otherwise the network alone: `x` (poses, 32) and `y`
            (poses, 48), both normalised.

    Raises:
        PoseFormatError: the package onnx is missing, the checkpoint has no statistics, or the
            file can't be written.
    """
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ImportError:
        raise PoseFormatError(
            "writing ONNX needs the package onnx, which is not installed: pip install onnx",
            file=path,
        ) from None

    checkpoint, config = lifter.checkpoint, lifter.checkpoint.config
    network = folded(
        checkpoint.state,
        stages=config.num_stage,
        batch_norm=config.batch_norm,
        residual=config.residual,
    )
    graph = _Graph(helper, numpy_helper)
    if pixels:
        names: tuple[tuple[str, list[Any]], ...] = (
            ("joints_2d", [POSES, len(INPUT_16), 2]),
            ("joints_3d", [POSES, len(H36M_17), 3]),
        )
        _add_pixels_to_mm(graph, lifter, network)
    else:
        names = (("x", [POSES, config.inputs]), ("y", [POSES, config.outputs]))
        _add_network(graph, "x", network, to="y")
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name, shape in names
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, "lifter", inputs, outputs, graph.constants),
        producer_name="pose-baseline-studio",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, _metadata(checkpoint, lifter, pixels=pixels))
    checker.check_model(model)
    _write(Path(path), model.SerializeToString())


def _add_network(graph: _Graph, x: str, network: Folded, to: str = "") -> str:
    y = graph.add("Relu", graph.linear(x, network.first))
    for first, second in network.blocks:
        hidden = graph.add("Relu", graph.linear(y, first))
        hidden = graph.add("Relu", graph.linear(hidden, second))
        y = graph.add("Add", y, hidden) if network.residual else hidden
    return graph.linear(y, network.last, to=to)


def _add_pixels_to_mm(graph: _Graph, lifter: PoseLifter, network: Folded) -> None:
    of_input, of_output = lifter.statistics()
    joints = "joints_2d"
    if lifter.checkpoint.framing == "person":
        centre = graph.add("ReduceMean", joints, axes=[1], keepdims=1)
        centred = graph.add("Sub", joints, centre)
        squares = graph.add("Mul", centred, centred)
        per_joint = graph.add("ReduceSum", squares, graph.constant(np.array([2])), keepdims=1)
        mean_square = graph.add("ReduceMean", per_joint, axes=[1], keepdims=1)
        size = graph.add("Sqrt", mean_square)
        size = graph.add("Add", size, graph.constant(np.array(SMALLEST_SIZE_PX, np.float32)))
        joints = graph.add("Div", centred, size)
    flat = graph.add("Reshape", joints, graph.constant(np.array([-1, 2 * len(INPUT_16)])))
    centred = graph.add("Sub", flat, graph.constant(of_input.mean.astype(np.float32)))
    x = graph.add("Div", centred, graph.constant(of_input.std.astype(np.float32)))
    y = _add_network(graph, x, network)
    scaled = graph.add("Mul", y, graph.constant(of_output.std.astype(np.float32)))
    moved = graph.add("Add", scaled, graph.constant(of_output.mean.astype(np.float32)))
    joints_3d = np.array([-1, len(OUTPUT_16_JOINTS), 3])
    moving = graph.add("Reshape", moved, graph.constant(joints_3d))
    # The hip is where the poses are relative to: one more joint, of zeros, put in by its number.
    padding = graph.constant(np.array([0, 0, 0, 0, 1, 0]))
    padded = graph.add("Pad", moving, padding, graph.constant(np.array(0, np.float32)))
    order = [
        OUTPUT_16_JOINTS.index(joint) if joint in OUTPUT_16_JOINTS else len(OUTPUT_16_JOINTS)
        for joint in H36M_17.joints
    ]
    graph.add("Gather", padded, graph.constant(np.array(order)), to="joints_3d", axis=1)


def _metadata(checkpoint: Checkpoint, lifter: PoseLifter, *, pixels: bool) -> dict[str, str]:
    """Say in the file what the numbers are, for who has nothing but the file."""
    said = {
        "checkpoint": checkpoint.name,
        "checkpoint_digest": checkpoint.digest,
        "framing": checkpoint.framing,
        "joints_2d": json.dumps(INPUT_16.joints),
        "joints_3d": json.dumps(H36M_17.joints if pixels else OUTPUT_16_JOINTS),
        "units": "px in, mm relative to the hip out, camera axes (x right, y down, z away)"
        if pixels
        else "normalised in and out: (value - mean) / std",
    }
    if pixels:
        return said
    try:
        of_input, of_output = lifter.statistics()
    except PoseFormatError:
        return said
    for name, known in (("input", of_input), ("output", of_output)):
        said[f"{name}_mean"] = json.dumps(known.mean.tolist())
        said[f"{name}_std"] = json.dumps(known.std.tolist())
    return said


def _write(target: Path, content: bytes) -> None:
    unfinished = target.with_name(target.name + ".part")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise PoseFormatError(f"can't be written: {error.strerror}", file=target) from error
