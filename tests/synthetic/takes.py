"""Takes of the synthetic data set as tests look at them: joints by name, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from core import synthetic
from core.sequence import FloatArray
from core.skeleton import H36M_17
from core.synthetic.body import Body, body_of

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Take:
    """One take in the world.

    Attributes:
        joints: (F, 17, 3) mm, z up, floor at 0.
        body: whose they are.
    """

    joints: FloatArray
    body: Body

    def at(self, name: str) -> FloatArray:
        """Give one joint (F, 3), mm."""
        return self.joints[:, H36M_17.index(name)]

    def height(self, name: str) -> Array:
        """Give a joint's height (F,) as a share of the stature."""
        return np.asarray(self.at(name)[:, 2] / self.body.stature)

    def apart(self, first: str, second: str) -> Array:
        """Give the distance (F,) between two joints as a share of the stature."""
        return np.linalg.norm(self.at(first) - self.at(second), axis=-1) / self.body.stature

    @cached_property
    def speeds(self) -> Array:
        """Speeds (F - 1, 17) in m/s."""
        return np.linalg.norm(np.diff(self.joints, axis=0), axis=-1) * synthetic.FPS / 1000

    @cached_property
    def ahead(self) -> Array:
        """Where the pelvis faces (F, 2), on the floor plan."""
        left = self.at("left_hip")[:, :2] - self.at("right_hip")[:, :2]
        left = left / np.linalg.norm(left, axis=1, keepdims=True)
        return np.stack([left[:, 1], -left[:, 0]], axis=1)

    def before(self, name: str, origin: str = "hip") -> Array:
        """Tell how far (F,) a joint is before another, as a share of the stature."""
        way = self.at(name)[:, :2] - self.at(origin)[:, :2]
        return np.asarray(np.sum(way * self.ahead, axis=1) / self.body.stature)

    def nearest(self, joint: str) -> Array:
        """Give the nearer wrist's distance (F,) to a joint, as a share of the stature."""
        return np.minimum(self.apart("left_wrist", joint), self.apart("right_wrist", joint))

    @cached_property
    def trunk_lean(self) -> Array:
        """Angles (F,) of the trunk from the vertical, degrees."""
        trunk = self.at("thorax") - self.at("hip")
        return np.degrees(np.arctan2(np.linalg.norm(trunk[:, :2], axis=1), trunk[:, 2]))


@lru_cache(maxsize=128)
def take(action: str, subject: str = "S9", number: int = 0, frames: int = 1200) -> Take:
    """Make a take of the data set with seed 0."""
    name = synthetic.take_names(action)[number]
    return Take(synthetic.joints_in_world(0, subject, action, name, frames), body_of(subject, 0))
