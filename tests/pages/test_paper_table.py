from __future__ import annotations

from core.workflows.paper_html import table_html
from core.workflows.paper_table import Row


def test_published_rows_are_marked_and_say_where_they_come_from() -> None:
    row = Row(1, "Paper", "GT", {"Walking": 36.4}, 36.4, published=True, source="https://a.example")
    html = table_html((row,))
    assert '<tr class="published">' in html
    assert 'href="https://a.example"' in html


def test_the_best_of_a_column_is_bold_and_a_row_alone_is_not() -> None:
    paper = Row(1, "Paper", "GT", {"Walking": 36.4}, published=True)
    ours = Row(1, "Ours", "gt", {"Walking": 35.0})
    assert "<b>" not in table_html((ours,))
    html = table_html((paper, ours))
    assert html.count("<b>") == 1
    assert "<b>35.0</b>" in html
    assert "-1.4 mm against the best published" in html


def test_a_figure_that_does_not_compare_is_starred_and_never_the_best() -> None:
    paper = Row(1, "Paper", "GT", {"Sitting": 30.0}, published=True, doubtful=("Sitting",))
    html = table_html((paper, Row(1, "Ours", "gt", {"Sitting": 50.0})))
    assert "30.0*" in html
    assert "<b>" not in html


def test_names_are_text_and_not_markup() -> None:
    html = table_html((Row(1, "<script>", "gt", {"<i>": 1.0}),))
    assert "<script>" not in html
    assert "<i>" not in html
