"""Scripts of actions: what a body does, beat by beat.

A beat is a posture and a place for each hand, reached in some time and held for some. An action
writes beats; `perform` eases one into the next and adds the unrest that living bodies have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import TypedDict, TypeVar

import numpy as np

from core.synthetic.arrays import Array, rotation, turn
from core.synthetic.body import Body
from core.synthetic.chance import wander
from core.synthetic.footing import Footing, Goal, step_about
from core.synthetic.performance import SIGNS, Hand, HandPlace, Performance, Track

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Stage:
    """Who performs for how long, and by which dice.

    Attributes:
        body: the performer.
        frames: F.
        fps: frames a second.
        rng: this take's own.
        take: 0 or 1: actions have variants.
    """

    body: Body
    frames: int
    fps: float
    rng: np.random.Generator
    take: int

    @property
    def seconds(self) -> float:
        """Length of the take."""
        return self.frames / self.fps

    def between(self, low: float, high: float) -> float:
        """Draw a number."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """Toss a coin."""
        return bool(self.rng.random() < probability)

    def one_of(self, choices: Sequence[T]) -> T:
        """Draw one of several."""
        return choices[int(self.rng.integers(len(choices)))]

    def unrest(self, channels: int, *, low_hz: float = 0.08, high_hz: float = 2.0) -> Array:
        """Make smooth noise (F, channels) of unit RMS."""
        return wander(self.rng, self.frames, channels, self.fps, low_hz=low_hz, high_hz=high_hz)


@dataclass(frozen=True)
class Posture:
    """How pelvis, trunk and head are held; lengths in fractions of stature, angles in degrees.

    Attributes:
        height: hip joint above the floor; legs that are too short for it lower it.
        fore, side: pelvis before and left of where the feet would have it.
        pitch, roll: of the pelvis: forward, to the right.
        twist, bow, lean: of the chest against the pelvis: to the left, forward, to the right.
        look, nod, tilt: of the head against the chest: the same.
    """

    height: float = 0.5285
    fore: float = 0.0
    side: float = 0.0
    pitch: float = 3.0
    roll: float = 0.0
    twist: float = 0.0
    bow: float = 2.0
    lean: float = 0.0
    look: float = 0.0
    nod: float = 0.0
    tilt: float = 0.0


_FIELDS = {f.name: index for index, f in enumerate(fields(Posture))}


@dataclass(frozen=True)
class Foot:
    """Where an ankle is, in fractions of stature from the place's middle, and its knee's way.

    Attributes:
        forward, outward: on the floor plan, by the heading.
        up: above the floor.
        knee: where the knee points: forward, outward, up.
    """

    forward: float
    outward: float
    up: float = 0.039
    knee: tuple[float, float, float] = (1.0, 0.12, 0.45)


@dataclass(frozen=True)
class Wave:
    """A hand's shaking: amplitudes forward, outward, up in fractions of stature, and its rate."""

    forward: float = 0.0
    outward: float = 0.0
    up: float = 0.0
    hz: float = 1.5


STILL = Wave()


@dataclass(frozen=True)
class Beat:
    """One thing that a body does.

    Attributes:
        change_s, hold_s: time to get there, and to stay.
        right, left: where the hands go.
        posture: how the trunk is held.
        waves: shaking of the right and the left hand.
        gesture: how much the hands talk, 0..1.
        feet: right and left; None leaves them to the footing.
    """

    change_s: float
    hold_s: float
    right: HandPlace
    left: HandPlace
    posture: Posture = Posture()
    waves: tuple[Wave, Wave] = (STILL, STILL)
    gesture: float = 0.0
    feet: tuple[Foot, Foot] | None = None


class Hands(TypedDict):
    """Where each hand goes; named as a beat's fields."""

    right: HandPlace
    left: HandPlace


def one_handed(right_is_first: bool, first: HandPlace, second: HandPlace) -> Hands:
    """Give the first place to the chosen hand and the second to the other."""
    if right_is_first:
        return {"right": first, "left": second}
    return {"right": second, "left": first}


def waves_of(right_is_first: bool, wave: Wave) -> tuple[Wave, Wave]:
    """Let only the chosen hand shake."""
    return (wave, STILL) if right_is_first else (STILL, wave)


# The head goes first and the hands last, as in people.
_HEAD_LEAD_S = 0.10
_HAND_LAG_S = 0.06


def until_the_end(stage: Stage, beats: Iterable[Beat]) -> list[Beat]:
    """Take beats from an endless script until the take is full."""
    taken: list[Beat] = []
    filled = 0.0
    for beat in beats:
        taken.append(beat)
        filled += beat.hold_s + (beat.change_s if len(taken) > 1 else 0.0)
        if filled > stage.seconds:
            break
    return taken


def stand_about(stage: Stage, goals: Sequence[Goal]) -> Footing:
    """Stand and step by goals, with the weight wandering from foot to foot."""
    load = 0.5 + 0.10 * np.tanh(stage.unrest(1, low_hz=0.03, high_hz=0.25)[:, 0])
    return step_about(stage.body, stage.frames, stage.fps, goals, load)


# Nobody wants to stand farther from the middle than this; the cameras look along y, mostly.
_ROOM_MM = (950.0, 1300.0)


def places_to_stand(
    stage: Stage,
    *,
    every_s: tuple[float, float],
    reach_mm: float,
    turn: float,
    width: float = 0.125,
) -> list[Goal]:
    """Draw where somebody stands: a start near the middle, then changes of place and heading."""
    stature = stage.body.stature
    x, y = stage.between(-650, 650), stage.between(-1000, 1000)
    yaw = stage.between(-np.pi, np.pi)
    goals = [Goal(0.0, x, y, yaw, width * stature)]
    now = stage.between(*every_s) * stage.fps
    while now < stage.frames:
        angle, way = stage.between(-np.pi, np.pi), reach_mm * np.sqrt(stage.between(0.05, 1))
        # Drawn back towards the middle, so that nobody wanders out of the cameras' view.
        x = float(np.clip(0.8 * x + way * np.cos(angle), -_ROOM_MM[0], _ROOM_MM[0]))
        y = float(np.clip(0.8 * y + way * np.sin(angle), -_ROOM_MM[1], _ROOM_MM[1]))
        yaw = yaw + stage.between(-turn, turn)
        goals.append(
            Goal(
                now,
                x,
                y,
                yaw,
                stature * width * stage.between(0.85, 1.35),
                stature * stage.between(-0.03, 0.03),
            )
        )
        now += stage.between(*every_s) * stage.fps
    return goals


def stay(stage: Stage, x: float, y: float, yaw: float) -> Footing:
    """Remain at a place, the feet left to the beats."""
    return Footing(
        np.zeros((stage.frames, 2, 3)),
        np.tile((x, y), (stage.frames, 1)).astype(float),
        np.full(stage.frames, yaw),
    )


def perform(
    stage: Stage, beats: Sequence[Beat], footing: Footing, *, liveliness: float = 1.0
) -> Performance:
    """Play beats over a footing."""
    frames, fps, stature = stage.frames, stage.fps, stage.body.stature
    spans = np.array([b.change_s for b in beats]) * fps
    lasts = np.array([b.hold_s for b in beats]) * fps
    starts = np.append(0.0, np.cumsum(lasts + np.append(0.0, spans[1:]))[:-1])
    starts[0] = -spans[0] - fps

    def track(values: Sequence[object] | Array, late_s: float = 0.0) -> Track:
        return Track(starts + late_s * fps, spans, np.array(values, dtype=float))

    posture = track([astuple(b.posture) for b in beats]).at(frames)
    ahead = track([astuple(b.posture) for b in beats], -_HEAD_LEAD_S).at(frames)
    restless = liveliness * stage.unrest(10, high_hz=1.2)

    def held(name: str, source: Array = posture) -> Array:
        return source[:, _FIELDS[name]]

    upright = rotation(footing.heading)
    shift = np.column_stack([held("fore"), held("side"), np.zeros(frames)]) * stature
    shift[:, :2] += 0.0035 * stature * restless[:, :2]
    pelvis = turn(upright, shift)
    pelvis[:, :2] += footing.middle
    pelvis[:, 2] = stature * held("height")
    spine = np.column_stack([held("twist"), held("bow"), held("lean")])
    spine += restless[:, 2:5] * (1.5, 1.0, 0.8)
    head = np.column_stack([held("look", ahead), held("nod", ahead), held("tilt", ahead)])
    head += restless[:, 5:8] * (3.0, 2.0, 1.5)
    lean = np.column_stack([held("pitch"), held("roll")]) + restless[:, 8:10] * (0.8, 0.6)

    ankles, knees = _legs(stage, beats, footing, track)
    hands = tuple(
        _hand(stage, [(b.right, b.left)[side] for b in beats], beats, side, track, liveliness)
        for side in (0, 1)
    )
    return Performance(
        pelvis=pelvis,
        heading=footing.heading,
        pelvis_lean=np.deg2rad(lean),
        spine=np.deg2rad(spine),
        head=np.deg2rad(head),
        ankles=ankles,
        hands=(hands[0], hands[1]),
        knees=knees,
    )


def _legs(
    stage: Stage, beats: Sequence[Beat], footing: Footing, track: Callable[..., Track]
) -> tuple[Array, Array]:
    frames, stature = stage.frames, stage.body.stature
    feet = [b.feet for b in beats if b.feet is not None]
    if len(feet) < len(beats):
        return footing.ankles, np.array([Foot(0, 0).knee] * 2)
    upright = rotation(footing.heading)
    ankles = np.empty((frames, 2, 3))
    knees = np.empty((frames, 2, 3))
    for side, sign in enumerate(SIGNS):
        spots = track([astuple(f[side])[:3] for f in feet])
        place = spots.at(frames) * (stature, sign * stature, stature)
        moved = np.linalg.norm(np.diff(spots.values, axis=0, prepend=spots.values[:1]), axis=1)
        lift = Track(spots.starts, spots.spans, np.minimum(moved, 0.12) * 0.25)
        _, after, _ = lift.locate(frames)
        progress = lift.changing(frames)
        place[:, 2] += stature * lift.values[after] * (4 * progress * (1 - progress)) ** 2
        ankles[:, side] = turn(upright, place)
        ankles[:, side, :2] += footing.middle
        knees[:, side] = track([f[side].knee for f in feet]).at(frames)
    return ankles, knees


def _hand(
    stage: Stage,
    places: Sequence[HandPlace],
    beats: Sequence[Beat],
    side: int,
    track: Callable[..., Track],
    liveliness: float,
) -> Hand:
    frames, stature = stage.frames, stage.body.stature
    known = list(dict.fromkeys(places))
    waves = [b.waves[side] for b in beats]
    size = track([(w.forward, w.outward, w.up) for w in waves], _HAND_LAG_S).at(frames)
    rate = track([w.hz for w in waves], _HAND_LAG_S).at(frames)
    shaking = np.sin(2 * np.pi * np.cumsum(rate) / stage.fps)[:, None] * size
    talk = track([b.gesture for b in beats], _HAND_LAG_S).at(frames)[:, None]
    unrest = 0.005 * liveliness * stage.unrest(3, high_hz=1.5)
    if talk.any():
        unrest = unrest + 0.038 * talk * stage.unrest(3, low_hz=0.25, high_hz=1.4)
    return Hand(
        track([known.index(p) for p in places], _HAND_LAG_S),
        known,
        unrest=stature * unrest,
        motion=stature * shaking,
    )
