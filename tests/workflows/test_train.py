"""Training from a data set's name: recipes, checkpoints, provenance, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
import torch

from core import checkpoint, rig
from core.augmentation import AnyCamera, Lenses
from core.dataset import Dataset, Entry, Key, Recording
from core.errors import PoseFormatError
from core.formats import dataset_file
from core.model import LifterConfig
from core.runs import BEST, LAST, claimed, read_run
from core.samples import Pairs, Views
from core.sequence import PoseSequence
from core.skeleton import H36M_17
from core.training_config import TrainingConfig
from core.workflows import train as workflow
from core.workflows import training_data
from core.workflows.recipes import RECIPES, Recipe, recipe
from core.workflows.run_folder import LAST_PTH
from core.workflows.train import train
from core.workflows.training_run import TrainingRun, resumption
from tests.test_augmentation import people

TINY = {"linear_size": 16, "num_stage": 1, "epochs": 2, "train_batch": 8}


def recordings() -> Iterator[Recording]:
    for seed, subject in enumerate(("01", "02")):
        poses = people(12, seed=10 + seed).numpy()
        sequence = PoseSequence(poses, H36M_17, "world", 30.0)
        yield from rig.views(sequence, rig.four_cameras(), subject=subject, action="walk", take="1")


def made(change: object = None) -> Dataset:
    """Two subjects, one to train and one to test, four cameras; `change` edits each recording."""
    kept = {r.key: change(r) if callable(change) else r for r in recordings()}
    entries = tuple(
        Entry(key, len(next(iter(r.inputs.values()))), 30.0, tuple(r.inputs))
        for key, r in kept.items()
    )
    return Dataset(
        id="made",
        title="Made",
        kind="synthetic",
        entries=entries,
        read=lambda key: kept[key],
        digest="0123",
        splits={"01": "train", "02": "test"},
        credit="mocap.cs.cmu.edu",
    )


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    dataset = made()
    monkeypatch.setattr(workflow, "open_dataset", lambda _: dataset)
    return dataset


def run_of(folder: Path, name: str, **fields: object) -> TrainingRun:
    return TrainingRun("made", folder / "run", recipe(name, **TINY), **fields)  # type: ignore


def test_the_default_recipe_is_the_published_one() -> None:
    paper = recipe()
    assert paper == Recipe()
    assert (paper.network, paper.training) == (LifterConfig(), TrainingConfig())
    assert (paper.exposure.cameras, paper.exposure.framing) == ("recorded", "image")


def test_every_recipe_trains_the_published_network_but_for_its_dropout() -> None:
    for known in RECIPES.values():
        assert dataclasses.replace(known.network, dropout=0.5) == LifterConfig()


def test_options_change_a_recipe_by_name_and_none_leaves_them() -> None:
    changed = recipe("general-gt", linear_size=64, epochs=3, lr=None, source="openpose")
    assert changed.network.linear_size == 64
    assert changed.training.epochs == 3
    assert changed.training.lr == RECIPES["general-gt"].training.lr
    assert changed.exposure.source == "openpose"
    assert changed.name == "general-gt"


def test_clipping_can_be_switched_off() -> None:
    assert recipe("paper", no_max=True).training.max_norm is None
    assert recipe("paper", no_max=False).training.max_norm == 1.0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("quick", {}, "there is no recipe 'quick'; the recipes are paper, fixed-rig"),
        ("paper", {"speed": 3}, "training has no option speed"),
        ("paper", {"epochs": 0}, "at least 1 epoch"),
    ],
)
def test_what_no_recipe_knows_is_refused(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(name, **options)


@pytest.mark.parametrize("name", list(RECIPES))
def test_each_recipe_leaves_a_checkpoint_that_predicts(
    tmp_path: Path, data: Dataset, name: str
) -> None:
    progress = list(train(run_of(tmp_path, name, command="python -m core train x")))
    assert [p.epoch for p in progress if p.epoch_done] == [1, 2]
    loaded = checkpoint.load(tmp_path / "run" / LAST)
    assert loaded.config.linear_size == 16
    assert loaded.framing == RECIPES[name].exposure.framing
    assert loaded.input_statistics is not None and loaded.output_statistics is not None
    said = loaded.provenance
    assert said["command"] == "python -m core train x"
    assert said["data"] == {"title": "Made", "digest": "0123", "credit": "mocap.cs.cmu.edu"}
    assert said["recipe"]["name"] == name and said["epoch"] == 2
    assert said["results"]["test_mpjpe_mm"] == progress[-1].test_mpjpe_mm
    assert torch.isfinite(checkpoint.model_from(loaded)(torch.zeros(1, 32))).all()


def test_the_best_epoch_is_kept_beside_the_last(tmp_path: Path, data: Dataset) -> None:
    done = [p for p in train(run_of(tmp_path, "paper")) if p.epoch_done]
    best = checkpoint.load(tmp_path / "run" / BEST).provenance["results"]["test_mpjpe_mm"]
    assert best == min(p.test_mpjpe_mm for p in done if p.test_mpjpe_mm is not None)


def test_the_same_run_gives_the_same_weights(tmp_path: Path, data: Dataset) -> None:
    digests = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        list(train(run_of(folder, "general-detector")))
        digests.append(checkpoint.load(folder / "run" / LAST).digest)
    assert digests[0] == digests[1]


def test_a_stopped_run_keeps_its_last_whole_epoch(tmp_path: Path, data: Dataset) -> None:
    running = train(run_of(tmp_path, "paper"))
    list(takewhile(lambda p: not p.epoch_done, running))
    running.close()  # type: ignore[attr-defined]
    assert checkpoint.load(tmp_path / "run" / LAST).provenance["epoch"] == 1


def test_a_run_can_start_from_a_checkpoint(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path / "first", "general-gt")))
    first = checkpoint.load(tmp_path / "first" / "run" / LAST)
    second_run = TrainingRun(
        "made", tmp_path / "second", recipe("general-detector", epochs=1, lr=1e-9, average=0.0),
        load=tmp_path / "first" / "run" / LAST,
    )  # fmt: skip
    list(train(second_run))
    second = checkpoint.load(tmp_path / "second" / LAST)
    assert second.config.linear_size == 16
    assert second.provenance["started_from"] == first.digest
    torch.testing.assert_close(second.state["w2.weight"], first.state["w2.weight"],
                               rtol=1e-4, atol=1e-5)  # fmt: skip
    assert second.input_statistics is not None and first.input_statistics is not None
    np.testing.assert_array_equal(second.input_statistics.mean, first.input_statistics.mean)


def test_a_resumed_run_keeps_where_it_came_from_and_how_it_is_saved(
    tmp_path: Path, data: Dataset
) -> None:
    list(train(run_of(tmp_path / "first", "general-gt")))
    start = tmp_path / "first" / "run" / LAST
    run = TrainingRun(
        "made", tmp_path / "second", recipe("paper", epochs=1), load=start, half=True,
        pth_tar=True, command="the first", argv=("train", "--half", "--pth_tar"),
    )  # fmt: skip
    list(train(run))
    before = checkpoint.load(tmp_path / "second" / LAST).provenance
    size = (tmp_path / "second" / LAST).stat().st_size
    again = resumption(TrainingRun("", tmp_path / "second", command="again"), epochs=2)
    list(train(again))
    after = checkpoint.load(tmp_path / "second" / LAST).provenance
    assert after["epoch"] == 2
    for name in ("started_from", "command"):
        assert after[name] == before[name], name
    assert read_run(tmp_path / "second").data["started_from"] == before["started_from"]
    assert (tmp_path / "second" / LAST).stat().st_size == pytest.approx(size, rel=0.02)
    assert checkpoint.load(tmp_path / "second" / LAST_PTH).provenance["epoch"] == 2


def test_what_is_there_goes_only_for_a_run_that_can_begin(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path, "general-gt")))
    files = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    for wrong in (
        run_of(tmp_path, "general-gt", overwrite=True, load=tmp_path / "none.safetensors"),
        dataclasses.replace(run_of(tmp_path, "paper", overwrite=True), recipe=recipe(
            "paper", source="nobody's", **TINY)),
    ):  # fmt: skip
        with pytest.raises(PoseFormatError):
            list(train(wrong))
        assert {path: path.read_bytes() for path in files} == files
    own = tmp_path / "run" / BEST
    list(train(run_of(tmp_path, "general-gt", overwrite=True, load=own)))


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path, data: Dataset) -> None:
    busy = pytest.raises(PoseFormatError, match="a training is under way here, in another")
    with claimed(tmp_path / "run"), busy:
        list(train(run_of(tmp_path, "general-gt")))
    list(train(run_of(tmp_path, "general-gt")))


@pytest.mark.parametrize(
    ("epochs", "schedule", "says"),
    [(1, "stairs", "2 epochs are done already, more than the 1"),
     (4, "one_cycle", r"runs out over 2 epochs \(one_cycle\)")],
)  # fmt: skip
def test_a_run_is_not_resumed_to_what_none_would_be(
    tmp_path: Path, data: Dataset, epochs: int, schedule: str, says: str
) -> None:
    chosen = recipe("paper", schedule=schedule, **TINY)
    list(train(TrainingRun("made", tmp_path / "run", chosen)))
    with pytest.raises(PoseFormatError, match=says):
        resumption(TrainingRun("", tmp_path / "run"), epochs=epochs)


def test_half_precision_is_an_option(tmp_path: Path, data: Dataset) -> None:
    list(train(run_of(tmp_path / "half", "paper", half=True)))
    list(train(run_of(tmp_path / "whole", "paper")))
    sizes = [(tmp_path / n / "run" / LAST).stat().st_size for n in ("half", "whole")]
    assert sizes[0] < sizes[1]


def test_the_published_recipe_takes_the_recorded_pairs(data: Dataset) -> None:
    samples = training_data.training_samples(data, RECIPES["paper"].exposure)
    assert isinstance(samples, Pairs) and len(samples) == 48
    recording = data.load(data.select(split="train")[0].key)
    np.testing.assert_allclose(
        samples.inputs[:12], recording.inputs["gt"].positions.reshape(12, 32), rtol=1e-6
    )
    assert recording.truth is not None
    truth = recording.truth.positions
    expected = (truth - truth[:, :1])[:, 1:].reshape(12, 48)
    np.testing.assert_allclose(samples.outputs[:12], expected, atol=0.01)


def test_other_recipes_collect_each_moment_once_in_the_world(data: Dataset) -> None:
    samples = training_data.training_samples(data, RECIPES["general-gt"].exposure)
    assert isinstance(samples, Views) and isinstance(samples.cameras, AnyCamera)
    torch.testing.assert_close(samples.world, people(12, seed=10), rtol=1e-4, atol=0.05)
    fixed = training_data.training_samples(data, RECIPES["fixed-rig"].exposure)
    assert isinstance(fixed, Views) and isinstance(fixed.cameras, Lenses)
    assert len(fixed) == 48


def test_a_simulated_detector_errs_alike_in_every_test(data: Dataset) -> None:
    exposure = RECIPES["general-detector"].exposure
    one, other = (training_data.test_samples(data, exposure) for _ in range(2))
    exact = training_data.test_samples(data, RECIPES["general-gt"].exposure)
    assert one is not None and other is not None and exact is not None
    assert torch.equal(one.inputs, other.inputs)
    assert not torch.equal(one.inputs, exact.inputs)
    assert torch.equal(one.outputs, exact.outputs)


def test_frames_with_a_missing_joint_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def hide(recording: Recording) -> Recording:
        positions = recording.inputs["gt"].positions.copy()
        positions[3, 5] = np.nan
        inputs = {"gt": recording.inputs["gt"].with_positions(positions)}
        return dataclasses.replace(recording, inputs=inputs)

    samples = training_data.training_samples(made(hide), RECIPES["paper"].exposure)
    assert len(samples) == 44
    assert isinstance(samples, Pairs) and bool(torch.isfinite(samples.inputs).all())


def test_a_data_set_without_training_subjects_is_refused(data: Dataset) -> None:
    only_test = dataclasses.replace(data, splits={})
    with pytest.raises(PoseFormatError, match="made: has no recordings of training subjects"):
        training_data.training_samples(only_test, RECIPES["general-gt"].exposure)
    with pytest.raises(PoseFormatError, match="with 2D of the source 'openpose'"):
        training_data.training_samples(data, recipe("paper", source="openpose").exposure)


def test_a_recipe_that_needs_cameras_says_so() -> None:
    blind = made(lambda r: dataclasses.replace(r, camera=None))
    with pytest.raises(PoseFormatError, match="does not say where its cameras stand"):
        training_data.training_samples(blind, RECIPES["fixed-rig"].exposure)


def test_a_recording_without_3d_is_named() -> None:
    flat = made(lambda r: dataclasses.replace(r, truth=None))
    with pytest.raises(PoseFormatError, match="has no 3D to learn from") as caught:
        training_data.training_samples(flat, RECIPES["paper"].exposure)
    assert caught.value.place == str(Key("01", "walk", "1", "54138969"))


def test_a_folder_that_cant_be_made_is_named(tmp_path: Path, data: Dataset) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(PoseFormatError, match="can't make the folder of the run"):
        list(train(run_of(tmp_path, "paper")))


def test_a_prepared_file_trains(tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    dataset_file.write(path, made())
    run = TrainingRun(str(path), tmp_path / "run", recipe("fixed-rig", **TINY))
    assert list(train(run))[-1].epoch_done
