"""Look for people in one picture after another: the detector rests while nobody is lost.

Each person's square comes from the landmarks in the picture before. The detector looks where
nobody is followed, right after somebody was lost, and now and then for newcomers. Who is who over
time is told later, from the points, see `formats.people`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from core.detector.network import POINTS, Person, Picture
from core.detector.regions import Array, Found, Region

# Below it nobody is in the square any more.
LEAST_SCORE = 0.5
# Seconds between looks for newcomers; in the first of them there are more, since who is missed
# then is missing from the film's beginning.
NEWCOMERS_S, AT_FIRST_S = 1.0, 0.25
# Where nobody's square has so many of the picture's shorter side, the others are small, too.
SMALL_SIDES = 0.6
# For so many seconds somebody who was lost is looked for where they were.
LOST_S = 1.0
# Two squares are on one person where the points lie this near, in parts of a square's side.
TWINS_SIDES = 0.1
MOST_PEOPLE = 4


class Eyes(Protocol):
    """What `network.Network` can do."""

    def find(self, picture: Picture) -> Found:
        """Find people in the whole picture."""

    def find_beside(self, picture: Picture) -> Found:
        """Find people beside each other in a long picture."""

    def find_near(self, picture: Picture, region: Region) -> Found:
        """Find people around a place where somebody was a moment ago."""

    def find_small(self, picture: Picture) -> Found:
        """Find people who are small in the picture."""

    def landmarks(self, picture: Picture, region: Region) -> Person:
        """Find the points of the person in a square."""


@dataclass(eq=False)
class Watcher:
    """Sees the people in the pictures of a film, given one by one.

    Attributes:
        eyes: the models.
        fps: of the pictures that are given, for the times above.
        most_people: no more are followed at once.
    """

    eyes: Eyes
    fps: float
    most_people: int = MOST_PEOPLE
    _frame: int = 0
    _regions: list[Region] = field(default_factory=list)
    _lost: list[tuple[int, Region]] = field(default_factory=list)

    def look(self, picture: Picture) -> Array:
        """Look at the next picture.

        Returns:
            (P, 33, 3): x, y in px and 0..1 how surely the point is seen, of P people.
        """
        here: list[Person] = []
        lost = [region for region in self._regions if not self._add(here, picture, region)]
        self._lost += [(self._frame, region) for region in lost]
        self._give_up(here)
        if len(here) < self.most_people:
            regions = [
                r for _, at in self._lost for r in self.eyes.find_near(picture, at).regions()
            ]
            if lost or not here or self._is_time():
                regions = [*self._search(picture, here), *regions]
            for region in regions:
                if len(here) < self.most_people:
                    self._add(here, picture, region)
        self._regions = [person.next_region for person in here]
        self._frame += 1
        if not here:
            return np.empty((0, len(POINTS), 3))
        return np.stack([person.points for person in here])

    def _add(self, here: list[Person], picture: Picture, region: Region) -> bool:
        """Add whoever is in a square, but nobody twice; tell whether anybody is there."""
        seen = self.eyes.landmarks(picture, region)
        if seen.score < LEAST_SCORE:
            return False
        if not any(_twins(seen, other) for other in here):
            here.append(seen)
        return True

    def _search(self, picture: Picture, here: Sequence[Person]) -> list[Region]:
        regions = self.eyes.find(picture).regions()
        if not self._is_time():
            return regions
        sides = [region.side for region in (*regions, *(person.next_region for person in here))]
        if max(sides, default=0.0) < SMALL_SIDES * min(picture.shape[:2]):
            return [*regions, *self.eyes.find_small(picture).regions()]
        return [*regions, *self.eyes.find_beside(picture).regions()]

    def _give_up(self, here: Sequence[Person]) -> None:
        """Forget who was lost too long ago, and where somebody is again."""
        oldest = self._frame - LOST_S * self.fps
        self._lost = [
            (since, region)
            for since, region in self._lost
            if since > oldest
            and not any(_apart(person.next_region, region) < region.side / 2 for person in here)
        ]

    def _is_time(self) -> bool:
        """Tell whether newcomers are looked for in this picture."""
        seconds = AT_FIRST_S if self._frame < NEWCOMERS_S * self.fps else NEWCOMERS_S
        return self._frame % max(round(seconds * self.fps), 1) == 0


def _apart(one: Region, other: Region) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


def _twins(one: Person, other: Person) -> bool:
    """Tell whether two squares ended on the same person."""
    apart = np.linalg.norm(one.points[:, :2] - other.points[:, :2], axis=1)
    side = max(one.next_region.side, other.next_region.side)
    return bool(np.median(apart) < TWINS_SIDES * side)
