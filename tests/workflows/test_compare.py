"""Comparing two ways to lift: the same frames, honest intervals, one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset import Key
from core.errors import PoseFormatError
from core.store import Store
from core.workflows import compare, results
from core.workflows.evaluate import evaluate
from core.workflows.lift import PoseLifter, lift_recording
from tests.toys import WITHOUT_HOURGLASS, toy_checkpoint, toy_dataset


def sides() -> tuple[compare.Side, compare.Side]:
    lifter = PoseLifter(toy_checkpoint())
    return compare.Side("gt", lifter), compare.Side("hourglass", lifter)


def test_a_side_against_itself_makes_no_difference() -> None:
    a, _ = sides()
    found = compare.compare(toy_dataset(), a, a)
    for protocol in (1, 2):
        assert found.average[protocol].change == 0
        assert all(d.change == 0 for d in found.actions[protocol].values())


def test_what_was_judged_is_not_lifted_again(tmp_path, monkeypatch) -> None:
    data, (a, b), store = toy_dataset(), sides(), Store(tmp_path)
    first = compare.compare(data, a, b, store=store)
    assert results.kept(data, b.lifter, "hourglass", store=store) is not None
    monkeypatch.setattr(PoseLifter, "lift_arrays", None)
    seen: list[int] = []
    again = compare.compare(data, a, b, store=store, progress=lambda done, _: seen.append(done))
    assert again == first
    assert seen == [], "nothing to do has no progress"


def test_it_shows_the_very_figures_of_the_errors_page() -> None:
    data, (a, b) = toy_dataset(), sides()
    found = compare.compare(data, a, b)
    alone = results.judge(data, b.lifter, "hourglass").evaluation()
    for protocol in (1, 2):
        assert {action: d.b for action, d in found.actions[protocol].items()} == (
            alone.action_errors(protocol)
        )
        assert found.average[protocol].b == alone.average(protocol)


def test_only_recordings_that_have_both_inputs_are_compared() -> None:
    dataset = toy_dataset()
    found = compare.compare(dataset, *sides())
    kept = [
        e for e in dataset.select(split="test", source="hourglass") if e.key != WITHOUT_HOURGLASS
    ]
    assert found.average[1].frames == sum(e.frames for e in kept)
    assert found.actions[1]["Directions"].frames == 4
    assert set(found.actions[1]) == {e.key.action for e in kept}


def test_each_side_agrees_with_evaluating_it_alone() -> None:
    dataset = toy_dataset()
    a, b = sides()
    found = compare.compare(dataset, a, b)
    # Computed by itself, without the store.
    alone = evaluate(dataset, b.lifter, "hourglass").action_errors(2)
    for action, difference in found.actions[2].items():
        assert difference.b == pytest.approx(alone[action], rel=1e-9)


def test_frames_that_one_side_lacks_count_for_neither() -> None:
    whole = compare.compare(toy_dataset(), *sides())
    holes = compare.compare(toy_dataset(missing=True), *sides())
    assert holes.skipped > 0
    assert holes.average[1].frames == whole.average[1].frames - holes.skipped


def keys(takes: int) -> list[Key]:
    return [Key("S9", "Walking", str(t), c) for t in range(takes) for c in ("1", "2")]


def test_a_single_sequence_has_no_interval() -> None:
    by_action, average = compare.summarize(keys(1), np.ones((2, 2)), [5, 5])
    assert by_action["Walking"].interval is None
    assert average.interval is None
    assert by_action["Walking"].sequences == 1


def test_the_cameras_of_a_take_are_drawn_together() -> None:
    # Two takes that differ, seen by two cameras each: with cameras drawn apart the interval
    # would shrink towards the mean.
    sums = np.array([[0, 0], [0, 0], [0, 100], [0, 100]], dtype=float)
    by_action, _ = compare.summarize(keys(2), sums, [10, 10, 10, 10])
    assert by_action["Walking"].change == pytest.approx(5)
    assert by_action["Walking"].interval == (0, 10)


@given(seed=st.integers(0, 1000), shift=st.floats(-50, 50))
def test_a_constant_difference_has_no_spread_and_the_seed_decides(seed: int, shift: float) -> None:
    sums = np.array([[10.0, 10.0 + shift]] * 6)
    first, _ = compare.summarize(keys(3), sums, [1] * 6, seed=seed)
    again, _ = compare.summarize(keys(3), sums, [1] * 6, seed=seed)
    assert first == again
    low, high = first["Walking"].interval or (0, 0)
    assert low == pytest.approx(shift, abs=1e-9)
    assert high == pytest.approx(shift, abs=1e-9)


def test_progress_counts_both_sides_and_can_stop(tmp_path) -> None:
    seen: list[tuple[int, int]] = []
    compare.compare(
        toy_dataset(), *sides(), progress=lambda d, n: seen.append((d, n)), store=Store(tmp_path)
    )
    assert seen[-1][0] == seen[-1][1]
    assert seen[-1][1] == 23 + 17, "the frames of either side"
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)

    def stop(done: int, in_all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare.compare(toy_dataset(), *sides(), progress=stop, store=Store(tmp_path / "other"))


def test_an_unknown_source_is_named() -> None:
    a, _ = sides()
    with pytest.raises(PoseFormatError, match="openpose"):
        compare.compare(toy_dataset(), a, compare.Side("openpose", a.lifter))


def test_the_sentence_adds_up() -> None:
    dataset, (a, _) = toy_dataset(), sides()
    entry = dataset.select(split="test", source="hourglass")[0]
    recording = dataset.load(entry.key)
    of_a, of_b = (
        lift_recording(a.lifter, dataset, recording, source) for source in ("gt", "hourglass")
    )
    before, after = (round(x.error(1) or 0, 1) for x in (of_a, of_b))
    said = compare.verdict(of_a, of_b, 1, "Hourglass input")
    assert f"{abs(after - before):.1f} mm here ({before:.1f} → {after:.1f})" in said
    assert ("costs" in said) == (after > before)
    assert "makes no difference" in compare.verdict(of_a, of_a, 1, "It")


def test_all_frames_have_an_interval_as_soon_as_two_takes_do() -> None:
    """Each action of the toys has a single take with both inputs; together they have three."""
    data, model = toy_dataset(), PoseLifter(toy_checkpoint())
    found = compare.compare(data, compare.Side("gt", model), compare.Side("hourglass", model))
    assert found.average[1].interval is None
    every = found.all_frames[1]
    assert every.interval is not None
    assert every.interval[0] <= every.change <= every.interval[1]
    weighted = sum(d.change * d.frames for d in found.actions[1].values()) / every.frames
    assert every.change == pytest.approx(weighted)
    assert every.sequences == sum(d.sequences for d in found.actions[1].values())
