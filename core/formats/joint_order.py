"""Tell whether an array of poses without joint names can be what it is taken for.

Foreign layouts of the same number of joints (COCO's 17, MPII's 16) give broken legs when they are
read in Human3.6M's order, and normalised numbers are no pixels: both are refused by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.skeleton import H36M_17, H36M_32, INPUT_16, Skeleton

Array = NDArray[np.floating[Any]]
Chains = tuple[tuple[int, int, int], ...]

# A person smaller than this in px, or in mm, is not one: fractions of the picture, normalised
# numbers or metres are.
SMALLEST_EXTENT = 10.0
# Share of the body's size by which a hip may be off the middle of both hips; detectors are far
# below, a wrong order is far above.
LARGEST_HIP_OFFSET = 0.5
# Relative difference of left and right bones, averaged over frames and bones, that a person seen
# from the side does not reach.
LARGEST_ASYMMETRY = 0.5


def _chains(skeleton: Skeleton) -> Chains:
    limbs = (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
    right, left = (
        [tuple(skeleton.index(f"{side}_{joint}") for joint in limb) for limb in limbs]
        for side in ("right", "left")
    )
    return tuple((a, b, c) for a, b, c in (right[0], left[0], right[1], left[1]))


# Right leg, left leg, right arm, left arm.
OWN: dict[int, Chains] = {len(s): _chains(s) for s in (INPUT_16, H36M_17, H36M_32)}
OTHERS: dict[int, tuple[str, Chains]] = {
    16: ("MPII's (Stacked Hourglass)", ((2, 1, 0), (3, 4, 5), (12, 11, 10), (13, 14, 15))),
    17: ("COCO's", ((12, 14, 16), (11, 13, 15), (6, 8, 10), (5, 7, 9))),
}


def check_scale(positions: Array, name: str) -> None:
    """Refuse poses (F, J, 2|3) that are too small to be in px or mm.

    Raises:
        PoseFormatError: the median person is smaller than 10 px or mm.
    """
    seen = np.isfinite(positions).all(axis=2).sum(axis=1) > 1
    if not seen.any():
        return
    extents = np.nanmax(positions[seen], axis=1) - np.nanmin(positions[seen], axis=1)
    extent = float(np.median(extents.max(axis=1)))
    if extent >= SMALLEST_EXTENT:
        return
    if positions.shape[2] == 3:
        expected, guess = "mm", "metres or normalised numbers"
    else:
        expected, guess = "px", "normalised numbers or fractions of the picture"
    raise PoseFormatError(
        f"persons are {extent:.3g} {expected} tall: these look like {guess}; {expected} "
        "were expected",
        file=name,
        place="positions",
    )


def check_order(positions: Array, name: str) -> None:
    """Refuse poses (F, 16|17|32, 2|3) that are not in Human3.6M's order.

    Raises:
        PoseFormatError: the hip is not between the hips, or left and right differ as they do when
            another layout is read in this order; the message names the layout that fits.
    """
    whole = positions[np.isfinite(positions).all(axis=(1, 2))]
    count = positions.shape[1]
    if not len(whole) or count not in OWN:
        return
    chains = OWN[count]
    size = np.linalg.norm(whole - whole.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    middle = (whole[:, chains[0][0]] + whole[:, chains[1][0]]) / 2
    offset = np.linalg.norm(whole[:, 0] - middle, axis=1) / np.maximum(size, 1e-9)
    hip_is_off = float(np.median(offset)) > LARGEST_HIP_OFFSET
    own = _asymmetry(whole, chains)
    other, fits = OTHERS.get(count, ("", ()))
    fits_other = bool(fits) and _asymmetry(whole, fits) < own / 2
    if fits_other and (hip_is_off or own > LARGEST_ASYMMETRY):
        raise PoseFormatError(
            f"the {count} joints seem to be in {other} order; Human3.6M's was expected, or joint "
            "names in the file",
            file=name,
            place="positions",
        )
    if hip_is_off:
        raise PoseFormatError(
            f"the {count} joints are not in Human3.6M's order (the first is not between the "
            "hips); give joint names in the file",
            file=name,
            place="positions",
        )


def _asymmetry(poses: Array, chains: Chains) -> float:
    """Compare the mean lengths of right and left bones: 0 when alike, up to 2."""
    differences = []
    for right, left in (chains[:2], chains[2:]):
        for a, b in ((0, 1), (1, 2)):
            lengths = [
                np.linalg.norm(poses[:, chain[a]] - poses[:, chain[b]], axis=1).mean()
                for chain in (right, left)
            ]
            differences.append(abs(lengths[0] - lengths[1]) / max(sum(lengths) / 2, 1e-9))
    return float(np.mean(differences))
