"""Camera rigs: where cameras stand around a person, and what they see of a 3D sequence.

Makes recordings out of world sequences; knows no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.cameras import Camera, Distortion, camera_from_world, image_from_camera, looking_at
from core.dataset import Key, Recording
from core.sequence import PoseSequence
from core.skeleton import INPUT_16


@dataclass(frozen=True)
class Intrinsics:
    """A lens and its picture; fields as in `Camera`."""

    focal_px: tuple[float, float]
    centre_px: tuple[float, float]
    radial: tuple[float, float, float]
    tangential: tuple[float, float]
    size_px: tuple[int, int]


# Published figures of Human3.6M's four cameras, by name. Source: oarriaga/paz,
# paz/datasets/human36m.py (MIT), cross-checked with MMPose's Human3.6M config (Apache-2.0).
HUMAN36M_INTRINSICS: Mapping[str, Intrinsics] = {
    "54138969": Intrinsics(
        focal_px=(1145.0494, 1143.7811),
        centre_px=(512.5415, 515.4515),
        radial=(-0.20709891, 0.24777518, -0.00307515),
        tangential=(-0.00142447, -0.0009757),
        size_px=(1000, 1002),
    ),
    "55011271": Intrinsics(
        focal_px=(1149.6757, 1147.5916),
        centre_px=(508.8486, 508.0649),
        radial=(-0.19421363, 0.24040854, 0.00681998),
        tangential=(-0.00274089, -0.00161903),
        size_px=(1000, 1000),
    ),
    "58860488": Intrinsics(
        focal_px=(1149.1407, 1148.799),
        centre_px=(519.8158, 501.4027),
        radial=(-0.20833819, 0.25548801, -0.0024605),
        tangential=(-0.00076, 0.00148439),
        size_px=(1000, 1000),
    ),
    "60457274": Intrinsics(
        focal_px=(1145.5113, 1144.7739),
        centre_px=(514.9682, 501.882),
        radial=(-0.19838409, 0.21832368, -0.00894781),
        tangential=(-0.00181336, -0.00058721),
        size_px=(1000, 1002),
    ),
}

# Of Human3.6M's likeness, in the order of its cameras: two from the front, two from the back.
AZIMUTHS_DEG = (70.0, -70.0, 110.0, -110.0)
DISTANCE_MM = 5000.0
HEIGHT_MM = 1550.0
TARGET_MM = (0.0, 0.0, 850.0)

# A joint nearer than this to the camera's plane makes a view that no detector could use.
NEAREST_MM = 1000.0


def camera_at(
    name: str,
    intrinsics: Intrinsics,
    *,
    azimuth_deg: float,
    distance_mm: float = DISTANCE_MM,
    height_mm: float = HEIGHT_MM,
    target_mm: ArrayLike = TARGET_MM,
    distortion: Distortion = "opencv",
) -> Camera:
    """Stand an upright camera on a circle around a target and make it look there.

    Args:
        name: the camera's name.
        intrinsics: its lens and picture.
        azimuth_deg: angle on the floor from world x towards world y.
        distance_mm: from the target, along the floor.
        height_mm: above the floor (z = 0).
        target_mm: (3,) world point that it looks at.
        distortion: the lens formula that its coefficients are used with.
    """
    target = np.asarray(target_mm, dtype=np.float64)
    azimuth = np.deg2rad(azimuth_deg)
    place = np.array(
        [
            target[0] + distance_mm * np.cos(azimuth),
            target[1] + distance_mm * np.sin(azimuth),
            height_mm,
        ]
    )
    R = looking_at(place, target)
    return Camera.from_arrays(name, R, place, distortion=distortion, **asdict(intrinsics))


def four_cameras(distortion: Distortion = "opencv") -> tuple[Camera, ...]:
    """Make the fixed rig: Human3.6M's four lenses, 5 m from (0, 0, 850) and 1550 mm high."""
    return tuple(
        camera_at(name, intrinsics, azimuth_deg=azimuth, distortion=distortion)
        for (name, intrinsics), azimuth in zip(
            HUMAN36M_INTRINSICS.items(), AZIMUTHS_DEG, strict=True
        )
    )


def place_in_rig(sequence: PoseSequence) -> PoseSequence:
    """Shift a world sequence along the floor so that its hip is at x = y = 0 on average."""
    hip = sequence.positions[:, sequence.skeleton.index("hip"), :2].astype(np.float64)
    shift = np.append(np.nanmean(hip, axis=0), 0.0)
    return sequence.with_positions(sequence.positions - shift)


def views(
    sequence: PoseSequence,
    cameras: Iterable[Camera],
    *,
    subject: str,
    action: str,
    take: str,
    source: str = "gt",
    nearest_mm: float = NEAREST_MM,
) -> Iterator[Recording]:
    """See a world sequence with each camera: 3D in its frame, and the projection as 2D.

    A view is left out where any joint comes nearer than `nearest_mm` to the camera's plane.

    Args:
        sequence: skeleton H36M_17, world space.
        cameras: one recording each, in this order.
        subject: name of who moves, as in the recordings' keys.
        action: name of what is done.
        take: name of the repetition.
        source: name of the 2D source that the projection becomes.
        nearest_mm: smallest depth allowed.
    """
    if sequence.space != "world":
        raise ValueError(f"views need a sequence in world space, not {sequence.space}")
    for camera in cameras:
        recording = view(sequence, camera, Key(subject, action, take, camera.name), source=source)
        truth = recording.truth
        if truth is not None and not (truth.positions[..., 2] < nearest_mm).any():
            yield recording


def view(sequence: PoseSequence, camera: Camera, key: Key, *, source: str = "gt") -> Recording:
    """See a world sequence with one camera; joints behind it have no 2D (NaN)."""
    in_camera = camera_from_world(sequence.positions.astype(np.float64), camera.R, camera.t)
    truth = sequence.with_positions(in_camera, space="camera")
    order = sequence.skeleton.indices(INPUT_16.joints)
    projection = PoseSequence(
        image_from_camera(in_camera[:, order], camera),
        INPUT_16,
        "image",
        sequence.fps,
        source=f"projected by camera {camera.name}",
    )
    return Recording(key, {source: projection}, truth, camera)
