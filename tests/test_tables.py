"""Tables: the same figures in every format, and nothing that breaks the format."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.tables import (
    Table,
    as_csv,
    as_json,
    as_latex,
    as_markdown,
    as_text,
    errors_by_action,
)
from core.workflows.evaluate import Evaluation, evaluate
from core.workflows.lift import PoseLifter
from tests.toys import toy_checkpoint, toy_dataset

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)
TABLES = st.lists(
    st.tuples(WORDS, st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**9)),
    min_size=1,
).map(lambda rows: Table(("Action", "Error (mm)", "Frames"), tuple(rows)))
HARD = Table(("Who & what", "100 % #1"), (("S9_Sitting · a|b\\c", 1.25), (), ("{~^$}", 1234)))
SIGNS = Table(("Action", "B − A (mm)"), (("joint × camera", -0.5),))


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return evaluate(toy_dataset(), PoseLifter(toy_checkpoint()), "gt")


def test_the_papers_table_has_actions_in_order_and_both_averages(evaluation):
    table = errors_by_action(evaluation)
    assert table.header == ("Action", "Protocol #1 (mm)", "Protocol #2 (mm)", "Frames")
    names = [row[0] if row else "" for row in table.rows]
    assert names == ["Directions", "Sitting", "SittingDown", "", "Average", "All frames"]
    assert table.rows[1] == (
        "Sitting", evaluation.action_errors(1)["Sitting"],
        evaluation.action_errors(2)["Sitting"], 5,
    )  # fmt: skip
    assert table.rows[4][1] == evaluation.average(1)
    assert table.rows[5][2] == evaluation.frame_average(2)
    assert errors_by_action(evaluation, (2, 1)).header[1] == "Protocol #2 (mm)"


@given(TABLES)
def test_csv_reads_back_equal(table):
    header, *rows = csv.reader(io.StringIO(as_csv(table)))
    assert tuple(header) == table.header
    assert tuple((a, float(b), int(c)) for a, b, c in rows) == table.rows


@given(TABLES)
def test_json_reads_back_equal(table):
    rows = json.loads(as_json(table))
    assert [tuple(row) for row in rows] == [table.header] * len(rows)
    assert tuple(tuple(row.values()) for row in rows) == table.rows


def test_json_has_null_where_a_cell_is_empty():
    assert json.loads(as_json(Table(("A", "B"), (("x", ""), (), ("y", 0.5)))))[0] == {
        "A": "x",
        "B": None,
    }


def test_csv_of_an_evaluation_reads_back_to_the_last_digit(evaluation):
    rows = {
        row["Action"]: row
        for row in csv.DictReader(io.StringIO(as_csv(errors_by_action(evaluation))))
    }
    assert float(rows["Average"]["Protocol #2 (mm)"]) == evaluation.average(2)
    assert int(rows["SittingDown"]["Frames"]) == 8


@given(TABLES)
def test_every_line_of_markdown_has_every_column(table):
    lines = as_markdown(table).splitlines()
    assert len(lines) == len(table.rows) + 2
    assert lines[1] == "| :--- | ---: | ---: |"
    for line in lines:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 4


def test_markdown_shows_names_as_they_are():
    text = as_markdown(HARD, ["of a_b"])
    assert r"| S9\_Sitting · a\|b\\c | 1.2 |" in text
    assert text.endswith("\n\n- of a\\_b")


@given(TABLES)
def test_latex_has_no_character_that_it_would_read_as_its_own(table):
    body = as_latex(table).split("\\midrule")[1].split("\\bottomrule")[0]
    lines = body.strip().splitlines()
    assert len(lines) == len(table.rows)
    for line in lines:
        cells = re.split(r"(?<!\\)&", line.removesuffix(r" \\"))
        assert len(cells) == 3
        # A minus and a times sign are set as mathematics, which takes two dollars of our own.
        text = line.replace("$-$", "").replace(r"$\times$", "")
        assert not re.search(r"(?<!\\)[%$#_]", text)


def test_latex_is_a_booktabs_tabular():
    assert as_latex(HARD, ["Data set: 100 %\nof it"]).splitlines() == [
        "% Data set: 100 % of it",
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{lr}",
        r"  \toprule",
        r"  Who \& what & 100 \% \#1 \\",
        r"  \midrule",
        r"  S9\_Sitting \textperiodcentered{} a|b\textbackslash{}c & 1.2 \\",
        r"  \midrule",
        r"  \{\textasciitilde{}\textasciicircum{}\$\} & 1,234 \\",
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def test_as_many_columns_as_are_words_stand_left() -> None:
    table = Table(("Method", "Input", "mm"), (("ours", "gt", 5.0),), words=2)
    assert as_text(table).splitlines()[-1] == "ours    gt     5.0"
    assert as_markdown(table).splitlines()[1] == "| :--- | :--- | ---: |"
    assert r"\begin{tabular}{llr}" in as_latex(table)


def test_text_has_words_left_and_numbers_right():
    table = Table(("Action", "mm"), (("Sitting", 5.04), (), ("Average", 1234)))
    assert as_text(table).splitlines() == [
        "Action      mm",
        "-------  -----",
        "Sitting    5.0",
        "-------  -----",
        "Average  1,234",
    ]
