"""The actions on a chair and on the floor."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.synthetic import places
from core.synthetic.footing import Footing
from core.synthetic.performance import HandPlace, Performance
from core.synthetic.script import Beat, Foot, Posture, Stage, Wave, perform, stay, until_the_end

# Hip joint of somebody on a chair: about the height of the knees less the seat's give.
SEAT = 0.268
# Hip joint of somebody on the floor.
FLOOR = 0.055


def _place(stage: Stage, reach_mm: float = 650) -> Footing:
    return stay(
        stage,
        stage.between(-reach_mm, reach_mm),
        stage.between(-1.4 * reach_mm, 1.4 * reach_mm),
        stage.between(-np.pi, np.pi),
    )


def _feet(stage: Stage) -> tuple[Foot, Foot]:
    """Draw where the feet of a sitting person are."""
    kind = stage.one_of(["flat", "flat", "tucked", "out", "one out", "over", "ankle on knee"])
    width = stage.between(0.055, 0.10)
    flat = Foot(stage.between(0.23, 0.29), width)
    out = Foot(stage.between(0.36, 0.42), width, 0.045)
    if kind == "tucked":
        back = Foot(stage.between(0.08, 0.15), 0.05, 0.060)
        return (back, back)
    if kind == "out":
        return (out, out)
    if kind == "one out":
        return (out, flat) if stage.chance(0.5) else (flat, out)
    if kind == "over":
        upper = Foot(0.375, -0.090, 0.175, (0.55, -0.25, 1.0))
        return (upper, flat) if stage.chance(0.5) else (flat, upper)
    if kind == "ankle on knee":
        upper = Foot(0.215, -0.045, 0.335, (0.25, 1.0, 0.35))
        return (upper, flat) if stage.chance(0.5) else (flat, upper)
    return (flat, Foot(flat.forward + stage.between(-0.03, 0.03), width))


def sitting(stage: Stage) -> Performance:
    """Sit on a chair: shift, lean forward and back, cross the legs, rest the hands."""

    def beats() -> Iterator[Beat]:
        feet = _feet(stage)
        while True:
            if stage.chance(0.4):
                feet = _feet(stage)
            look = stage.between(-35, 35)
            twist, lean = stage.between(-8, 8), stage.between(-5, 5)
            kind = stage.one_of(["upright", "upright", "forward", "back", "talk", "chin"])
            side = 0.012 * lean / 5
            right, left, gesture = places.ON_THIGH, places.ON_THIGH, 0.0
            posture = Posture(
                SEAT, 0.0, side, pitch=-6, bow=9, twist=twist, lean=lean, look=look, nod=4
            )
            if kind == "forward":
                right = left = stage.one_of([places.ON_KNEE, places.BETWEEN_KNEES])
                posture = Posture(
                    SEAT, 0.0, side, pitch=16, bow=24, twist=0.5 * twist, look=0.6 * look, nod=-14
                )
            elif kind == "back":
                posture = Posture(
                    SEAT - 0.004, 0.035, side, pitch=-22, bow=14, lean=lean, look=look, nod=6
                )
                right, left = stage.one_of(
                    [
                        (places.ON_THIGH, places.ON_THIGH),
                        (places.CROSSED_OVER, places.CROSSED_UNDER),
                        (places.CLASPED, places.CLASPED),
                        (places.BEHIND_HEAD, places.BEHIND_HEAD),
                    ]
                )
            elif kind == "talk":
                right, left = (
                    places.BEFORE_BELLY,
                    stage.one_of([places.BEFORE_BELLY, places.ON_THIGH]),
                )
                gesture = stage.between(0.6, 1.0)
            elif kind == "chin":
                right, left = places.AT_CHIN, places.AT_OTHER_ELBOW
                posture = Posture(
                    SEAT, 0.0, side, pitch=8, bow=20, twist=6, look=0.4 * look, nod=2, tilt=4
                )
            yield Beat(
                stage.between(1.0, 1.5),
                stage.between(1.2, 4.5),
                right,
                left,
                posture,
                gesture=gesture,
                feet=feet,
            )

    return perform(stage, until_the_end(stage, beats()), _place(stage))


def eating_seated(stage: Stage) -> Performance:
    """Eat at a table: the hand between plate and mouth, at times a drink."""
    plate = HandPlace("floor", (0.250, 0.055, 0.440), (-0.2, 0.8, -0.6), loose=0.3)
    resting = HandPlace("floor", (0.235, 0.085, 0.440), (-0.3, 0.8, -0.5), loose=0.3)
    glass = HandPlace("head", (0.085, -0.010, -0.050), (0.1, 0.7, -0.7), loose=0.2)

    def beats() -> Iterator[Beat]:
        feet = _feet(stage)
        while True:
            if stage.chance(0.15):
                feet = _feet(stage)
            look = stage.between(-25, 25)
            for _ in range(int(stage.rng.integers(1, 4))):
                yield Beat(
                    stage.between(0.6, 0.85), stage.between(0.3, 0.9), plate, resting,
                    Posture(SEAT, pitch=6, bow=14, nod=20, look=-4),
                    waves=(Wave(0.010, 0.010, 0.0, 1.5), Wave(0.004, 0.008, 0.0, 1.1)), feet=feet,
                )  # fmt: skip
                yield Beat(
                    stage.between(0.65, 0.9), stage.between(0.25, 0.5), places.AT_MOUTH, resting,
                    Posture(SEAT, pitch=10, bow=19, nod=7), feet=feet,
                )  # fmt: skip
            if stage.chance(0.25):
                yield Beat(
                    0.95, stage.between(0.8, 1.6), resting, glass,
                    Posture(SEAT, pitch=-2, bow=4, nod=-16), feet=feet,
                )  # fmt: skip
            yield Beat(
                stage.between(0.7, 1.0), stage.between(0.8, 2.6), plate, resting,
                Posture(SEAT, pitch=0, bow=9, look=look, twist=0.2 * look, nod=5), feet=feet,
            )  # fmt: skip

    return perform(stage, until_the_end(stage, beats()), _place(stage), liveliness=0.8)


_STANDING = (Foot(0.0, 0.060), Foot(0.0, 0.060))
_CROUCHED = (Foot(0.0, 0.065), Foot(0.0, 0.065))


def _on_floor(stage: Stage) -> tuple[tuple[Foot, Foot], Posture, list[tuple[HandPlace, HandPlace]]]:
    """Draw a way of sitting on the floor: feet, posture, and what the hands may do."""
    kind = stage.one_of(["knees up", "crossed", "stretched", "one up", "heels"])
    behind = (places.ON_FLOOR_BEHIND, places.ON_FLOOR_BEHIND)
    if kind == "heels":
        foot = Foot(-0.135, 0.055, 0.048, (0.8, 0.15, -0.9))
        posture = Posture(0.165, -0.110, pitch=4, bow=6, nod=4)
        thigh = (places.ON_THIGH, places.ON_THIGH)
        return (foot, foot), posture, [thigh, thigh, (places.CLASPED, places.CLASPED)]
    back = -0.285
    up = Foot(stage.between(0.0, 0.06), 0.070, 0.042, (0.3, 0.15, 1.0))
    long = Foot(stage.between(0.150, 0.175), 0.075, 0.045, (0.2, 0.1, 1.0))
    around = (places.AROUND_KNEE, places.AROUND_KNEE)
    if kind == "knees up":
        return (up, up), Posture(FLOOR, back, pitch=-8, bow=24, nod=-4), [around, around, behind]
    if kind == "crossed":
        foot = Foot(back + 0.185, -0.040, 0.045, (0.15, 1.0, 0.30))
        inner = Foot(back + 0.140, -0.030, 0.045, (0.15, 1.0, 0.30))
        knees = (places.ON_KNEE, places.ON_KNEE)
        clasped = (places.CLASPED, places.CLASPED)
        return (foot, inner), Posture(FLOOR, back, pitch=-6, bow=20), [knees, knees, clasped]
    if kind == "stretched":
        posture = Posture(FLOOR, back, pitch=-20, bow=12, nod=6)
        return (long, long), posture, [behind, behind, (places.ON_THIGH, places.ON_THIGH)]
    posture = Posture(FLOOR, back, pitch=-12, bow=18, nod=2)
    lean = (places.ON_KNEE, places.ON_FLOOR_BEHIND)
    return (up, long), posture, [lean, lean, (places.AROUND_KNEE, places.ON_THIGH)]


def sitting_down(stage: Stage) -> Performance:
    """Go from standing down to the floor, sit there in some way, and get up again."""
    down = HandPlace("floor", (0.06, 0.13, 0.14), (-0.8, 0.7, 0.0), loose=0.2)

    def getting_up(posture: Posture) -> Iterator[Beat]:
        if posture.height < 0.1:
            yield Beat(
                0.9, 0.05, places.ON_FLOOR_ASIDE, places.ON_SHIN,
                Posture(FLOOR + 0.01, -0.235, pitch=8, bow=30, nod=-10), feet=_CROUCHED,
            )  # fmt: skip
        yield Beat(
            0.85, 0.05, down, down, Posture(0.20, -0.10, pitch=34, bow=30, nod=-14),
            feet=_CROUCHED,
        )  # fmt: skip

    def beats() -> Iterator[Beat]:
        if stage.chance(0.4):
            feet, posture, hands = _on_floor(stage)
            yield Beat(1.0, stage.between(1.5, 4.0), *hands[0], posture, feet=feet)
            yield from getting_up(posture)
        while True:
            yield Beat(
                1.3, stage.between(0.6, 1.8), places.HANGING, places.HANGING,
                Posture(look=stage.between(-25, 25)), feet=_STANDING,
            )  # fmt: skip
            if stage.chance(0.35):
                yield Beat(
                    0.9, stage.between(0.3, 1.0), places.HANGING, places.HANGING,
                    Posture(look=stage.between(-30, 30), nod=22, bow=8), feet=_STANDING,
                )  # fmt: skip
            crouch = Posture(0.19, -0.105, pitch=30, bow=30, nod=-18)
            yield Beat(1.25, 0.05, down, down, crouch, feet=_CROUCHED)
            feet, posture, hands = _on_floor(stage)
            if posture.height < 0.1:
                landing = Posture(FLOOR, -0.245, pitch=0, bow=24, nod=-8)
                prop = (places.ON_FLOOR_ASIDE, places.ON_FLOOR_ASIDE)
                yield Beat(0.8, 0.05, *prop, landing, feet=_CROUCHED)
            for _ in range(int(stage.rng.integers(2, 5))):
                look = stage.between(-35, 35)
                shifted = Posture(
                    posture.height,
                    posture.fore,
                    pitch=posture.pitch + stage.between(-4, 4),
                    bow=posture.bow + stage.between(-4, 5),
                    twist=0.2 * look,
                    lean=stage.between(-5, 5),
                    look=look,
                    nod=posture.nod + stage.between(-4, 6),
                )
                yield Beat(
                    stage.between(1.0, 1.4), stage.between(1.0, 3.2), *stage.one_of(hands),
                    shifted, feet=feet,
                )  # fmt: skip
            yield from getting_up(posture)

    return perform(stage, until_the_end(stage, beats()), _place(stage, 500), liveliness=0.8)
