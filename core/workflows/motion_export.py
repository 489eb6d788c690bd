"""A figure's motion for animation and biomechanics: BVH, TRC and C3D, upright, y up.

The poses are those that the viewer draws: levelled, standing on the floor, the hip at the middle
or, in world space, walking where the truth walks.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from core.errors import PoseFormatError
from core.formats import bvh_writer, c3d, trc
from core.skeleton import H36M_17
from core.viz.packet import Layer, Packet

SUFFIXES = (".bvh", ".trc", ".c3d")

# Markers carry Pose2Sim's names where they are the same points. Its "Neck" and "Head" are others,
# so that those four keep the names of the skeleton.
MARKER_NAMES = tuple(
    "CHip"
    if joint == "hip"
    else "".join(part.capitalize() for part in (joint[0], joint.split("_", 1)[1]))
    if "_" in joint
    else joint
    for joint in H36M_17.joints
)


class Motion(NamedTuple):
    """A file's content, and what people should know about it."""

    content: bytes
    note: str


def motion(packet: Packet, layer_id: str, suffix: str, *, name: str = "poses") -> Motion:
    """Write one figure of a packet as a motion file.

    Args:
        packet: drawn in camera or world space.
        layer_id: "prediction" or "truth", as the packet names its layers.
        suffix: .bvh, .trc or .c3d.
        name: of the file, for errors and for what the file says of itself.

    Raises:
        PoseFormatError: another ending, no such figure, or one that can't be written so.
    """
    layer = figure_of(packet, layer_id, name)
    if suffix == ".bvh":
        try:
            text, loss = bvh_writer.to_text(layer.positions, packet.fps)
        except PoseFormatError as error:
            raise PoseFormatError(error.problem, file=name) from None
        return Motion(text.encode(), f"y up, cm; {loss}")
    upright = bvh_writer.y_up_from_z_up(layer.positions)
    markers = trc.Markers(MARKER_NAMES, upright, packet.fps)
    if suffix == ".trc":
        return Motion(trc.to_text(markers, Path(name).name).encode(), "y up, m")
    if suffix == ".c3d":
        try:
            return Motion(c3d.to_bytes(markers), "y up, mm")
        except PoseFormatError as error:
            raise PoseFormatError(error.problem, file=name) from None
    known = ", ".join(SUFFIXES)
    raise PoseFormatError(f"motion is written as {known}, not {suffix!r}", file=name)


def figure_of(packet: Packet, layer_id: str, name: str) -> Layer:
    """Find a packet's 3D figure; `PoseFormatError` says which there are."""
    figures = {layer.id: layer for layer in packet.layers if layer.positions.shape[2] == 3}
    if layer_id not in figures:
        there = " and ".join(figures) or "none"
        raise PoseFormatError(f"there is no {layer_id} to write, only {there}", file=name)
    return figures[layer_id]
