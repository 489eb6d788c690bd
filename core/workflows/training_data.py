"""Training samples out of a data set: tensors in memory, made once before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from core.augmentation import AnyCamera, Detector, Lenses
from core.cameras import Camera, world_from_camera
from core.dataset import Dataset, Entry, Recording, in_paper_order, valid_frames
from core.errors import PoseFormatError
from core.framing import frame, size_px
from core.normalization import Statistics, root_relative
from core.samples import Pairs, Samples, Views, measure
from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS
from core.workflows.recipes import Exposure

# The noise of the test's simulated detector must be the same in every epoch and run.
TEST_SEED = 17

# Half the width of Human3.6M's pictures, about which recorded pixels are mirrored: within 16 px of
# its cameras' centres.
CENTRE_PX = 500.0

# What a data set's owner calls the statistics of the 3D.
OUTPUT = "3d"

OUTPUT_FROM_17 = H36M_17.indices(OUTPUT_16_JOINTS)
INPUTS, OUTPUTS = 2 * len(INPUT_16), 3 * len(OUTPUT_16_JOINTS)


def training_samples(dataset: Dataset, exposure: Exposure) -> Samples:
    """Make the samples of a data set's training split.

    Raises:
        PoseFormatError: it has no training split, or no cameras where the recipe needs them.
    """
    recorded = exposure.cameras == "recorded"
    entries = _chosen(dataset, "train", exposure, exposure.source if recorded else None)
    if not entries:
        with_source = f" with 2D of the source {exposure.source!r}" if recorded else ""
        raise PoseFormatError(
            f"has no recordings of training subjects{with_source}", file=dataset.id
        )
    if recorded:
        return _varied(_pairs(dataset, entries, exposure).thinned(exposure.at_most), exposure)
    world, cameras = _world_poses(dataset, entries)
    if exposure.at_most is not None:
        world = world[:: max(1, -(-len(world) // exposure.at_most))]
    return Views(
        world=world,
        cameras=AnyCamera() if exposure.cameras == "any" else Lenses.of(cameras),
        framing=exposure.framing,
        flip=exposure.flip,
        turn=exposure.turn,
        bones=exposure.bones,
        limbs=exposure.limbs,
        heads=exposure.heads,
        detector=Detector() if exposure.detector else None,
        views=exposure.views,
        jitter_deg=exposure.jitter_deg,
        noise_px=exposure.noise_px,
    )


def test_samples(dataset: Dataset, exposure: Exposure) -> Pairs | None:
    """Make the samples of the test split; None where there are none with the source."""
    entries = _chosen(dataset, "test", exposure, exposure.source)
    return _pairs(dataset, entries, exposure, noisy=exposure.detector) if entries else None


def statistics(
    dataset: Dataset, samples: Samples, exposure: Exposure, *, seed: int
) -> tuple[Statistics, Statistics]:
    """Give the statistics of inputs and outputs: the data's owner's, or measured ones."""
    owners = dataset.statistics
    as_recorded = (exposure.cameras, exposure.framing, exposure.frame) == (
        "recorded",
        "image",
        "camera",
    )
    if as_recorded and exposure.source in owners and OUTPUT in owners:
        return owners[exposure.source], owners[OUTPUT]
    return measure(samples, seed=seed)


def _chosen(
    dataset: Dataset, split: Literal["train", "test"], exposure: Exposure, source: str | None
) -> tuple[Entry, ...]:
    """Pick a split's recordings of the wanted actions, by their exact names."""
    strange = sorted(set(exposure.actions or ()) - set(dataset.actions))
    if strange:
        raise PoseFormatError(
            f"has no action {', '.join(strange)}; its actions are {', '.join(dataset.actions)}",
            file=dataset.id,
        )
    return dataset.select(split=split, actions=exposure.actions, source=source)


def _varied(pairs: Pairs, exposure: Exposure) -> Pairs:
    """Let recorded samples vary as the recipe asks."""
    about = 0.0 if exposure.framing == "person" else CENTRE_PX
    return replace(pairs, mirror_about=about if exposure.flip else None, noise=exposure.noise_px)


def _pairs(
    dataset: Dataset, entries: Sequence[Entry], exposure: Exposure, *, noisy: bool = False
) -> Pairs:
    """Take 2D and 3D as they were recorded, whole frames only."""
    at_most = sum(entry.frames for entry in entries)
    # Filled in place: a data set of millions of frames is never in memory twice. And by NumPy,
    # which for a recording's few rows is many times quicker than PyTorch.
    inputs, outputs = torch.empty((at_most, INPUTS)), torch.empty((at_most, OUTPUTS))
    action = torch.empty(at_most, dtype=torch.int64)
    to_inputs = inputs.numpy().reshape(-1, len(INPUT_16), 2)
    to_outputs = outputs.numpy().reshape(-1, len(OUTPUT_16_JOINTS), 3)
    to_action = action.numpy()
    actions = in_paper_order(entry.key.action for entry in entries)
    generator = torch.Generator().manual_seed(TEST_SEED)
    count = 0
    for entry in entries:
        joints_2d, relative = _pair(dataset, entry, exposure)
        if noisy:
            exact = torch.tensor(joints_2d)
            joints_2d = Detector().see(exact, size_px(exact), generator).numpy()
        rows = slice(count, count + len(joints_2d))
        to_inputs[rows] = frame(joints_2d, exposure.framing)
        to_outputs[rows] = relative
        to_action[rows] = actions.index(entry.key.action)
        count += len(joints_2d)
    return Pairs(inputs[:count], outputs[:count], actions, action[:count])


def _pair(
    dataset: Dataset, entry: Entry, exposure: Exposure
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Take one recording's whole frames: 2D (N, 16, 2), px, and root-relative 3D (N, 16, 3), mm."""
    recording = dataset.load(entry.key)
    seen = recording.inputs[exposure.source]
    truth = _truth(recording, dataset)
    if exposure.frame == "world":
        truth = _in_world(recording, truth, dataset)
    relative = root_relative(truth)[:, OUTPUT_FROM_17]
    # One sum is much quicker than a look at each frame, and mostly enough.
    if np.isfinite(seen.positions.sum() + relative.sum()):
        return seen.positions, relative
    whole = valid_frames(seen) & np.isfinite(relative).all(axis=(1, 2))
    return seen.positions[whole], relative[whole]


def _in_world(
    recording: Recording, truth: np.ndarray[Any, Any], dataset: Dataset
) -> np.ndarray[Any, Any]:
    """Turn poses from the camera's axes to the world's."""
    if recording.camera is None:
        raise PoseFormatError(
            "does not say how its camera stands, so the world's axes are not known",
            file=dataset.id,
            place=str(recording.key),
        )
    return world_from_camera(truth, recording.camera.R, np.zeros(3))


def _world_poses(dataset: Dataset, entries: Iterable[Entry]) -> tuple[Tensor, tuple[Camera, ...]]:
    """Collect each moment once, in the world, and the cameras of all recordings."""
    poses: dict[tuple[str, str, str], np.ndarray[Any, Any]] = {}
    cameras: dict[str, Camera] = {}
    for entry in entries:
        key = entry.key
        moment = (key.subject, key.action, key.take)
        if moment in poses and key.camera in cameras:
            continue
        recording = dataset.load(key)
        camera = recording.camera
        truth = _truth(recording, dataset)
        if camera is None or recording.truth is None or recording.truth.space != "camera":
            raise PoseFormatError(
                "does not say where its cameras stand, so no other view can be made of it; "
                "the recipe 'paper' trains on the recorded views",
                file=dataset.id,
                place=str(key),
            )
        cameras.setdefault(key.camera, camera)
        if moment not in poses:
            world = world_from_camera(truth, camera.R, camera.t)
            poses[moment] = world[np.isfinite(world).all(axis=(1, 2))].astype(np.float32)
    return torch.from_numpy(np.concatenate(list(poses.values()))), tuple(cameras.values())


def _truth(recording: Recording, dataset: Dataset) -> np.ndarray[Any, Any]:
    if recording.truth is None:
        raise PoseFormatError("has no 3D to learn from", file=dataset.id, place=str(recording.key))
    return recording.truth.positions.astype(np.float64)
