"""Human3.6M's cameras: from its metadata.xml, or recovered from exact 2D beside 3D.

The lenses are published, the cameras' places are not: they come with the user's licensed copy, or
follow from the 2D ground truth, which is the exact projection of the 3D.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.cameras import Array, Camera, camera_from_world, image_from_camera, undistort
from core.errors import PoseFormatError
from core.rig import HUMAN36M_INTRINSICS

FILE = "metadata.xml"
SUBJECTS = 11
NAMES = tuple(HUMAN36M_INTRINSICS)
# Its w0: six numbers for each camera of each subject, then nine for each lens.
NUMBERS = 6 * SUBJECTS * len(NAMES) + 9 * len(NAMES)
LARGEST_FILE = 1 << 26

# Exact 2D, stored as float32, is explained to a hundredth of a pixel; a detector's is far off.
LARGEST_MISFIT_PX = 0.25
FEWEST_POINTS = 100


def read(path: str | Path) -> dict[str, tuple[Camera, ...]]:
    """Read every subject's four cameras from metadata.xml: "S1" to "S11".

    Raises:
        PoseFormatError: it is not that file, or its numbers are no cameras.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PoseFormatError("too large for Human3.6M's metadata", file=path)
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        problem = f"can't be read ({error.strerror or error})"
        raise PoseFormatError(problem, file=path) from None
    start, end = text.find("<w0>"), text.find("</w0>")
    if not 0 <= start < end:
        raise PoseFormatError(
            "Human3.6M's metadata.xml was expected; it has no <w0> with the cameras", file=path
        )
    words = re.sub(r"[\[\],;]", " ", text[start + 4 : end]).split()
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise PoseFormatError(f"numbers were expected: {error}", file=path, place="w0") from None
    if len(numbers) != NUMBERS or not np.isfinite(numbers).all():
        raise PoseFormatError(
            f"{NUMBERS} numbers were expected, not {len(numbers)}", file=path, place="w0"
        )
    places = numbers[: 6 * SUBJECTS * len(NAMES)].reshape(len(NAMES), SUBJECTS, 6)
    lenses = numbers[6 * SUBJECTS * len(NAMES) :].reshape(len(NAMES), 9)
    if (lenses[:, :2] <= 0).any():
        raise PoseFormatError("a focal length is not above 0", file=path, place="w0")
    return {
        f"S{subject + 1}": tuple(
            _camera(name, places[c, subject], lenses[c]) for c, name in enumerate(NAMES)
        )
        for subject in range(SUBJECTS)
    }


def _camera(name: str, place: Array, lens: Array) -> Camera:
    return Camera.from_arrays(
        name,
        rotation(place[:3]),
        place[3:],
        focal_px=lens[:2].tolist(),
        centre_px=lens[2:4].tolist(),
        radial=lens[4:7].tolist(),
        tangential=lens[7:9].tolist(),
        size_px=HUMAN36M_INTRINSICS[name].size_px,
        distortion="human36m",
    )


def rotation(angles: ArrayLike) -> Array:
    """Make R = Rx Ry Rz of three Euler angles, world -> camera, as metadata.xml means them."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    Rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    Ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    Rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    R: Array = Rx @ Ry @ Rz
    return R


def placed(name: str, R: ArrayLike, t: ArrayLike) -> Camera:
    """Make one of the four cameras, with its published lens, at a place."""
    lens = asdict(HUMAN36M_INTRINSICS[name])
    return Camera.from_arrays(name, R, t, distortion="human36m", **lens)


def nearby(folder: Path, names: Mapping[str, object]) -> Path | None:
    """Look for a file with cameras in a folder and in the two above it."""
    for place in (folder, *list(folder.absolute().parents)[:2]):
        for name in names:
            if (place / name).is_file():
                return place / name
    return None


def recover(name: str, world: Array, pixels: Array) -> tuple[Camera, float] | None:
    """Find where a camera stood from points and their exact projection.

    Solves for the place linearly, then minimises the distance in the picture (Gauss-Newton).

    Args:
        name: one of the four cameras; its published lens is used.
        world: (N, 3) mm.
        pixels: (N, 2) px.

    Returns:
        The camera and the root mean square distance in px; None where the points do not tell,
        or where no place explains them.
    """
    seen = np.isfinite(world).all(axis=1) & np.isfinite(pixels).all(axis=1)
    world, pixels = world[seen].astype(np.float64), pixels[seen].astype(np.float64)
    if len(world) < FEWEST_POINTS:
        return None
    start = _linear(placed(name, np.eye(3), np.zeros(3)), world, pixels)
    if start is None:
        return None
    R, t = start
    residual = np.zeros(0)
    for _ in range(20):
        residual, jacobian = _residual(name, R, t, world, pixels)
        if not np.isfinite(residual).all():
            return None
        step, *_ = np.linalg.lstsq(jacobian, -residual, rcond=None)
        R, t = _turned(step[:3]) @ R, t + step[3:]
        if np.abs(step[3:]).max() < 1e-6:
            break
    misfit = float(np.sqrt(2 * np.mean(residual**2)))
    if not misfit < LARGEST_MISFIT_PX:
        return None
    return placed(name, R, t), misfit


def _linear(lens: Camera, world: Array, pixels: Array) -> tuple[Array, Array] | None:
    """Solve x ~ R (X - t) on the plane at depth 1 by the smallest singular vector."""
    flat = undistort((pixels - lens.centre_px) / lens.focal_px, lens)
    kept = np.isfinite(flat).all(axis=1)
    centre, scale = world[kept].mean(axis=0), world[kept].std()
    if kept.sum() < FEWEST_POINTS or not scale > 0:
        return None
    X = np.column_stack([(world[kept] - centre) / scale, np.ones(kept.sum())])
    zeros, (u, v) = np.zeros_like(X), flat[kept].T[..., None]
    rows = np.concatenate([np.hstack([X, zeros, -u * X]), np.hstack([zeros, X, -v * X])])
    try:
        # Of 12 x 12, which has the same last vector as the tall one.
        P = np.linalg.eigh(rows.T @ rows)[1][:, 0].reshape(3, 4)
        U, s, Vt = np.linalg.svd(P[:, :3])
    except np.linalg.LinAlgError:
        return None
    sign = 1.0 if np.linalg.det(U @ Vt) > 0 else -1.0
    if not s.mean() > 1e-12:
        return None
    R: Array = sign * (U @ Vt)
    t = -R.T @ (sign * P[:, 3] / s.mean()) * scale + centre
    return R, t


def _residual(
    name: str, R: Array, t: Array, world: Array, pixels: Array
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the distance in the picture (2N,), and how it changes with turn and place (2N, 6)."""

    def project(R: Array, t: Array) -> Array:
        camera = placed(name, R, t)
        return np.asarray(image_from_camera(camera_from_world(world, R, t), camera)).ravel()

    here = project(R, t)
    columns = [(project(_turned(axis * 1e-6) @ R, t) - here) / 1e-6 for axis in np.eye(3)]
    columns += [(project(R, t + axis * 1e-2) - here) / 1e-2 for axis in np.eye(3)]
    return here - pixels.ravel(), np.stack(columns, axis=1)


def _turned(vector: Array) -> Array:
    """Make the rotation about a vector by its length (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-15:
        return np.eye(3)
    x, y, z = vector / angle
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    R: Array = np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)
    return R
