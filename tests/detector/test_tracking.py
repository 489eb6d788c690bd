"""When the detector looks and when it rests, told by eyes that see a made-up scene."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.detector.network import POINTS, Person
from core.detector.regions import NOBODY, Found, Region
from core.detector.tracking import MOST_PEOPLE, Watcher

SIDE = 100.0
PICTURE = np.zeros((4, 4, 3), dtype=np.uint8)
# People of `SIDE` are small in it.
LARGE = np.zeros((400, 600, 3), dtype=np.uint8)
# Frames in which newcomers are looked for at 10 frames a second.
FIRST = [0, 2, 4, 6, 8]


def seen_at(xs):
    if not xs:
        return NOBODY
    points = np.array([[[x, 50], [x, 10], [x, 30], [x, 20]] for x in xs], dtype=float)
    return Found(np.ones(len(xs)), np.zeros((len(xs), 4)), points)


@dataclass
class Scene:
    """People at places by frame; `small` ones only show in tiles, `beside` only in squares."""

    places: list[list[float]]
    small: bool = False
    beside: list[list[float]] = field(default_factory=list)
    blind: tuple[int, ...] = ()
    frame: int = 0
    looks: list[int] = field(default_factory=list)
    small_looks: list[int] = field(default_factory=list)
    beside_looks: list[int] = field(default_factory=list)
    near_looks: list[int] = field(default_factory=list)

    def next(self):
        self.frame += 1

    def found(self):
        return seen_at(self.places[self.frame])

    def find(self, picture):
        self.looks.append(self.frame)
        return NOBODY if self.small else self.found()

    def find_beside(self, picture):
        self.beside_looks.append(self.frame)
        xs = self.beside[self.frame] if self.beside else []
        return seen_at(xs)

    def find_near(self, picture, region):
        self.near_looks.append(self.frame)
        return seen_at([x for x in self.places[self.frame] if abs(x - region.x) < SIDE])

    def find_small(self, picture):
        self.small_looks.append(self.frame)
        return self.found()

    def landmarks(self, picture, region):
        """See whoever is nearest within the square."""
        here = [*self.places[self.frame], *(self.beside[self.frame] if self.beside else [])]
        near = [x for x in here if abs(x - region.x) < SIDE / 2 and self.frame not in self.blind]
        x = min(near, key=lambda x: abs(x - region.x), default=region.x)
        points = np.zeros((len(POINTS), 3))
        points[:, 0], points[:, 2] = x, 0.9
        points[:, 1] = np.linspace(0, 100, len(POINTS))
        return Person(points, 0.9 if near else 0.1, Region(x, 50, SIDE, 0))


def watch(scene, fps=10.0, **options):
    watcher = Watcher(scene, fps, **options)
    seen = []
    for _ in scene.places:
        seen.append(watcher.look(LARGE if scene.small else PICTURE))
        scene.next()
    return [sorted(people[:, 0, 0].tolist()) for people in seen]


def test_the_detector_rests_while_somebody_is_followed():
    scene = Scene([[10.0 * i] for i in range(9)])
    assert watch(scene) == scene.places
    assert scene.looks == FIRST


def test_it_looks_again_at_once_when_somebody_is_lost():
    scene = Scene([[0.0], [500.0], [500.0]])
    assert watch(scene) == scene.places
    assert scene.looks == [0, 1, 2]


def test_it_looks_for_newcomers_once_a_second():
    scene = Scene([[0.0]] * 12 + [[0.0, 500.0]] * 12)
    seen = watch(scene)
    assert seen[:20] == [[0.0]] * 20
    assert seen[20:] == [[0.0, 500.0]] * 4
    assert scene.looks == [*FIRST, 10, 20]


def test_who_is_missed_at_first_is_found_within_the_first_second():
    scene = Scene([[0.0]] * 3 + [[0.0, 500.0]] * 7)
    assert watch(scene)[4:] == [[0.0, 500.0]] * 6


def test_small_people_are_looked_for_beside_one_small_person_but_not_beside_a_large_one():
    small, large = (Scene([[0.0]] * 2, small=is_small) for is_small in (True, False))
    for scene in (small, large):
        watch(scene)
    assert (small.small_looks, small.beside_looks) == ([0], [])
    assert (large.small_looks, large.beside_looks) == ([], [0])


def test_an_empty_scene_is_looked_at_whole_each_time_and_in_tiles_now_and_then():
    scene = Scene([[]] * 21)
    assert watch(scene) == [[]] * 21
    assert scene.looks == list(range(21))
    assert scene.small_looks == [*FIRST, 10, 20]


def test_people_who_are_small_are_found_in_tiles_and_then_followed():
    scene = Scene([[0.0, 300.0]] * 4, small=True)
    assert watch(scene) == scene.places
    assert scene.small_looks == [0, 2]


def test_two_squares_that_end_on_one_person_are_one():
    scene = Scene([[0.0, 200.0], [60.0, 140.0], [100.0, 100.0], [100.0, 100.0]])
    assert [len(people) for people in watch(scene)] == [2, 2, 1, 1]


def test_no_more_people_are_followed_than_asked_for():
    scene = Scene([[200.0 * i for i in range(9)]] * 2)
    assert [len(people) for people in watch(scene)] == [MOST_PEOPLE] * 2
    scene.frame = 0
    assert [len(people) for people in watch(scene, most_people=2)] == [2, 2]


def test_people_beside_each_other_are_found_in_squares_once_a_second():
    scene = Scene([[0.0]] * 12, beside=[[0.0, 400.0]] * 12)
    assert [len(people) for people in watch(scene)] == [2] * 12
    assert scene.beside_looks == [*FIRST, 10]


def test_squares_are_not_looked_at_where_nobody_is_or_all_are_small():
    scene = Scene([[]] * 3)
    watch(scene)
    small = Scene([[0.0]] * 3, small=True)
    watch(small)
    assert scene.beside_looks == small.beside_looks == []


def test_somebody_small_who_was_lost_for_a_moment_is_found_where_they_were():
    scene = Scene([[100.0 + i] for i in range(9)], small=True, blind=(3, 4))
    assert [len(people) for people in watch(scene)] == [1, 1, 1, 0, 0, 1, 1, 1, 1]
    assert scene.small_looks == FIRST
    assert scene.near_looks == [3, 4, 5]


def test_who_is_gone_is_not_looked_for_for_ever():
    scene = Scene([[0.0]] + [[]] * 20)
    watch(scene)
    assert scene.near_looks == list(range(1, 11))
