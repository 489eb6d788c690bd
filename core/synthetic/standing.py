"""The actions of people who stand and do something by themselves.

Each writes beats (what hands, trunk and head do) and places to stand (where the feet go).
"""

from __future__ import annotations

from collections.abc import Iterator

from core.synthetic import places
from core.synthetic.performance import HandPlace, Performance
from core.synthetic.script import (
    STILL,
    Beat,
    Hands,
    Posture,
    Stage,
    Wave,
    one_handed,
    perform,
    places_to_stand,
    stand_about,
    until_the_end,
    waves_of,
)


def eating_standing(stage: Stage) -> Performance:
    """Eat out of a bowl in the left hand, standing."""
    bowl = HandPlace("chest", (0.165, -0.030, -0.150), (-0.3, 0.5, -0.8), loose=0.25)
    spoon = HandPlace("chest", (0.165, -0.005, -0.115), (-0.1, 0.6, -0.7), loose=0.3)

    def beats() -> Iterator[Beat]:
        while True:
            look = stage.between(-20, 20)
            for _ in range(int(stage.rng.integers(1, 4))):
                yield Beat(
                    stage.between(0.55, 0.8), stage.between(0.3, 0.8), spoon, bowl,
                    Posture(nod=22, bow=7, look=-3),
                    waves=(Wave(0.008, 0.008, 0.0, 1.6), STILL),
                )  # fmt: skip
                yield Beat(
                    stage.between(0.6, 0.85), stage.between(0.25, 0.5), places.AT_MOUTH, bowl,
                    Posture(nod=8, bow=8),
                )  # fmt: skip
            yield Beat(
                stage.between(0.6, 0.9), stage.between(1.0, 3.0), spoon, bowl,
                Posture(nod=stage.between(0, 8), look=look, bow=4),
            )  # fmt: skip

    goals = places_to_stand(stage, every_s=(6.0, 12.0), reach_mm=260, turn=0.7)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals), liveliness=0.8)


def photo(stage: Stage) -> Performance:
    """Take pictures: both hands at the camera before the eyes, at times from a crouch."""
    shooting: Hands = {"right": places.WITH_CAMERA, "left": places.WITH_CAMERA}
    lowered: Hands = {"right": places.WITH_CAMERA_LOW, "left": places.WITH_CAMERA_LOW}

    def beats() -> Iterator[Beat]:
        while True:
            look = stage.between(-18, 18)
            shot = stage.one_of(["level", "level", "up", "crouch", "lean"])
            posture = {
                "level": Posture(look=look, nod=2, bow=3),
                "up": Posture(look=look, nod=-14, bow=-6, pitch=0, fore=0.01),
                "crouch": Posture(
                    height=stage.between(0.27, 0.37), fore=-0.075, pitch=22, bow=14, nod=-22,
                    look=0.4 * look,
                ),
                "lean": Posture(pitch=18, bow=16, nod=-18, height=0.50, fore=-0.035),
            }[shot]  # fmt: skip
            slow = 1.5 if shot == "crouch" else 1.0
            yield Beat(
                slow * stage.between(0.75, 1.05), stage.between(1.2, 3.2), **shooting,
                posture=posture,
            )  # fmt: skip
            yield Beat(
                slow * stage.between(0.75, 1.0), stage.between(0.8, 2.2), **lowered,
                posture=Posture(nod=26, bow=8, look=0.2 * look),
            )  # fmt: skip

    goals = places_to_stand(stage, every_s=(4.5, 8.0), reach_mm=500, turn=1.1, width=0.15)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))


def posing(stage: Stage) -> Performance:
    """Hold poses and change from one into the next."""

    def beats() -> Iterator[Beat]:
        last = ""
        while True:
            side = stage.one_of([-1.0, 1.0])
            right = side < 0
            hip = Posture(side=0.030 * side, roll=-5 * side, lean=6 * side, tilt=-5, pitch=2)
            poses: dict[str, tuple[Hands, Posture]] = {
                "hips": ({"right": places.ON_HIP, "left": places.ON_HIP}, hip),
                "one hip": (one_handed(right, places.ON_HIP, places.HANGING), hip),
                "crossed": (
                    {"right": places.CROSSED_OVER, "left": places.CROSSED_UNDER},
                    Posture(pitch=0, bow=3, look=25 * side, nod=-3),
                ),
                "head": (
                    one_handed(right, places.BEHIND_HEAD, places.ON_HIP),
                    Posture(side=-0.025 * side, lean=7 * side, look=15 * side, nod=-6),
                ),
                "both behind": (
                    {"right": places.BEHIND_HEAD, "left": places.BEHIND_HEAD},
                    Posture(bow=-6, nod=-4, look=10 * side),
                ),
                "spread": (
                    {"right": places.STRETCHED_ASIDE, "left": places.STRETCHED_ASIDE},
                    Posture(bow=-4, nod=-6),
                ),
                "thinker": (
                    one_handed(right, places.AT_CHIN, places.AT_OTHER_ELBOW),
                    Posture(nod=12, tilt=-4 * side, bow=5, look=12 * side),
                ),
                "strong": (
                    {"right": places.FLEXED, "left": places.FLEXED},
                    Posture(bow=-3, look=20 * side, height=0.515),
                ),
                "hero": (
                    one_handed(right, places.HIGH, places.ON_HIP),
                    Posture(bow=-5, nod=-14, look=-10 * side, lean=4 * side),
                ),
                "behind": (
                    {"right": places.BEHIND_BACK, "left": places.BEHIND_BACK},
                    Posture(bow=-2, look=-25 * side, nod=-2),
                ),
                "low": (
                    one_handed(right, places.ON_THIGH, places.ON_HIP),
                    Posture(height=0.42, pitch=20, bow=12, nod=-22, fore=-0.03),
                ),
                "turned": (
                    {"right": places.IN_POCKET, "left": places.IN_POCKET},
                    Posture(twist=28 * side, look=30 * side, bow=0),
                ),
            }
            last = stage.one_of([name for name in poses if name != last])
            hands, posture = poses[last]
            yield Beat(stage.between(1.15, 1.7), stage.between(1.3, 3.4), **hands, posture=posture)

    goals = places_to_stand(stage, every_s=(4.0, 8.0), reach_mm=300, turn=1.0, width=0.15)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals), liveliness=0.7)


def purchases(stage: Stage) -> Performance:
    """Take things from shelves and put them into a bag, and look into it."""
    bag = HandPlace("hang", (0.045, 0.035, -0.300), (-1.0, 0.3, 0.0), loose=0.6)
    bag_up = HandPlace("chest", (0.135, 0.020, -0.205), (-0.3, 0.7, -0.5), loose=0.4)
    into = HandPlace("chest", (0.140, -0.005, -0.165), (-0.1, 0.7, -0.5), loose=0.4)

    def shelf(height: float) -> tuple[HandPlace, Posture]:
        """Reach for a shelf at a height in fractions of stature."""
        if height > 0.85:
            return (
                HandPlace("shoulder", (0.210, 0.000, 0.205), (-0.2, 0.6, -0.7)),
                Posture(nod=-16, bow=-3, look=-6, fore=0.01),
            )
        if height > 0.6:
            up = stage.between(-0.07, 0.06)
            return (
                HandPlace("shoulder", (0.290, stage.between(-0.04, 0.08), up), (-0.3, 0.5, -0.8)),
                Posture(nod=4, bow=6, twist=10, look=-8),
            )
        return (
            HandPlace("hang", (0.210, stage.between(-0.03, 0.04), -0.235), (-0.6, 0.6, -0.5)),
            Posture(height=0.42, pitch=30, bow=26, nod=2, fore=-0.075, twist=6),
        )

    def beats() -> Iterator[Beat]:
        while True:
            hand, posture = shelf(stage.one_of([0.95, 0.75, 0.75, 0.4]))
            slow = 1.35 if posture.height < 0.5 else 1.0
            yield Beat(
                slow * stage.between(0.8, 1.0), stage.between(0.4, 1.0), hand, bag, posture,
                waves=(Wave(0.012, 0.015, 0.006, 1.2), STILL),
            )  # fmt: skip
            if stage.chance(0.7):
                yield Beat(
                    slow * stage.between(0.75, 0.95), stage.between(0.4, 1.4),
                    places.BEFORE_CHEST, bag, Posture(nod=20, bow=5, look=-5), gesture=0.3,
                )  # fmt: skip
            yield Beat(
                slow * stage.between(0.75, 1.0), stage.between(0.6, 1.8), into, bag_up,
                Posture(nod=30, bow=13, look=5, pitch=6),
                waves=(Wave(0.01, 0.015, 0.03, 1.1), STILL),
            )  # fmt: skip
            if stage.chance(0.5):
                yield Beat(
                    stage.between(0.8, 1.0), stage.between(0.5, 1.5), places.HANGING, bag,
                    Posture(look=stage.between(-40, 40)),
                )  # fmt: skip

    goals = places_to_stand(stage, every_s=(3.5, 6.5), reach_mm=700, turn=1.3)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))


def smoking(stage: Stage) -> Performance:
    """Smoke, standing: the hand to the mouth, and down again for a while."""
    right = stage.chance(0.75)

    def beats() -> Iterator[Beat]:
        other = places.IN_POCKET
        while True:
            if stage.chance(0.35):
                other = stage.one_of(
                    [places.IN_POCKET, places.AT_OTHER_ELBOW, places.HANGING, places.ON_HIP]
                )
            yield Beat(
                stage.between(0.75, 1.0), stage.between(0.9, 1.8),
                **one_handed(right, places.AT_MOUTH, other),
                posture=Posture(nod=5, bow=3, look=stage.between(-8, 8)),
            )  # fmt: skip
            holding = stage.one_of(
                [places.HANGING, places.HANGING, HandPlace("chest", (0.13, 0.09, -0.16))]
            )
            yield Beat(
                stage.between(0.8, 1.1), stage.between(1.0, 2.0),
                **one_handed(right, holding, other),
                posture=Posture(nod=-9, look=stage.between(-25, 25)),
            )  # fmt: skip
            side = stage.one_of([-1, 1])
            yield Beat(
                stage.between(0.9, 1.3), stage.between(0.8, 3.0),
                **one_handed(right, holding, other),
                posture=Posture(
                    nod=stage.between(-2, 8), look=stage.between(-40, 40), side=0.028 * side,
                    roll=-3.5 * side, lean=3 * side,
                ),
                waves=waves_of(right, Wave(0.0, 0.004, 0.012, 2.4)),
            )  # fmt: skip

    goals = places_to_stand(stage, every_s=(5.0, 10.0), reach_mm=300, turn=0.9)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))


def waiting(stage: Stage) -> Performance:
    """Wait: shift the weight, look at the watch, fold the arms, look around."""
    watch = HandPlace("chest", (0.135, -0.030, -0.085), (0.2, 0.9, -0.3), loose=0.3)

    def beats() -> Iterator[Beat]:
        side = 1.0
        while True:
            side = -side
            shifted = {
                "side": 0.034 * side, "roll": -4.0 * side, "lean": 3.5 * side,
            }  # fmt: skip
            kind = stage.one_of(["watch", "crossed", "hips", "hang", "hang", "behind", "pocket"])
            look = stage.between(-55, 55)
            by_kind: dict[str, Hands] = {
                "watch": {"right": places.HANGING, "left": watch},
                "crossed": {"right": places.CROSSED_OVER, "left": places.CROSSED_UNDER},
                "hips": one_handed(stage.chance(0.5), places.ON_HIP, places.ON_HIP),
                "hang": {"right": places.HANGING, "left": places.HANGING},
                "behind": {"right": places.BEHIND_BACK, "left": places.BEHIND_BACK},
                "pocket": {"right": places.IN_POCKET, "left": places.IN_POCKET},
            }
            hands = by_kind[kind]
            if kind == "watch":
                posture = Posture(nod=26, look=14, bow=6, **shifted)
                yield Beat(0.85, stage.between(1.0, 1.9), **hands, posture=posture)
                continue
            for _ in range(int(stage.rng.integers(1, 3))):
                yield Beat(
                    stage.between(0.9, 1.3),
                    stage.between(1.2, 3.4),
                    **hands,
                    posture=Posture(look=look, twist=0.15 * look, nod=2, **shifted),
                )
                look = stage.between(-50, 50)

    goals = places_to_stand(stage, every_s=(4.0, 9.0), reach_mm=420, turn=1.2)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))
