"""Qualisys Track Manager's calibration files (`*.qca.txt`): XML with one element a camera.

Document types are refused, so that no entity is ever expanded or fetched.
"""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

import numpy as np

from core.cameras import Camera
from core.errors import PoseFormatError

# Lengths on the sensor are stored in 64ths of a pixel.
SUBPIXELS = 64.0
# Qualisys looks along -z with y up; here z points away and y down.
AXES = np.diag([1.0, -1.0, -1.0])

Attributes = dict[str, dict[str, str]]


def read(path: str | Path) -> tuple[Camera, ...]:
    """Read the cameras in the file's order; world z up, mm; OpenCV's distortion.

    Raises:
        PoseFormatError: no such file, not XML, with a document type, or a camera lacks a number.
    """
    path = Path(path)
    found = _elements(path)
    if not found:
        raise PoseFormatError("a calibration with <camera> elements was expected", file=path)
    return tuple(_camera(elements, path) for elements in found)


def _elements(path: Path) -> list[Attributes]:
    """Collect each camera's elements and their attributes."""
    cameras: list[Attributes] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "camera":
            cameras.append({})
        if cameras:
            cameras[-1].setdefault(name, attributes)

    def refuse(*_: object) -> None:
        raise PoseFormatError("has a document type, which a calibration never has", file=path)

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except PoseFormatError:
        raise
    except OSError as error:
        raise PoseFormatError(f"can't be read ({error.strerror or error})", file=path) from None
    except (expat.ExpatError, LookupError, ValueError) as error:
        # An encoding that Python does not know, or can't decode byte by byte, is no ExpatError.
        raise PoseFormatError(f"not readable as XML ({error})", file=path) from None
    return cameras


def _camera(elements: Attributes, path: Path) -> Camera:
    name = elements["camera"].get("serial", "").strip()
    place = f"camera {name}" if name else "a camera without serial"

    def number(element: str, attribute: str) -> float:
        try:
            value = float(elements[element][attribute])
            if not np.isfinite(value):
                raise ValueError
        except (KeyError, ValueError):
            problem = f"a number was expected in <{element} {attribute}>"
            raise PoseFormatError(problem, file=path, place=place) from None
        return value

    rows = [[number("transform", f"r{i}{j}") for j in (1, 2, 3)] for i in (1, 2, 3)]
    width, height = (
        round(number("intrinsic", f"sensorMax{a}") - number("intrinsic", f"sensorMin{a}"))
        / SUBPIXELS
        + 1
        for a in "UV"
    )
    try:
        return Camera.from_arrays(
            name,
            AXES @ np.array(rows),
            [number("transform", axis) for axis in "xyz"],
            focal_px=tuple(number("intrinsic", f"focalLength{a}") / SUBPIXELS for a in "UV"),
            centre_px=tuple(number("intrinsic", f"centerPoint{a}") / SUBPIXELS for a in "UV"),
            radial=tuple(number("intrinsic", f"radialDistortion{i}") for i in (1, 2, 3)),
            tangential=tuple(number("intrinsic", f"tangentalDistortion{i}") for i in (1, 2)),
            size_px=(round(width), round(height)),
        )
    except ValueError as error:
        if isinstance(error, PoseFormatError):
            raise
        raise PoseFormatError(str(error), file=path) from None
