"""Poses as CSV: one row a frame, one column a coordinate, named `<joint>_<axis>_<unit>`."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import csv_text
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

AXES = "xyz"
# A cell that begins so is a formula to a spreadsheet; a name from a stranger's file must not be.
FORMULA = ("=", "+", "-", "@")

# Columns that are no coordinates.
BESIDE = ("", "index", "frame", "time", "time_s")

# What stands before the joints in our own exports, which hold several poses.
PREDICTION, TRUTH, INPUT = "prediction", "truth", "input"

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


def read_csv(data: bytes, name: str, coordinates: Literal[2, 3] | None = None) -> dict[str, Any]:
    """Read a CSV of named columns or of numbers alone, as `pose_arrays.sequence_of` takes it.

    Columns that are no coordinates are passed over, whatever they hold.

    Args:
        data: the file's bytes.
        name: of the file, for messages.
        coordinates: whether 2D or 3D is meant where there are both, as in our own exports; these
            give their prediction where it isn't said.

    Raises:
        PoseFormatError: it is no such table, or it is not certain which of several poses are
            meant; the line and what was expected are named.
    """
    table = csv_text.read(data, name)
    header, first = table.rows[0], 1
    counted = _counts([title for title in header if title.lower() not in BESIDE])
    if not counted and _is_of_numbers(header):
        # numpy.savetxt writes names as a comment.
        if len(table.above) != len(header) or not _places(table.above):
            return {"positions": _numbers(table, 0, range(len(header)), name)}
        header, first = table.above, 0
    if counted:
        columns = [i for i, title in enumerate(header) if title.lower() not in BESIDE]
        content: dict[str, Any] = {"positions": _numbers(table, first, columns, name)}
    else:
        content = _joints(table, header, first, name, coordinates)
    if "time_s" in header and len(table.rows) - first > 1:
        times = _numbers(table, first, [header.index("time_s")], name)[:, 0]
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


def _is_of_numbers(row: list[str]) -> bool:
    """Tell a line of numbers, though a word may be among them, from one of titles."""
    written = [cell for cell in row if cell]
    return 2 * sum(map(_is_number, written)) > len(written) or not written


def _numbers(table: csv_text.Table, first: int, columns: Sequence[int], name: str) -> Array:
    """Take columns of the rows from the `first` on; every row must be as long as row 0."""
    width = len(table.rows[0])
    values = []
    for line, row in zip(table.lines[first:], table.rows[first:], strict=True):
        if len(row) != width:
            problem = f"has {len(row)} cells; {width} were expected, {table.separator} between them"
            raise PoseFormatError(problem, file=name, place=f"line {line}")
        cells = [row[column] for column in columns]
        wrong = next((cell for cell in cells if not _is_number(cell)), None)
        if wrong is not None:
            problem = f"{wrong[:40]!r} is not a number; {table.expected}"
            raise PoseFormatError(problem, file=name, place=f"line {line}")
        values.append([float(cell or "nan") for cell in cells])
    return np.array(values, dtype=np.float64).reshape(len(values), len(columns))


@dataclass
class _Columns:
    """Where a joint's coordinates and confidence stand, and the units that titles say."""

    of: dict[str, int] = field(default_factory=dict)
    units: set[str] = field(default_factory=set)


def _places(header: Sequence[str]) -> dict[str, _Columns]:
    """Sort columns into joints by their names: `left_knee_x_px`, `left_knee_x`."""
    places: defaultdict[str, _Columns] = defaultdict(_Columns)
    for column, title in enumerate(header):
        parts = title.rsplit("_", 2)
        if title.endswith("_confidence"):
            places[title.removesuffix("_confidence")].of["confidence"] = column
        elif len(parts) == 3 and parts[1] in tuple(AXES) and parts[2] in ("px", "mm"):
            places[parts[0]].of[parts[1]] = column
            places[parts[0]].units.add(parts[2])
        elif title[-2:] in ("_x", "_y", "_z"):
            places[title[:-2]].of[title[-1]] = column
    return {joint: columns for joint, columns in places.items() if "x" in columns.of}


def sets_in(data: bytes, name: str) -> tuple[str, ...]:
    """Name the poses of a CSV that holds several: what stands before the joints in its titles.

    Raises:
        PoseFormatError: it is no CSV.
    """
    table = csv_text.read(data, name)
    return tuple(_sets(_places(table.rows[0])))


def _sets(places: dict[str, _Columns]) -> dict[str, dict[str, _Columns]]:
    """Part joints into poses by what stands before their names: `prediction_left_knee`.

    Only what has every joint is a pose of its own; "" is before a name alone.
    """
    sets: defaultdict[str, dict[str, _Columns]] = defaultdict(dict)
    for title, columns in places.items():
        joint = max(
            (j for j in H36M_17.joints if f"_{title}".endswith(f"_{j}")), key=len, default=""
        )
        before = title.removesuffix(joint).removesuffix("_") if joint else ""
        sets[before][joint or title] = columns
    whole = {before: of for before, of in sets.items() if of.keys() >= set(INPUT_16.joints)}
    return whole if any(whole) else {"": places}


def _meant(
    places: dict[str, _Columns], coordinates: int | None, name: str, line: int
) -> tuple[str, dict[str, _Columns]]:
    """Choose the poses that are meant, and say what stands before their joints' names."""
    sets = _sets(places)
    fitting = [s for s, joints in sets.items() if coordinates in (None, len(_axes(joints)))]
    fitting = fitting or list(sets)
    own = INPUT if coordinates == 2 else PREDICTION
    if own in fitting and {*fitting} <= {PREDICTION, TRUTH, INPUT}:
        return own, sets[own]
    if len(fitting) > 1:
        held = " and ".join(f"{s}_{next(iter(sets[s]))}".lstrip("_") for s in fitting)
        problem = (
            f"it holds several poses ({held}), and it is not certain which are meant; columns of "
            "one were expected"
        )
        raise PoseFormatError(problem, file=name, place=f"line {line}")
    return fitting[0], sets[fitting[0]]


def _axes(joints: dict[str, _Columns]) -> str:
    return AXES[: 3 if any("z" in columns.of for columns in joints.values()) else 2]


def _joints(
    table: csv_text.Table, header: list[str], first: int, name: str, coordinates: int | None
) -> dict[str, Any]:
    """Read the joints that the header names."""
    before, places = _meant(_places(header), coordinates, name, table.lines[0])
    axes = _axes(places)
    lacking = [f"{j}_{a}" for j, columns in places.items() for a in axes if a not in columns.of]
    if not places or lacking:
        expected = (
            f"a column {lacking[0]} was expected"
            if lacking
            else "columns such as hip_x_px and hip_y_px were expected"
        )
        raise PoseFormatError(expected, file=name, place=f"line {table.lines[0]}")

    def values_of(*what: str) -> Array:
        columns = [found.of[part] for found in places.values() for part in what]
        values = _numbers(table, first, columns, name)
        return values.reshape(len(values), len(places), len(what))

    content: dict[str, Any] = {"positions": values_of(*axes), "joints": list(places)}
    if all("confidence" in columns.of for columns in places.values()):
        content["confidence"] = values_of("confidence")[..., 0]
    units = {unit for columns in places.values() for unit in columns.units}
    if len(units) == 1:
        content["unit"] = units.pop()
    if before:
        content["source"] = f"{Path(name).name}, {before}"
    return content
