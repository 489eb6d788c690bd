"""CSV as programs and spreadsheets write it: rows of cells, whatever separates them.

Commas, semicolons, tabs or spaces separate the cells; the decimal sign is a point or, where no
comma separates, a comma. UTF-8, and UTF-16 with its byte order mark. Lines that begin with # are
passed over. Knows nothing of poses.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.errors import PoseFormatError

# What may separate cells, in the order in which it is looked for.
SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "spaces"}
COMMENT = "#"

EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
COMMA = re.compile(rf"[+-]?[0-9]*,[0-9]+{EXPONENT}")
POINT = re.compile(rf"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+){EXPONENT}")
# What English writes for a thousand and more, and others for a number between 1 and 1000.
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class Table:
    """A file's cells, without blanks around them; numbers have a decimal point.

    Attributes:
        rows: at least one; they need not be of one length.
        lines: the line of each row in the file, from 1.
        above: cells of the last comment above the rows, which may be their titles.
        separator: what separates cells, in words.
        decimal: the decimal sign, in words.
    """

    rows: list[list[str]]
    lines: list[int]
    above: list[str]
    separator: str
    decimal: str

    @property
    def expected(self) -> str:
        """Say how this file's cells are to be written."""
        return (
            f"cells separated by {self.separator} and numbers with a decimal {self.decimal} were "
            "expected in this file"
        )


def read(data: bytes, name: str) -> Table:
    """Read a CSV's cells.

    Raises:
        PoseFormatError: it is no text or empty, or its decimal sign can't be told.
    """
    lines = _text(data, name).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    comments = [line.lstrip().startswith(COMMENT) for line in lines]
    # A comment leaves an empty line, so that lines can still be counted.
    kept = ["" if comment else line for line, comment in zip(lines, comments, strict=True)]
    try:
        separator = _separator(kept)
        found = list(_rows(kept, separator))
        if not found:
            raise PoseFormatError("the file is empty", file=name)
        above = [line.lstrip(" \t#") for line in itertools.compress(lines, comments[: found[0][0]])]
        titles = next((row for _, row in _rows(above[-1:], separator)), [])
    except csv.Error:
        raise PoseFormatError("is no CSV text: a cell is far too long", file=name) from None
    numbers, rows = [line for line, _ in found], [row for _, row in found]
    decimal = "point"
    if separator != "," and _has_decimal_commas(rows, numbers, name):
        decimal = "comma"
        rows = [[c.replace(",", ".") if COMMA.fullmatch(c) else c for c in row] for row in rows]
    return Table(rows, numbers, titles, SEPARATORS[separator], decimal)


def _text(data: bytes, name: str) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        problem = "is no CSV text: UTF-8, or UTF-16 with its byte order mark, was expected"
        raise PoseFormatError(problem, file=name) from None


def _rows(lines: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Part lines into cells; each row with its line's number, empty lines left out."""
    if separator == " ":
        yield from ((i, line.split()) for i, line in enumerate(lines, start=1) if line.strip())
        return
    reader = csv.reader(lines, delimiter=separator)
    for row in reader:
        if row:
            yield reader.line_num, [cell.strip() for cell in row]


def _separator(lines: list[str]) -> str:
    """Find what parts the first line into cells, and the second, or the first, into numbers."""
    best, most = ",", -1.0
    for separator in SEPARATORS:
        first = [row for _, row in itertools.islice(_rows(lines, separator), 2)]
        if not first or len(first[0]) < 2:
            continue
        cells = first[-1]
        share = sum(_is_number(cell, separator) for cell in cells) / len(cells)
        if share > most:
            best, most = separator, share
    return best


def _is_number(cell: str, separator: str) -> bool:
    if separator != "," and COMMA.fullmatch(cell):
        return True
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _has_decimal_commas(rows: list[list[str]], lines: list[int], name: str) -> bool:
    """Tell whether numbers have a decimal comma.

    Raises:
        PoseFormatError: some have a point, or their commas may part thousands.
    """
    commas = [cell for row in rows for cell in row if COMMA.fullmatch(cell)]
    if not commas:
        return False
    for line, row in zip(lines, rows, strict=True):
        point = next((cell for cell in row if POINT.fullmatch(cell)), None)
        if point is not None:
            problem = (
                f"{point[:40]!r} has a decimal point, but {commas[0][:40]!r} a comma; one decimal "
                "sign was expected"
            )
            raise PoseFormatError(problem, file=name, place=f"line {line}")
    if all(THOUSANDS.fullmatch(cell) for cell in commas) and _are_mixed(rows):
        problem = (
            f"the comma of {commas[0]!r} may be a decimal sign or part thousands: other numbers "
            "have none; decimals in every number, or a decimal point, were expected"
        )
        raise PoseFormatError(problem, file=name)
    return True


def _are_mixed(rows: list[list[str]]) -> bool:
    """Tell whether a column has whole numbers beside numbers with a comma."""
    for column in itertools.zip_longest(*rows, fillvalue=""):
        with_comma = any(COMMA.fullmatch(cell) for cell in column)
        # A zero is often written without decimals.
        if with_comma and any(WHOLE.fullmatch(c) and c.strip("+-0") for c in column):
            return True
    return False
