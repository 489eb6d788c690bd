"""The paper's table: actions in its order and their averages, ours under the published rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.dataset import Dataset, in_paper_order
from core.published import PUBLISHED, is_human36m
from core.tables import ALL_FRAMES, AVERAGE, Cell, Table
from core.workflows.evaluate import Evaluation, JointSet
from core.workflows.lift import Protocol


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        protocol: 1 or 2.
        name: the checkpoint, or who published the row.
        input: the 2D source.
        values: action -> mm; an action that is not there has no figure.
        average: mean of the actions, as in the paper; None where it was not published.
        frame_average: mean of all frames; published rows have none.
        published: the row is not ours.
        source: where a published row is to be read.
        note: what a reader must know about it.
        doubtful: actions that take no part in a comparison.
    """

    protocol: Protocol
    name: str
    input: str
    values: Mapping[str, float] = field(default_factory=dict)
    average: float | None = None
    frame_average: float | None = None
    published: bool = False
    source: str = ""
    note: str = ""
    doubtful: tuple[str, ...] = ()

    def cells(self) -> dict[str, float]:
        """Give the figures that there are, by the column's name."""
        ends = {AVERAGE: self.average, ALL_FRAMES: self.frame_average}
        return {**self.values, **{name: mm for name, mm in ends.items() if mm is not None}}


def own_rows(evaluation: Evaluation, name: str) -> tuple[Row, Row]:
    """Make the rows of one evaluation, Protocol #1 and #2."""

    def row(protocol: Protocol) -> Row:
        return Row(
            protocol,
            name,
            evaluation.source,
            evaluation.action_errors(protocol),
            evaluation.average(protocol),
            evaluation.frame_average(protocol),
        )

    return row(1), row(2)


def published_rows(dataset: Dataset, joint_set: JointSet) -> tuple[Row, ...]:
    """List the published rows that compare with this data set: none but Human3.6M's, 17 joints."""
    if joint_set != 17 or not is_human36m(dataset):
        return ()
    return tuple(
        Row(
            row.protocol,
            row.name,
            row.input,
            row.by_action,
            row.average,
            published=True,
            source=row.source,
            note=row.note,
            doubtful=row.doubtful,
        )
        for row in PUBLISHED
    )


def columns_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """Name the columns: actions in the paper's order, then the averages."""
    actions = in_paper_order(action for row in rows for action in row.values)
    return (*actions, AVERAGE, ALL_FRAMES)


def best(rows: Sequence[Row]) -> dict[tuple[Protocol, str], float]:
    """Find the smallest figure of each protocol and column, as it is printed: to 0.1 mm.

    Columns with less than two figures have no best one.
    """
    found: dict[tuple[Protocol, str], list[float]] = {}
    for row in rows:
        for column, mm in row.cells().items():
            if column not in row.doubtful and math.isfinite(mm):
                found.setdefault((row.protocol, column), []).append(round(mm, 1))
    return {place: min(figures) for place, figures in found.items() if len(figures) > 1}


def as_table(rows: Sequence[Row]) -> Table:
    """Lay the rows out for a file; a figure that is not known is an empty cell."""
    columns = columns_of(rows)
    lines: list[tuple[Cell, ...]] = []
    for row in rows:
        cells = row.cells()
        figures = (cells.get(column, "") for column in columns)
        lines.append((row.name, row.input, f"#{row.protocol}", *figures))
    return Table(("Method (mm)", "2D input", "Protocol", *columns), tuple(lines), words=3)
