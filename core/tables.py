"""Tables of figures as plain text: words left, numbers right."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table with a line under its header; the first column is words, the rest numbers.

    An empty row becomes a line.
    """
    filled = [list(row) for row in rows if row]
    widths = [max(len(line[i]) for line in [list(header), *filled]) for i in range(len(header))]
    rule = GAP.join("-" * width for width in widths)

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return GAP.join([first, *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))])

    return "\n".join([line(header), rule, *(line(row) if row else rule for row in rows)])
