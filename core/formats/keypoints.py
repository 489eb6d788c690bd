"""Pose sequences as plain files: NPZ, CSV and JSON that we write, NPY and bare arrays that we read.

What is written (and read back the same):

NPZ: arrays `positions` (F, J, 2|3) float32, NaN where a joint is missing; `joints` (J names);
    `skeleton`, `space`, `unit`, `source` (words); `fps`; `confidence` (F, J), if there is any.
CSV: one row a frame. Columns `frame`, `time_s`, then `<joint>_x_<unit>`, `<joint>_y_<unit>`
    (and `_z_`) for each joint, then `<joint>_confidence`, if there is any. Missing joints are
    empty cells. The unit is px in 2D and mm in 3D.
JSON: one object: `format` "poses", `version` 1, `skeleton`, `joints`, `space`, `unit`, `fps`,
    `source`, `positions` [frame][joint][coordinate] with null for a missing joint's numbers,
    `confidence` [frame][joint] or null.

What else is read: an array of (F, 16, 2), (F, 17, 2), (F, 17, 3) or (F, 32, 2|3), or its rows
flattened, as NPY, as the only array of an NPZ, as bare JSON lists or a CSV of numbers alone. Their
joints are taken in Human3.6M's order, and poses that contradict it (COCO's or MPII's order,
numbers that are no pixels) are refused. Files that name their joints may have them in any order.
A CSV may be as spreadsheets and numpy.savetxt write it, see `csv_text`. A CSV or NPZ may be our own
export of a lifted recording with its prediction, its 2D input and perhaps the truth.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import arrays
from core.formats.keypoints_csv import INPUT, PREDICTION, TRUTH, read_csv, sets_in, write_csv
from core.formats.pose_arrays import FPS, sequence_of
from core.sequence import PoseSequence
from core.whole_file import write_whole

__all__ = ["FPS", "READ_SUFFIXES", "SUFFIXES", "read", "read_bytes", "to_bytes", "write"]

SUFFIXES = (".npz", ".csv", ".json")
READ_SUFFIXES = (*SUFFIXES, ".npy")
FORMAT, VERSION = "poses", 1

# In an NPZ of a lifted recording, beside the joints of its 3D.
INPUT_JOINTS = "input_joints"

ARRAY_NAMES = ("positions", "positions_2d", "positions_3d", "keypoints", "joints_2d", "poses")

Array = NDArray[np.floating[Any]]


def read(
    path: str | Path, *, fps: float | None = None, coordinates: Literal[2, 3] | None = None
) -> PoseSequence:
    """Read a sequence from a file, by its ending.

    Args:
        path: .npz, .npy, .csv or .json.
        fps: frames a second, where the file does not say it; 50 if not given.
        coordinates: whether 2D or 3D is meant where a file has both, see `keypoints_csv.read_csv`.

    Returns:
        2D in image space with skeleton INPUT_16, or 3D with skeleton H36M_17, in the space that
        the file says; if it does not, root where the hip stays at 0 and camera otherwise.

    Raises:
        PoseFormatError: the file can't be read, or is not as described above.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PoseFormatError(f"can't be opened: {error.strerror or error}", file=path) from None
    return read_bytes(data, str(path), fps=fps, coordinates=coordinates)


def read_bytes(
    data: bytes,
    name: str,
    *,
    fps: float | None = None,
    coordinates: Literal[2, 3] | None = None,
) -> PoseSequence:
    """Read a sequence from a file's bytes (an upload); `name` gives its kind by the ending.

    Raises:
        PoseFormatError: as `read` does.
    """
    suffix = Path(name).suffix.lower()
    readers: dict[str, Callable[[bytes, str], dict[str, Any]]] = {
        ".npz": partial(_from_npz, coordinates=coordinates),
        ".npy": _from_npy,
        ".csv": partial(read_csv, coordinates=coordinates),
        ".json": content_of_json,
    }
    if suffix not in readers:
        known = ", ".join(READ_SUFFIXES)
        raise PoseFormatError(f"poses are read from {known}, not from {suffix!r}", file=name)
    if not data:
        raise PoseFormatError("the file is empty", file=name)
    return sequence_of(readers[suffix](data, name), name, fps)


def write(path: str | Path, sequence: PoseSequence) -> None:
    """Write a sequence as .npz, .csv or .json, by the path's ending.

    What stood there is kept until the new file is whole.

    Raises:
        PoseFormatError: another ending, or it can't be written.
    """
    content = to_bytes(sequence, Path(path).suffix, name=str(path))
    try:
        write_whole(Path(path), content)
    except OSError as error:
        problem = f"it can't be written: {error.strerror or error}"
        raise PoseFormatError(problem, file=path) from None


def to_bytes(sequence: PoseSequence, suffix: str, *, name: str = "poses") -> bytes:
    """Write a sequence as the bytes of a .npz, .csv or .json file.

    Raises:
        PoseFormatError: another ending; `name` is the file that it names.
    """
    writers = {".npz": _to_npz, ".csv": write_csv, ".json": _to_json}
    if suffix.lower() not in writers:
        raise PoseFormatError(
            f"poses are written as {', '.join(SUFFIXES)}, not as {suffix!r}", file=name
        )
    return writers[suffix.lower()](sequence)


def _to_npz(sequence: PoseSequence) -> bytes:
    content: dict[str, Any] = {
        "positions": sequence.positions,
        "joints": np.array(sequence.skeleton.joints),
        "skeleton": np.array(sequence.skeleton.name),
        "space": np.array(sequence.space),
        "unit": np.array(sequence.unit),
        "fps": np.array(sequence.fps),
        "source": np.array(sequence.source),
    }
    if sequence.confidence is not None:
        content["confidence"] = sequence.confidence
    target = io.BytesIO()
    np.savez_compressed(target, **content)
    return target.getvalue()


def _to_json(sequence: PoseSequence) -> bytes:
    content = {
        "format": FORMAT,
        "version": VERSION,
        "skeleton": sequence.skeleton.name,
        "joints": sequence.skeleton.joints,
        "space": sequence.space,
        "unit": sequence.unit,
        "fps": sequence.fps,
        "source": sequence.source,
        "positions": _without_nan(sequence.positions),
        "confidence": None if sequence.confidence is None else _without_nan(sequence.confidence),
    }
    return json.dumps(content, allow_nan=False).encode()


def _without_nan(values: Array) -> Any:
    """Nest an array in lists with None for NaN, which JSON does not have."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()


def names_joints(path: str | Path) -> bool:
    """Tell whether a file says which joints its numbers are; a broken one does not."""
    suffix, name = Path(path).suffix.lower(), str(path)
    try:
        if suffix == ".npz":
            return "joints" in arrays.members(path)
        data = Path(path).read_bytes()
        if suffix == ".json":
            return content_of_json(data, name).get("joints") is not None
        return suffix == ".csv" and read_csv(data, name).get("joints") is not None
    except (PoseFormatError, OSError):
        return False


def sets_of_poses(path: str | Path) -> tuple[str, ...]:
    """Name the poses of our own export, which holds several, such as "prediction"; () else."""
    path = Path(path)
    found: tuple[str, ...] = ()
    try:
        if path.suffix.lower() == ".csv":
            found = sets_in(path.read_bytes(), str(path))
        elif path.suffix.lower() == ".npz":
            members = arrays.members(path)
            if INPUT_JOINTS in members:
                found = tuple(of for of in (PREDICTION, TRUTH, INPUT) if of in members)
    except (PoseFormatError, OSError):
        return ()
    return found if any(found) else ()


def array_in(data: bytes, name: str) -> NDArray[Any]:
    """Take the array of poses out of the bytes of an NPZ or NPY file, as it lies there.

    Raises:
        PoseFormatError: it is no such file, holds pickled objects, or no single array of poses.
    """
    if Path(name).suffix.lower() == ".npy":
        return arrays.read_npy(data, name)
    content = arrays.read_npz(data, name)
    return content["positions"] if "positions" in content else _only_array(content, name)


def _from_npz(data: bytes, name: str, coordinates: Literal[2, 3] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {
        key: array.item() if array.ndim == 0 else array
        for key, array in arrays.read_npz(data, name).items()
    }
    if "positions" not in content:
        meant = INPUT if coordinates == 2 else PREDICTION
        if INPUT_JOINTS in content and isinstance(content.get(meant), np.ndarray):
            return _out_of_export(content, meant, name)
        content["positions"] = _only_array(content, name)
    return content


def _out_of_export(content: Mapping[str, Any], meant: str, name: str) -> dict[str, Any]:
    """Take the prediction or the 2D out of our own export of a recording."""
    return {
        "positions": content[meant],
        "joints": content.get(INPUT_JOINTS if meant == INPUT else "joints"),
        "fps": content.get("fps"),
        "source": f"{Path(name).name}, {meant}",
    }


def _from_npy(data: bytes, name: str) -> dict[str, Any]:
    return {"positions": arrays.read_npy(data, name)}


def _only_array(content: Mapping[str, Any], name: str) -> NDArray[Any]:
    named = [key for key in ARRAY_NAMES if key in content]
    numeric = [
        key
        for key, value in content.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim in (2, 3, 4)
    ]
    if len(named or numeric) != 1:
        there = ", ".join(content) or "nothing"
        raise PoseFormatError(f"an array named positions was expected; it has {there}", file=name)
    found: NDArray[Any] = content[(named or numeric)[0]]
    return found


def content_of_json(data: bytes, name: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise PoseFormatError("is not JSON, or cut short", file=name) from None
    if isinstance(content, list):
        content = {"positions": content}
    if not isinstance(content, dict) or "positions" not in content:
        hint = ""
        if isinstance(content, dict) and "people" in content:
            hint = "; it is a frame of OpenPose's: give the folder of all its frames"
        raise PoseFormatError(f"an object with positions was expected{hint}", file=name)
    for key in ("positions", "confidence"):
        if content.get(key) is not None:
            content[key] = _array_of(content[key], name, key)
    return content


def _array_of(nested: Any, name: str, place: str) -> Array:
    """Turn nested lists into numbers; None, for a coordinate or a whole joint, becomes NaN."""
    try:
        values = np.array(nested, dtype=np.float64)
    except (ValueError, TypeError):
        values = None
    if values is not None:
        return values
    try:
        width = max(len(j) for frame in nested for j in (frame or ()) if j is not None)
        filled = [[[np.nan] * width if j is None else j for j in frame] for frame in nested]
        return np.array(filled, dtype=np.float64)
    except (ValueError, TypeError):
        raise PoseFormatError(
            "numbers in [frame][joint][coordinate] were expected, each frame with the same joints",
            file=name,
            place=place,
        ) from None


def arrays_in(path: str | Path) -> list[str]:
    """List the arrays of an NPZ or NPY file with shape and type, whatever they hold.

    Returns:
        "positions (240, 17, 2) float32" and the like; nothing for other or broken files.
    """
    suffix = Path(path).suffix.lower()
    try:
        data = Path(path).read_bytes()
        if suffix == ".npz":
            found = arrays.read_npz(data, str(path))
        elif suffix == ".npy":
            found = {"the array": arrays.read_npy(data, str(path))}
        else:
            return []
    except (PoseFormatError, OSError):
        return []
    return [f"{name} {array.shape} {array.dtype}" for name, array in found.items()]
