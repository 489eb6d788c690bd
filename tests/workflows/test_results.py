"""Results of a split: computed once, found again by content, and equal to the evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import metrics
from core.dataset import Dataset, Key
from core.errors import PoseFormatError
from core.human36m import PUBLISHED_INPUT, PUBLISHED_OUTPUT
from core.skeleton import H36M_17
from core.store import Store
from core.workflows import results
from core.workflows.evaluate import evaluate
from core.workflows.lift import PoseLifter, lift_recording
from core.workflows.open import checkpoint_names, open_checkpoint, open_dataset
from core.workflows.result_columns import LEFT, RIGHT
from core.workflows.results import Results, judge
from tests.toys import CAMERA, toy_checkpoint, toy_dataset

SITTING = Key("S9", "Sitting", "Sitting 1", CAMERA.name)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "kept")


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """Note each computation."""
    calls: list[str] = []
    compute = results.computed

    def noted(*arguments):
        calls.append("computed")
        return compute(*arguments)

    monkeypatch.setattr(results, "computed", noted)
    return calls


def columns(found: Results) -> list[np.ndarray]:
    single = [found.offsets, found.velocity, found.scaled, found.bones, found.asymmetry]
    return [*single, *found.errors.values(), *found.counted.values(), *found.sums.values()]


def test_a_result_is_computed_once_and_reopened_bit_for_bit(store, counted):
    first = judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    again = judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    assert counted == ["computed"]
    assert (again.keys, again.fps, again.provenance) == (first.keys, first.fps, first.provenance)
    for kept, computed in zip(columns(again), columns(first), strict=True):
        np.testing.assert_array_equal(kept, computed)


@pytest.mark.parametrize(
    ("dataset", "lifter", "source", "split"),
    [
        (replace(toy_dataset(), digest="other"), PoseLifter(toy_checkpoint()), "gt", "test"),
        (toy_dataset(statistics=True), PoseLifter(toy_checkpoint()), "gt", "test"),
        (toy_dataset(), PoseLifter(toy_checkpoint(framing="person")), "gt", "test"),
        (toy_dataset(), PoseLifter(toy_checkpoint(), PUBLISHED_INPUT), "gt", "test"),
        (toy_dataset(), PoseLifter(toy_checkpoint()), "hourglass", "test"),
        (toy_dataset(), PoseLifter(toy_checkpoint()), "gt", None),
    ],
    ids=["data", "data's statistics", "checkpoint", "statistics", "source", "split"],
)
def test_other_content_or_settings_are_computed_anew(
    store, counted, dataset, lifter, source, split
):
    judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    judge(dataset, lifter, source, split=split, store=store)
    assert len(counted) == 2


def test_another_version_of_the_code_is_computed_anew(store, counted, monkeypatch):
    judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    monkeypatch.setattr(results, "VERSION", "results of tomorrow")
    judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    assert len(counted) == 2


def test_names_are_no_content_and_are_told_as_they_are_now(store, counted):
    judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    renamed = judge(
        replace(toy_dataset(), title="Renamed"), toy_checkpoint(name="new"), "gt", store=store
    )
    assert counted == ["computed"]
    assert (renamed.dataset, renamed.checkpoint) == ("Renamed", "new")
    assert renamed.provenance["data_set"] == "Renamed"


def test_a_place_that_can_not_be_written_only_costs_the_keeping(tmp_path, counted):
    (tmp_path / "file").touch()
    for _ in range(2):
        found = judge(toy_dataset(), toy_checkpoint(), "gt", store=Store(tmp_path / "file"))
        assert "can't be written" in found.note
        assert found.frames == 23
    assert len(counted) == 2


@pytest.mark.parametrize("joint_set", [17, 16, 14])
@pytest.mark.parametrize("missing", [False, True])
def test_tables_are_those_of_the_evaluation_to_the_last_digit(store, joint_set, missing):
    dataset, lifter = toy_dataset(missing=missing), PoseLifter(toy_checkpoint())
    judge(dataset, lifter, "gt", store=store)
    found = judge(dataset, lifter, "gt", store=store)
    expected, ours = (
        evaluate(dataset, lifter, "gt", joint_set=joint_set),
        found.evaluation(joint_set),
    )
    assert ours.as_dict().keys() == expected.as_dict().keys()
    for part, figures in expected.as_dict().items():
        assert list(ours.as_dict()[part]) == list(figures)
        assert ours.as_dict()[part] == pytest.approx(figures, rel=1e-12)
    assert ours.skipped == expected.skipped
    assert ours.joints == expected.joints
    for protocol in results.PROTOCOLS:
        assert found.table(protocol, joint_set) == ours.action_errors(protocol)
        assert found.table(protocol, joint_set, by="subject") == ours.subject_errors(protocol)


def test_choosing_from_a_result_is_evaluating_what_was_chosen(store):
    dataset, lifter = toy_dataset(), PoseLifter(toy_checkpoint())
    found = judge(dataset, lifter, "gt", store=store)
    choices: list[dict[str, Any]] = [{"actions": ["SittingDown"]}, {"subjects": ["S11"]}]
    for choice in choices:
        expected = evaluate(dataset, lifter, "gt", **choice).as_dict()
        chosen = found.evaluation(**choice).as_dict()
        assert chosen["frames"] == expected["frames"]
        assert chosen["protocol_2"] == pytest.approx(expected["protocol_2"], rel=1e-6)


@pytest.mark.parametrize("name", checkpoint_names())
def test_a_kept_frames_errors_are_the_pages_to_the_last_digit(store, name):
    dataset, lifter = open_dataset("balancing"), PoseLifter(open_checkpoint(name))
    source = dataset.sources[0]
    found = judge(dataset, lifter, source, store=store)
    for key in found.keys:
        shown = lift_recording(lifter, dataset, dataset.load(key), source).errors
        assert shown is not None
        for protocol in results.PROTOCOLS:
            kept = found.errors[protocol][found.frames_of(key)]
            np.testing.assert_array_equal(kept, shown[protocol].astype(np.float32))


def test_results_in_another_precision_are_other_results(store):
    dataset, lifter = toy_dataset(), PoseLifter(toy_checkpoint())
    judge(dataset, lifter, "gt", store=store)
    coarse = PoseLifter(toy_checkpoint())
    coarse.engine.kind = "bfloat16"
    assert results.kept(dataset, lifter, "gt", store=store) is not None
    assert results.kept(dataset, coarse, "gt", store=store) is None


def test_frames_are_those_of_the_recording_lifted_alone(store):
    dataset, lifter = toy_dataset(missing=True), PoseLifter(toy_checkpoint())
    found = judge(dataset, lifter, "gt", store=store)
    for key in found.keys:
        alone = lift_recording(lifter, dataset, dataset.load(key), "gt")
        assert alone.errors is not None and alone.truth is not None
        rows = found.frames_of(key)
        for protocol in results.PROTOCOLS:
            np.testing.assert_allclose(
                found.errors[protocol][rows], alone.errors[protocol], rtol=1e-5, atol=1e-3
            )
        poses, truth = alone.prediction.positions, alone.truth.positions
        step = metrics.velocity_errors(poses, truth).mean(axis=1)
        assert np.isnan(found.velocity[rows][0])
        np.testing.assert_allclose(found.velocity[rows][1:], step, rtol=1e-5, atol=1e-3)
        for column, expected in (
            (found.scaled, metrics.n_mpjpe(poses, truth)),
            (found.bones, metrics.bone_length_error(poses, truth, H36M_17.bones)),
            (found.asymmetry, metrics.left_right_asymmetry(poses, LEFT, RIGHT)),
        ):
            assert np.nanmean(column[rows]) == pytest.approx(expected, rel=1e-3)


def test_bones_of_the_left_have_their_twins_on_the_right():
    names = H36M_17.joints
    assert len(LEFT) == len(RIGHT) == 6
    for left, right in zip(LEFT, RIGHT, strict=True):
        for a, b in zip(left, right, strict=True):
            assert names[b] == names[a].replace("left_", "right_")


def test_sitting_down_does_not_include_sitting(store):
    found = judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    rows = found.frames_of(SITTING)
    assert found.table(1)["Sitting"] == pytest.approx(found.errors[1][rows].mean(), rel=1e-5)
    listed = found.worst(1, 99, actions=["Sitting"])
    assert {key.action for key, _, _ in listed} == {"Sitting"}
    assert found.table(1)["Sitting"] != pytest.approx(found.table(1)["SittingDown"])


def test_joints_by_action_average_to_the_table(store):
    found = judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    names, joints, values = found.joint_table(2)
    assert names == ("Directions", "Sitting", "SittingDown")
    assert joints == H36M_17.joints
    assert values.shape == (3, 17)
    np.testing.assert_allclose(values.mean(axis=1), list(found.table(2).values()))
    assert found.joint_table(1, by="camera")[0] == (CAMERA.name,)


def long(values: list[float], fps: float = 5.0) -> Results:
    """Make a result of one recording with these errors in every joint."""
    errors = np.repeat(np.array(values, dtype=np.float32)[:, None], 17, axis=1)
    nothing = np.zeros(len(values), dtype=np.float32)
    return Results(
        dataset="Made", dataset_digest="", checkpoint="made", checkpoint_digest="", source="gt",
        keys=(SITTING,), fps=(fps,), offsets=np.array([0, len(values)]),
        errors={1: errors, 2: errors / 2}, velocity=np.roll(errors[:, 0], 1),
        scaled=nothing, bones=nothing, asymmetry=nothing, counted={}, sums={},
    )  # fmt: skip


def test_the_worst_frames_come_first_and_one_in_each_second():
    found = long([1, 9, 8, 2, 3, 7, 6, 4, 5, 0])
    assert found.worst(1, 5) == [(SITTING, 1, 9.0), (SITTING, 5, 7.0)]
    assert found.worst(2, 1) == [(SITTING, 1, 4.5)]
    assert found.worst(1, 0) == []


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan")]), min_size=1, max_size=9),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([1.0, 3.0, 50.0]),
    st.sampled_from([None, 1.0, 2.0]),
)
def test_the_worst_are_those_of_a_plain_search(recordings, fps, low):
    keys = [replace(SITTING, take=str(i)) for i in range(len(recordings))]
    made = replace(
        long([x for each in recordings for x in each]),
        keys=tuple(keys),
        fps=(fps,) * len(keys),
        offsets=np.cumsum([0, *map(len, recordings)]),
    )
    best: dict[tuple[int, int], tuple[float, int]] = {}
    for i, errors in enumerate(recordings):
        for frame, mm in enumerate(errors):
            place = (i, int(frame / fps))
            if mm >= (low or 0) and (place not in best or mm > best[place][0]):
                best[place] = mm, frame
    wanted = sorted((-mm, i, frame) for (i, _), (mm, frame) in best.items())
    found = made.worst(1, 99, low=low)
    assert found == [(keys[i], frame, -mm) for mm, i, frame in wanted]
    assert made.worst(1, 2, low=low) == found[:2]


def test_worst_frames_are_chosen_by_range_joint_and_jump():
    found = long([1, 9, 8, 2, 3, 7, 6, 4, 5, 0])
    assert found.worst(1, 5, low=3, high=8) == [(SITTING, 2, 8.0), (SITTING, 5, 7.0)]
    assert found.worst(1, 5, low=100) == []
    assert found.worst(1, 1, by="jump") == [(SITTING, 2, 9.0)]
    found.errors[1][7, H36M_17.index("head")] = 50
    assert found.worst(1, 1, by="joint", joint="head") == [(SITTING, 7, 50.0)]
    with pytest.raises(ValueError, match="needs the name of a joint"):
        found.worst(1, 1, by="joint")


def test_a_filter_that_leaves_nothing_gives_an_empty_list():
    found = long([1, 2])
    assert found.worst(1, 5, actions=["Walking"]) == []
    assert found.worst(1, 5, subjects=[]) == []
    assert found.worst(1, 5, cameras=["none"]) == []


def test_a_choice_without_frames_is_told(store):
    found = judge(toy_dataset(), toy_checkpoint(), "gt", store=store)
    with pytest.raises(PoseFormatError, match="of 0 frames none has all joints in 2D and 3D"):
        found.evaluation(actions=["Walking"])


def test_missing_frames_are_never_the_worst(store):
    found = judge(toy_dataset(missing=True), toy_checkpoint(), "gt", store=store)
    assert np.isnan(found.errors[1][found.frames_of(SITTING)][1]).all()
    assert np.isfinite([value for _, _, value in found.worst(1, 99)]).all()
    assert np.isfinite([value for _, _, value in found.worst(1, 99, by="jump")]).all()


def test_progress_is_told_and_stopping_keeps_nothing(store):
    steps: list[tuple[int, int]] = []
    judge(
        toy_dataset(), toy_checkpoint(), "gt", store=store,
        progress=lambda done, in_all: steps.append((done, in_all)),
    )  # fmt: skip
    assert steps[-1] == (23, 23)
    store.clear()

    def stop(done: int, in_all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(toy_dataset(), toy_checkpoint(), "gt", store=store, progress=stop)
    assert store.size_bytes() == 0


def test_a_wrong_source_and_missing_statistics_are_told(store):
    with pytest.raises(PoseFormatError, match="no 2D source 'cpn'"):
        judge(toy_dataset(), toy_checkpoint(), "cpn", store=store)
    with pytest.raises(PoseFormatError, match="missing statistics"):
        judge(toy_dataset(), toy_checkpoint(statistics=False), "gt", store=store)
    given = PoseLifter(toy_checkpoint(statistics=False), PUBLISHED_INPUT, PUBLISHED_OUTPUT)
    assert judge(toy_dataset(), given, "gt", store=store).frames == 23


def test_a_data_set_without_complete_frames_is_told(store):
    with pytest.raises(PoseFormatError, match="of 23 frames none has all joints in 2D and 3D"):
        judge(blind(toy_dataset()), toy_checkpoint(), "gt", store=store)


def blind(dataset: Dataset) -> Dataset:
    def read(key):
        recording = dataset.read(key)
        sequence = recording.inputs["gt"]
        nothing = sequence.with_positions(np.full_like(sequence.positions, np.nan))
        return replace(recording, inputs={**recording.inputs, "gt": nothing})

    return replace(dataset, read=read)
