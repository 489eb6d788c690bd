"""The list of the worst frames as a table, the same on the page, in the report and in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.dataset import Key
from core.tables import Table
from core.workflows.results import Order, Results

HEADINGS: dict[Order, str] = {
    "mpjpe": "Error (mm)",
    "joint": "Error (mm)",
    "jump": "Jump (mm/frame)",
}


def as_table(found: Results, listed: Sequence[tuple[Key, int, float]], by: Order) -> Table:
    """Lay out what `Results.worst` lists, in its order.

    Args:
        found: the results.
        listed: recording, frame in it, and the value.
        by: what the list is ordered by.
    """
    rates: Mapping[Key, float] = dict(zip(found.keys, found.fps, strict=True))
    return Table(
        ("Subject", "Action", "Take", "Camera", HEADINGS[by], "Frame", "Time (s)"),
        tuple(
            (key.subject, key.action, key.take, key.camera, value, frame, frame / rates[key])
            for key, frame, value in listed
        ),
        words=4,
    )
