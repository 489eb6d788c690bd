"""Where the feet are: steps of somebody who stands about, and a walk along a path.

A foot that stands doesn't move; the pelvis travels over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.synthetic.arrays import Array, rotation, smooth, turn
from core.synthetic.body import Body
from core.synthetic.gait import Cycle, cycle
from core.synthetic.performance import LEFT, RIGHT, SIGNS, Track


@dataclass(frozen=True, eq=False)
class Footing:
    """Feet over F frames, and what they carry along.

    Attributes:
        ankles: (F, 2, 3) world, mm, right first.
        middle: (F, 2) where the pelvis is, on the floor plan.
        heading: (F,) yaw.
    """

    ankles: Array
    middle: Array
    heading: Array


@dataclass(frozen=True)
class Goal:
    """Where somebody wants to stand from some moment on.

    Attributes:
        frame: when the first step towards it begins.
        x, y: the place, mm.
        yaw: the heading.
        width, stagger: distance between the feet sideways and of the left before the right, mm.
    """

    frame: float
    x: float
    y: float
    yaw: float
    width: float
    stagger: float = 0.0


# What one step can do for somebody who only changes the place, and how long it takes.
_STEP_MM, _STEP_TURN, _STEP_S = 330.0, 0.65, 0.52


def step_about(body: Body, frames: int, fps: float, goals: Sequence[Goal], load: Array) -> Footing:
    """Stand at the first goal and step to the others, foot by foot.

    Args:
        body: whose feet they are.
        frames: F.
        fps: frames a second.
        goals: in the order of time; one that comes while still stepping waits.
        load: (F,) share of the weight on the left foot while both stand, about 0.5.
    """
    here = goals[0]
    spots: list[list[Array]] = [[_spot(here, side)] for side in (RIGHT, LEFT)]
    starts: list[list[float]] = [[-1.0], [-1.0]]
    span = _STEP_S * fps
    free = 0.0
    for goal in goals[1:]:
        way = np.hypot(goal.x - here.x, goal.y - here.y)
        count = max(
            int(np.ceil(way / _STEP_MM)), int(np.ceil(abs(goal.yaw - here.yaw) / _STEP_TURN)), 1
        )
        now = max(goal.frame, free)
        left = np.array([-np.sin(here.yaw), np.cos(here.yaw)])
        sideways = left @ (goal.x - here.x, goal.y - here.y) + 200.0 * (goal.yaw - here.yaw)
        side = LEFT if sideways > 0 else RIGHT
        for step in range(1, count + 2):
            share = min(step / count, 1.0)
            mid = Goal(
                now,
                here.x + share * (goal.x - here.x),
                here.y + share * (goal.y - here.y),
                here.yaw + share * (goal.yaw - here.yaw),
                goal.width,
                goal.stagger if share == 1.0 else 0.0,
            )
            spots[side].append(_spot(mid, side))
            starts[side].append(now)
            now += 1.02 * span
            side = 1 - side
        free = now
        here = goal

    ankles = np.empty((frames, 2, 3))
    yaws = np.empty((frames, 2))
    weight = np.stack([1 - load, load], axis=-1)
    for side in (RIGHT, LEFT):
        values = np.array(spots[side])
        track = Track(np.array(starts[side]), np.full(len(values), span), values)
        now_at = track.at(frames)
        ankles[:, side, :2] = now_at[:, :2]
        yaws[:, side] = now_at[:, 2]
        swing = track.changing(frames)
        ankles[:, side, 2] = body.ankle_height + 0.040 * body.stature * _arch(swing)
        lifted = swing > 0
        weight[lifted, side] = 0.22
        weight[lifted, 1 - side] = 0.78
    weight = smooth(weight, 0.15 * fps)[..., None]
    middle = smooth((weight * ankles[..., :2]).sum(axis=1), 0.09 * fps)
    return Footing(ankles, middle, smooth(yaws.mean(axis=1), 0.12 * fps))


def _spot(goal: Goal, side: int) -> Array:
    offset = np.array([(side - 0.5) * goal.stagger, SIGNS[side] * 0.5 * goal.width, 0.0])
    x, y, _ = turn(rotation(goal.yaw), offset)
    return np.array([goal.x + x, goal.y + y, goal.yaw])


def _arch(progress: Array) -> Array:
    """Rise from 0 to 1 and fall back over a step's progress, at rest at both ends."""
    return (4 * progress * (1 - progress)) ** 2


@dataclass(frozen=True, eq=False)
class Path:
    """A closed way on the floor.

    Attributes:
        points: (N, 2) mm, without the repeated first one.
    """

    points: Array

    @property
    def length(self) -> float:
        """Way of one round, mm."""
        return float(self._marks[-1])

    @property
    def _marks(self) -> Array:
        closed = np.vstack([self.points, self.points[:1]])
        return np.append(0.0, np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1)))

    def at(self, way: Array) -> tuple[Array, Array]:
        """Find place (F, 2) and heading (F,) after a way (F,) in mm; headings don't wrap."""
        closed = np.vstack([self.points, self.points[:1]])
        marks = self._marks
        turned = np.mod(way, marks[-1])
        place = np.stack([np.interp(turned, marks, closed[:, k]) for k in (0, 1)], axis=-1)
        along = np.roll(self.points, -1, axis=0) - np.roll(self.points, 1, axis=0)
        yaw = np.unwrap(np.arctan2(along[:, 1], along[:, 0]))
        whole = 2 * np.pi * np.round((yaw[-1] - yaw[0]) / (2 * np.pi))
        heading = np.interp(turned, marks, np.append(yaw, yaw[0] + whole))
        return place, heading + whole * np.floor(way / marks[-1])


def oval(length_mm: float, width_mm: float, turned: float, wobble: Array) -> Path:
    """Make a closed oval path about the origin.

    Args:
        length_mm: size along its longer axis.
        width_mm: size across.
        turned: angle of the longer axis.
        wobble: (2, 2) amplitudes of its second and third harmonic, as shares.
    """
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    radius = (
        1
        + wobble[0, 0] * np.cos(2 * angle + wobble[1, 0])
        + wobble[0, 1] * np.cos(3 * angle + wobble[1, 1])
    )
    x = 0.5 * length_mm * radius * np.cos(angle)
    y = 0.5 * width_mm * radius * np.sin(angle)
    c, s = np.cos(turned), np.sin(turned)
    return Path(np.stack([c * x - s * y, s * x + c * y], axis=-1))


def walk(body: Body, phase: Array, path: Path) -> tuple[Footing, Cycle]:
    """Walk along a path.

    Args:
        body: whose feet they are.
        phase: (F,) cycles walked, 0 at a right heel's contact; it may rest.
        path: the way that the pelvis takes.
    """
    gait = cycle(body)
    ankles = np.empty((len(phase), 2, 3))
    for side in (RIGHT, LEFT):
        own = phase + 0.5 * side
        place = gait.steps(own)
        count = np.floor(place)
        share = (place - count)[:, None]
        ends = []
        for number in (count, count + 1):
            way = gait.stride_mm * (number + gait.stand - 0.5 * side)
            spot, heading = path.at(way)
            left = np.stack([-np.sin(heading), np.cos(heading)], axis=-1)
            ends.append(spot + SIGNS[side] * 0.032 * body.stature * left)
        ankles[:, side, :2] = (1 - share) * ends[0] + share * ends[1]
        ankles[:, side, 2] = gait.at(own, gait.ankle_mm)
    middle, heading = path.at(gait.stride_mm * phase + gait.at(phase, gait.ahead_mm))
    left = np.stack([-np.sin(heading), np.cos(heading)], axis=-1)
    sway = -0.012 * body.stature * np.cos(2 * np.pi * (phase - 0.30))
    return Footing(ankles, middle + sway[:, None] * left, heading), gait
