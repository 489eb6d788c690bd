"""A walking stick figure with everything that a viewer can show, for tests and the demo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera, camera_from_world, image_from_camera, looking_at
from core.dataset import Key, Pictures, Recording
from core.normalization import root_relative
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.viz.packet import Protocol

STANDING = {
    "hip": (0, 0, 930),
    "right_hip": (130, 0, 930),
    "right_knee": (130, 0, 490),
    "right_ankle": (130, 0, 70),
    "left_hip": (-130, 0, 930),
    "left_knee": (-130, 0, 490),
    "left_ankle": (-130, 0, 70),
    "spine": (0, 0, 1160),
    "thorax": (0, 0, 1400),
    "neck": (0, 40, 1490),
    "head": (0, 20, 1610),
    "left_shoulder": (-150, 0, 1380),
    "left_elbow": (-170, 0, 1110),
    "left_wrist": (-175, 0, 860),
    "right_shoulder": (150, 0, 1380),
    "right_elbow": (170, 0, 1110),
    "right_wrist": (175, 0, 860),
}
# How far a joint swings with its leg, mm.
SWING = {"knee": 160, "ankle": 330, "elbow": 90, "wrist": 230}


def walk(frames: int, fps: float = 50.0) -> NDArray[np.float64]:
    """World positions (F, 17, 3), mm: a walk in a circle on the floor."""
    time = np.arange(frames) / fps
    phase = 2 * np.pi * time * 0.9
    body = np.repeat(np.array([STANDING[j] for j in H36M_17.joints], dtype=float)[None], frames, 0)
    for joint, name in enumerate(H36M_17.joints):
        side, _, part = name.partition("_")
        swing = SWING.get(part, 0.0)
        sign = 1 if (side == "right") == (part in ("knee", "ankle")) else -1
        body[:, joint, 1] += sign * swing * np.sin(phase)
        if part == "ankle":
            body[:, joint, 2] += 90 * np.clip(sign * np.cos(phase), 0, None)
    heading = 2 * np.pi * time / 12
    turn = np.stack(
        [
            np.stack([np.cos(heading), -np.sin(heading), 0 * heading], -1),
            np.stack([np.sin(heading), np.cos(heading), 0 * heading], -1),
            np.broadcast_to([0.0, 0.0, 1.0], (frames, 3)),
        ],
        axis=1,
    )
    circle = 1200 * np.stack([np.cos(heading), np.sin(heading), 0 * heading], -1)
    return np.einsum("fij,fkj->fki", turn, body) + circle[:, None]


def camera() -> Camera:
    """A camera five metres away that looks down as much as Human3.6M's do."""
    centre = (800.0, -5200.0, 2080.0)
    R = looking_at(centre, (0.0, 0.0, 900.0))
    return Camera.from_arrays("1", R, centre, focal_px=(1145.0, 1145.0), centre_px=(512.0, 515.0))


def recording(frames: int = 500, fps: float = 50.0, *, pictures: bool = False) -> Recording:
    """The walk as one camera saw it, with a 2D source that is exact and one that is not."""
    view = camera()
    in_camera = camera_from_world(walk(frames, fps), view.R, view.t)
    truth = PoseSequence(in_camera, H36M_17, "camera", fps, source="drawn by a formula")
    projected = image_from_camera(in_camera, view)[:, H36M_17.indices(INPUT_16.joints)]
    rng = np.random.default_rng(1)
    exact = PoseSequence(projected, INPUT_16, "image", fps)
    rough = PoseSequence(projected + rng.normal(0, 4, projected.shape), INPUT_16, "image", fps)
    return Recording(
        Key("S0", "Walking", "1", view.name),
        {"gt": exact, "rough": rough},
        truth,
        view,
        numbered_pictures(frames, view.size_px) if pictures else None,
    )


def numbered_pictures(frames: int, size_px: tuple[int, int]) -> Pictures:
    """Small JPEG files that carry their frame's number."""
    encoded = []
    for frame in range(frames):
        picture = np.full((size_px[1] // 4, size_px[0] // 4, 3), (90, 110, 100), dtype=np.uint8)
        cv2.putText(picture, str(frame), (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1, (255, 255, 255), 2)
        encoded.append(cv2.imencode(".jpg", picture)[1].tobytes())
    return Pictures(tuple(encoded), size_px)


def prediction(
    truth: PoseSequence, seed: int = 2
) -> tuple[PoseSequence, NDArray[np.float64], dict[Protocol, NDArray[np.float64]]]:
    """A wrong pose, the same drawn nearer to the truth, and both errors by protocol."""
    rng = np.random.default_rng(seed)
    relative = root_relative(np.asarray(truth.positions, dtype=float))
    frames = np.arange(len(relative))[:, None]
    joints = np.arange(relative.shape[1])[None]
    wave = np.sin(frames / 40 + joints) * (12 + 5 * joints)
    wrong = rng.normal(0, 6, relative.shape)
    wrong[..., 2] += wave
    wrong[..., 0] += 0.3 * wave
    wrong[:, 0] = 0
    # A detector that lost the person, and one that lost a hand.
    wrong[100:110] = np.nan
    wrong[150:170, H36M_17.index("left_wrist")] = np.nan
    guess = truth.with_positions((relative + wrong).astype(np.float32), space="root")
    aligned = relative + 0.7 * wrong
    errors: dict[Protocol, NDArray[np.float64]] = {
        1: np.linalg.norm(wrong, axis=-1),
        2: np.linalg.norm(0.7 * wrong, axis=-1),
    }
    return guess, aligned, errors
