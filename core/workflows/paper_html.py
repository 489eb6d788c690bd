"""The paper's table as HTML: published rows in grey italics above ours, best figures bold."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from core.tables import ALL_FRAMES, AVERAGE, Table
from core.workflows.paper_table import Row, best, columns_of

# As the paper's own table shortens them, so that all fit in one line.
SHORT = {
    "Directions": "Direct.", "Discussion": "Discuss", "Greeting": "Greet", "Phoning": "Phone",
    "Posing": "Pose", "Purchases": "Purch.", "SittingDown": "SitDown", "Smoking": "Smoke",
    "Waiting": "Wait", "WalkDog": "WalkD", "Walking": "Walk", "WalkTogether": "WalkT",
    AVERAGE: "Avg", ALL_FRAMES: "All fr.",
}  # fmt: skip
MEANING = {
    AVERAGE: "Mean of the actions, as in the paper",
    ALL_FRAMES: "Mean of all frames: long actions count more",
}

STYLE = """<style>
.paper-table { overflow-x: auto; }
.paper-table table { border-collapse: collapse; width: 100%; font-size: 0.8125rem; }
.paper-table th, .paper-table td { padding: 4px 6px; text-align: right; white-space: nowrap;
  border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
.paper-table th { font-weight: 600; }
.paper-table th:first-child, .paper-table td:first-child { text-align: left; padding-left: 0; }
.paper-table table:not(.plain) :is(th, td):nth-child(2) { text-align: left; }
.paper-table :is(th, td).word { text-align: left; }
.paper-table tr.block th { text-align: left; padding-top: 12px; }
.paper-table tr.published { font-style: italic;
  color: color-mix(in srgb, currentColor 75%, transparent); }
.paper-table tr.published a { color: inherit; }
.paper-table td.average { border-left: 1px solid
  color-mix(in srgb, currentColor 15%, transparent); }
</style>"""

TITLES = {1: "Protocol #1: MPJPE, roots put together (mm)",
          2: "Protocol #2: P-MPJPE, after the best rotation, shift and scale (mm)"}  # fmt: skip


def table_html(rows: Sequence[Row]) -> str:
    """Write the table, a block for each protocol."""
    columns = columns_of(rows)
    head = "".join(
        f'<th scope="col" title="{escape(MEANING.get(c, c))}">{escape(SHORT.get(c, c))}</th>'
        for c in columns
    )
    lines = [f'<tr><th scope="col">Method</th><th scope="col">2D input</th>{head}</tr>']
    smallest = best(rows)
    for protocol, title in TITLES.items():
        block = [row for row in rows if row.protocol == protocol]
        if not block:
            continue
        lines.append(
            f'<tr class="block"><th colspan="{len(columns) + 2}" scope="colgroup">{title}</th></tr>'
        )
        compared = {
            c: min(
                (
                    r.values[c]
                    for r in block
                    if r.published and c in r.values and c not in r.doubtful
                ),
                default=None,
            )
            for c in columns
        }
        for row in block:
            cells = row.cells()
            figures = []
            for column in columns:
                mm = cells.get(column)
                bold = (
                    mm is not None
                    and round(mm, 1) == smallest.get((row.protocol, column))
                    and column not in row.doubtful
                )
                figures.append(_cell(mm, column, bold=bold, row=row, known=compared[column]))
            kind = ' class="published"' if row.published else ""
            lines.append(f"<tr{kind}><td>{_name(row)}</td><td>{escape(row.input)}</td>"
                         f"{''.join(figures)}</tr>")  # fmt: skip
    return f'<div class="paper-table" tabindex="0"><table>{"".join(lines)}</table></div>'


def plain_html(table: Table) -> str:
    """Write any table in the same dress; an empty row is left out."""
    kinds = [' class="word"' if i < table.words else "" for i in range(len(table.header))]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for kind, name in zip(kinds, table.header, strict=True)
    )
    lines = [f"<tr>{head}</tr>"]
    for row in table.shown():
        if row:
            cells = "".join(
                f"<td{kind}>{escape(cell) or '–'}</td>"
                for kind, cell in zip(kinds, row, strict=True)
            )
            lines.append(f"<tr>{cells}</tr>")
    table_only = f'<table class="plain">{"".join(lines)}</table>'
    return f'<div class="paper-table" tabindex="0">{table_only}</div>'


def _name(row: Row) -> str:
    name = escape(row.name)
    if not row.source:
        return name
    address = escape(row.source, quote=True)
    return f'<a href="{address}" target="_blank" rel="noopener">{name}</a>'


def _cell(mm: float | None, column: str, *, bold: bool, row: Row, known: float | None) -> str:
    side = ' class="average"' if column == AVERAGE else ""
    if mm is None:
        return f"<td{side}>–</td>"
    text = f"{mm:.1f}"
    if column in row.doubtful:
        text += "*"
    hint = ""
    if known is not None and not row.published:
        hint = f' title="{mm - known:+.1f} mm against the best published"'
    return f"<td{side}{hint}>{f'<b>{text}</b>' if bold else text}</td>"
