"""TRC marker files, as OpenSim and Pose2Sim write them: named 3D points over time.

Tab-separated text: three lines of header, a line of names, a line of X1 Y1 Z1, then frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError

MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True, eq=False)
class Markers:
    """Named points over time, in the file's own axes.

    Attributes:
        names: M names.
        positions: (F, M, 3) mm; NaN where a point is missing.
        fps: frames a second.
    """

    names: tuple[str, ...]
    positions: NDArray[np.floating[Any]]
    fps: float

    def by_name(self) -> dict[str, NDArray[np.floating[Any]]]:
        """Name -> (F, 3)."""
        return {name: self.positions[:, i] for i, name in enumerate(self.names)}


def read(path: str | Path) -> Markers:
    """Read a TRC file.

    Raises:
        PoseFormatError: it can't be read, or a line is not what it should be (named).
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PoseFormatError(f"can't be read as text ({error})", file=path) from None
    if len(lines) < 5 or not lines[0].startswith("PathFileType"):
        problem = "a TRC file was expected, whose first line starts with PathFileType"
        raise PoseFormatError(problem, file=path)
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    fps, count, scale = _header(header, path)
    names = tuple(name.strip() for name in lines[3].split("\t")[2:] if name.strip())
    if len(names) != count or len(set(names)) != count:
        problem = f"{count} different marker names were expected, not {len(set(names))}"
        raise PoseFormatError(problem, file=path, place="line 4")
    rows = [
        _row(line, number, count, path)
        for number, line in enumerate(lines[5:], start=6)
        if line.strip()
    ]
    if not rows:
        raise PoseFormatError("it has no frames", file=path)
    announced = header.get("NumFrames", "").strip()
    if announced.isdigit() and int(announced) != len(rows):
        problem = f"{announced} frames were announced, and {len(rows)} are there"
        raise PoseFormatError(problem, file=path)
    return Markers(names, np.array(rows).reshape(-1, count, 3) * scale, fps)


def to_text(markers: Markers, name: str = "poses.trc") -> str:
    """Write markers as a TRC file's text: metres, six places behind the point; empty if missing.

    Args:
        markers: their axes stay as they are; OpenSim and Pose2Sim take y as up.
        name: of the file, which its first line repeats.
    """
    frames, count = markers.positions.shape[:2]
    rate = f"{markers.fps:.6g}"
    fields = ("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
              "OrigDataStartFrame", "OrigNumFrames")  # fmt: skip
    values = (rate, rate, str(frames), str(count), "m", rate, "1", str(frames))
    names = [cell for marker in markers.names for cell in (marker, "", "")]
    axes = [f"{axis}{marker}" for marker in range(1, count + 1) for axis in "XYZ"]
    lines = [
        ["PathFileType", "4", "(X/Y/Z)", name],
        [*fields],
        [*values],
        ["Frame#", "Time", *names],
        ["", "", *axes],
    ]
    metres = np.asarray(markers.positions, dtype=np.float64).reshape(frames, -1) / MM["m"]
    for frame, row in enumerate(metres):
        cells = ["" if np.isnan(value) else f"{value:.6f}" for value in row]
        lines.append([str(frame + 1), f"{frame / markers.fps:.6f}", *cells])
    return "\n".join("\t".join(line) for line in lines) + "\n"


def _header(header: dict[str, str], path: Path) -> tuple[float, int, float]:
    try:
        fps, count = float(header["DataRate"]), int(header["NumMarkers"])
        scale = MM[header["Units"].strip().lower()]
        if not (0 < fps < float("inf") and count > 0):
            raise ValueError
    except (KeyError, ValueError):
        problem = "DataRate, NumMarkers and Units (m, cm or mm) were expected"
        raise PoseFormatError(problem, file=path, place="lines 2 and 3") from None
    return fps, count, scale


def _row(line: str, number: int, count: int, path: Path) -> list[float]:
    cells = line.split("\t")[2:]
    cells += [""] * (3 * count - len(cells))
    try:
        row = [float(cell) if cell.strip() else float("nan") for cell in cells[: 3 * count]]
        if any(cell.strip() for cell in cells[3 * count :]) or np.isinf(row).any():
            raise ValueError
    except ValueError:
        problem = f"frame, time and {3 * count} finite numbers were expected"
        raise PoseFormatError(problem, file=path, place=f"line {number}") from None
    return row
