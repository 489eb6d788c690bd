"""The report: one file, nothing beside it, the figures of the table, and the same every time."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from core.dataset import Dataset
from core.published import is_human36m
from core.store import Store
from core.workflows import measures, paper_table, report, results
from tests.toys import toy_checkpoint, toy_dataset, toy_human36m


def written(data: Dataset, folder, **options: str) -> tuple[str, results.Results]:
    found = results.judge(data, toy_checkpoint(), "gt", store=Store(folder))
    own = paper_table.own_rows(found.evaluation(), "toy")
    rows = (*paper_table.published_rows(data, 17), *own)
    return report.write(data, measures.sums(found), rows, **options), found


class Balance(HTMLParser):
    """Notes elements that are opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_needs_no_script_no_network_and_closes_what_it_opens(tmp_path) -> None:
    text, _ = written(toy_dataset(missing=True), tmp_path)
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert not re.search(r"<script|<link|<img|src=|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    assert len(text.encode()) < 500_000


def test_its_figures_are_those_of_the_table_the_measures_and_the_list(tmp_path) -> None:
    text, found = written(toy_dataset(), tmp_path)
    evaluation = found.evaluation()
    assert f"<b>{evaluation.average(1):.1f} mm</b> under Protocol #1" in text
    row = measures.sums(found).by_action()["SittingDown"]
    assert f"<td>{row['n_mpjpe']:.1f}</td>" in text
    key, frame, mm = found.worst(1, 1)[0]
    names = (key.subject, key.action, key.take, key.camera)
    words = "".join(f'<td class="word">{name}</td>' for name in names)
    assert f"{words}<td>{mm:.1f}</td><td>{frame}</td>" in text
    assert text.count('class="heat"') == 6, "three heatmaps under two protocols"


def test_one_action_is_not_called_a_mean_of_actions(tmp_path) -> None:
    assert "Protocol #2, a single action, 5 frames" in written(
        toy_dataset(actions=("Sitting",)), tmp_path
    )[0].replace("</b> under", "")
    assert "mean of 3 actions" in written(toy_dataset(), tmp_path)[0]


def test_it_says_where_its_figures_come_from_and_only_that_date_that_was_given(tmp_path) -> None:
    text, found = written(toy_dataset(), tmp_path, command="python -m core report --out 'a <b>'")
    assert found.dataset_digest in text
    assert found.checkpoint_digest in text
    assert "--out &#x27;a &lt;b&gt;&#x27;" in text
    assert "<dt>Date</dt>" not in text
    assert written(toy_dataset(), tmp_path)[0] == written(toy_dataset(), tmp_path / "anew")[0]
    assert "<dd>May 2017</dd>" in written(toy_dataset(), tmp_path, date="May 2017")[0]


@pytest.mark.parametrize(("data", "shown"), [(toy_dataset(), 0), (toy_human36m(), 8)])
def test_published_rows_stand_in_it_only_for_human36m(tmp_path, data, shown) -> None:
    text, _ = written(data, tmp_path)
    assert is_human36m(data) == bool(shown)
    assert text.count('<tr class="published">') == shown
    assert ("do not compare" in text) != bool(shown)
