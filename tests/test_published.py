from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import synthetic
from core.dataset import ACTIONS, Dataset, Entry
from core.published import PUBLISHED, is_human36m


def human36m() -> Dataset:
    """The synthetic data set has Human3.6M's index; called recorded, it passes for it."""
    return replace(synthetic.dataset(frames=1), kind="recorded")


def without(dataset: Dataset, **names: str) -> Dataset:
    def kept(entry: Entry) -> bool:
        return not all(getattr(entry.key, name) == value for name, value in names.items())

    return replace(dataset, entries=tuple(e for e in dataset.entries if kept(e)))


def test_every_row_with_values_has_one_per_action_and_a_source() -> None:
    for row in PUBLISHED:
        assert row.source.startswith("https://")
        assert row.values is not None or row.average is not None
        if row.values is not None:
            assert tuple(row.by_action) == ACTIONS
        else:
            assert not row.by_action
        assert set(row.doubtful) <= set(ACTIONS)


def test_averages_are_the_means_of_their_actions_or_it_is_said() -> None:
    for row in PUBLISHED:
        if row.values is not None and row.average is not None:
            mean = float(np.mean(row.values))
            assert mean == pytest.approx(row.average, abs=0.06) or f"{mean:.1f}" in row.note


def test_the_rows_are_the_shared_material_s(shared: Path) -> None:
    text = (shared / "human36m" / "published_results.json").read_text(encoding="utf-8")
    material = json.loads(text)
    assert tuple(material["actions"]) == ACTIONS
    there = {
        (r["protocol"], r["input"], tuple(r["values"] or ()), r["average"])
        for r in material["rows"]
    }
    ours = {(r.protocol, r.input, r.values or (), r.average) for r in PUBLISHED}
    assert ours <= there
    # The one left out is a blog post whose address is not known.
    assert there - ours == {(1, "GT", (), 44.4)}


def test_human36m_is_known_by_its_index() -> None:
    assert is_human36m(human36m())
    assert is_human36m(without(human36m(), subject="S9", action="Photo", camera="55011271"))
    assert is_human36m(without(human36m(), subject="S1"))


def test_data_that_lacks_a_part_of_it_or_was_made_up_is_not_human36m() -> None:
    whole = human36m()
    assert not is_human36m(replace(whole, kind="synthetic"))
    assert not is_human36m(without(whole, subject="S11"))
    assert not is_human36m(without(whole, subject="S11", action="Sitting"))
    assert not is_human36m(without(whole, camera="54138969"))
    assert not is_human36m(replace(whole, splits={}))
    stranger = replace(whole.entries[0], key=replace(whole.entries[0].key, subject="S16"))
    assert not is_human36m(replace(whole, entries=(*whole.entries, stranger)))
