"""The actions of people who stand and talk to somebody.

Each writes beats (what hands, trunk and head do) and places to stand (where the feet go).
"""

from __future__ import annotations

from collections.abc import Iterator

from core.synthetic import places
from core.synthetic.performance import Performance
from core.synthetic.script import (
    STILL,
    Beat,
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


def directions(stage: Stage) -> Performance:
    """Show somebody the way: point here and there, look along the arm, step a little."""

    def beats() -> Iterator[Beat]:
        while True:
            right = stage.chance(0.7)
            sign = -1 if right else 1
            idle = stage.one_of([places.HANGING, places.HANGING, places.ON_HIP, places.IN_POCKET])
            kind = stage.rng.random()
            if kind < 0.62:
                azimuth, elevation = stage.between(-35, 95), stage.between(-18, 28)
                posture = Posture(
                    twist=sign * 0.22 * azimuth,
                    look=sign * 0.50 * azimuth,
                    nod=-0.3 * elevation,
                    bow=stage.between(0, 6),
                )
                yield Beat(
                    stage.between(0.65, 1.0),
                    stage.between(0.5, 1.8),
                    **one_handed(right, places.pointing(azimuth, elevation), idle),
                    posture=posture,
                    waves=waves_of(right, Wave(0.012, 0.02, 0.012, stage.between(0.8, 1.4))),
                )
            elif kind < 0.85:
                yield Beat(
                    stage.between(0.6, 0.9),
                    stage.between(0.8, 2.5),
                    places.BEFORE_BELLY,
                    stage.one_of([places.BEFORE_BELLY, places.OPEN_WIDE]),
                    Posture(look=stage.between(-15, 15), nod=4),
                    gesture=0.8,
                )
            else:
                yield Beat(
                    stage.between(0.7, 1.0),
                    stage.between(0.4, 1.5),
                    places.HANGING,
                    idle,
                    Posture(look=stage.between(-30, 30)),
                )

    goals = places_to_stand(stage, every_s=(3.5, 8.0), reach_mm=420, turn=1.1)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))


def discussion(stage: Stage) -> Performance:
    """Talk with the hands; now and then fold the arms and listen."""

    def beats() -> Iterator[Beat]:
        while True:
            kind = stage.rng.random()
            look = stage.between(-25, 25)
            if kind < 0.6:
                both = [places.BEFORE_BELLY, places.BEFORE_CHEST, places.OPEN_WIDE]
                yield Beat(
                    stage.between(0.45, 0.8),
                    stage.between(0.6, 2.4),
                    stage.one_of(both),
                    stage.one_of(both),
                    Posture(
                        look=look, nod=stage.between(-4, 8), twist=0.4 * look,
                        bow=stage.between(0, 8), side=stage.between(-0.015, 0.015),
                    ),
                    gesture=stage.between(0.7, 1.2),
                )  # fmt: skip
            elif kind < 0.8:
                right = stage.chance(0.6)
                yield Beat(
                    stage.between(0.5, 0.8),
                    stage.between(0.8, 2.2),
                    **one_handed(
                        right,
                        stage.one_of([places.OPEN_WIDE, places.BEFORE_CHEST]),
                        stage.one_of([places.HANGING, places.ON_HIP, places.IN_POCKET]),
                    ),
                    posture=Posture(look=look, tilt=stage.between(-6, 6), twist=0.3 * look),
                    gesture=1.1,
                )
            elif kind < 0.92:
                yield Beat(
                    0.9,
                    stage.between(1.5, 4.0),
                    places.CROSSED_OVER,
                    places.CROSSED_UNDER,
                    Posture(look=look, nod=stage.between(0, 10), pitch=0, bow=4),
                )
            else:
                yield Beat(
                    0.8, stage.between(0.8, 2.0), places.CLASPED, places.CLASPED,
                    Posture(look=look, nod=6),
                )  # fmt: skip

    goals = places_to_stand(stage, every_s=(3.0, 7.0), reach_mm=300, turn=0.8)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))


def greeting(stage: Stage) -> Performance:
    """Wave, bow, shake hands."""

    def beats() -> Iterator[Beat]:
        rest = (places.HANGING, places.HANGING)
        while True:
            kind = stage.one_of(["wave", "wave", "bow", "shake", "both"])
            right = stage.chance(0.75)
            if kind == "wave":
                yield Beat(
                    stage.between(0.7, 0.95), stage.between(1.2, 2.6),
                    **one_handed(right, places.WAVING, places.HANGING),
                    posture=Posture(nod=-4, look=stage.between(-20, 20), tilt=-3),
                    waves=waves_of(right, Wave(0.0, 0.065, -0.010, stage.between(1.4, 2.0))),
                )  # fmt: skip
            elif kind == "bow":
                depth = stage.between(18, 38)
                folded = (places.CLASPED, places.CLASPED)
                yield Beat(
                    stage.between(0.9, 1.2), stage.between(0.3, 1.0),
                    *stage.one_of([rest, folded]),
                    Posture(pitch=0.9 * depth, bow=0.75 * depth, nod=0.4 * depth, fore=-0.05),
                )  # fmt: skip
            elif kind == "shake":
                yield Beat(
                    stage.between(0.6, 0.8), stage.between(1.2, 2.2),
                    places.HANDSHAKE, places.HANGING,
                    Posture(pitch=7, bow=8, nod=4, fore=0.02, twist=8),
                    waves=(Wave(0.0, 0.0, 0.024, stage.between(2.0, 2.6)), STILL),
                )  # fmt: skip
            else:
                yield Beat(
                    stage.between(0.8, 1.0), stage.between(0.8, 1.8),
                    places.WAVING, places.WAVING, Posture(nod=-6),
                    waves=(Wave(0.0, 0.05, 0.0, 1.5), Wave(0.0, 0.05, 0.0, 1.5)),
                )  # fmt: skip
            yield Beat(
                stage.between(0.7, 1.0), stage.between(0.4, 1.6), *rest,
                Posture(look=stage.between(-15, 15)),
            )  # fmt: skip

    goals = places_to_stand(stage, every_s=(3.5, 7.0), reach_mm=480, turn=1.2)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))


def phoning(stage: Stage) -> Performance:
    """Hold a phone to the ear and pace about."""
    right = stage.chance(0.75)
    sign = 1 if right else -1

    def beats() -> Iterator[Beat]:
        while True:
            other, talk = stage.one_of(
                [
                    (places.HANGING, 0.0),
                    (places.HANGING, 0.3),
                    (places.BEFORE_BELLY, 1.1),
                    (places.OPEN_WIDE, 1.0),
                    (places.ON_HIP, 0.0),
                    (places.IN_POCKET, 0.0),
                    (places.AT_OTHER_ELBOW, 0.0),
                ]
            )
            yield Beat(
                stage.between(0.7, 1.1),
                stage.between(1.2, 4.5),
                **one_handed(right, places.AT_EAR, other),
                posture=Posture(
                    tilt=sign * stage.between(5, 12),
                    look=stage.between(-22, 22),
                    nod=stage.between(0, 14),
                    bow=stage.between(2, 7),
                ),
                gesture=talk,
            )

    goals = places_to_stand(stage, every_s=(1.5, 4.0), reach_mm=900, turn=1.6)
    return perform(stage, until_the_end(stage, beats()), stand_about(stage, goals))
