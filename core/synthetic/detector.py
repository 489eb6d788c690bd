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
_EVERY = 4


def hidden(in_camera: Array) -> Array:
    """Estimate how hidden each joint is by the body itself, 0..1.

    Args:
        in_camera: (F, 16, 3) joints of INPUT_16 in the camera frame, mm.

    Returns:
        (F, 16).
    """
    frames = len(in_camera)
    rows = np.unique(np.append(np.arange(0, frames, _EVERY), frames - 1))
    points = in_camera[rows].astype(np.float32)
    plane = points[..., :2] / points[..., 2:]
    depth = points[..., 2]
    result = np.zeros(depth.shape, dtype=np.float32)
    for start_name, end_name, radius in _LIMBS:
        start, end = INPUT_16.index(start_name), INPUT_16.index(end_name)
        own = {start, end}
        if start_name == "hip":
            own |= set(INPUT_16.indices(_TRUNK))
        joints = [j for j in range(len(INPUT_16)) if j not in own]
        along = plane[:, end] - plane[:, start]
        square = np.sum(along * along, axis=-1) + 1e-9
        away = plane[:, joints] - plane[:, start, None]
        share = np.einsum("fjc,fc->fj", away, along) / square[:, None]
        share = np.clip(share, 0.0, 1.0)
        gap = away - share[..., None] * along[:, None]
        near = depth[:, start, None] + share * (depth[:, end] - depth[:, start])[:, None]
        distance = np.sqrt(np.sum(gap * gap, axis=-1)) * near
        behind = np.clip((depth[:, joints] - near - 0.5 * radius) / 80.0, 0.0, 1.0)
        covered = np.clip(1.5 - distance / radius, 0.0, 1.0) * behind
        result[:, joints] = np.maximum(result[:, joints], covered)
    if len(rows) == frames:
        return result.astype(np.float64)
    left = np.minimum(np.arange(frames) // _EVERY, len(rows) - 2)
    share = ((np.arange(frames) - rows[left]) / (rows[left + 1] - rows[left]))[:, None]
    return result[left] * (1 - share) + result[left + 1] * share


def foreshortened(in_camera: Array) -> Array:
    """Tell how much each joint's bone points along the line of sight, 0..1: (F, 16)."""
    parents = np.array(INPUT_16.parents)
    parents[INPUT_16.root] = INPUT_16.index("spine")
    bones = in_camera - in_camera[:, parents]
    sight = in_camera[..., 2] / np.linalg.norm(in_camera, axis=-1)
    along = np.abs(bones[..., 2]) * sight / (np.linalg.norm(bones, axis=-1) + 1e-9)
    return np.clip((along - 0.5) / 0.5, 0.0, 1.0)


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
    frames, joints = in_image.shape[:2]
    low, high = in_image.min(axis=1), in_image.max(axis=1)
    size = np.maximum((high - low).max(axis=1), 1.0)
    spread = np.array([_SPREAD[name] for name in INPUT_16.joints])
    difficulty = (
        1 + _HIDDEN_FACTOR * hidden(in_camera) + _FORESHORTENED_FACTOR * foreshortened(in_camera)
    )
    scale = size[:, None] * spread * difficulty

    quick = _correlated(rng, frames, joints * 2, 3).reshape(frames, joints, 2)
    slow = _correlated(rng, frames, joints * 2, int(0.5 * fps)).reshape(frames, joints, 2)
    noise = (0.75 * quick + 0.66 * slow) * (scale * _tails(rng, frames, joints))[..., None]

    found = _swapped(rng, in_image, fps) + noise
    cell = _CROP * size / _CELLS / _REFINED
    corner = 0.5 * (low + high) - 0.5 * _CROP * size[:, None]
    grid = cell[:, None, None]
    found = np.round((found - corner[:, None]) / grid) * grid + corner[:, None]

    error = np.linalg.norm(found - in_image, axis=-1) / size[:, None]
    seen = 1 / (1 + (error / 0.055) ** 2) - 0.10 * (difficulty - 1)
    confidence = np.clip(seen + 0.06 * rng.standard_normal((frames, joints)), 0.02, 0.99)
    return found, confidence


def _correlated(rng: np.random.Generator, frames: int, channels: int, every: int) -> Array:
    """Make Gaussian noise (F, channels) of unit variance, alike over `every` frames."""
    count = frames // every + 2
    knots = rng.standard_normal((count, channels), dtype=np.float32)
    share = (np.arange(frames) % every) / every
    left = np.arange(frames) // every
    blend = knots[left] * (1 - share[:, None]) + knots[left + 1] * share[:, None]
    return blend / np.sqrt((1 - share) ** 2 + share**2)[:, None]


def _tails(rng: np.random.Generator, frames: int, joints: int) -> Array:
    """Draw factors (F, joints) that turn Gaussian noise to Student's t with 4 degrees."""
    every, freedom = 6, 4
    count = frames // every + 1
    squares = rng.chisquare(freedom, (count, joints)) / freedom
    factors = 1 / np.sqrt(np.maximum(squares, 0.02))
    return np.repeat(factors, every, axis=0)[:frames] / np.sqrt(2.0)


def _swapped(rng: np.random.Generator, in_image: Array, fps: float) -> Array:
    """Exchange left and right of the legs or the arms for some frames now and then."""
    found = in_image.copy()
    limbs = (("hip", "knee", "ankle"), ("knee", "ankle"), ("elbow", "wrist"), ("wrist",))
    times = rng.poisson(_SWAPS_PER_S * len(in_image) / fps)
    for _ in range(times):
        start = int(rng.integers(len(in_image)))
        stop = start + int(rng.integers(3, max(4, int(0.5 * fps))))
        parts = limbs[int(rng.integers(len(limbs)))]
        left = INPUT_16.indices([f"left_{part}" for part in parts])
        right = INPUT_16.indices([f"right_{part}" for part in parts])
        found[start:stop, left + right] = in_image[start:stop, right + left]
    return found
