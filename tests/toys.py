"""A toy data set and a toy checkpoint: small, known, and made in milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from core.cameras import image_from_camera
from core.checkpoint import Checkpoint
from core.dataset import ACTIONS, TEST_SUBJECTS, Dataset, Entry, Key, Recording
from core.human36m import PUBLISHED_INPUT, PUBLISHED_OUTPUT
from core.model import Lifter, LifterConfig
from core.rig import HUMAN36M_INTRINSICS, camera_at
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

CAMERA = camera_at("54138969", HUMAN36M_INTRINSICS["54138969"], azimuth_deg=70.0)
RECORDINGS = {
    Key("S1", "Walking", "Walking", CAMERA.name): 3,
    Key("S9", "Sitting", "Sitting 1", CAMERA.name): 5,
    Key("S9", "SittingDown", "SittingDown", CAMERA.name): 8,
    Key("S9", "Directions", "Directions", CAMERA.name): 4,
    Key("S11", "Directions", "Directions", CAMERA.name): 6,
}
# The one recording that lacks the detector's 2D, as one does in the real set.
WITHOUT_HOURGLASS = Key("S11", "Directions", "Directions", CAMERA.name)


def toy_checkpoint(*, statistics: bool = True, **changes: Any) -> Checkpoint:
    """Make a narrow network with random weights."""
    config = LifterConfig(linear_size=8, num_stage=1)
    torch.manual_seed(0)
    fields: dict[str, Any] = {
        "name": "toy",
        "config": config,
        "state": Lifter(config).state_dict(),
        "input_statistics": PUBLISHED_INPUT if statistics else None,
        "output_statistics": PUBLISHED_OUTPUT if statistics else None,
    }
    return Checkpoint(**{**fields, **changes})


def toy_truth(key: Key, frames: int) -> np.ndarray:
    """Draw poses (F, 17, 3) in the camera frame, mm, about 5 m away."""
    rng = np.random.default_rng(list(str(key).encode()))
    return rng.normal((0, 0, 5000), 250, (frames, 17, 3))


def toy_recording(key: Key, *, missing: bool = False, blind: bool = False) -> Recording:
    """Make a recording with the sources gt and hourglass.

    `missing` takes joints away from two frames, `blind` one joint from all frames' 2D.
    """
    frames = RECORDINGS[key]
    joints = toy_truth(key, frames)
    seen = image_from_camera(joints[:, H36M_17.indices(INPUT_16.joints)], CAMERA)
    detected = seen + np.random.default_rng(1).normal(0, 5, seen.shape)
    if missing:
        seen[1, 4] = np.nan
        joints[2, 16] = np.nan
    if blind:
        seen[:, 4] = detected[:, 4] = np.nan
    inputs = {"gt": PoseSequence(seen, INPUT_16, "image", 50.0, source="projection")}
    if key != WITHOUT_HOURGLASS:
        inputs["hourglass"] = PoseSequence(detected, INPUT_16, "image", 50.0, source="noise")
    return Recording(key, inputs, PoseSequence(joints, H36M_17, "camera", 50.0), CAMERA)


def toy_dataset(
    *,
    statistics: bool = False,
    missing: bool = False,
    blind: bool = False,
    actions: tuple[str, ...] | None = None,
) -> Dataset:
    """Make the data set, perhaps of some actions only.

    `missing` takes joints out of two frames of Sitting; with `blind` no frame has all joints.
    """
    entries = tuple(
        Entry(key, frames, 50.0, ("gt",) if key == WITHOUT_HOURGLASS else ("gt", "hourglass"))
        for key, frames in RECORDINGS.items()
        if actions is None or key.action in actions
    )
    return Dataset(
        id="toy",
        title="Toy",
        kind="synthetic",
        entries=entries,
        read=lambda key: toy_recording(
            key, missing=missing and key.action == "Sitting", blind=blind
        ),
        # Other content, another digest: results are kept by it.
        digest=f"0123456789ab{missing:d}{blind:d}{len(entries):02x}",
        splits={"S1": "train", "S9": "test", "S11": "test"},
        statistics={"gt": PUBLISHED_INPUT, "3d": PUBLISHED_OUTPUT} if statistics else {},
    )


def toy_human36m(*, frames: int = 2) -> Dataset:
    """Make a data set that passes for Human3.6M by its names: two subjects, 15 actions, 4 cameras.

    Its poses are random; only subjects, actions and cameras are as there.
    """
    cameras = {name: camera_at(name, HUMAN36M_INTRINSICS[name], azimuth_deg=70.0)
               for name in HUMAN36M_INTRINSICS}  # fmt: skip
    keys = [Key(subject, action, action, camera)
            for subject in TEST_SUBJECTS for action in ACTIONS for camera in cameras]  # fmt: skip

    def read(key: Key) -> Recording:
        joints = toy_truth(key, frames)
        seen = image_from_camera(joints[:, H36M_17.indices(INPUT_16.joints)], cameras[key.camera])
        inputs = {"gt": PoseSequence(seen, INPUT_16, "image", 50.0, source="projection")}
        truth = PoseSequence(joints, H36M_17, "camera", 50.0)
        return Recording(key, inputs, truth, cameras[key.camera])

    return Dataset(
        id="toy36m",
        title="Toy in Human3.6M's shape",
        kind="recorded",
        entries=tuple(Entry(key, frames, 50.0, ("gt",)) for key in keys),
        read=read,
        digest="fedcba9876543210",
        splits=dict.fromkeys(TEST_SUBJECTS, "test"),
    )
