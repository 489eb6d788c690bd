"""PoseSequence, the one record of poses over time.

Immutable: a change is a new sequence. Knows its skeleton; knows no files, cameras or plots.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.skeleton import Skeleton

Space = Literal["image", "camera", "world", "root"]
Unit = Literal["px", "mm"]
FloatArray = NDArray[np.floating[Any]]


def frozen_array(values: Any, dtype: type = np.float32) -> FloatArray:
    """Return `values` as a read-only array; copies unless it already is one."""
    array: FloatArray = np.asarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class PoseSequence:
    """Poses of one person, frame by frame.

    Attributes:
        positions: (F, J, 2) or (F, J, 3) float32, read-only; NaN where a joint is missing.
        skeleton: the J joints.
        space: "image" (2D, px, y down), "camera" (3D, x right, y down, z away),
            "world" (3D, z up) or "root" (camera axes, relative to the root joint).
        fps: frames a second.
        confidence: (F, J) in 0..1, or None where the source has none.
        source: where the numbers come from, in words for people.

    Raises:
        ValueError: shapes, joint count or space do not fit together.
    """

    positions: FloatArray
    skeleton: Skeleton
    space: Space
    fps: float
    confidence: FloatArray | None = None
    source: str = ""

    def __post_init__(self) -> None:
        positions = frozen_array(self.positions)
        coordinates = 2 if self.space == "image" else 3
        expected = (len(self.skeleton), coordinates)
        if positions.ndim != 3 or positions.shape[1:] != expected:
            raise ValueError(
                f"positions of a sequence in {self.space} space with skeleton "
                f"{self.skeleton.name} must be (F, {expected[0]}, {expected[1]}), "
                f"not {positions.shape}"
            )
        if not self.fps > 0:
            raise ValueError(f"fps must be above 0, not {self.fps}")
        object.__setattr__(self, "positions", positions)
        if self.confidence is not None:
            confidence = frozen_array(self.confidence)
            if confidence.shape != positions.shape[:2]:
                raise ValueError(
                    f"confidence must be {positions.shape[:2]}, not {confidence.shape}"
                )
            object.__setattr__(self, "confidence", confidence)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def unit(self) -> Unit:
        """Unit of the positions."""
        return "px" if self.space == "image" else "mm"

    @cached_property
    def digest(self) -> str:
        """Hash of everything that the sequence says; equal digests mean equal sequences."""
        h = hashlib.blake2b(digest_size=16)
        head = (self.skeleton, self.space, float(self.fps), self.source, self.positions.shape)
        h.update(repr(head).encode())
        h.update(np.ascontiguousarray(self.positions).data)
        if self.confidence is not None:
            h.update(np.ascontiguousarray(self.confidence).data)
        return h.hexdigest()

    def with_positions(self, positions: FloatArray, **changes: Any) -> PoseSequence:
        """Make a sequence with other positions (and other fields, if given)."""
        return replace(self, positions=positions, **changes)

    def select(self, skeleton: Skeleton) -> PoseSequence:
        """Take the joints of another skeleton by name; `ValueError` if one is not here."""
        if skeleton == self.skeleton:
            return self
        order = self.skeleton.indices(skeleton.joints)
        confidence = None if self.confidence is None else self.confidence[:, order]
        return replace(
            self, positions=self.positions[:, order], confidence=confidence, skeleton=skeleton
        )

    def frames(self, start: int, stop: int) -> PoseSequence:
        """Cut out frames start..stop-1."""
        confidence = None if self.confidence is None else self.confidence[start:stop]
        return replace(self, positions=self.positions[start:stop], confidence=confidence)
