"""The actions that walk: alone, with a companion, with a dog."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.synthetic import places
from core.synthetic.arrays import Array, minimum_jerk, rate, smooth
from core.synthetic.footing import Path, oval, walk
from core.synthetic.performance import LEFT, RIGHT, Hand, HandPlace, Performance, Track
from core.synthetic.script import Stage

# Where the hand of a swinging arm is: wholly by the swing.
_SWINGING = HandPlace("swing", (0.0, 0.0, 0.0), (-1.0, 0.25, -0.2))

# Phase of the gait cycle at which a walk can rest: the front foot down, the other on its toes.
_BOTH_DOWN = 0.02


def _round_path(stage: Stage) -> Path:
    wobble = np.array(
        [[stage.between(-0.04, 0.04), stage.between(-0.03, 0.03)], stage.rng.uniform(0, 6.28, 2)]
    )
    path = oval(
        stage.between(2700, 3300), stage.between(2000, 2400), stage.between(0, np.pi), wobble
    )
    return path if stage.chance(0.5) else Path(path.points[::-1].copy())


def _pace(stage: Stage, strides_per_s: float) -> Array:
    """Make the cycles walked (F,), with a rhythm that is not a clock's."""
    drift = 1 + 0.025 * stage.unrest(1, low_hz=0.05, high_hz=0.6)[:, 0]
    return stage.between(0, 1) + np.cumsum(strides_per_s * drift) / stage.fps


def _arm_swing(stage: Stage, phase: Array, side: int, size: float) -> Array:
    """Swing an arm against its leg: (F, 3) mm from the shoulder, forward, outward, down.

    Shoulder and elbow angles of an unhurried walk: about 25 degrees of swing either way less back
    than forward, the elbow bending as the arm comes forward.
    """
    body = stage.body
    swing = -np.cos(2 * np.pi * (phase + 0.5 * side - 0.03))
    upper = np.deg2rad(2 + size * 19 * swing)
    lower = upper + np.deg2rad(16 + size * 12 * (1 + swing))
    forward = body.upper_arm * np.sin(upper) + body.forearm * np.sin(lower)
    down = body.upper_arm * np.cos(upper) + body.forearm * np.cos(lower)
    outward = 0.028 * body.stature - 0.10 * np.maximum(forward, 0)
    return 0.995 * np.stack([forward, outward, -down], axis=-1)


def _held(place: HandPlace, swing: Array | None = None) -> Hand:
    return Hand(Track(np.zeros(1), np.ones(1), np.zeros(1)), [place], swing=swing)


def _walker(stage: Stage, phase: Array, path: Path, vigour: Array | float) -> Performance:
    """Walk with all that goes with it: pelvis, trunk and arms in the legs' rhythm."""
    body, frames = stage.body, stage.frames
    footing, gait = walk(body, phase, path)
    beat = 2 * np.pi * phase
    restless = stage.unrest(8, high_hz=1.0)
    turned = np.deg2rad(4.0) * vigour * np.cos(beat)
    curve = rate(smooth(footing.heading, 0.25 * stage.fps), stage.fps)
    pelvis = np.column_stack([footing.middle, gait.at(phase, gait.pelvis_mm)])
    lean = np.column_stack(
        [
            np.deg2rad(3.5 + 1.0 * np.cos(2 * beat) + 0.5 * restless[:, 0]),
            -np.deg2rad(3.5) * vigour * np.cos(beat - 2 * np.pi * 0.14) - 0.04 * curve,
        ]
    )
    spine = np.column_stack(
        [
            -2.1 * turned + np.deg2rad(1.2) * restless[:, 1],
            np.deg2rad(3.0 + 0.8 * restless[:, 2]),
            -1.0 * lean[:, 1] + np.deg2rad(0.8) * restless[:, 3],
        ]
    )
    # The gaze goes ahead into the turn.
    head = np.column_stack(
        [
            0.9 * turned + 0.22 * curve + np.deg2rad(3.0) * restless[:, 4],
            np.deg2rad(2.0 + 2.0 * restless[:, 5]),
            np.deg2rad(1.5) * restless[:, 6],
        ]
    )
    size = np.ones(frames) * vigour
    swings = [_arm_swing(stage, phase, side, 1.0) * 1.0 for side in (RIGHT, LEFT)]
    rest = [_arm_swing(stage, np.full(frames, 0.28), side, 0.3) for side in (RIGHT, LEFT)]
    blended = [
        size[:, None] * s + (1 - size[:, None]) * r for s, r in zip(swings, rest, strict=True)
    ]
    return Performance(
        pelvis=pelvis,
        heading=footing.heading + turned,
        pelvis_lean=lean,
        spine=spine,
        head=head,
        ankles=footing.ankles,
        hands=(_held(_SWINGING, blended[RIGHT]), _held(_SWINGING, blended[LEFT])),
    )


def walking(stage: Stage) -> Performance:
    """Walk round and round at a natural pace."""
    phase = _pace(stage, stage.between(0.84, 1.0))
    return _walker(stage, phase, _round_path(stage), stage.between(0.85, 1.15))


def walk_together(stage: Stage) -> Performance:
    """Walk beside a companion who isn't there: slower, turned to him, talking."""
    wobble = np.array([[0.0, stage.between(-0.03, 0.03)], [0.0, stage.between(0, 6.28)]])
    path = oval(
        stage.between(2700, 3100),
        stage.between(2100, 2500),
        stage.between(0, np.pi),
        wobble,
    )
    phase = _pace(stage, stage.between(0.70, 0.80))
    walker = _walker(stage, phase, path, stage.between(0.6, 0.85))
    # The path turns left, so that a companion outside it is on the right.
    side = -1.0
    seconds, now = stage.seconds, stage.between(0.3, 1.5)
    starts, spans, values = [-50.0], [1.0], [0.0]
    while now < seconds:
        for look in (stage.between(0.65, 1.0), stage.between(-0.1, 0.15)):
            span = stage.between(0.6, 0.9)
            starts.append(now * stage.fps)
            spans.append(span * stage.fps)
            values.append(look)
            now += span + stage.between(0.8, 2.8)
    turned = Track(np.array(starts), np.array(spans), np.array(values)).at(stage.frames)
    head = walker.head + np.outer(turned, np.deg2rad((side * 48, 2, side * -3)))
    spine = walker.spine + np.outer(turned, np.deg2rad((side * 12, 0, 0)))

    talking = walker.hands[RIGHT]
    track = Track(np.array(starts) + 4, np.array(spans), _episodes(stage, len(starts)))
    hands = (
        replace(
            talking,
            track=track,
            places=[_SWINGING, places.BEFORE_BELLY],
            unrest=0.036 * stage.body.stature * stage.unrest(3, low_hz=0.25, high_hz=1.3),
        ),
        walker.hands[LEFT],
    )
    return replace(walker, head=head, spine=spine, hands=hands)


def _episodes(stage: Stage, count: int) -> Array:
    """Draw for each stretch of time whether (1) or not (0) something is done."""
    return (stage.rng.random(count) < 0.35).astype(float)


def walk_dog(stage: Stage) -> Performance:
    """Walk a dog: one arm forward with the leash, tugged at; stop and bend to pet the dog."""
    frames, fps, stature = stage.frames, stage.fps, stage.body.stature
    phase, track = _walk_and_stop(stage, stage.between(0.74, 0.86))
    bent = track.at(frames)
    moving = np.clip(1.4 * rate(phase, fps), 0, 1)
    walker = _walker(stage, phase, _round_path(stage), 0.85 * smooth(moving, 0.15 * fps))

    tug = 0.5 + 0.5 * np.tanh(1.5 * stage.unrest(1, low_hz=0.1, high_hz=0.9)[:, 0])
    sway = stage.unrest(2, low_hz=0.1, high_hz=1.1)
    pull = np.column_stack(
        [0.045 * (tug - 0.4), 0.018 * sway[:, 0], 0.014 * sway[:, 1] + 0.02 * (tug - 0.5)]
    )
    pull = pull * stature * (1 - 0.8 * bent)[:, None]
    leash = HandPlace("hang", (0.185, 0.020, -0.250), (-0.8, 0.35, -0.6))
    slack = HandPlace("floor", (0.200, 0.105, 0.170), (-0.7, 0.6, 0.0))
    pet = HandPlace("floor", (0.290, 0.040, 0.160), (-0.6, 0.6, 0.2))
    stroke = np.sin(2 * np.pi * 1.1 * np.arange(frames) / fps)
    petting_motion = stature * np.outer(stroke * bent**4, (0.035, 0.0, -0.012))
    with_leash = Hand(track, [leash, slack], motion=pull)
    with_dog = replace(walker.hands[0], track=track, places=[_SWINGING, pet], motion=petting_motion)
    on_right = stage.chance(0.6)
    if on_right:
        with_dog = replace(with_dog, swing=walker.hands[LEFT].swing)
        hands = (with_leash, with_dog)
    else:
        hands = (with_dog, with_leash)
    sign = 1.0 if on_right else -1.0
    low = np.outer(bent, np.deg2rad((0, 28, 0)))
    watching = np.clip(0.6 + 0.4 * np.tanh(stage.unrest(1, high_hz=0.4)[:, 0]), 0, 1) * (1 - bent)
    spine = walker.spine + low + np.outer(tug * (1 - bent), np.deg2rad((sign * 6, 3, 0)))
    head = (
        walker.head
        + np.outer(watching, np.deg2rad((0, 15, 0)))
        + np.outer(bent, np.deg2rad((0, -20, 0)))
    )
    lean = walker.pelvis_lean + np.outer(bent, np.deg2rad((26, 0)))
    pelvis = walker.pelvis - np.outer(bent, (0, 0, 0.175 * stature))
    return replace(walker, spine=spine, head=head, pelvis_lean=lean, pelvis=pelvis, hands=hands)


def _walk_and_stop(stage: Stage, strides_per_s: float) -> tuple[Array, Track]:
    """Walk some steps, stop with both feet on the floor, bend, and go on.

    Returns:
        The cycles walked (F,), and how far bent: 0 while walking, 1 at the dog.
    """
    fps = stage.fps
    pieces: list[Array] = []
    starts, spans, values = [-50.0], [1.0], [0.0]
    # A right heel has just come down here, and so has a left one half a cycle later.
    here, frame = _BOTH_DOWN, 0
    first = True
    while frame < stage.frames:
        cycles = 0.5 * int(stage.rng.integers(5, 12))
        ramp = 0.9 * fps
        length = int(cycles / strides_per_s * fps + ramp)
        now = np.arange(length)
        # Already under way when the take begins.
        speed = minimum_jerk((now + (ramp if first else 1)) / ramp)
        speed *= minimum_jerk((length - now) / ramp)
        pieces.append(here + cycles * np.cumsum(speed) / speed.sum())
        here += cycles
        frame += length
        first = False
        petting = stage.between(1.6, 3.4)
        for span, value in ((1.35, 1.0), (1.25, 0.0)):
            starts.append(frame - 0.25 * fps if value else frame)
            spans.append(span * fps)
            values.append(value)
            pause = int((span + (petting if value else -0.25)) * fps)
            pieces.append(np.full(pause, here))
            frame += pause
    phase = np.concatenate(pieces)[: stage.frames]
    return phase, Track(np.array(starts), np.array(spans), np.array(values))
