"""Arrays of poses from a stranger's file, checked and brought to the joints that are used here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats.joint_order import check_order, check_scale
from core.sequence import PoseSequence, Space
from core.skeleton import H36M_17, H36M_32, INPUT_16, Skeleton

FPS = 50.0

# Layouts by their number of joints, for arrays that do not name them.
BY_COUNT = {16: INPUT_16, 17: H36M_17, 32: H36M_32}
# What arrays of other counts probably are.
OTHER_COUNTS = {
    18: "OpenPose's COCO-18",
    25: "OpenPose's BODY_25 or BODY_25B",
    33: "MediaPipe's",
}

Array = NDArray[np.floating[Any]]


def sequence_of(content: Mapping[str, Any], name: str, fps: float | None) -> PoseSequence:
    """Make a checked sequence of what a file holds.

    Args:
        content: `positions` and, where the file says them, `joints`, `space`, `unit`, `fps`,
            `source`, `confidence`.
        name: the file's, for messages.
        fps: used where the file does not say it; 50 if not given.

    Raises:
        PoseFormatError: these are not poses of the joints that are needed.
    """
    joints = content.get("joints")
    named = None if joints is None else [str(joint) for joint in joints]
    positions = _positions(content["positions"], name, None if named is None else len(named))
    coordinates = positions.shape[2]
    skeleton, order = _layout(positions.shape, named, name)
    if named is None:
        check_order(positions, name)
    positions = positions[:, order]
    confidence = content.get("confidence")
    if confidence is not None:
        confidence = np.asarray(confidence)
        if (
            confidence.dtype.kind not in "fiu"
            or confidence.shape[:1] != positions.shape[:1]
            or (confidence.ndim != 2 or confidence.shape[1] <= max(order))
        ):
            raise PoseFormatError(
                f"a number for each frame and joint was expected, not {confidence.shape}",
                file=name,
                place="confidence",
            )
        confidence = confidence[:, order]
    _check_unit(content.get("unit"), coordinates, name)
    space = _space(content.get("space"), positions, skeleton, name)
    if content.get("unit") is None:
        check_scale(positions, name)
    return PoseSequence(
        positions,
        skeleton,
        space,
        _fps(content.get("fps"), fps, name),
        confidence,
        str(content.get("source") or f"{Path(name).name}"),
    )


def _positions(values: Any, name: str, joints: int | None) -> Array:
    """Check an array of poses; flattened rows get their joints back."""
    array = np.asarray(values)
    expected = "an array of (frames, 16 or 17, 2) or (frames, 17, 3) was expected"
    if array.dtype.kind not in "fiu":
        raise PoseFormatError(f"{expected}, not {array.dtype}", file=name, place="positions")
    if array.ndim == 2:
        widths = {j * c: (j, c) for j, c in ((16, 2), (17, 2), (17, 3), (32, 3))}
        if joints is not None:
            widths = {joints * c: (joints, c) for c in (2, 3)}
        if array.shape[1] in widths:
            array = array.reshape(len(array), *widths[array.shape[1]])
    if array.ndim == 2 and array.shape[1] in (2, 3):
        array = array[None]
    if array.ndim != 3 or array.shape[2] not in (2, 3):
        raise PoseFormatError(f"{expected}, not {array.shape}", file=name, place="positions")
    if not len(array):
        raise PoseFormatError("there are no frames", file=name, place="positions")
    positions = array.astype(np.float64)
    # Half a position is none, and infinity is no place.
    positions[~np.isfinite(positions).all(axis=2)] = np.nan
    if np.isnan(positions).all():
        raise PoseFormatError("every joint is NaN", file=name, place="positions")
    if np.nanmax(np.abs(positions)) > 1e9:
        raise PoseFormatError("holds numbers beyond any px or mm", file=name, place="positions")
    return positions


def _layout(
    shape: tuple[int, ...], named: Sequence[str] | None, name: str
) -> tuple[Skeleton, list[int]]:
    """Find the skeleton, and where each of its joints stands in the file."""
    count, coordinates = shape[1], shape[2]
    target = INPUT_16 if coordinates == 2 else H36M_17
    if named is not None:
        if len(named) != count or len(set(named)) != len(named):
            raise PoseFormatError(
                f"{count} different joint names were expected, not {len(named)}",
                file=name,
                place="joints",
            )
        lacking = [joint for joint in target.joints if joint not in named]
        if lacking:
            raise PoseFormatError(
                f"joints are missing: {', '.join(lacking[:4])}"
                f"{' and others' if len(lacking) > 4 else ''}; expected {', '.join(target.joints)}",
                file=name,
                place="joints",
            )
        return target, [list(named).index(joint) for joint in target.joints]
    known = BY_COUNT.get(count)
    if known is None or (coordinates == 3 and known is INPUT_16):
        hint = f" ({OTHER_COUNTS[count]}, perhaps)" if count in OTHER_COUNTS else ""
        raise PoseFormatError(
            f"{count} joints in {coordinates}D without names{hint}; expected 16, 17 or 32 in 2D, "
            "17 or 32 in 3D, or joint names in the file",
            file=name,
            place="positions",
        )
    return target, known.indices(target.joints)


def _check_unit(unit: Any, coordinates: int, name: str) -> None:
    expected = "px" if coordinates == 2 else "mm"
    if unit is not None and unit != expected:
        raise PoseFormatError(
            f"{coordinates}D is expected in {expected}, not in {unit!r}", file=name, place="unit"
        )


def _space(said: Any, positions: Array, skeleton: Skeleton, name: str) -> Space:
    if positions.shape[2] == 2:
        if said not in (None, "image"):
            raise PoseFormatError(f"2D can't be in {said!r} space", file=name, place="space")
        return "image"
    if said in ("camera", "world", "root"):
        return said
    if said is not None:
        raise PoseFormatError(
            f"space is {said!r}; expected camera, world or root", file=name, place="space"
        )
    hip = positions[:, skeleton.root]
    return "root" if np.nanmax(np.abs(hip), initial=0.0) < 1e-3 else "camera"


def _fps(said: Any, given: float | None, name: str) -> float:
    if said is None:
        return FPS if given is None else given
    try:
        number = float(said)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 1e6:
        raise PoseFormatError(f"frames a second are {said!r}", file=name, place="fps")
    return number
