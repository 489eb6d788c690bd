"""From a performance (pelvis, trunk angles, feet, where the hands go) to the 17 joints.

The trunk is forward kinematics, one rotation a bone; legs hang between pelvis and planted feet
and arms between shoulder and hand, both solved as limbs of two bones. So bones keep their lengths
exactly and feet stay where they stand. Knows bodies, no actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.skeleton import H36M_17
from core.synthetic.arrays import Array, bend, minimum_jerk, rotation, soft_minimum, turn, unit
from core.synthetic.body import FACE_FORWARD, Body

# Where a hand's place is counted from. "hang": its shoulder, upright; "swing": what the hand's
# script moves about its shoulder; "shoulder": its shoulder, turning with the chest; "chest": the
# middle of the shoulders; "head": the middle of the face; "hip": the pelvis; "knee": upright at
# its knee; "floor": below the pelvis.
Anchor = Literal["hang", "swing", "shoulder", "chest", "head", "hip", "knee", "floor"]

Indices = NDArray[np.intp]

# Sides in the order of arrays: Human3.6M's skeleton names the right leg first.
RIGHT, LEFT = 0, 1
SIGNS = (-1.0, 1.0)  # of the left-pointing axis
SIDE_NAMES = ("right", "left")

# An arm's elbow points back, outwards and down unless a hand's place says otherwise.
_ELBOW = (-0.55, 0.45, -0.55)
_KNEE = (1.0, 0.12, 0.45)


@dataclass(frozen=True)
class HandPlace:
    """A place for a hand, in fractions of the stature and for the left hand: x, OUTWARDS, z.

    Attributes:
        anchor: what it is counted from.
        offset: forward, outward (away from the body's middle), up.
        elbow: where the elbow points: forward, outward, up of the chest.
        loose: how much of the hand's own unrest it shows; 0 for a hand that rests on something.
    """

    anchor: Anchor
    offset: tuple[float, float, float]
    elbow: tuple[float, float, float] = _ELBOW
    loose: float = 1.0


@dataclass(frozen=True, eq=False)
class Track:
    """Values held and eased into one another.

    Attributes:
        starts: (K,) frame at which the change to value k begins; the first is the beginning.
        spans: (K,) frames that the change takes.
        values: (K, ...) what is held after it.
    """

    starts: Array
    spans: Array
    values: Array

    def locate(self, frames: int) -> tuple[Indices, Indices, Array]:
        """Find for each frame the value before, the value after and the share (F,) of the last."""
        now = np.arange(frames)
        after = np.clip(np.searchsorted(self.starts, now, side="right") - 1, 0, None)
        share = minimum_jerk((now - self.starts[after]) / np.maximum(self.spans[after], 1e-9))
        return np.maximum(after - 1, 0), after.astype(np.intp), share

    def at(self, frames: int) -> Array:
        """Evaluate for frames 0..frames-1: (F, ...)."""
        before, after, share = self.locate(frames)
        share = share.reshape(-1, *[1] * (self.values.ndim - 1))
        return self.values[before] * (1 - share) + self.values[after] * share

    def changing(self, frames: int) -> Array:
        """Tell how far into a change each frame is, 0..1; 0 while a value is held: (F,)."""
        now = np.arange(frames)
        after = np.clip(np.searchsorted(self.starts, now, side="right") - 1, 0, None)
        progress = (now - self.starts[after]) / np.maximum(self.spans[after], 1e-9)
        return np.where((after > 0) & (progress < 1), np.clip(progress, 0, 1), 0.0)


@dataclass(frozen=True, eq=False)
class Hand:
    """One hand's script.

    Attributes:
        track: its values (K,) index into `places`.
        places: the places it goes to.
        unrest: (F, 3) mm, added where the place is loose; axes of the heading.
        motion: (F, 3) mm, always added (waving, shaking, a leash's tug); x, OUTWARDS, z.
        swing: (F, 3) mm from the shoulder, what the anchor "swing" stands for; x, OUTWARDS, z.
    """

    track: Track
    places: Sequence[HandPlace]
    unrest: Array | None = None
    motion: Array | None = None
    swing: Array | None = None


@dataclass(eq=False)
class Performance:
    """What a body does over F frames; the joints follow from it.

    Attributes:
        pelvis: (F, 3) the hip joint in the world, mm; its height gives way to the legs' reach.
        heading: (F,) yaw of the pelvis.
        pelvis_lean: (F, 2) pitch forward and roll to the right.
        spine: (F, 3) twist to the left, bow, lean to the right, from pelvis to chest.
        head: (F, 3) the same from chest to head.
        ankles: (F, 2, 3) world, mm, right first.
        hands: right, left.
        knees: (F, 2, 3) or (2, 3): where knees point: forward, outward, up of the heading.
    """

    pelvis: Array
    heading: Array
    pelvis_lean: Array
    spine: Array
    head: Array
    ankles: Array
    hands: tuple[Hand, Hand]
    knees: Array = field(default_factory=lambda: np.array([_KNEE, _KNEE]))


def _sided(vectors: ArrayLike, side: int) -> Array:
    """Make forward, outward, up of a side to forward, left, up."""
    return np.asarray(vectors, dtype=float) * (1.0, SIGNS[side], 1.0)


def joints_of(performance: Performance, body: Body) -> Array:
    """Work out the joints (F, 17, 3) of H36M_17 in the world, mm."""
    p = performance
    frames = len(p.pelvis)
    joints = np.empty((frames, len(H36M_17), 3))

    def put(name: str, place: Array) -> None:
        joints[:, H36M_17.index(name)] = place

    upright = rotation(p.heading)
    R_pelvis = rotation(p.heading, p.pelvis_lean[:, 0], p.pelvis_lean[:, 1])
    aside = turn(R_pelvis, (0.0, body.half_hips, 0.0))
    hip = _within_reach(p, body, aside)
    put("hip", hip)

    knees = []
    for side, name in enumerate(SIDE_NAMES):
        socket = hip + SIGNS[side] * aside
        pole = turn(upright, _sided(p.knees[..., side, :], side))
        knee, ankle = bend(socket, p.ankles[:, side], body.thigh, body.shank, pole)
        knees.append(knee)
        put(f"{name}_hip", socket)
        put(f"{name}_knee", knee)
        put(f"{name}_ankle", ankle)

    # The lumbar spine takes a third of the bend, the thoracic bone ends with all of it.
    R_low = R_pelvis @ rotation(*(0.35 * p.spine).T)
    R_chest = R_pelvis @ rotation(*p.spine.T)
    spine = hip + turn(R_low, (0.0, 0.0, body.lower_trunk))
    thorax = spine + turn(R_chest, (0.0, 0.0, body.upper_trunk))
    R_neck = R_chest @ rotation(*(0.5 * p.head).T)
    R_head = R_chest @ rotation(*p.head.T)
    neck = thorax + turn(R_neck, (body.neck_forward, 0.0, body.neck_up))
    head = neck + turn(R_head, (body.head_forward, 0.0, body.head_up))
    for name, place in (("spine", spine), ("thorax", thorax), ("neck", neck), ("head", head)):
        put(name, place)

    chest_heading = rotation(np.arctan2(R_chest[:, 1, 0], R_chest[:, 0, 0]))
    between = thorax + turn(R_chest, (0.0, 0.0, body.shoulder_rise))
    face = neck + turn(R_head, (FACE_FORWARD * body.stature, 0.0, 0.0))
    zero = np.zeros_like(hip)
    below = hip * (1.0, 1.0, 0.0)
    for side, name in enumerate(SIDE_NAMES):
        hand = p.hands[side]
        socket = thorax + turn(
            R_chest, (0.0, SIGNS[side] * body.half_shoulders, body.shoulder_rise)
        )
        swing = zero if hand.swing is None else turn(chest_heading, _sided(hand.swing, side))
        origins = {
            "hang": (socket, chest_heading),
            "swing": (socket + swing, chest_heading),
            "shoulder": (socket, R_chest),
            "chest": (between, R_chest),
            "head": (face, R_head),
            "hip": (hip, R_pelvis),
            "knee": (knees[side], upright),
            "floor": (below, upright),
        }
        target, pole = _hand_target(hand, side, body, origins, R_chest)
        shoulder = _raised(thorax, socket, target, body, R_chest, side)
        elbow, wrist = bend(shoulder, target, body.upper_arm, body.forearm, pole)
        put(f"{name}_shoulder", shoulder)
        put(f"{name}_elbow", elbow)
        put(f"{name}_wrist", wrist)
    return joints


def _within_reach(p: Performance, body: Body, aside: Array) -> Array:
    """Lower the pelvis where a leg would not reach its foot."""
    height = p.pelvis[:, 2]
    reach = 0.9980 * body.leg
    for side, sign in enumerate(SIGNS):
        across = p.ankles[:, side, :2] - p.pelvis[:, :2] - sign * aside[:, :2]
        rise = np.sqrt(np.maximum(reach**2 - np.sum(across**2, axis=1), (0.1 * reach) ** 2))
        ceiling = p.ankles[:, side, 2] + rise - sign * aside[:, 2]
        height = soft_minimum(height, ceiling, 3.0)
    return np.column_stack([p.pelvis[:, :2], height])


def _hand_target(
    hand: Hand,
    side: int,
    body: Body,
    origins: dict[str, tuple[Array, Array]],
    R_chest: Array,
) -> tuple[Array, Array]:
    """Find where the hand goes and where the elbow points, (F, 3) each."""
    socket, heading = origins["hang"]
    frames = len(socket)
    before, after, share = hand.track.locate(frames)
    order = hand.track.values.astype(int)
    places = [hand.places[index] for index in order]
    offsets = _sided([p.offset for p in places], side) * body.stature
    elbows = _sided([p.elbow for p in places], side)
    loose = np.array([p.loose for p in places])
    anchors = np.array([p.anchor for p in places])
    ends = np.empty((2, frames, 3))
    for end, which in zip(ends, (before, after), strict=True):
        for anchor in set(anchors.tolist()):
            origin, R = origins[anchor]
            rows = np.flatnonzero(anchors[which] == anchor)
            end[rows] = origin[rows] + turn(R[rows], offsets[which[rows]])
    share = share[:, None]
    way = ends[1] - ends[0]
    target = ends[0] + share * way
    pole = elbows[before] + share * (elbows[after] - elbows[before])

    outside = turn(R_chest, _sided((0.75, 0.66, 0.0), side))
    target += _around(ends[0] - socket, ends[1] - socket, share, outside)
    if hand.unrest is not None:
        calm = (loose[before] * (1 - share[:, 0]) + loose[after] * share[:, 0])[:, None]
        target += calm * turn(heading, hand.unrest)
    if hand.motion is not None:
        target += turn(heading, _sided(hand.motion, side))
    return target, turn(R_chest, pole)


def _around(start: Array, end: Array, share: Array, outside: Array) -> Array:
    """Tell how to leave a straight way (F, 3) that would lead near the shoulder.

    A hand that goes from the back to the head, say, turns about its shoulder by the outside.

    Args:
        start: (F, 3) where the hand comes from, against the shoulder.
        end: (F, 3) where it goes.
        share: (F, 1) how far it has come.
        outside: (F, 3) unit vectors of the direction to swing out.
    """
    far = [np.linalg.norm(v, axis=1, keepdims=True) + 1e-9 for v in (start, end)]
    towards = [start / far[0], end / far[1]]
    cosine = np.sum(towards[0] * towards[1], axis=1, keepdims=True)
    opposed = minimum_jerk(0.4 - 1.2 * cosine)
    bulge = 4 * share * (1 - share) * opposed
    direction = unit((1 - share) * towards[0] + share * towards[1] + bulge * outside)
    turned = ((1 - share) * far[0] + share * far[1]) * direction
    return opposed * (turned - (1 - share) * start - share * end)


def _raised(
    thorax: Array, socket: Array, target: Array, body: Body, R_chest: Array, side: int
) -> Array:
    """Lift the shoulder with a raised arm and push it forward with a reaching one."""
    away = (target - socket) / body.arm
    up = np.sum(away * R_chest[:, :, 2], axis=1)
    forward = np.sum(away * R_chest[:, :, 0], axis=1)
    lift = 0.42 * minimum_jerk((up + 0.3) / 1.4)
    swing = 0.30 * minimum_jerk((forward - 0.2) / 1.0)
    sign = SIGNS[side]
    outward = np.array((0.0, sign * body.half_shoulders, body.shoulder_rise))
    return thorax + turn(R_chest @ rotation(-sign * swing, 0.0, sign * lift), outward)
