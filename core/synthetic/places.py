"""Places where hands go, in fractions of stature, for either hand: forward, outward, up.

The wrist is meant, not the fingertips: a hand is about a tenth of the stature longer.
"""

from __future__ import annotations

import numpy as np

from core.synthetic.performance import HandPlace

HANGING = HandPlace("hang", (0.020, 0.025, -0.320), (-1.0, 0.30, -0.1))
ON_HIP = HandPlace("hip", (0.005, 0.110, 0.060), (-0.35, 1.0, 0.0), loose=0.3)
IN_POCKET = HandPlace("hip", (0.035, 0.105, 0.010), (-1.0, 0.35, 0.0), loose=0.3)
BEHIND_BACK = HandPlace("hip", (-0.085, 0.005, 0.050), (-0.6, 0.9, 0.0), loose=0.3)

BEFORE_BELLY = HandPlace("chest", (0.155, 0.045, -0.175), (-0.4, 0.55, -0.6))
CLASPED = HandPlace("chest", (0.120, 0.012, -0.225), (-0.4, 0.6, -0.4), loose=0.5)
OPEN_WIDE = HandPlace("chest", (0.165, 0.160, -0.120), (-0.4, 0.4, -0.7))
BEFORE_CHEST = HandPlace("chest", (0.185, 0.060, -0.070), (-0.1, 0.6, -0.8))
CROSSED_OVER = HandPlace("chest", (0.105, -0.075, -0.135), (0.15, 0.6, -0.9), loose=0.3)
CROSSED_UNDER = HandPlace("chest", (0.085, -0.060, -0.165), (0.10, 0.6, -0.9), loose=0.3)
AT_OTHER_ELBOW = HandPlace("chest", (0.090, -0.080, -0.165), (0.0, 0.6, -0.9), loose=0.3)
HANDSHAKE = HandPlace("shoulder", (0.240, -0.060, -0.145), (-0.4, 0.3, -0.8))

AT_MOUTH = HandPlace("head", (0.072, 0.012, -0.062), (0.2, 0.45, -0.9), loose=0.2)
AT_CHIN = HandPlace("head", (0.055, 0.005, -0.098), (0.25, 0.35, -0.9), loose=0.2)
AT_EAR = HandPlace("head", (0.016, 0.064, -0.054), (0.30, 0.42, -0.9), loose=0.2)
BEHIND_HEAD = HandPlace("head", (-0.055, 0.045, 0.005), (0.15, 1.0, 0.3), loose=0.2)
WITH_CAMERA = HandPlace("head", (0.140, 0.038, -0.035), (0.0, 0.7, -0.7), loose=0.35)
WITH_CAMERA_LOW = HandPlace("chest", (0.165, 0.038, -0.105), (-0.2, 0.6, -0.8), loose=0.4)

WAVING = HandPlace("shoulder", (0.090, 0.090, 0.100), (-0.1, 0.6, -0.9), loose=0.5)
HIGH = HandPlace("shoulder", (0.050, 0.045, 0.295), (0.5, 0.8, 0.0))
STRETCHED_ASIDE = HandPlace("shoulder", (0.030, 0.315, 0.005), (-0.6, 0.0, -0.6))
FLEXED = HandPlace("shoulder", (0.030, 0.150, 0.140), (0.0, 0.9, -0.3))

ON_KNEE = HandPlace("knee", (-0.010, 0.005, 0.042), (-0.4, 0.8, 0.0), loose=0.15)
ON_THIGH = HandPlace("knee", (-0.110, 0.010, 0.045), (-0.6, 0.8, 0.0), loose=0.2)
BETWEEN_KNEES = HandPlace("knee", (0.030, -0.075, 0.035), (-0.4, 0.9, 0.0), loose=0.3)
AROUND_KNEE = HandPlace("knee", (0.035, -0.030, -0.020), (-0.2, 1.0, 0.1), loose=0.2)
ON_SHIN = HandPlace("knee", (0.050, 0.010, -0.110), (-0.4, 0.9, 0.0), loose=0.2)
ON_FLOOR_ASIDE = HandPlace("floor", (-0.110, 0.160, 0.035), (-1.0, 0.4, 0.0), loose=0.0)
ON_FLOOR_BEHIND = HandPlace("floor", (-0.190, 0.120, 0.035), (-1.0, 0.3, 0.0), loose=0.0)


def pointing(azimuth_deg: float, elevation_deg: float, *, reach: float = 0.326) -> HandPlace:
    """Point with a nearly straight arm: azimuth outwards from straight ahead, elevation up."""
    a, e = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    offset = (
        float(reach * np.cos(e) * np.cos(a)),
        float(reach * np.cos(e) * np.sin(a)),
        float(reach * np.sin(e)),
    )
    return HandPlace("shoulder", offset, (-0.3, 0.3, -0.9), loose=0.6)
