"""Poses as CSV: one row a frame, one column a coordinate, named `<joint>_<axis>_<unit>`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.sequence import PoseSequence

AXES = "xyz"
# A cell that begins so is a formula to a spreadsheet; a name from a stranger's file must not be.
FORMULA = ("=", "+", "-", "@")

# Columns that are no coordinates.
BESIDE = ("", "index", "frame", "time", "time_s")

Array = NDArray[np.floating[Any]]


def write_csv(sequence: PoseSequence) -> bytes:
    """Write a sequence as CSV text, see `keypoints`."""
    coordinates = sequence.positions.shape[2]
    joints = sequence.skeleton.joints
    header = [f"{joint}_{axis}_{sequence.unit}" for joint in joints for axis in AXES[:coordinates]]
    columns: list[Array] = [sequence.positions.reshape(len(sequence), -1)]
    if sequence.confidence is not None:
        header += [f"{joint}_confidence" for joint in joints]
        columns.append(sequence.confidence)
    return csv_table(header, np.concatenate(columns, axis=1), sequence.fps).encode()


def csv_table(
    header: Sequence[str],
    values: Array,
    fps: float,
    *,
    constant: Mapping[str, str] | None = None,
) -> str:
    """Write float32 values (F, N) as CSV, a frame a row; NaN becomes an empty cell.

    Each number has the fewest digits that give back the same float32.

    Args:
        header: N column names.
        values: (F, N).
        fps: gives the column `time_s`.
        constant: columns of words that are the same in every row.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    said = constant or {}
    table.writerow(["frame", "time_s", *said, *header])
    same = [f"'{word}" if word[:1] in FORMULA else word for word in said.values()]
    for frame, row in enumerate(np.asarray(values, dtype=np.float32).astype(str).tolist()):
        cells = ("" if cell == "nan" else cell for cell in row)
        table.writerow([frame, round(frame / fps, 6), *same, *cells])
    return text.getvalue()


def read_csv(data: bytes, name: str) -> dict[str, Any]:
    """Read a CSV of named columns or of numbers alone, as `pose_arrays.sequence_of` takes it."""
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) if row]
    except (UnicodeDecodeError, csv.Error):
        raise PoseFormatError("is no CSV text", file=name) from None
    if not rows:
        raise PoseFormatError("the file is empty", file=name)
    header = [cell.strip() for cell in rows[0]]
    numbers = [i for i, title in enumerate(header) if title.lower() not in BESIDE]
    counted = _counts([header[i] for i in numbers])
    if not counted and all(_is_number(cell) for cell in header):
        return {"positions": _numbers(rows, name, first_line=1)}
    values = _numbers(rows[1:], name, first_line=2, width=len(header))
    if counted:
        content: dict[str, Any] = {"positions": values[:, numbers]}
    else:
        content = _columns(header, values, name)
    if "time_s" in header and len(values) > 1:
        times = values[:, header.index("time_s")]
        if times[-1] > times[0]:
            content["fps"] = round((len(times) - 1) / (times[-1] - times[0]), 3)
    return content


def _counts(header: list[str]) -> bool:
    """Tell a first line that only counts the columns, as tables are often written, from a pose."""
    return len(header) > 1 and header == [str(number) for number in range(len(header))]


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _numbers(
    rows: list[list[str]], name: str, *, first_line: int, width: int | None = None
) -> Array:
    width = len(rows[0]) if width is None and rows else width or 0
    for line, row in enumerate(rows, start=first_line):
        if len(row) != width:
            raise PoseFormatError(
                f"has {len(row)} cells; {width} were expected", file=name, place=f"line {line}"
            )
        wrong = next((cell for cell in row if not _is_number(cell.strip())), None)
        if wrong is not None:
            raise PoseFormatError(
                f"{wrong[:40]!r} is not a number", file=name, place=f"line {line}"
            )
    values = [[float(cell.strip() or "nan") for cell in row] for row in rows]
    return np.array(values, dtype=np.float64).reshape(len(rows), width)


def _columns(header: list[str], values: Array, name: str) -> dict[str, Any]:
    """Sort a CSV's columns into joints by their names: `left_knee_x_px`, `left_knee_x`."""
    places: dict[str, dict[str, int]] = {}
    units = set()
    for column, title in enumerate(header):
        parts = title.rsplit("_", 2)
        if title.endswith("_confidence"):
            places.setdefault(title.removesuffix("_confidence"), {})["confidence"] = column
        elif len(parts) == 3 and parts[1] in AXES and parts[2] in ("px", "mm"):
            places.setdefault(parts[0], {})[parts[1]] = column
            units.add(parts[2])
        elif title[-2:] in ("_x", "_y", "_z"):
            places.setdefault(title[:-2], {})[title[-1]] = column
    joints = [joint for joint, axes in places.items() if "x" in axes]
    axes = AXES[: 3 if any("z" in places[joint] for joint in joints) else 2]
    lacking = [f"{j}_{a}" for j in joints for a in axes if a not in places[j]]
    if not joints or lacking:
        expected = (
            f"a column {lacking[0]} was expected"
            if lacking
            else "columns such as hip_x_px and hip_y_px were expected"
        )
        raise PoseFormatError(expected, file=name, place="line 1")
    content: dict[str, Any] = {
        "positions": np.stack(
            [np.stack([values[:, places[j][a]] for a in axes], axis=-1) for j in joints], axis=1
        ),
        "joints": joints,
    }
    if all("confidence" in places[joint] for joint in joints):
        content["confidence"] = np.stack(
            [values[:, places[j]["confidence"]] for j in joints], axis=1
        )
    if len(units) == 1:
        content["unit"] = units.pop()
    return content
