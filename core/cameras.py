"""Cameras: world <-> camera <-> image, with lens distortion, both ways.

Pure functions of NumPy arrays and one immutable record. World is z up; the camera frame is
x right, y down, z away; the image is in px with y down. Knows no files and no poses.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Distortion = Literal["human36m", "opencv"]
Array = NDArray[np.floating[Any]]

# Mean pitch of Human3.6M's cameras (they look down): levels a figure where R is unknown.
MEAN_PITCH_RAD = float(np.deg2rad(12.65))


@dataclass(frozen=True)
class Camera:
    """One calibrated camera.

    Attributes:
        name: as its data set calls it ("54138969").
        rotation: R, world -> camera, 3 rows of 3.
        centre_mm: the camera's place in the world.
        focal_px, centre_px: fx, fy and cx, cy.
        radial: k1, k2, k3.
        tangential: p1, p2 in OpenCV's order.
        size_px: width and height of the picture.
        distortion: which formula the coefficients belong to. "human36m" is the one that made
            Human3.6M's 2D ground truth; it differs from OpenCV's by less than 0.1 px.
    """

    name: str
    rotation: tuple[tuple[float, ...], ...]
    centre_mm: tuple[float, float, float]
    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    radial: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tangential: tuple[float, float] = (0.0, 0.0)
    size_px: tuple[int, int] = (1000, 1000)
    distortion: Distortion = "opencv"

    def __post_init__(self) -> None:
        R = np.asarray(self.rotation, dtype=float)
        if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-4):
            raise ValueError(f"camera {self.name}: R is not a rotation matrix")
        if np.linalg.det(R) < 0:
            raise ValueError(f"camera {self.name}: R mirrors (its determinant is -1)")

    @property
    def R(self) -> Array:
        """(3, 3) rotation, world -> camera."""
        return np.asarray(self.rotation, dtype=np.float64)

    @property
    def t(self) -> Array:
        """(3,) camera centre in the world, mm."""
        return np.asarray(self.centre_mm, dtype=np.float64)

    @classmethod
    def from_arrays(cls, name: str, R: ArrayLike, t: ArrayLike, **fields: Any) -> Camera:
        """Make a camera from an R (3, 3) and a centre t (3,) in mm."""
        known = {"rotation": np.asarray(R).tolist(), "centre_mm": np.asarray(t).tolist(), **fields}
        return cls.from_dict({"name": name, **known})

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for a JSON file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Camera:
        """Read what `as_dict` wrote, through JSON or not."""
        known = dict(fields)
        known["rotation"] = tuple(tuple(row) for row in known["rotation"])
        for key in ("centre_mm", "focal_px", "centre_px", "radial", "tangential", "size_px"):
            if key in known:
                known[key] = tuple(known[key])
        return cls(**known)


def camera_from_world(points: ArrayLike, R: ArrayLike, t: ArrayLike) -> Array:
    """Move points into the camera frame: R (x - t), as Human3.6M defines it.

    Args:
        points: (..., 3), world, mm.
        R: (3, 3) rotation, world -> camera.
        t: (3,) camera centre in the world, mm.
    """
    return (np.asarray(points) - np.asarray(t)) @ np.asarray(R).T


def world_from_camera(points: ArrayLike, R: ArrayLike, t: ArrayLike) -> Array:
    """Move points back into the world: R^T x + t, the inverse of `camera_from_world`."""
    return np.asarray(points) @ np.asarray(R) + np.asarray(t)


def distort(points: ArrayLike, camera: Camera) -> Array:
    """Bend ideal image-plane points (..., 2), at depth 1, as the camera's lens does.

    Source: OpenCV's calibration model; for "human36m" the projection of the original baseline,
    whose bracket carries the tangential terms without OpenCV's factor 2.
    """
    xy = np.asarray(points, dtype=np.float64)
    k1, k2, k3 = camera.radial
    p1, p2 = camera.tangential
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    # Both models are radial + tangential with p = (p1, p2) and a shear along (p2, p1).
    factor = 2.0 if camera.distortion == "opencv" else 1.0
    bracket = radial + factor * (p1 * y + p2 * x)
    return np.stack([x * bracket + p2 * r2, y * bracket + p1 * r2], axis=-1)


def undistort(points: ArrayLike, camera: Camera, *, iterations: int = 60) -> Array:
    """Undo `distort` by fixed-point iteration; the points (..., 2) lie on the plane at depth 1.

    Points so far outside the picture that the lens model folds over have no inverse; they come
    back as NaN.
    """
    target = np.asarray(points, dtype=np.float64)
    xy = target.copy()
    # Points without an inverse run away to infinity on the way; they are found out below.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(iterations):
            step = target - distort(xy, camera)
            xy = xy + step
            if not np.any(np.abs(step) > 1e-12):
                break
        lost = ~(np.abs(distort(xy, camera) - target).max(axis=-1) < 1e-6)
    xy[lost] = np.nan
    return xy


def image_from_camera(points: ArrayLike, camera: Camera) -> Array:
    """Project points (..., 3) of the camera frame, mm, into the image (..., 2), px.

    Points behind the camera (z <= 0) can't be seen and come back as NaN.
    """
    xyz = np.asarray(points, dtype=np.float64)
    z = xyz[..., 2:3]
    ideal = xyz[..., :2] / np.where(z > 0, z, np.nan)
    return distort(ideal, camera) * camera.focal_px + camera.centre_px


def camera_from_image(points: ArrayLike, depth_mm: ArrayLike, camera: Camera) -> Array:
    """Lift image points (..., 2), px, of known depth z (...), mm, into the camera frame."""
    ideal = undistort((np.asarray(points) - camera.centre_px) / camera.focal_px, camera)
    z = np.asarray(depth_mm, dtype=np.float64)[..., None]
    return np.concatenate([ideal * z, np.broadcast_to(z, (*ideal.shape[:-1], 1))], axis=-1)


def image_from_world(points: ArrayLike, camera: Camera) -> Array:
    """Project world points (..., 3), mm, into the image (..., 2), px."""
    return image_from_camera(camera_from_world(points, camera.R, camera.t), camera)


def looking_at(centre_mm: ArrayLike, target_mm: ArrayLike) -> Array:
    """Make R (3, 3) of an upright camera at `centre_mm` that looks at `target_mm`; z is up."""
    away = np.asarray(target_mm, dtype=np.float64) - np.asarray(centre_mm, dtype=np.float64)
    norm = np.linalg.norm(away)
    if norm == 0:
        raise ValueError("a camera can't look at its own centre")
    away = away / norm
    right = np.cross(away, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-9:
        raise ValueError("a camera that looks straight up or down has no upright rotation")
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(away, right), away])


def pitch_rotation(pitch_rad: float) -> Array:
    """Make R (3, 3) of a camera that looks along world y, tilted down by `pitch_rad`.

    It levels root-relative poses in camera axes where the real R is unknown:
    `world = pose @ pitch_rotation(MEAN_PITCH_RAD)`.
    """
    return looking_at((0, 0, 0), (0, np.cos(pitch_rad), -np.sin(pitch_rad)))


def level_rotation(R: ArrayLike) -> Array:
    """Make R' (3, 3) with the tilt of R but facing along world y: levels, keeps the viewpoint.

    Poses in camera axes drawn as `pose @ level_rotation(R)` stand upright (z up) and are seen
    as the camera saw them: x to its right, y away from it.
    """
    R = np.asarray(R, dtype=np.float64)
    forward = R[2] * (1, 1, 0)
    if np.linalg.norm(forward) < 1e-9:
        raise ValueError("a camera that looks straight up or down has no heading")
    forward /= np.linalg.norm(forward)
    right = np.array([forward[1], -forward[0], 0.0])
    heading = np.stack([right, forward, (0.0, 0.0, 1.0)])
    return R @ heading.T
