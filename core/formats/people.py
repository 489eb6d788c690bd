"""Follow people through frames in which a detector found any number of people.

Knows points (x, y, confidence) only; no files and no layouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Two detections may be the same person if their points lie this much of a body's size apart,
# and a little more for each frame in between.
REACH, REACH_A_FRAME = 0.25, 0.02
LONGEST_GAP = 60


# So many people are told apart at most; in a crowd nobody is followed for long anyway.
MOST_PEOPLE = 12
# Shorter than this share of the clip, or than so many frames, a track is a mistake of the detector.
LEAST_SHARE, LEAST_FRAMES = 0.02, 3


@dataclass(frozen=True)
class Track:
    """One person's way through a clip.

    Attributes:
        chosen: frame -> index of the person in that frame; frames without them are not in it.
    """

    chosen: Mapping[int, int]

    def __len__(self) -> int:
        return len(self.chosen)

    def points(self, frames: Sequence[Array]) -> Array:
        """Collect the person: (F, N, 3) of x, y, confidence.

        NaN, with confidence 0, in frames without that person.
        """
        first = next(iter(self.chosen.items()))
        result = np.full((len(frames), frames[first[0]].shape[1], 3), np.nan)
        result[..., 2] = 0
        for frame, person in self.chosen.items():
            result[frame] = frames[frame][person]
        return result


def follow(frames: Sequence[Array]) -> Track:
    """Pick the person who is largest, best seen and longest in view, as one path in time.

    The path maximises the sum of size times confidence over its frames, less what it jumps.
    Where every frame has one person at most, there is nothing to choose, and all are taken.

    Args:
        frames: F arrays (P, N, 3) of x, y, confidence; P may be 0 and differ.

    Raises:
        ValueError: nobody is in any frame.
    """
    if not any(len(people) for people in frames):
        raise ValueError("nobody is in any frame")
    if all(len(people) <= 1 for people in frames):
        return Track({frame: 0 for frame, people in enumerate(frames) if len(people)})
    return Track(_best_path(frames))


def tracks(frames: Sequence[Array]) -> tuple[Track, ...]:
    """Follow every person of a clip, the most prominent first, as `follow` understands it.

    What is seen for a moment only is left out, unless it is all there is.
    """
    if all(len(people) <= 1 for people in frames):
        return (follow(frames),) if any(len(people) for people in frames) else ()
    left = [list(range(len(people))) for people in frames]
    least = max(min(LEAST_FRAMES, len(frames)), LEAST_SHARE * len(frames))
    found: list[Track] = []
    while any(left) and len(found) < MOST_PEOPLE:
        if found and sum(map(len, left)) < least:
            break
        # Who is alone in what is left is not the same person all along for that.
        remaining = [people[rest] for people, rest in zip(frames, left, strict=True)]
        chosen = {frame: left[frame][person] for frame, person in _best_path(remaining).items()}
        for frame, person in chosen.items():
            left[frame].remove(person)
        if not found or len(chosen) >= least:
            found.append(Track(chosen))
    return tuple(found)


def _best_path(frames: Sequence[Array]) -> dict[int, int]:
    where = [(f, p) for f, people in enumerate(frames) for p in range(len(people))]
    stacked = np.stack([frames[f][p] for f, p in where])
    times = np.array([f for f, _ in where])
    seen = stacked[..., 2] > 0
    sizes = np.array([_size(person) for person in stacked])
    gains = sizes / max(sizes.max(), 1e-6) * stacked[..., 2].mean(axis=1)
    scores, before = gains.copy(), np.full(len(where), -1)
    for i in range(len(where)):
        earliest = int(np.searchsorted(times, times[i] - LONGEST_GAP))
        earlier = slice(earliest, int(np.searchsorted(times, times[i])))
        gaps = times[i] - times[earlier]
        if not gaps.size:
            continue
        jumps = _distances(stacked[earlier], seen[earlier], stacked[i], seen[i]) / sizes[i]
        linked = np.where(jumps < REACH + REACH_A_FRAME * gaps, scores[earlier] - jumps, -np.inf)
        best = int(linked.argmax())
        if linked[best] > 0:
            scores[i] += linked[best]
            before[i] = earliest + best
    path = {}
    at = int(scores.argmax())
    while at >= 0:
        frame, person = where[at]
        path[frame] = person
        at = int(before[at])
    return path


def _size(person: Array) -> float:
    """Diagonal of the box around the points that were found, px."""
    found = person[person[:, 2] > 0, :2]
    return float(np.linalg.norm(np.ptp(found, axis=0))) if len(found) > 1 else 1e-6


def _distances(
    others: Array, seen: NDArray[np.bool_], person: Array, its: NDArray[np.bool_]
) -> Array:
    """Mean distance of each of `others` (K, N, 3) to a person over points that both have, px."""
    shared = seen & its
    apart = np.linalg.norm(others[..., :2] - person[:, :2], axis=-1)
    counts = shared.sum(axis=1)
    means = (apart * shared).sum(axis=1) / np.maximum(counts, 1)
    return np.where(counts > 0, means, np.inf)
