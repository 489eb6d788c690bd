"""The synthetic data set: made-up people with Human3.6M's shape of data.

Subjects, actions, takes, cameras and frame rate are Human3.6M's; bodies, motion and the simulated
detector are made here from a seed, and prove nothing about people. The index is there at once;
a take is made when it is asked for, in milliseconds, and kept.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, TypeVar

import numpy as np

from core.cameras import Camera, camera_from_world, image_from_camera
from core.dataset import (
    ACTIONS,
    TEST_SUBJECTS,
    Dataset,
    Entry,
    Key,
    Recording,
)
from core.rig import HUMAN36M_INTRINSICS, camera_at
from core.sequence import FloatArray, PoseSequence, frozen_array
from core.skeleton import H36M_17, INPUT_16
from core.synthetic import seated, standing, talking, walking
from core.synthetic.body import SUBJECTS, body_of
from core.synthetic.chance import VERSION, generator
from core.synthetic.detector import detect
from core.synthetic.performance import Performance, joints_of
from core.synthetic.script import Stage

FPS = 50.0
GT = "gt"
HOURGLASS = "hourglass (simulated)"
SOURCES = (GT, HOURGLASS)

# A take is this long unless the caller says otherwise: 18 to 50 s.
_SHORTEST, _LONGEST = 900, 2500

# Human3.6M's cameras stand at the corners of an oblong room: azimuth, distance from the middle,
# height. They look down so far (about 12.65 degrees) that hips are 92 px above the picture's middle
# on average. These look down a little less, which puts hips 50 px above it: a network that sees
# only the person, not where it is in the picture, takes the rest for a person who leans.
_CAMERAS = ((70.0, 5350.0, 1560.0), (-70.0, 5450.0, 1540.0), (110.0, 5300.0, 1580.0),
            (-110.0, 5400.0, 1570.0))  # fmt: skip
_LOOKED_AT_MM = 560.0
# Its people are on average this far right of the pictures' middle, which is 17 px.
_ASIDE_MM = 82.0


def _eating(stage: Stage) -> Performance:
    return standing.eating_standing(stage) if stage.take else seated.eating_seated(stage)


_PERFORM: Mapping[str, Callable[[Stage], Performance]] = {
    "Directions": talking.directions,
    "Discussion": talking.discussion,
    "Eating": _eating,
    "Greeting": talking.greeting,
    "Phoning": talking.phoning,
    "Photo": standing.photo,
    "Posing": standing.posing,
    "Purchases": standing.purchases,
    "Sitting": seated.sitting,
    "SittingDown": seated.sitting_down,
    "Smoking": standing.smoking,
    "Waiting": standing.waiting,
    "WalkDog": walking.walk_dog,
    "Walking": walking.walking,
    "WalkTogether": walking.walk_together,
}


def cameras() -> tuple[Camera, ...]:
    """Make the four cameras: Human3.6M's lenses on a rig like its own."""
    return tuple(
        camera_at(
            name,
            intrinsics,
            azimuth_deg=azimuth,
            distance_mm=distance,
            height_mm=height,
            target_mm=_aim(azimuth),
            distortion="human36m",
        )
        for (name, intrinsics), (azimuth, distance, height) in zip(
            HUMAN36M_INTRINSICS.items(), _CAMERAS, strict=True
        )
    )


def _aim(azimuth_deg: float) -> tuple[float, float, float]:
    azimuth = np.deg2rad(azimuth_deg)
    aside = (np.sin(azimuth) * _ASIDE_MM, -np.cos(azimuth) * _ASIDE_MM)
    return float(aside[0]), float(aside[1]), _LOOKED_AT_MM


def take_names(action: str) -> tuple[str, str]:
    """Name an action's two takes as Human3.6M does: "Walking", "Walking 1"."""
    return action, f"{action} 1"


def frames_of(subject: str, action: str, take: str) -> int:
    """Length of a take unless the caller asks for another: the same for every seed."""
    rng = generator(0, "length", subject, action, take)
    return int(rng.integers(_SHORTEST, _LONGEST + 1))


def joints_in_world(seed: int, subject: str, action: str, take: str, frames: int) -> FloatArray:
    """Make one take: joints (F, 17, 3) of H36M_17, world (z up, floor at 0), mm, float64."""
    body = body_of(subject, seed)
    stage = Stage(
        body=body,
        frames=frames,
        fps=FPS,
        rng=generator(seed, "motion", subject, action, take),
        take=take_names(action).index(take),
    )
    return joints_of(_PERFORM[action](stage), body)


K = TypeVar("K")
V = TypeVar("V")


class _Kept(Generic[K, V]):
    """The last few results of a function; safe to ask from several threads."""

    def __init__(self, make: Callable[[K], V], size: int) -> None:
        self._make = make
        self._size = size
        self._known: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def __call__(self, key: K) -> V:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        value = self._make(key)
        with self._lock:
            self._known[key] = value
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return value


_NOTE = (
    "Synthetic: bodies, motion and the detector's errors are computed from a seed. It has "
    "Human3.6M's shape of data and nothing of its content, and proves nothing about people."
)

# A recording is about 1 MB. Its take is only needed until the four cameras have seen it.
_TAKES_KEPT, _RECORDINGS_KEPT = 16, 256


def dataset(seed: int = 0, frames: int | None = None) -> Dataset:
    """Make the synthetic data set.

    Args:
        seed: other seeds give other bodies and other motion.
        frames: length of every take; None gives each its own.

    Raises:
        ValueError: fewer than 1 frame.
    """
    if frames is not None and frames < 1:
        raise ValueError(f"a take needs at least 1 frame, not {frames}")
    rig = {camera.name: camera for camera in cameras()}
    entries = []
    for subject in SUBJECTS:
        for action in ACTIONS:
            for take in take_names(action):
                length = frames_of(subject, action, take) if frames is None else frames
                entries += [
                    Entry(Key(subject, action, take, name), length, FPS, SOURCES) for name in rig
                ]
    lengths = {entry.key: entry.frames for entry in entries}

    def make_take(name: tuple[str, str, str, int]) -> FloatArray:
        subject, action, take, length = name
        return frozen_array(joints_in_world(seed, subject, action, take, length), np.float64)

    take_of = _Kept(make_take, _TAKES_KEPT)

    def make_recording(key: Key) -> Recording:
        joints = take_of((key.subject, key.action, key.take, lengths[key]))
        return _seen(seed, key, joints, rig[key.camera])

    label = f"synthetic {VERSION} {seed} {frames}"
    return Dataset(
        id="synthetic",
        title="Synthetic (Human3.6M's shape)",
        kind="synthetic",
        entries=tuple(entries),
        read=_Kept(make_recording, _RECORDINGS_KEPT),
        digest=hashlib.blake2b(label.encode(), digest_size=16).hexdigest(),
        splits={s: "test" if s in TEST_SUBJECTS else "train" for s in SUBJECTS},
        notes=(_NOTE,),
        credit="Made by this project (MIT); lens figures published for Human3.6M's cameras.",
    )


def _seen(seed: int, key: Key, joints: FloatArray, camera: Camera) -> Recording:
    in_camera = camera_from_world(joints, camera.R, camera.t)
    seen = in_camera[:, H36M_17.indices(INPUT_16.joints)]
    in_image = image_from_camera(seen, camera)
    rng = generator(seed, "detector", key.subject, key.action, key.take, key.camera)
    found, confidence = detect(rng, in_image, seen, FPS)
    return Recording(
        key,
        {
            GT: PoseSequence(in_image, INPUT_16, "image", FPS, source="synthetic, projected"),
            HOURGLASS: PoseSequence(
                found, INPUT_16, "image", FPS, confidence, source="synthetic, simulated detector"
            ),
        },
        PoseSequence(in_camera, H36M_17, "camera", FPS, source="synthetic"),
        camera,
    )
