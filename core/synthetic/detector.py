"""A simulated 2D detector: what a stacked hourglass network would make of a view.

Its errors behave like a detector's: worse at wrists and ankles, worse where a joint is hidden or
its limb points at the camera, heavy-tailed, alike in neighbouring frames, now and then with left
and right exchanged for some frames, and snapped to a heatmap's grid. The sizes are set so that
the mean error is near that of the fine-tuned detector of the 2017 paper (about 10 px of 1000).
"""

from __future__ import annotations

import numpy as np

from core.skeleton import INPUT_16
from core.synthetic.arrays import Array

# Spread of each joint's error when it is well seen, as a share of the person's size in the image
# (300 px mostly). Distal joints move more and look less like anything.
_SPREAD = {
    "hip": 0.0156, "right_hip": 0.0175, "right_knee": 0.0169, "right_ankle": 0.0231,
    "left_hip": 0.0175, "left_knee": 0.0169, "left_ankle": 0.0231, "spine": 0.0175,
    "thorax": 0.0131, "head": 0.0144, "left_shoulder": 0.0163, "left_elbow": 0.0219,
    "left_wrist": 0.0287, "right_shoulder": 0.0163, "right_elbow": 0.0219, "right_wrist": 0.0287,
}  # fmt: skip

# The crop of the detector is a square of 1.25 times the person, its heatmap 64 cells wide, and
# the peak is refined by a quarter of a cell.
_CROP, _CELLS, _REFINED = 1.25, 64, 4

_HIDDEN_FACTOR, _FORESHORTENED_FACTOR = 1.9, 0.8
_SWAPS_PER_S = 0.035

# What can hide a joint: (from, to, radius in mm), by names; a joint's own limbs don't.
_LIMBS = (
    ("hip", "thorax", 130.0),
    ("thorax", "head", 90.0),
    ("right_hip", "right_knee", 75.0),
    ("left_hip", "left_knee", 75.0),
    ("right_knee", "right_ankle", 55.0),
    ("left_knee", "left_ankle", 55.0),
    ("right_shoulder", "right_elbow", 50.0),
    ("left_shoulder", "left_elbow", 50.0),
    ("right_elbow", "right_wrist", 45.0),
    ("left_elbow", "left_wrist", 45.0),
)
# Joints that lie in the trunk's middle: the trunk doesn't hide them.
_TRUNK = ("hip", "spine", "thorax", "right_hip", "left_hip", "right_shoulder", "left_shoulder")
_EVERY = 6


def hidden(in_camera: Array) -> Array:
    """Estimate how hidden each joint is by the body itself, 0..1.

    Looks at every sixth frame and blends between.

    Args:
        in_camera: (F, 16, 3) joints of INPUT_16 in the camera frame, mm.

    Returns:
        (F, 16).
    """
    frames = len(in_camera)
    rows = np.unique(np.append(np.arange(0, frames, _EVERY), frames - 1))
    x, y, depth = np.ascontiguousarray(in_camera[rows].transpose(2, 1, 0), dtype=np.float32)
    x, y = x / depth, y / depth
    result = np.zeros_like(depth)
    for start_name, end_name, radius in _LIMBS:
        start, end = INPUT_16.index(start_name), INPUT_16.index(end_name)
        own = {start, end}
        if start_name == "hip":
            own |= set(INPUT_16.indices(_TRUNK))
        joints = [j for j in range(len(INPUT_16)) if j not in own]
        along_x, along_y, along_z = (c[end] - c[start] for c in (x, y, depth))
        away_x, away_y = x[joints] - x[start], y[joints] - y[start]
        share = (away_x * along_x + away_y * along_y) / (along_x**2 + along_y**2 + 1e-9)
        share = np.clip(share, 0.0, 1.0)
        near = depth[start] + share * along_z
        distance = np.hypot(away_x - share * along_x, away_y - share * along_y) * near
        behind = np.clip((depth[joints] - near - 0.5 * radius) / 80.0, 0.0, 1.0)
        covered = np.clip(1.5 - distance / radius, 0.0, 1.0) * behind
        result[joints] = np.maximum(result[joints], covered)
    if len(rows) == frames:
        return result.T
    left = np.minimum(np.arange(frames) // _EVERY, len(rows) - 2)
    share = ((np.arange(frames) - rows[left]) / (rows[left + 1] - rows[left])).astype(np.float32)
    blended: Array = (result[:, left] * (1 - share) + result[:, left + 1] * share).T
    return blended


def foreshortened(in_camera: Array) -> Array:
    """Tell how much each joint's bone points along the line of sight, 0..1: (F, 16)."""
    parents = np.array(INPUT_16.parents)
    parents[INPUT_16.root] = INPUT_16.index("spine")
    places = np.ascontiguousarray(in_camera.transpose(2, 1, 0), dtype=np.float32)
    bones = places - places[:, parents]
    far = np.sqrt(np.sum(places * places, axis=0))
    long = np.sqrt(np.sum(bones * bones, axis=0)) + 1e-6
    along = np.abs(np.sum(bones * places, axis=0)) / (far * long)
    clipped: Array = np.clip((along - 0.5) / 0.5, 0.0, 1.0).T
    return clipped


def detect(
    rng: np.random.Generator, in_image: Array, in_camera: Array, fps: float
) -> tuple[Array, Array]:
    """Find the joints as a detector would.

    Args:
        rng: the view's own dice.
        in_image: (F, 16, 2) true places, px.
        in_camera: (F, 16, 3) the same joints in the camera frame, mm.
        fps: frames a second.

    Returns:
        Places (F, 16, 2) in px, and confidences (F, 16) in 0..1.
    """
    frames = len(in_image)
    # Coordinates first, frames last: sums over joints then run along memory.
    true = np.ascontiguousarray(in_image.transpose(2, 1, 0), dtype=np.float32)
    joints = true.shape[1]
    low, high = true.min(axis=1), true.max(axis=1)
    size = np.maximum((high - low).max(axis=0), 1.0)
    spread = np.array([_SPREAD[name] for name in INPUT_16.joints], dtype=np.float32)
    difficulty = (
        1
        + _HIDDEN_FACTOR * hidden(in_camera).T
        + _FORESHORTENED_FACTOR * foreshortened(in_camera).T
    )
    scale = spread[:, None] * difficulty * size * _tails(rng, frames, joints)

    quick = _correlated(rng, frames, joints, 3)
    slow = _correlated(rng, frames, joints, int(0.5 * fps))
    found = _swapped(rng, true, fps) + (0.75 * quick + 0.66 * slow) * scale
    cell = _CROP * size / (_CELLS * _REFINED)
    corner = (0.5 * (low + high) - 0.5 * _CROP * size)[:, None]
    found = np.round((found - corner) / cell) * cell + corner

    error = np.hypot(*(found - true)) / size
    seen = 1 / (1 + (error / 0.055) ** 2) - 0.10 * (difficulty - 1)
    noise = rng.standard_normal((joints, frames), dtype=np.float32)
    confidence = np.clip(seen + 0.06 * noise, 0.02, 0.99)
    return found.transpose(2, 1, 0), confidence.T


def _correlated(rng: np.random.Generator, frames: int, joints: int, every: int) -> Array:
    """Make Gaussian noise (2, J, F) of unit variance, alike over `every` frames."""
    knots = rng.standard_normal((2, joints, frames // every + 2), dtype=np.float32)
    share = ((np.arange(frames) % every) / every).astype(np.float32)
    left = np.arange(frames) // every
    even = np.sqrt((1 - share) ** 2 + share**2)
    return knots[..., left] * ((1 - share) / even) + knots[..., left + 1] * (share / even)


def _tails(rng: np.random.Generator, frames: int, joints: int) -> Array:
    """Draw factors (J, F) that turn Gaussian noise to Student's t with 4 degrees of freedom."""
    every, freedom = 6, 4
    squares = rng.chisquare(freedom, (joints, frames // every + 1)) / freedom
    factors = (1 / np.sqrt(np.maximum(squares, 0.02) * 2)).astype(np.float32)
    return np.repeat(factors, every, axis=1)[:, :frames]


def _swapped(rng: np.random.Generator, true: Array, fps: float) -> Array:
    """Exchange left and right of the legs or the arms for some frames now and then."""
    frames = true.shape[-1]
    found = true.copy()
    limbs = (("hip", "knee", "ankle"), ("knee", "ankle"), ("elbow", "wrist"), ("wrist",))
    for _ in range(rng.poisson(_SWAPS_PER_S * frames / fps)):
        start = int(rng.integers(frames))
        stop = start + int(rng.integers(3, max(4, int(0.5 * fps))))
        parts = limbs[int(rng.integers(len(limbs)))]
        left = INPUT_16.indices([f"left_{part}" for part in parts])
        right = INPUT_16.indices([f"right_{part}" for part in parts])
        found[:, left + right, start:stop] = true[:, right + left, start:stop]
    return found
