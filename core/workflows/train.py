"""Train a network on a data set: from its name to saved checkpoints, by a named recipe."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from core import checkpoint
from core.augmentation import AnyCamera, Detector, Lenses
from core.cameras import Camera, world_from_camera
from core.checkpoint import Checkpoint
from core.dataset import Dataset, Entry, Recording, valid_frames
from core.errors import PoseFormatError
from core.framing import Framing, frame, size_px
from core.model import LifterConfig
from core.normalization import Statistics, root_relative
from core.skeleton import H36M_17, OUTPUT_16_JOINTS
from core.training import (
    Pairs,
    Progress,
    Samples,
    Scales,
    Training,
    TrainingConfig,
    Views,
    measure,
    new_model,
)
from core.workflows.open import open_dataset

LAST = "ckpt_last.safetensors"
BEST = "ckpt_best.safetensors"

# The noise of the test's simulated detector must be the same in every epoch and run.
TEST_SEED = 17

OUTPUT_FROM_17 = H36M_17.indices(OUTPUT_16_JOINTS)


@dataclass(frozen=True)
class Exposure:
    """How training samples are made out of recordings.

    Attributes:
        cameras: "recorded" takes the recordings' 2D and 3D as they are, as published; "rig"
            projects the 3D with the recordings' own cameras; "any" with cameras drawn at random.
        source: the 2D source that is taken as it is, and with which the network is tested.
        framing: how 2D px are prepared.
        flip, turn, bones, limbs, views: see `training.Views`.
        detector: simulate a detector's errors, in training and in the test.
    """

    cameras: Literal["recorded", "rig", "any"] = "recorded"
    source: str = "gt"
    framing: Framing = "image"
    flip: bool = False
    turn: bool = False
    bones: float = 0.0
    limbs: float = 0.0
    views: int = 4
    detector: bool = False


@dataclass(frozen=True)
class Recipe:
    """All choices of a training; the defaults are the published ones."""

    name: str = "paper"
    network: LifterConfig = field(default_factory=LifterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    exposure: Exposure = field(default_factory=Exposure)


# With poses, bodies and views that never repeat, half of the units need no dropping.
VARIED = LifterConfig(dropout=0.1)
FAST = TrainingConfig(
    epochs=30,
    train_batch=512,
    lr=2e-3,
    schedule="one_cycle",
    loss="distance",
    precision="bfloat16",
    average=0.999,
    test_at_most=20_000,
)
GENERAL = Exposure("any", framing="person", flip=True, bones=0.05, limbs=0.2)
RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("paper"),
        Recipe(
            "fixed-rig",
            LifterConfig(dropout=0.2),
            replace(FAST, epochs=20),
            Exposure("rig", flip=True, turn=True, bones=0.05, limbs=0.2),
        ),
        Recipe("general-gt", VARIED, FAST, GENERAL),
        Recipe("general-detector", VARIED, FAST, replace(GENERAL, detector=True)),
    )
}


def recipe(name: str = "paper", **overrides: Any) -> Recipe:
    """Take a named recipe and change single options by their names; None leaves an option.

    Options are the fields of `LifterConfig`, `TrainingConfig` and `Exposure`; `no_max=True`
    switches the clipping of the gradient off.

    Raises:
        ValueError: an unknown recipe or option, or a value that an option can't have.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}; the recipes are {', '.join(RECIPES)}")
    chosen = RECIPES[name]
    given = {key: value for key, value in overrides.items() if value is not None}
    no_max = given.pop("no_max", False)
    parts: dict[str, Any] = {}
    for part in ("network", "training", "exposure"):
        config = getattr(chosen, part)
        known = {f.name for f in fields(config)} & given.keys()
        parts[part] = replace(config, **{key: given.pop(key) for key in known})
    if given:
        raise ValueError(f"training has no option {', '.join(sorted(given))}")
    if no_max:
        parts["training"] = replace(parts["training"], max_norm=None)
    return replace(chosen, **parts)


@dataclass(frozen=True)
class TrainingRun:
    """One training to do.

    Attributes:
        data_dir: what `open_dataset` takes: a prepared file, a folder, or a data set's name.
        exp: folder of the run's checkpoints; it is made if it isn't there.
        recipe: all choices.
        load: start from this checkpoint's weights, statistics and framing.
        half: store the weight matrices as float16.
        threads: CPU threads; None leaves PyTorch's choice.
        command: how the run was started, for the provenance.
    """

    data_dir: str
    exp: Path
    recipe: Recipe = field(default_factory=Recipe)
    load: Path | None = None
    half: bool = False
    threads: int | None = None
    command: str = ""


def train(run: TrainingRun) -> Iterator[Progress]:
    """Train, say how it goes, and save a checkpoint after each epoch.

    `ckpt_last.safetensors` is the last epoch's, `ckpt_best.safetensors` the one with the smallest
    test error so far. Whoever stops iterating stops the run; what was saved stays.

    The same run on the same machine with the same number of threads gives the same weights.

    Raises:
        PoseFormatError: the data can't be opened or does not suit the recipe, or a checkpoint
            can't be written.
        FloatingPointError: training diverged.
    """
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    start = None if run.load is None else checkpoint.load(run.load)
    chosen = run.recipe if start is None else _continued(run.recipe, start)
    dataset = open_dataset(run.data_dir)
    samples = training_samples(dataset, chosen.exposure)
    test = test_samples(dataset, chosen.exposure)
    statistics = _statistics(start) or measure(samples, seed=chosen.training.seed)
    model = new_model(chosen.network, chosen.training.seed)
    if start is not None:
        model.load_state_dict(dict(start.state))
    training = Training(chosen.training, model, samples, Scales.of(*statistics), test)

    known = _provenance(run, chosen, dataset, samples, test)
    if start is not None:
        known["started_from"] = start.digest
    try:
        run.exp.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoseFormatError(
            f"can't make the folder of the run: {error.strerror}", file=run.exp
        ) from None
    best = float("inf")
    for progress in training.run():
        if progress.epoch_done:
            reached = Checkpoint(
                name=run.exp.name,
                config=chosen.network,
                state=training.weights,
                input_statistics=statistics[0],
                output_statistics=statistics[1],
                framing=chosen.exposure.framing,
                provenance={**known, "epoch": progress.epoch, "results": _results(progress)},
            )
            checkpoint.save(run.exp / LAST, reached, half=run.half)
            if progress.test_mpjpe_mm is not None and progress.test_mpjpe_mm < best:
                best = progress.test_mpjpe_mm
                checkpoint.save(run.exp / BEST, reached, half=run.half)
        yield progress


def training_samples(dataset: Dataset, exposure: Exposure) -> Samples:
    """Make the samples of a data set's training split.

    Raises:
        PoseFormatError: it has no training split, or no cameras where the recipe needs them.
    """
    recorded = exposure.cameras == "recorded"
    entries = dataset.select(split="train", source=exposure.source if recorded else None)
    if not entries:
        with_source = f" with 2D of the source {exposure.source!r}" if recorded else ""
        raise PoseFormatError(
            f"has no recordings of training subjects{with_source}", file=dataset.id
        )
    if recorded:
        return _pairs(dataset, entries, exposure)
    world, cameras = _world_poses(dataset, entries)
    return Views(
        world=world,
        cameras=AnyCamera() if exposure.cameras == "any" else Lenses.of(cameras),
        framing=exposure.framing,
        flip=exposure.flip,
        turn=exposure.turn,
        bones=exposure.bones,
        limbs=exposure.limbs,
        detector=Detector() if exposure.detector else None,
        views=exposure.views,
    )


def test_samples(dataset: Dataset, exposure: Exposure) -> Pairs | None:
    """Make the samples of the test split; None where there are none with the source."""
    entries = dataset.select(split="test", source=exposure.source)
    return _pairs(dataset, entries, exposure, noisy=exposure.detector) if entries else None


def _pairs(
    dataset: Dataset, entries: Iterable[Entry], exposure: Exposure, *, noisy: bool = False
) -> Pairs:
    """Take 2D and 3D as they were recorded, whole frames only."""
    inputs, outputs = [], []
    generator = torch.Generator().manual_seed(TEST_SEED)
    for entry in entries:
        recording = dataset.load(entry.key)
        seen = recording.inputs[exposure.source]
        truth = _truth(recording, dataset)
        whole = valid_frames(seen) & np.isfinite(truth).all(axis=(1, 2))
        joints_2d = torch.from_numpy(seen.positions[whole])
        if noisy:
            joints_2d = Detector().see(joints_2d, size_px(joints_2d), generator)
        inputs.append(frame(joints_2d, exposure.framing).flatten(1))
        relative = root_relative(truth[whole])[:, OUTPUT_FROM_17]
        outputs.append(torch.from_numpy(relative.astype(np.float32)).flatten(1))
    return Pairs(torch.cat(inputs), torch.cat(outputs))


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


def _statistics(start: Checkpoint | None) -> tuple[Statistics, Statistics] | None:
    if start is None or start.input_statistics is None or start.output_statistics is None:
        return None
    return start.input_statistics, start.output_statistics


def _continued(chosen: Recipe, start: Checkpoint) -> Recipe:
    """Fit a recipe to the checkpoint that it starts from: its network, its framing."""
    network = replace(start.config, dropout=chosen.network.dropout)
    return replace(
        chosen, network=network, exposure=replace(chosen.exposure, framing=start.framing)
    )


def _provenance(
    run: TrainingRun, chosen: Recipe, dataset: Dataset, samples: Samples, test: Pairs | None
) -> dict[str, Any]:
    return {
        "data": {"title": dataset.title, "digest": dataset.digest, "credit": dataset.credit},
        "samples_per_epoch": len(samples),
        "test_samples": 0 if test is None else len(test),
        "recipe": asdict(chosen),
        "command": run.command,
        "software": {"torch": torch.__version__, "python": platform.python_version()},
    }


def _results(progress: Progress) -> dict[str, float | None]:
    return {"test_mpjpe_mm": progress.test_mpjpe_mm, "loss": progress.loss}
