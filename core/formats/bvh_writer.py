"""BVH out of joint positions: bones of fixed length, turned so that the joints fall into place.

Y up, centimetres, degrees; the first joint carries the place, every joint a rotation. Positions
say nothing of how a bone turns about itself: each turns as little as its direction needs. Where
several bones begin at one joint, each gets a joint of its own there (`hip_to_spine`), since they
do not move as one piece; so nothing is lost but what bones change in length. Ankles, head and
wrists, where the skeleton ends, get an end site of 5 cm in the direction of their bone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import PoseFormatError
from core.formats.mocap import euler_rotation
from core.skeleton import H36M_17

Array = NDArray[np.floating[Any]]

MM_PER_CM = 10.0
ORDER = "ZXY"
END_CM = 5.0
# Places behind the point: a ten-thousandth of a mm, and of a mm at the end of a 2 m chain.
LENGTH_DIGITS, ANGLE_DIGITS = 5, 5

# Where each joint lies from its parent in the rest pose: a person standing with the arms out.
# y up, z to the front, x to the person's left.
REST_DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "right_hip": (-1, 0, 0),
    "left_hip": (1, 0, 0),
    "right_knee": (0, -1, 0),
    "left_knee": (0, -1, 0),
    "right_ankle": (0, -1, 0),
    "left_ankle": (0, -1, 0),
    "spine": (0, 1, 0),
    "thorax": (0, 1, 0),
    "neck": (0, 1, 0),
    "head": (0, 1, 0),
    "left_shoulder": (1, 0, 0),
    "left_elbow": (1, 0, 0),
    "left_wrist": (1, 0, 0),
    "right_shoulder": (-1, 0, 0),
    "right_elbow": (-1, 0, 0),
    "right_wrist": (-1, 0, 0),
}


@dataclass(frozen=True)
class Loss:
    """What the file does not keep, because a bone of a BVH has one length.

    Attributes:
        mean_mm, largest_mm: distance between the joints given and those of the file.
        filled: joints times frames that were missing and stand between their neighbours in time.
    """

    mean_mm: float
    largest_mm: float
    filled: int

    def __str__(self) -> str:
        said = (
            f"bones have one length each: joints move by {self.mean_mm:.1f} mm on average, "
            f"{self.largest_mm:.1f} mm at most"
        )
        return said + (f"; {self.filled:,} missing joints were filled in" if self.filled else "")


def to_text(positions: ArrayLike, fps: float) -> tuple[str, Loss]:
    """Write poses as a BVH file's text.

    Args:
        positions: (F, 17, 3) mm, joints as H36M_17, z up; NaN where a joint is missing.
        fps: frames a second.

    Raises:
        PoseFormatError: there is no frame, or a joint that is nowhere.
    """
    given = np.asarray(positions, dtype=np.float64)
    known = np.asarray(np.isfinite(given).all(axis=2))
    if not len(given) or not known.any(axis=0).all():
        raise PoseFormatError("a joint is missing in every frame", file="BVH")
    placed = y_up_from_z_up(_without_gaps(given, known)) / MM_PER_CM
    nodes = _nodes(_lengths(placed))
    angles = _angles(placed, nodes)
    root = placed[:, H36M_17.root].round(LENGTH_DIGITS)
    found = _recomputed(root, nodes, angles) * MM_PER_CM
    errors = np.linalg.norm(found - y_up_from_z_up(given), axis=2)[known]
    loss = Loss(float(errors.mean()), float(errors.max()), int((~known).sum()))
    return _text(root, nodes, angles, fps), loss


def write(path: str | Path, positions: ArrayLike, fps: float) -> Loss:
    """Write a BVH file, as `to_text` says; `PoseFormatError` also if it can't be written."""
    try:
        text, loss = to_text(positions, fps)
        Path(path).write_text(text, encoding="ascii", newline="\n")
    except PoseFormatError as error:
        raise PoseFormatError(error.problem, file=path) from None
    except OSError as error:
        problem = f"it can't be written: {error.strerror or error}"
        raise PoseFormatError(problem, file=path) from None
    return loss


def y_up_from_z_up(points: ArrayLike) -> Array:
    """Turn (..., 3) from z up to y up by -90 degrees about x: (x, y, z) -> (x, z, -y)."""
    xyz = np.asarray(points, dtype=np.float64)
    return np.stack([xyz[..., 0], xyz[..., 2], -xyz[..., 1]], axis=-1)


@dataclass(frozen=True, eq=False)
class _Node:
    """One joint of the file.

    Attributes:
        name: its name there.
        parent: index of its node, -1 for the root.
        offset: (3,) cm.
        joint: index in H36M_17 of the joint that lies there.
        aims_at: joint whose direction its rotation gives; -1 at an end.
    """

    name: str
    parent: int
    offset: Array
    joint: int
    aims_at: int


def _nodes(lengths: Array) -> list[_Node]:
    """List the file's joints, parents before children, each branch to its end."""
    nodes: list[_Node] = []

    def add(joint: int, parent: int, offset: Array) -> None:
        name = H36M_17.joints[joint]
        children = _children(joint)
        here = len(nodes)
        if len(children) < 2:
            nodes.append(_Node(name, parent, offset, joint, children[0] if children else -1))
            for child in children:
                add(child, here, _offset(child, lengths))
            return
        nodes.append(_Node(name, parent, offset, joint, -1))
        for child in children:
            own = len(nodes)
            of_bone = f"{name}_to_{H36M_17.joints[child]}"
            nodes.append(_Node(of_bone, here, np.zeros(3), joint, child))
            add(child, own, _offset(child, lengths))

    add(H36M_17.root, -1, np.zeros(3))
    return nodes


def _offset(joint: int, lengths: Array) -> Array:
    rest = np.array(REST_DIRECTIONS[H36M_17.joints[joint]], dtype=np.float64)
    offset: Array = (rest * lengths[joint]).round(LENGTH_DIGITS)
    return offset


def _lengths(placed: Array) -> Array:
    """Length of the bone that ends in each joint: its median over time, cm; 0 for the root."""
    lengths = np.zeros(len(H36M_17))
    for parent, child in H36M_17.bones:
        bone = placed[:, child] - placed[:, parent]
        lengths[child] = np.median(np.linalg.norm(bone, axis=1))
    return lengths


def _angles(placed: Array, nodes: list[_Node]) -> Array:
    """Find each node's angles (F, N, 3), degrees, in ORDER, without jumps over time."""
    frames = len(placed)
    turns = np.zeros((len(nodes), frames, 3, 3))
    angles = np.zeros((frames, len(nodes), 3))
    upright = np.broadcast_to(np.eye(3), (frames, 3, 3))
    for place, node in enumerate(nodes):
        above = turns[node.parent] if node.parent >= 0 else upright
        if node.aims_at >= 0:
            bone = placed[:, node.aims_at] - placed[:, node.joint]
            wanted = np.einsum("fji,fj->fi", above, bone)
            rest = np.array(REST_DIRECTIONS[H36M_17.joints[node.aims_at]], dtype=np.float64)
            own = _least_turn(rest, wanted)
        elif len(_children(node.joint)) > 1:
            own = np.einsum("fji,fjk->fik", above, _best_fit(placed, node.joint))
        else:
            own = upright
        angles[:, place] = np.rad2deg(np.unwrap(_euler(own), axis=0))
        angles[:, place] = angles[:, place].round(ANGLE_DIGITS)
        turns[place] = above @ euler_rotation(ORDER, np.deg2rad(angles[:, place]))
    return angles


def _children(joint: int) -> list[int]:
    return [child for parent, child in H36M_17.bones if parent == joint]


def _best_fit(placed: Array, joint: int) -> Array:
    """Find the rotations (F, 3, 3) that bring a joint's bones nearest to where they point.

    Least squares over unit vectors (Kabsch), without reflection.
    """
    children = _children(joint)
    rest = np.array([REST_DIRECTIONS[H36M_17.joints[c]] for c in children], dtype=np.float64)
    bones = placed[:, children] - placed[:, [joint]]
    norms = np.linalg.norm(bones, axis=2, keepdims=True)
    directions = np.divide(bones, norms, out=np.zeros_like(bones), where=norms > 0)
    u, _, vt = np.linalg.svd(np.einsum("fci,cj->fij", directions, rest))
    u[..., 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    found: Array = u @ vt
    return found


def _least_turn(rest: Array, wanted: Array) -> Array:
    """Find the smallest rotations (F, 3, 3) that turn `rest` (3,) towards `wanted` (F, 3)."""
    norms = np.linalg.norm(wanted, axis=1, keepdims=True)
    target = np.where(norms > 0, wanted / np.where(norms > 0, norms, 1), rest)
    cosine = target @ rest
    # Half way between both: turning by 180 degrees about it brings one onto the other, and
    # 180 degrees about `rest` before keeps the twist. Stable but for opposite directions.
    half = target + rest
    length = np.linalg.norm(half, axis=1, keepdims=True)
    opposite = length[:, 0] < 1e-9
    half = np.where(opposite[:, None], _across(rest), half / np.where(length > 0, length, 1))
    flip = 2 * np.einsum("fi,fj->fij", half, half) - np.eye(3)
    about_rest = 2 * np.outer(rest, rest) - np.eye(3)
    turned: Array = flip @ about_rest
    turned[cosine > 1 - 1e-15] = np.eye(3)
    return turned


def _across(direction: Array) -> Array:
    axis = np.eye(3)[np.abs(direction).argmin()]
    across: Array = np.cross(direction, axis)
    return across / np.linalg.norm(across)


def _euler(R: Array) -> Array:
    """Read the angles (F, 3), rad, of rotations Rz Rx Ry, in ORDER."""
    x = np.arcsin(np.clip(R[:, 2, 1], -1, 1))
    z = np.arctan2(-R[:, 0, 1], R[:, 1, 1])
    y = np.arctan2(-R[:, 2, 0], R[:, 2, 2])
    # Where x is upright, z and y turn about one axis; all of it is given to z.
    locked = np.abs(R[:, 2, 1]) > 1 - 1e-12
    z = np.where(locked, np.arctan2(R[:, 1, 0], R[:, 0, 0]), z)
    return np.stack([z, x, np.where(locked, 0.0, y)], axis=1)


def _recomputed(root: Array, nodes: list[_Node], angles: Array) -> Array:
    """Compute the joints (F, 17, 3), cm, that the file's numbers give."""
    turns: list[Array] = []
    places: list[Array] = []
    joints = np.zeros((len(root), len(H36M_17), 3))
    for place, node in enumerate(nodes):
        own = euler_rotation(ORDER, np.deg2rad(angles[:, place]))
        if node.parent < 0:
            places.append(root)
            turns.append(own)
        else:
            places.append(places[node.parent] + turns[node.parent] @ node.offset)
            turns.append(turns[node.parent] @ own)
        joints[:, node.joint] = places[place]
    return joints


def _text(root: Array, nodes: list[_Node], angles: Array, fps: float) -> str:
    lines = ["HIERARCHY"]
    rotations = " ".join(f"{axis}rotation" for axis in ORDER)

    def add(place: int, depth: int) -> None:
        node, pad = nodes[place], "\t" * depth
        children = [child for child, other in enumerate(nodes) if other.parent == place]
        lines.append(f"{pad}{'JOINT' if depth else 'ROOT'} {node.name}")
        lines.append(pad + "{")
        lines.append(f"{pad}\tOFFSET {_numbers(node.offset, LENGTH_DIGITS)}")
        where = "" if depth else "Xposition Yposition Zposition "
        lines.append(f"{pad}\tCHANNELS {3 if depth else 6} {where}{rotations}")
        for child in children:
            add(child, depth + 1)
        if not children:
            rest = np.array(REST_DIRECTIONS[node.name], dtype=np.float64) * END_CM
            end = f"{pad}\t\tOFFSET {_numbers(rest, LENGTH_DIGITS)}"
            lines.extend([f"{pad}\tEnd Site", f"{pad}\t{{", end, f"{pad}\t}}"])
        lines.append(pad + "}")

    add(0, 0)
    lines += ["MOTION", f"Frames: {len(root)}", f"Frame Time: {1 / fps:.9f}"]
    rows = np.concatenate([root, angles.reshape(len(root), -1)], axis=1)
    lines += [_numbers(row, ANGLE_DIGITS) for row in rows]
    return "\n".join(lines) + "\n"


def _numbers(values: Array, digits: int) -> str:
    # Adding 0 turns -0 into 0.
    return " ".join(f"{value + 0.0:.{digits}f}" for value in values)


def _without_gaps(positions: Array, known: NDArray[np.bool_]) -> Array:
    """Fill missing joints between their neighbours in time, as seen from the hip."""
    frames = np.arange(len(positions))
    filled = positions.copy()
    root = H36M_17.root
    for joint in (root, *(j for j in range(len(H36M_17)) if j != root)):
        there = known[:, joint] & (known[:, root] | (joint == root))
        base = 0.0 if joint == root else filled[:, root]
        if not there.any():  # never seen together with the hip
            there, base = known[:, joint], 0.0
        relative = positions[:, joint] - base
        for axis in range(3):
            between = np.interp(frames, frames[there], relative[there, axis])
            full = between + (base if isinstance(base, float) else base[:, axis])
            filled[:, joint, axis] = np.where(known[:, joint], positions[:, joint, axis], full)
    return filled
