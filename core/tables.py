"""Tables of figures: words left, numbers right; as plain text, Markdown, LaTeX, CSV or JSON.

People read figures rounded; CSV holds them to the last digit.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.workflows.evaluate import Evaluation
    from core.workflows.lift import Protocol

GAP = "  "
AVERAGE, ALL_FRAMES = "Average", "All frames"

Cell = str | int | float

# What these characters are called in LaTeX's text.
LATEX_NAMES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "·": r"\textperiodcentered{}",
        "−": "$-$",
        "×": r"$\times$",
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    }
)


@dataclass(frozen=True)
class Table:
    """A table: its first columns are words, the rest are numbers or words set as numbers.

    Attributes:
        header: names of the C columns, with units.
        rows: C cells each; an empty row stands for a line between the rows around it.
        digits: decimals that people are shown.
        words: how many columns are words.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 1
    words: int = 1

    def shown(self) -> list[list[str]]:
        """Give each row's cells as people read them; empty rows stay."""
        return [[self._cell(cell) for cell in row] for row in self.rows]

    def _cell(self, cell: Cell) -> str:
        if isinstance(cell, float):
            return f"{cell:.{self.digits}f}"
        return f"{cell:,}" if isinstance(cell, int) else cell


def errors_by_action(evaluation: Evaluation, protocols: Sequence[Protocol] = (1, 2)) -> Table:
    """Lay out the paper's table: a row for each action in its order, then the averages."""
    by_action = {p: evaluation.action_errors(p) for p in protocols}
    frames = evaluation.action_frames()
    total = sum(frames.values())
    rows: list[tuple[Cell, ...]] = [
        (action, *(by_action[p][action] for p in protocols), frames[action])
        for action in evaluation.actions
    ]
    rows += [
        (),
        (AVERAGE, *(evaluation.average(p) for p in protocols), total),
        (ALL_FRAMES, *(evaluation.frame_average(p) for p in protocols), total),
    ]
    return Table(("Action", *(f"Protocol #{p} (mm)" for p in protocols), "Frames"), tuple(rows))


def as_text(table: Table) -> str:
    """Write plain text."""
    return text_table(table.header, table.shown(), table.words)


def as_markdown(table: Table, notes: Sequence[str] = ()) -> str:
    """Write a Markdown table, and what people must know of it as a list."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_in_markdown(cell) for cell in cells) + " |"

    rule = "|" + " :--- |" * table.words + " ---: |" * (len(table.header) - table.words)
    lines = [line(table.header), rule, *(line(row) for row in table.shown() if row)]
    if notes:
        lines += ["", *(f"- {_in_markdown(note)}" for note in notes)]
    return "\n".join(lines)


def as_latex(table: Table, notes: Sequence[str] = ()) -> str:
    """Write a LaTeX tabular for the package booktabs; notes become comments above it."""

    def line(cells: Sequence[str]) -> str:
        return "  " + " & ".join(cell.translate(LATEX_NAMES) for cell in cells) + r" \\"

    columns = "l" * table.words + "r" * (len(table.header) - table.words)
    return "\n".join(
        [
            *(f"% {' '.join(note.split())}" for note in notes),
            r"% needs \usepackage{booktabs}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"  \toprule",
            line(table.header),
            r"  \midrule",
            *(line(row) if row else r"  \midrule" for row in table.shown()),
            r"  \bottomrule",
            r"\end{tabular}",
        ]
    )


def as_csv(table: Table) -> str:
    """Write CSV, figures to the last digit."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(row for row in table.rows if row)
    return file.getvalue().rstrip("\n")


def as_json(table: Table) -> str:
    """Write objects by the names of the columns, to the last digit; empty cells are null."""
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows if row]
    return json.dumps(
        [{k: None if v == "" else v for k, v in row.items()} for row in rows], indent=1
    )


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Lay out a table with a line under its header; the first columns are words, the rest numbers.

    An empty row becomes a line.
    """
    filled = [list(row) for row in rows if row]
    widths = [max(len(line[i]) for line in [list(header), *filled]) for i in range(len(header))]
    rule = GAP.join("-" * width for width in widths)

    def line(cells: Sequence[str]) -> str:
        placed = zip(cells, widths, strict=True)
        return GAP.join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(placed)
        ).rstrip()

    return "\n".join([line(header), rule, *(line(row) if row else rule for row in rows)])


def _in_markdown(text: str) -> str:
    """Keep what Markdown would read as its own, and keep it on one line."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
