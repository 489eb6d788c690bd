"""What can be wrong with 2D input, in degrees: noise, lost joints, a coarse grid, mixed-up sides.

Pure formulas over arrays of INPUT_16's joints (F, 16, 2), px. Each draws the same numbers whatever
the level, so that levels differ by nothing but the level. Knows no files and no network; PyTorch
comes in only where a formula is shared with training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.framing import size_px
from core.skeleton import INPUT_16

Array = NDArray[np.floating[Any]]

# A detector that errs more than most: two thirds of what training draws are less.
TYPICAL_JITTER = 0.045


@dataclass(frozen=True)
class Perturbation:
    """One way to make 2D input worse.

    Attributes:
        name: for addresses and options.
        title: for people.
        level: what its level measures, with `unit` left out.
        unit: of the level, as it follows a number.
        neutral: the level that changes nothing.
        most: the largest level that has a meaning.
        levels: those measured unless others are asked for.
        meaning: what is done, for people, whole sentences.
        apply: makes (F, 16, 2) px worse by a level.
        moves: how far joints move says something about it.
    """

    name: str
    title: str
    level: str
    unit: str
    neutral: float
    most: float
    levels: tuple[float, ...]
    meaning: str
    apply: Callable[[Array, float, np.random.Generator], Array]
    moves: bool = True

    def shown(self, level: float) -> str:
        """Write a level with its unit."""
        return f"{level:.10g}{'' if self.unit in '%×' else ' '}{self.unit}"

    @property
    def axis(self) -> str:
        """Name the axis of levels."""
        return f"{self.level} ({self.unit})"


def perturb(
    perturbation: Perturbation, joints_2d: Array, level: float, *, seed: int, name: str
) -> Array:
    """Make 2D input worse, the same way whenever level, seed and name are the same.

    Args:
        perturbation: how.
        joints_2d: (F, 16, 2) px; a frame that lacks a joint keeps its place, at NaN.
        level: how much.
        seed: decides what is drawn ...
        name: ... apart for each name, such as a recording's.
    """
    drawn_for = f"{perturbation.name}/{seed}/{name}".encode()
    rng = np.random.default_rng(list(hashlib.blake2b(drawn_for, digest_size=16).digest()))
    worse = perturbation.apply(joints_2d.astype(np.float64), level, rng)
    whole = np.isfinite(joints_2d).all(axis=(1, 2), keepdims=True)
    return np.where(whole, worse, np.nan)


def add_gaussian(joints_2d: Array, sigma_px: float, rng: np.random.Generator) -> Array:
    """Add noise of a standard deviation to each coordinate, each joint and frame apart."""
    return joints_2d + sigma_px * rng.standard_normal(joints_2d.shape)


def see_as_detector(joints_2d: Array, factor: float, rng: np.random.Generator) -> Array:
    """Add a simulated detector's errors, made larger or smaller by a factor.

    Jitter by joint, outliers, and another idea of where hips, spine and head are, as
    `augmentation.Detector` makes them; at 1 as large as those of the detectors of 2016. Exchanged
    sides are left to `swap_sides`.
    """
    import torch

    from core.augmentation import Detector

    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    jitter = (TYPICAL_JITTER, TYPICAL_JITTER)
    detector = Detector(jitter, layout=0.035, meanings=1.0, outliers=0.04, swaps=0.0)
    true = torch.from_numpy(joints_2d)
    seen = detector.see(true, size_px(true), generator).numpy()
    return joints_2d + factor * (seen - joints_2d)


def drop_joints(joints_2d: Array, percent: float, rng: np.random.Generator) -> Array:
    """Lose a share of the joints and put each where its neighbour towards the hip is.

    A lost hip goes to the middle of the joints that are left; at least one joint always is.
    """
    drawn = rng.random(joints_2d.shape[:2])
    lost = (drawn < percent / 100) & (drawn < drawn.max(axis=1, keepdims=True))
    left = np.where(lost[..., None], np.nan, joints_2d)
    there = ~lost[..., None]
    middle = np.where(there, joints_2d, 0.0).sum(axis=1) / there.sum(axis=1)
    # Parents stand before their children, so that a whole lost limb folds onto its stump.
    for joint, parent in enumerate(INPUT_16.parents):
        neighbour = middle if parent == -1 else left[:, parent]
        left[:, joint] = np.where(lost[:, joint, None], neighbour, left[:, joint])
    return left


def quantise(joints_2d: Array, step_px: float, rng: np.random.Generator) -> Array:  # noqa: ARG001
    """Snap to a grid, as a heatmap's cells do; 0 leaves the joints where they are."""
    return np.round(joints_2d / step_px) * step_px if step_px else joints_2d


def swap_sides(joints_2d: Array, percent: float, rng: np.random.Generator) -> Array:
    """Take left for right in a share of the frames: of legs and of arms, each drawn apart."""
    from core.augmentation import ARMS, LEGS

    for limbs in (LEGS, ARMS):
        swapped = rng.random(len(joints_2d)) < percent / 100
        joints_2d = np.where(swapped[:, None, None], joints_2d[:, limbs], joints_2d)
    return joints_2d


def scale(joints_2d: Array, factor: float, rng: np.random.Generator) -> Array:  # noqa: ARG001
    """Give the coordinates in a picture of another resolution."""
    return joints_2d * factor


PERTURBATIONS: Mapping[str, Perturbation] = {
    p.name: p
    for p in (
        Perturbation(
            "gaussian", "Gaussian noise", "noise σ", "px", 0.0, 200.0, (0, 5, 10, 15, 20),
            "Each coordinate of each joint gets noise of its own, with standard deviation σ.",
            add_gaussian,
        ),
        Perturbation(
            "detector", "Detector-like noise", "size of a detector's errors", "×", 0.0, 10.0,
            (0, 0.5, 1, 1.5, 2),
            "A simulated detector's errors, times a factor: jitter by joint (wrists and ankles "
            "most), 4 % outliers, and another idea of where hips, spine and head are. 1 is the "
            "middle of what the shipped checkpoint “Trained on detector 2D” was trained with.",
            see_as_detector,
        ),
        Perturbation(
            "dropped", "Dropped joints", "joints dropped", "%", 0.0, 95.0, (0, 5, 10, 20, 30),
            "Joints are lost at random. The network needs all 16, so a lost joint is put where "
            "its neighbour towards the hip is: a wrist at the elbow, a whole arm at the thorax, "
            "a hip in the middle of what is left.",
            drop_joints,
        ),
        Perturbation(
            "quantisation", "Quantisation", "grid", "px", 0.0, 500.0, (0, 2, 5, 10, 20),
            "Joints snap to a grid, as the cells of a detector's heatmap have it.",
            quantise,
        ),
        Perturbation(
            "swaps", "Left-right swaps", "frames swapped", "%", 0.0, 100.0, (0, 5, 10, 25, 50, 100),
            "In a share of the frames left and right are exchanged: legs and arms each by their "
            "own draw.",
            swap_sides,
        ),
        Perturbation(
            "scale", "Image scale", "resolution", "×", 1.0, 20.0, (0.5, 0.75, 1, 1.5, 2),
            "The same 2D in a picture of another resolution. A checkpoint that frames the person "
            "does not notice; one that takes pixels as they lie does.",
            scale, moves=False,
        ),
    )
}  # fmt: skip
