"""Bodies of the synthetic subjects: lengths of bones from anthropometric tables.

Sources: R. Drillis and R. Contini, "Body Segment Parameters" (1966), segment lengths as fractions
of stature, as tabulated by D. A. Winter, "Biomechanics and Motor Control of Human Movement".
The tables know no spine, thorax, neck or head joint. Here these, the hip joints and the shoulders'
width stand where CMU's motion capture has them (medians over its subjects, brought to a stature of
1750 mm), because the weights that ship learnt what the joints mean from it. Human3.6M's differ:
its hips are wider (0.0765 of the stature), its shoulders are below its thorax, and its neck is a
nose. Knows no motion.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from core.synthetic.chance import generator

# Fractions of stature. Limbs are the tables'; the shoulders' height above the floor comes to 0.822,
# the tables' 0.818, so that elbows and wrists hang where theirs do.
THIGH = 0.245
SHANK = 0.246
ANKLE_HEIGHT = 0.039
UPPER_ARM = 0.186
FOREARM = 0.146

# CMU's, in mm of 1750: hips 91 to either side; 220, 448 and 512 above the hip joint's middle are
# spine, thorax and the middle of the shoulders, 639 the neck (the skull's base), 729 the head.
HALF_HIPS = 0.052
LOWER_TRUNK = 0.126
UPPER_TRUNK = 0.130
HALF_SHOULDERS = 0.105
SHOULDER_RISE = 0.037
NECK_FORWARD = 0.001
NECK_UP = 0.109
HEAD_FORWARD = 0.000
HEAD_UP = 0.0515

# From the skull's base to the middle of the face.
FACE_FORWARD = 0.030


@dataclass(frozen=True)
class Body:
    """One body; all lengths in mm.

    Attributes:
        stature: height of the crown; the scale of everything that is not a bone.
        thigh, shank, upper_arm, forearm: limb bones.
        half_hips: from the hip joint's middle to either side.
        lower_trunk, upper_trunk: hip to spine, spine to thorax.
        half_shoulders, shoulder_rise: shoulder beside and above the thorax joint.
        neck_forward, neck_up: neck (the skull's base) before and above the thorax.
        head_forward, head_up: head joint before and above the neck.
        ankle_height: ankle above the floor when the foot is flat.
    """

    stature: float
    thigh: float
    shank: float
    upper_arm: float
    forearm: float
    half_hips: float
    lower_trunk: float
    upper_trunk: float
    half_shoulders: float
    shoulder_rise: float
    neck_forward: float
    neck_up: float
    head_forward: float
    head_up: float
    ankle_height: float

    @property
    def leg(self) -> float:
        """Length of the straight leg, hip to ankle."""
        return self.thigh + self.shank

    @property
    def arm(self) -> float:
        """Length of the straight arm, shoulder to wrist."""
        return self.upper_arm + self.forearm


# Stature in mm, then shoulders and hips against the table: women's are narrower and wider.
# These are made-up people; nothing about Human3.6M's actors is known or claimed.
_SUBJECTS = {
    "S1": (1655.0, 0.96, 1.03),
    "S5": (1620.0, 0.95, 1.04),
    "S6": (1790.0, 1.02, 0.99),
    "S7": (1700.0, 0.96, 1.03),
    "S8": (1830.0, 1.03, 0.98),
    "S9": (1760.0, 1.02, 1.00),
    "S11": (1735.0, 1.01, 1.00),
}
SUBJECTS = tuple(_SUBJECTS)

_INDIVIDUAL_SPREAD = 0.02


def body_of(subject: str, seed: int) -> Body:
    """Make the body of a subject; each length departs a little from the table, by the seed."""
    stature, shoulders, hips = _SUBJECTS[subject]
    rng = generator(seed, "body", subject)
    table = {
        "thigh": THIGH,
        "shank": SHANK,
        "upper_arm": UPPER_ARM,
        "forearm": FOREARM,
        "half_hips": HALF_HIPS * hips,
        "lower_trunk": LOWER_TRUNK,
        "upper_trunk": UPPER_TRUNK,
        "half_shoulders": HALF_SHOULDERS * shoulders,
        "shoulder_rise": SHOULDER_RISE,
        "neck_forward": NECK_FORWARD,
        "neck_up": NECK_UP,
        "head_forward": HEAD_FORWARD,
        "head_up": HEAD_UP,
        "ankle_height": ANKLE_HEIGHT,
    }
    names = [f.name for f in fields(Body) if f.name != "stature"]
    own = 1 + _INDIVIDUAL_SPREAD * np.clip(rng.standard_normal(len(names)), -2, 2)
    lengths = {
        name: float(stature * table[name] * factor) for name, factor in zip(names, own, strict=True)
    }
    return Body(stature=stature, **lengths)
