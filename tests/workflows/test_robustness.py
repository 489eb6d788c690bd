from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.model import LifterConfig
from core.perturbation import PERTURBATIONS
from core.store import Store
from core.tables import ALL_FRAMES, AVERAGE, as_csv
from core.workflows import results
from core.workflows.lift import PoseLifter
from core.workflows.open import open_checkpoint, open_dataset
from core.workflows.robustness import (
    Robustness,
    Setting,
    example,
    kept,
    levels_from,
    measure,
    traits,
)
from core.workflows.robustness_table import MOVED, as_table, names_of, notes
from tests.toys import toy_checkpoint, toy_dataset

GAUSSIAN = PERTURBATIONS["gaussian"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture(scope="module")
def balancing() -> Dataset:
    return open_dataset("balancing")


@pytest.fixture(scope="module")
def gt() -> Iterator[PoseLifter]:
    yield PoseLifter(open_checkpoint("gt"))


def toy(**changes: object) -> Setting:
    return replace(Setting(toy_dataset(), "gt", GAUSSIAN, (0.0, 10.0, 40.0)), **changes)  # type: ignore[arg-type]


def averages(found: Robustness, lifter: PoseLifter, protocol: results.Protocol = 1) -> list[float]:
    return [point.evaluation.average(protocol) for point in found.of(lifter)]


def test_the_neutral_level_gives_the_results_of_the_tables_to_the_last_digit(
    balancing: Dataset, gt: PoseLifter, store: Store
) -> None:
    found = measure(Setting(balancing, "gt", GAUSSIAN, (0.0,)), [gt], store=store)
    expected = results.judge(balancing, gt, "gt", store=store).evaluation()
    assert found.of(gt)[0].evaluation.as_dict() == expected.as_dict()
    assert found.of(gt)[0].moved_px == 0


@pytest.mark.parametrize("name", ["gaussian", "detector", "dropped", "swaps"])
def test_on_the_real_recording_errors_grow_with_the_level(
    name: str, balancing: Dataset, gt: PoseLifter, store: Store
) -> None:
    kind = PERTURBATIONS[name]
    found = measure(Setting(balancing, "gt", kind, kind.levels), [gt], store=store)
    for protocol in results.PROTOCOLS:
        errors = averages(found, gt, protocol)
        assert errors == sorted(errors)
        assert errors[-1] > 1.3 * errors[0]
    moved = [point.moved_px for point in found.of(gt)]
    assert moved == sorted(moved)


def test_a_checkpoint_that_frames_the_person_does_not_notice_the_scale(
    balancing: Dataset, gt: PoseLifter, store: Store
) -> None:
    assert gt.checkpoint.framing == "person"
    kind = PERTURBATIONS["scale"]
    found = measure(Setting(balancing, "gt", kind, (0.25, 1.0, 3.0)), [gt], store=store)
    assert averages(found, gt) == pytest.approx([averages(found, gt)[1]] * 3, abs=1e-3)


def test_a_checkpoint_that_takes_pixels_as_they_lie_does(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    scaled = toy(perturbation=PERTURBATIONS["scale"], levels=(0.5, 1.0))
    half, whole = averages(measure(scaled, [lifter], store=store), lifter)
    assert abs(half - whole) > 1


def test_several_checkpoints_get_the_same_frames_and_draws(store: Store) -> None:
    same = [PoseLifter(toy_checkpoint(name="a")), PoseLifter(toy_checkpoint(framing="person"))]
    both = measure(toy(), same, store=store)
    alone = measure(toy(), same[1:], store=Store(store.folder / "other"))
    assert both.missing == 0
    assert averages(both, same[1]) == averages(alone, same[1])
    assert averages(both, same[0]) != averages(both, same[1])


def test_the_sample_is_spread_evenly_and_never_larger_than_the_data() -> None:
    assert toy().frames == 23
    assert toy(size=23).rows == toy().rows
    assert toy(size=1000).frames == 23
    few = toy(size=4)
    assert few.frames == 4
    # 23 frames in a row, at 2.875, 8.6, 14.4 and 20.1: of recordings with 5, 8, 4 and 6 frames.
    found = {key.action + key.subject: list(r) for key, r in few.rows.items() if r is not None}
    assert found == {"SittingS9": [2], "SittingDownS9": [3], "DirectionsS9": [1],
                     "DirectionsS11": [3]}  # fmt: skip


def test_a_sample_has_the_frames_it_names(store: Store) -> None:
    few = toy(size=4)
    for key, rows in few.rows.items():
        whole = toy().load(key)
        part = few.load(key)
        assert rows is not None
        for a, b in ((part.inputs["gt"], whole.inputs["gt"]), (part.truth, whole.truth)):
            assert a is not None
            assert b is not None
            np.testing.assert_array_equal(a.positions, b.positions[rows])
    lifter = PoseLifter(toy_checkpoint())
    found = measure(few, [lifter], store=store)
    assert found.points[lifter.checkpoint.digest, 0.0].evaluation.frames.sum() == 4


def test_what_was_measured_is_kept_and_another_level_costs_only_itself(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    first = measure(toy(), [lifter], store=store)
    again = kept(toy(), [lifter], store=store)
    assert again.missing == 0
    assert again.as_dict() == first.as_dict()
    steps: list[tuple[int, int]] = []
    measure(
        toy(levels=(0.0, 10.0, 20.0, 40.0)), [lifter], store=store,
        progress=lambda done, in_all: steps.append((done, in_all)),
    )  # fmt: skip
    assert steps[-1] == (23, 23)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"source": "hourglass"}, {"size": 9}, {"perturbation": PERTURBATIONS["dropped"]},
     {"split": "train"}, {"dataset": replace(toy_dataset(), digest="other")}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_another_setting_is_measured_anew(change: dict, store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    measure(toy(), [lifter], store=store)
    assert kept(toy(**change), [lifter], store=store).missing == 3


def test_a_stopped_run_keeps_its_whole_levels_and_goes_on_there(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())

    def stop(done: int, in_all: int) -> None:
        if done > 23 * 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(toy(), [lifter], store=store, progress=stop)
    part = kept(toy(), [lifter], store=store)
    assert [point.level for point in part.of(lifter)] == [0.0, 10.0]
    assert part.missing == 1
    whole = measure(toy(), [lifter], store=store)
    assert whole.missing == 0
    fresh = measure(toy(), [lifter], store=Store(store.folder / "fresh"))
    assert whole.as_dict() == fresh.as_dict()


def test_progress_never_runs_back_and_ends_at_its_end(store: Store) -> None:
    steps: list[tuple[int, int]] = []
    lifters = [PoseLifter(toy_checkpoint()), PoseLifter(toy_checkpoint(framing="person"))]
    measure(toy(), lifters, store=store, progress=lambda d, n: steps.append((d, n)))
    done = [step[0] for step in steps]
    assert done == sorted(done)
    assert steps[0] == (0, 23 * 6), "none is done while recordings are loaded"
    assert steps[-1] == (23 * 6, 23 * 6)


def test_frames_without_all_joints_are_left_out_at_every_level(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    setting = toy(dataset=toy_dataset(missing=True), perturbation=PERTURBATIONS["dropped"])
    found = measure(setting, [lifter], store=store)
    assert {point.evaluation.skipped for point in found.points.values()} == {2}
    assert "2 frames left out: a joint is missing." in notes(found)


def test_data_without_truth_is_told(store: Store) -> None:
    data = toy_dataset()
    blind = replace(data, read=lambda key: replace(data.read(key), truth=None))
    with pytest.raises(PoseFormatError, match="Toy: there is no 3D truth in these recordings"):
        measure(toy(dataset=blind), [PoseLifter(toy_checkpoint())], store=store)


def test_a_store_that_can_not_be_written_is_told_and_costs_no_result(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = measure(
        toy(), [PoseLifter(toy_checkpoint())], store=Store(tmp_path / "file" / "folder")
    )
    assert found.missing == 0
    assert "was not kept" in found.note


def test_wrong_sources_are_told() -> None:
    with pytest.raises(PoseFormatError, match="no 2D source 'cpn'"):
        toy(source="cpn")


def test_an_example_is_a_frame_just_as_it_is_measured(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    one = toy(size=4)
    for place in range(5):
        found = example(one, lifter, place)
        recording = toy_dataset().load(found.key)
        np.testing.assert_array_equal(found.clean, recording.inputs["gt"].positions[found.frame])
        np.testing.assert_array_equal(found.seen[0.0], found.clean)
        # One frame of each recording is in the sample: its error is the recording's.
        evaluation = measure(one, [lifter], store=store).of(lifter)[1].evaluation
        row = evaluation.keys.index(found.key)
        for protocol in results.PROTOCOLS:
            expected = evaluation.sums[protocol][row].mean()
            assert found.errors[10.0][protocol] == pytest.approx(expected, rel=1e-4)


def test_an_example_passes_over_frames_that_lack_a_joint() -> None:
    setting = toy(dataset=toy_dataset(missing=True))
    assert example(setting, PoseLifter(toy_checkpoint()), 1).frame == 2


def test_levels_are_read_sorted_and_each_once() -> None:
    assert levels_from("5, 0;10,5,", GAUSSIAN) == (0.0, 5.0, 10.0)
    assert levels_from("0.5,1", PERTURBATIONS["scale"]) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("0,x", "gaussian", "a level is a number from 0 to 200 px, not 'x'"),
        ("-1", "gaussian", "a level is a number from 0 to 200 px, not '-1'"),
        ("101", "swaps", "a level is a number from 0 to 100%, not '101'"),
        ("nan", "swaps", "a level is a number from 0 to 100%, not 'nan'"),
        ("0", "scale", "a level is a number above 0 and up to 20×, not '0'"),
        (" , ", "scale", "1 to 20 levels are measured at once, not 0"),
        (",".join(map(str, range(21))), "gaussian", "1 to 20 levels are measured at once, not 21"),
    ],
)
def test_wrong_levels_are_told(text: str, kind: str, said: str) -> None:
    with pytest.raises(ValueError, match="level") as error:
        levels_from(text, PERTURBATIONS[kind])
    assert str(error.value) == said


def test_the_table_has_a_row_for_each_action_and_agrees_with_the_points(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    found = measure(toy(), [lifter], store=store)
    table = as_table(found, {lifter.checkpoint.digest: "Mine"}, protocols=(2,))
    assert table.header == ("Checkpoint (mm)", "Protocol", "Action", "0 px", "10 px", "40 px")
    rows = {row[2]: row for row in table.rows if row}
    assert list(rows) == ["Directions", "Sitting", "SittingDown", AVERAGE, ALL_FRAMES, MOVED]
    assert rows["Sitting"][:2] == ("Mine", "#2")
    assert list(rows[AVERAGE][3:]) == averages(found, lifter, 2)
    of_action = [p.evaluation.action_errors(2)["Sitting"] for p in found.of(lifter)]
    assert list(rows["Sitting"][3:]) == of_action
    assert as_csv(table).splitlines()[0].startswith("Checkpoint (mm),Protocol,Action,0 px")


def test_a_level_that_is_not_measured_is_an_empty_cell(store: Store) -> None:
    lifter = PoseLifter(toy_checkpoint())
    measure(toy(levels=(10.0,)), [lifter], store=store)
    names = names_of(["Mine"], [lifter])
    rows = as_table(kept(toy(), [lifter], store=store), names).rows
    assert rows[0][3] == rows[0][5] == ""
    assert isinstance(rows[0][4], float)
    nothing = as_table(kept(toy(seed=5), [lifter], store=store), names)
    assert AVERAGE in nothing.rows[0]


@pytest.mark.parametrize(
    ("config", "recipe", "said"),
    [
        ({}, None, ()),
        ({"batch_norm": False}, None, ("without batch norm",)),
        ({"residual": False}, None, ("without residual connections",)),
        ({"dropout": 0.0}, None, ()),
        ({"dropout": 0.0}, {}, ("without dropout",)),
        ({}, {"exposure": {"frame": "world"}}, ("world frame",)),
        ({}, {"exposure": {"cameras": "any", "source": "gt"}}, ()),
    ],
)
def test_an_ablated_checkpoint_says_what_it_lacks(
    config: dict, recipe: dict | None, said: tuple[str, ...]
) -> None:
    changed = LifterConfig(linear_size=8, num_stage=1, **config)
    provenance = {} if recipe is None else {"recipe": recipe}
    assert traits(toy_checkpoint(config=changed, provenance=provenance)) == said
