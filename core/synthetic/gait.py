"""One cycle of normal walking, from the published angles of hip, knee and ankle.

Sagittal angles over the cycle as in D. A. Winter, "The Biomechanics and Motor Control of Human
Gait" (natural cadence; hip as in J. Perry, "Gait Analysis", where it is counted from the
vertical), kept as the first harmonics of a Fourier series. What walking needs follows from them:
how long a stride is, how the pelvis rises and falls, how a foot leaves the floor and comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.synthetic.arrays import Array, minimum_jerk
from core.synthetic.body import Body

# Degrees at 0, 5, ... 95 % of the cycle, which begins when the heel touches the floor.
# fmt: off
_HIP_FLEXION = (
    25, 24.5, 23, 19.5, 15, 9.5, 4, -1.5, -7, -12,
    -15.5, -15.5, -9.5, 0, 10, 18, 23.5, 27, 27.5, 26,
)
_KNEE_FLEXION = (
    4, 11, 17.5, 20, 18.5, 15, 11, 8.5, 7.5, 8.5,
    13, 23, 38, 53, 62.5, 62.5, 52, 35, 17, 6,
)
_ANKLE_DORSIFLEXION = (
    0, -4, -4, -0.5, 3, 5.5, 7, 8.5, 9.5, 9,
    5, -4, -15, -18.5, -13, -6, -1, 2, 2, 1,
)
# fmt: on
_HARMONICS = 6

# Until when the foot stays where it is, as a share of the cycle, and when it has left and landed.
_FLAT_UNTIL = 0.40
_LIFTED_BY, _LANDED_FROM = 0.56, 0.97
_PASSING = 0.30

# Heel and ball of the foot against the ankle, forward, as fractions of stature.
_HEEL, _BALL = -0.030, 0.085


def series(samples: tuple[float, ...], phase: Array) -> Array:
    """Evaluate equally spaced samples of one cycle at any phase, by their first harmonics."""
    coefficients = np.fft.rfft(samples)[: _HARMONICS + 1] / len(samples)
    values = np.full(np.shape(phase), coefficients[0].real)
    for k in range(1, _HARMONICS + 1):
        angle = 2 * np.pi * k * np.asarray(phase)
        values += 2 * (coefficients[k].real * np.cos(angle) - coefficients[k].imag * np.sin(angle))
    return values


@dataclass(frozen=True, eq=False)
class Cycle:
    """One cycle of one leg over N equal phases from its heel contact, and the pelvis with it.

    Attributes:
        stride_mm: way of two steps.
        stand: where the foot stands against the pelvis at its heel's contact, in strides.
        progress: (N,) 0 while the foot stands, rising to 1 while it goes to its next place.
        ankle_mm: (N,) height of the ankle.
        pelvis_mm: (N,) height of the hip joint; the same for both legs, half a cycle apart.
        ahead_mm: (N,) pelvis before its even travel.
    """

    stride_mm: float
    stand: float
    progress: Array
    ankle_mm: Array
    pelvis_mm: Array
    ahead_mm: Array

    def at(self, phase: Array, values: Array) -> Array:
        """Look up a cyclic quantity at phases of any size."""
        grid = np.arange(len(values) + 1) / len(values)
        return np.interp(np.mod(phase, 1.0), grid, np.append(values, values[0]))

    def steps(self, phase: Array) -> Array:
        """Tell how many places the foot has gone on, with the part of the way to the next."""
        size = len(self.progress)
        grid = np.arange(size + 1) / size
        return np.floor(phase) + np.interp(np.mod(phase, 1.0), grid, np.append(self.progress, 1.0))


@lru_cache(maxsize=64)
def cycle(body: Body, size: int = 400) -> Cycle:
    """Work out the walking cycle of a body."""
    phase = np.arange(size) / size
    hip = np.deg2rad(series(_HIP_FLEXION, phase))
    knee = np.deg2rad(series(_KNEE_FLEXION, phase))
    sole = hip - knee + np.deg2rad(series(_ANKLE_DORSIFLEXION, phase))
    forward = body.thigh * np.sin(hip) + body.shank * np.sin(hip - knee)
    down = body.thigh * np.cos(hip) + body.shank * np.cos(hip - knee)

    # How high the ankle is when the foot's lowest point, heel or ball, touches the floor.
    heel, ball = _HEEL * body.stature, _BALL * body.stature
    contact = body.ankle_height * np.cos(sole) - np.minimum(
        heel * np.sin(sole), ball * np.sin(sole)
    )
    support = np.maximum(down + contact, np.roll(down + contact, size // 2))
    # Bodies don't follow every corner of that: one rise and fall a step, highest when the legs
    # pass each other.
    rise = 2 * abs(np.fft.rfft(support)[2]) / size
    pelvis = support.mean() - 0.5 * rise + rise * np.cos(4 * np.pi * (phase - _PASSING))

    flat = (phase > 0.10) & (phase < _FLAT_UNTIL)
    stride = -np.polyfit(phase[flat], forward[flat], 1)[0]
    way = stride * phase + forward
    stand = float(way[flat].mean() / stride)
    way = way / stride - stand
    standing = np.where(
        phase < 0.7,
        1 - minimum_jerk((phase - _FLAT_UNTIL) / (_LIFTED_BY - _FLAT_UNTIL)),
        0.0,
    )
    landing = minimum_jerk((phase - 0.88) / (_LANDED_FROM - 0.88)) * (phase >= 0.7)
    progress = way * (1 - standing) * (1 - landing) + landing
    progress = np.maximum.accumulate(np.clip(progress, 0.0, 1.0))

    bearing = np.where(
        phase < 0.75, 1 - minimum_jerk((phase - 0.5) / 0.14), minimum_jerk((phase - 0.88) / 0.12)
    )
    ankle = contact + (1 - bearing) * np.logaddexp(0, (pelvis - down - contact) / 8.0) * 8.0

    ahead = 0.008 * stride * np.sin(4 * np.pi * (phase - 0.02))
    return Cycle(stride, stand, progress, ankle, pelvis, ahead)
