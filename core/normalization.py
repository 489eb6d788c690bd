"""Statistics and the steps between poses and the network's numbers, and back.

Formulas over arrays: each works on NumPy arrays and torch tensors alike. Knows no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A coordinate that never moves (the root of root-relative poses) has no spread to divide by.
SMALLEST_STD = 1e-8


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and standard deviation per coordinate.

    Attributes:
        mean, std: (D,) float64, read-only; px for 2D input (D = 32), mm for 3D output (D = 48).
        origin: where they come from, in words ("published, GT 2D").
        estimated: they were recovered from data, not given by their owner.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    origin: str = ""
    estimated: bool = False

    def __post_init__(self) -> None:
        for field in ("mean", "std"):
            values = np.array(getattr(self, field), dtype=np.float64).reshape(-1)
            if not np.isfinite(values).all():
                raise ValueError(f"{field} of the statistics is not finite")
            values.flags.writeable = False
            object.__setattr__(self, field, values)
        if self.mean.shape != self.std.shape:
            raise ValueError(
                f"mean and std differ in length: {self.mean.size} against {self.std.size}"
            )
        if (self.std <= 0).any():
            raise ValueError("a standard deviation is not above 0")

    @classmethod
    def of(cls, values: ArrayLike, origin: str = "") -> Statistics:
        """Measure mean and standard deviation over the rows of `values` (N, D)."""
        rows = np.asarray(values, dtype=np.float64)
        return cls(rows.mean(axis=0), np.maximum(rows.std(axis=0), SMALLEST_STD), origin)


def normalize(values: Any, mean: Any, std: Any) -> Any:
    """Bring values (..., D) to mean 0 and standard deviation 1."""
    return (values - mean) / std


def unnormalize(values: Any, mean: Any, std: Any) -> Any:
    """Undo `normalize`."""
    return values * std + mean


def root_relative(positions: Any, root: int = 0) -> Any:
    """Subtract the root joint: (..., J, C) in, the same out with the root at 0."""
    return positions - positions[..., root : root + 1, :]
