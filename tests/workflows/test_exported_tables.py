"""Every table that can be exported: LaTeX compiles, Markdown renders, CSV reads back equal."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from core.perturbation import PERTURBATIONS
from core.store import Store
from core.tables import Table, as_csv, as_json, as_latex, as_markdown, errors_by_action
from core.workflows import (
    ablate,
    compare,
    measures,
    paper_table,
    results,
    robustness,
    robustness_table,
    worst_table,
)
from core.workflows.lift import PoseLifter
from tests.test_tables import HARD, SIGNS
from tests.toys import toy_checkpoint, toy_dataset, toy_human36m


def made(folder: Path) -> dict[str, tuple[Table, list[str]]]:
    """Make each table that the app and the command line export, with its notes."""
    store, lifter = Store(folder), PoseLifter(toy_checkpoint(name="50 % & more_of #1"))
    gaps, like_human36m = toy_dataset(missing=True), toy_human36m()
    found = results.judge(gaps, lifter, "gt", store=store)
    other = results.judge(like_human36m, lifter, "gt", store=store).evaluation()
    rows = (*paper_table.published_rows(like_human36m, 17), *paper_table.own_rows(other, "a_b"))
    tables = {
        "the signs": (SIGNS, []),
        "hard names": (HARD, ["of a_b, 100 % [x] | <y>"]),
        "test": (errors_by_action(found.evaluation()), []),
        "test, measures": (
            measures.as_table(measures.sums(found).by_action()),
            measures.meanings(found),
        ),
        "Errors, the paper's table": (
            paper_table.as_table(rows),
            [row.note for row in rows if row.note],
        ),
        "Compare": (
            compare.as_table(
                compare.compare(
                    gaps, compare.Side("gt", lifter), compare.Side("hourglass", lifter), store=store
                ),
                1,
            ),
            [],
        ),
        "ablate": (ablate.table(ablate.Ablation("made", folder / "runs")), []),
    }
    for by in ("mpjpe", "joint", "jump"):
        listed = found.worst(1, 20, by=by, joint="head")
        tables[f"Errors, worst by {by}"] = worst_table.as_table(found, listed, by), []
    for kind in PERTURBATIONS.values():
        setting = robustness.Setting(gaps, "gt", kind, kind.levels)
        measured = robustness.measure(setting, [lifter], store=store)
        notes = robustness_table.notes(measured)
        names = robustness_table.names_of(["Mine & yours"], [lifter])
        tables[f"Robustness, {kind.name}"] = robustness_table.as_table(measured, names), notes
    return tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Table, list[str]]]:
    return made(tmp_path_factory.mktemp("tables"))


def test_every_kind_of_noise_and_every_order_is_there(tables) -> None:
    assert len(tables) == 7 + 3 + len(PERTURBATIONS)
    for name, (table, _) in tables.items():
        assert table.rows, name
        for row in table.rows:
            assert len(row) in (0, len(table.header)), name
            assert all(isinstance(cell, str) for cell in row[: table.words]), name


def test_latex_compiles_with_every_table(tables, tmp_path: Path) -> None:
    if not shutil.which("pdflatex"):
        if os.environ.get("CI"):
            pytest.fail("CI compiles the tables: it needs pdflatex")
        pytest.skip("LaTeX is not on this machine (Debian: texlive-latex-recommended)")
    body = "\n\n".join(rf"\tiny {as_latex(table, notes)}" for table, notes in tables.values())
    (tmp_path / "tables.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        f"{body}\n\\end{{document}}\n",
        encoding="utf-8",
    )
    said = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "tables.log").read_text(errors="replace")


def test_markdown_renders_to_the_cells_that_people_read(tables) -> None:
    reader = MarkdownIt("commonmark").enable("table")
    for name, (table, notes) in tables.items():
        tokens = reader.parse(as_markdown(table, notes))
        cells = [
            "".join(part.content for part in tokens[i + 1].children or ())
            for i, token in enumerate(tokens)
            if token.type in ("th_open", "td_open")
        ]
        shown = [list(table.header), *(row for row in table.shown() if row)]
        assert cells == [cell for row in shown for cell in row], name
        assert sum(token.type == "list_item_open" for token in tokens) == len(notes), name
        sides = [token.attrs["style"] for token in tokens if token.type == "th_open"]
        assert sides == [
            "text-align:left" if i < table.words else "text-align:right"
            for i in range(len(table.header))
        ], name


def test_csv_reads_back_equal(tables) -> None:
    for name, (table, _) in tables.items():
        header, *lines = csv.reader(io.StringIO(as_csv(table)))
        assert tuple(header) == table.header, name
        rows = [row for row in table.rows if row]
        assert len(lines) == len(rows), name
        for line, row in zip(lines, rows, strict=True):
            assert [type(cell)(text) for text, cell in zip(line, row, strict=True)] == list(row), (
                name
            )


def test_json_reads_back_equal(tables) -> None:
    for name, (table, _) in tables.items():
        rows = [tuple(None if c == "" else c for c in row) for row in table.rows if row]
        assert [tuple(row.values()) for row in json.loads(as_json(table))] == rows, name
