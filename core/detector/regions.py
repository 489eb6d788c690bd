"""Turned squares around people, and the arithmetic of the detector's output. Pure NumPy.

The constants are those of BlazePose's published graphs (Bazarevsky et al., "BlazePose: On-device
Real-time Body Pose tracking", 2020; the graphs are Apache-2.0): they belong to the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

DETECTOR_SIDE, LANDMARK_SIDE = 224, 256
# Grid cells a side, and guesses a cell, of the detector's layers.
LAYERS = ((28, 2), (14, 2), (7, 6))
LEAST_SCORE = 0.5
# Boxes that overlap by more than this share are one person.
SAME_PERSON = 0.3
# A person's square is this much larger than the circle around the hips that holds the body.
MARGIN = 1.25
HEATMAP_REACH, HEATMAP_LEAST = 3, 0.5


@dataclass(frozen=True)
class Region:
    """A square in a picture, turned so that the person in it stands upright.

    Attributes:
        x, y: its middle, px.
        side: px.
        angle: rad, clockwise as seen; 0 is upright.
    """

    x: float
    y: float
    side: float
    angle: float

    def into_picture(self, side: int) -> Array:
        """Return the (2, 3) map from px in a crop of `side` x `side` to px in the picture."""
        scale = self.side / side
        c, s = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        half = (side - 1) / 2
        return np.array([[c, -s, self.x - (c - s) * half], [s, c, self.y - (s + c) * half]])


def region_around(hips: Array, reach: Array) -> Region:
    """Make the square from the two points that say where a body is, and how large and turned.

    Args:
        hips: (2,) the middle of the hips, px.
        reach: (2,) a point on the circle around the hips that holds the body, towards the head.
    """
    dx, dy = float(reach[0] - hips[0]), float(reach[1] - hips[1])
    angle = math.pi / 2 - math.atan2(-dy, dx)
    angle -= 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))
    return Region(float(hips[0]), float(hips[1]), 2 * math.hypot(dx, dy) * MARGIN, angle)


@cache
def _anchors() -> Array:
    """Middles (2254, 2) of the detector's guesses, in parts of its picture."""
    rows = []
    for cells, guesses in LAYERS:
        steps = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(steps, steps)
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), guesses, axis=0))
    return np.concatenate(rows)


@dataclass(frozen=True, eq=False)
class Found:
    """People that the detector found in one picture, the surest first.

    Attributes:
        scores: (P,).
        boxes: (P, 4) left, top, right, bottom, px.
        points: (P, 4, 2) px: hips, body's reach, shoulders, upper body's reach.
    """

    scores: Array
    boxes: Array
    points: Array

    def __len__(self) -> int:
        return len(self.scores)

    def regions(self) -> list[Region]:
        """Make the square of each."""
        return [region_around(points[0], points[1]) for points in self.points]


NOBODY = Found(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 4, 2)))


def decode(raw: Array, logits: Array, least: float = LEAST_SCORE) -> tuple[Array, Array]:
    """Turn the detector's output into sure guesses, still several for a person.

    Args:
        raw: (2254, 12) middle, size and four points of each guess.
        logits: (2254,) or (2254, 1).
        least: the score from which on a guess is sure enough.

    Returns:
        scores (K,), and (K, 12): left, top, right, bottom, four points, in parts of its picture.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1).astype(np.float64), -100, 100)))
    sure = np.flatnonzero(scores >= least)
    numbers = raw[sure].astype(np.float64) / DETECTOR_SIDE
    anchors = _anchors()[sure]
    middle, half = numbers[:, :2] + anchors, numbers[:, 2:4] / 2
    points = numbers[:, 4:].reshape(-1, 4, 2) + anchors[:, None]
    return scores[sure], np.concatenate(
        [middle - half, middle + half, points.reshape(-1, 8)], axis=1
    )


def held(guesses: Array, most: float) -> NDArray[np.bool_]:
    """Tell of which guesses the detector's picture holds the hips and most of the body.

    Of the rest, a part of somebody or of something, size and place are made up.

    Args:
        guesses: (K, 12) as `decode` gives them.
        most: how many of the picture's sides a person's square may have.
    """
    hips, reach = guesses[:, 4:6], guesses[:, 6:8]
    sides = 2 * np.linalg.norm(reach - hips, axis=1) * MARGIN
    inside = ((hips >= 0) & (hips <= 1)).all(axis=1)
    return np.asarray(inside & (sides <= most))


def one_each(scores: Array, guesses: Array) -> tuple[Array, Array]:
    """Merge the guesses that overlap into one a person: their mean, weighted by score.

    Args:
        scores: (K,).
        guesses: (K, 12) as `decode` gives them, in any unit.

    Returns:
        scores (P,) and guesses (P, 12), the surest first.
    """
    order = np.argsort(-scores, kind="stable")
    scores, guesses = scores[order], guesses[order]
    kept_scores, kept = [], []
    while len(scores):
        same = overlap(guesses[0, :4], guesses[:, :4]) > SAME_PERSON
        same[0] = True
        kept_scores.append(scores[0])
        kept.append(np.average(guesses[same], axis=0, weights=scores[same]))
        scores, guesses = scores[~same], guesses[~same]
    return np.array(kept_scores), np.array(kept).reshape(-1, 12)


def overlap(box: Array, boxes: Array) -> Array:
    """Share of the united area that one box (4,) and each of (K, 4) have in common."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.clip(high - low, 0, None).prod(axis=1)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    own = float(np.clip(box[2:] - box[:2], 0, None).prod())
    return np.asarray(common / np.maximum(own + areas - common, 1e-9))


def refine(points: Array, heatmaps: Array) -> Array:
    """Draw each point to the middle of its heatmap's peak nearby, where there is a clear one.

    Args:
        points: (N, 2) in parts of the crop.
        heatmaps: (H, W, N) logits.

    Returns:
        (N, 2).
    """
    height, width, count = heatmaps.shape
    column = (points[:, 0] * width).astype(int)
    row = (points[:, 1] * height).astype(int)
    reach = np.arange(-HEATMAP_REACH, HEATMAP_REACH + 1)
    rows, columns = row[:, None] + reach, column[:, None] + reach
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    near = heatmaps[
        np.clip(rows, 0, height - 1)[:, :, None],
        np.clip(columns, 0, width - 1)[:, None, :],
        np.arange(count)[:, None, None],
    ]
    weights = np.where(inside, 1 / (1 + np.exp(-near.astype(np.float64))), 0.0)
    total = np.maximum(weights.sum(axis=(1, 2)), 1e-9)
    x = (weights.sum(axis=1) * columns).sum(axis=1) / total / width
    y = (weights.sum(axis=2) * rows).sum(axis=1) / total / height
    at_home = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    clear = at_home & (weights.max(axis=(1, 2)) >= HEATMAP_LEAST)
    return np.where(clear[:, None], np.stack([x, y], axis=1), points)
