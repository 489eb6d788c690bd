from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from core import synthetic
from core.tables import ALL_FRAMES, AVERAGE, as_csv, as_latex, as_markdown
from core.workflows.evaluate import evaluate
from core.workflows.lift import PoseLifter
from core.workflows.paper_table import (
    Row,
    as_table,
    best,
    columns_of,
    own_rows,
    published_rows,
)
from tests.toys import toy_checkpoint, toy_dataset


def rows() -> tuple[Row, ...]:
    return (
        Row(1, "paper", "GT", {"Walking": 36.4, "Sitting": 54.6}, 45.5, published=True),
        Row(1, "doubtful", "GT", {"Walking": 30.0}, None, published=True, doubtful=("Walking",)),
        Row(1, "ours", "gt", {"Walking": 36.44, "Sitting": 50.0}, 43.2, 44.0),
        Row(2, "ours", "gt", {"Walking": 30.0, "Sitting": 40.0}, 35.0, 36.0),
    )


def test_the_rows_of_an_evaluation_are_its_figures() -> None:
    result = evaluate(toy_dataset(), PoseLifter(toy_checkpoint()), "gt")
    first, second = own_rows(result, "mine")
    assert (first.protocol, second.protocol) == (1, 2)
    assert first.values == result.action_errors(1)
    assert (first.average, first.frame_average) == (result.average(1), result.frame_average(1))
    assert "Sitting" in first.values
    assert first.values["Sitting"] != first.values["SittingDown"]


def test_columns_are_in_the_papers_order_with_the_averages_last() -> None:
    assert columns_of(rows()) == ("Sitting", "Walking", AVERAGE, ALL_FRAMES)


def test_the_best_is_the_smallest_as_printed_within_a_protocol() -> None:
    found = best(rows())
    assert found[1, "Walking"] == 36.4, "a doubtful figure takes no part"
    assert found[1, "Sitting"] == 50.0
    assert (2, "Walking") not in found, "one figure alone is not the best of anything"
    assert (1, ALL_FRAMES) not in found


def test_published_rows_stand_only_beside_human36m_with_17_joints() -> None:
    human36m = replace(synthetic.dataset(frames=1), kind="recorded")
    assert {row.protocol for row in published_rows(human36m, 17)} == {1, 2}
    assert all(row.published and row.source for row in published_rows(human36m, 17))
    assert published_rows(human36m, 14) == ()
    assert published_rows(synthetic.dataset(frames=1), 17) == ()
    assert published_rows(toy_dataset(), 17) == ()


def test_the_table_reads_back_from_csv() -> None:
    read = list(csv.DictReader(io.StringIO(as_csv(as_table(rows())))))
    assert read[2]["Protocol"] == "#1"
    assert float(read[2]["Walking"]) == 36.44
    assert read[0][ALL_FRAMES] == ""


def test_people_read_it_rounded_in_markdown_and_latex() -> None:
    table = as_table(rows())
    assert "| ours | gt | #1 | 50.0 | 36.4 | 43.2 | 44.0 |" in as_markdown(table)
    assert r"ours & gt & \#2 & 40.0 & 30.0 & 35.0 & 36.0 \\" in as_latex(table)


@pytest.mark.parametrize("row", rows(), ids=lambda r: f"{r.name} #{r.protocol}")
def test_a_row_has_no_cell_for_what_is_not_known(row: Row) -> None:
    assert None not in row.cells().values()
