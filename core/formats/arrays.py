"""NumPy's files, NPY and NPZ, without running anything and without memory for what is not there.

Arrays of objects are pickles: they are read only where a caller asks for them, through the
restricted unpickler. A header that announces more than the file holds, and an archive that
unpacks to far more than its size, are refused before memory is taken.
"""

from __future__ import annotations

import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.formats import restricted_pickle

# Poses compress to a half or a third; what unpacks to more than this many times its size is a bomb.
LARGEST_RATIO = 100
ALWAYS_ALLOWED_BYTES = 1 << 26
# The largest data set of the field (2.1 million frames, 32 joints in 3D, float64) takes 1.6 GB.
LARGEST_BYTES = 4 << 30

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# A header is Python's notation of a dict, parsed by Python's own tokenizer.
NOT_A_HEADER = (
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    SyntaxError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)
NOT_AN_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
)


def members(source: str | Path | bytes) -> list[str]:
    """List the arrays of an NPZ by name; nothing where it is none."""
    try:
        with zipfile.ZipFile(_opened(source)) as archive:
            return [member.removesuffix(".npy") for member in archive.namelist()]
    except NOT_AN_ARCHIVE:
        return []


def read_npz(
    source: str | Path | bytes,
    name: str,
    *,
    only: Iterable[str] | None = None,
    objects: bool = False,
) -> dict[str, Any]:
    """Read the arrays of an NPZ.

    Args:
        source: a path or the file's bytes.
        name: what errors call it.
        only: names of the arrays to read; None reads all.
        objects: read arrays of objects, too, as plain containers and arrays.

    Raises:
        PoseFormatError: no NPZ, cut short, too large, or it holds what is not read.
    """
    wanted = None if only is None else set(only)
    try:
        with zipfile.ZipFile(_opened(source)) as archive:
            found = archive.infolist()
            check_sizes(found, name)
            packed = {}
            for member in found:
                key = member.filename.removesuffix(".npy")
                if wanted is None or key in wanted:
                    packed[key] = archive.read(member)
    except PoseFormatError:
        raise
    except NOT_AN_ARCHIVE:
        raise PoseFormatError("is no NPZ file, or cut short", file=name) from None
    arrays = {}
    for key in list(packed):
        arrays[key] = read_npy(packed.pop(key), name, place=key, objects=objects)
    return arrays


def mapped(path: Path, key: str) -> NDArray[Any]:
    """Open one array of an NPZ without reading it: memory-mapped where it is stored as it is.

    Raises:
        PoseFormatError: no NPZ, cut short, no such array, or one of objects.
    """
    member = f"{key}.npy"
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(member)
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise KeyError(member)
        with path.open("rb") as file:
            file.seek(info.header_offset + 26)
            name_length, extra_length = struct.unpack("<HH", file.read(4))
            start = info.header_offset + 30 + name_length + extra_length
            file.seek(start)
            shape, fortran_order, dtype = HEADERS[npy.read_magic(file)](file)
            offset = file.tell()
    except KeyError:
        found = read_npz(path, str(path), only={key})
        if key not in found:
            raise PoseFormatError(f"has no array {key}", file=path) from None
        array: NDArray[Any] = found[key]
        return array
    except (*NOT_AN_ARCHIVE, *NOT_A_HEADER):
        raise PoseFormatError("is no NPZ file, or cut short", file=path, place=key) from None
    if dtype.hasobject:
        raise PoseFormatError("holds pickled objects, which are not read", file=path, place=key)
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > info.file_size:
        raise PoseFormatError("cut short", file=path, place=key)
    if not math.prod(shape):
        return np.empty(shape, dtype)
    order: Literal["F", "C"] = "F" if fortran_order else "C"
    try:
        return np.memmap(path, dtype, "r", offset, shape, order)
    except (OSError, ValueError, OverflowError):
        raise PoseFormatError("cut short", file=path, place=key) from None


def check_sizes(members: Iterable[zipfile.ZipInfo], name: str) -> None:
    """Refuse an archive that unpacks to far more than its size."""
    unpacked = packed = 0
    for member in members:
        unpacked += member.file_size
        packed += member.compress_size
    if unpacked > LARGEST_BYTES:
        raise PoseFormatError(f"unpacks to {unpacked:,} bytes; too large", file=name)
    if unpacked > ALWAYS_ALLOWED_BYTES and unpacked > LARGEST_RATIO * packed:
        raise PoseFormatError(
            f"its {packed:,} bytes unpack to {unpacked:,}; too large for poses, refused", file=name
        )


def read_npy(data: bytes, name: str, place: str = "", *, objects: bool = False) -> Any:
    """Read an NPY file's bytes; arguments and errors as `read_npz`.

    Returns:
        The array; for an array of objects what it holds, where `objects` allows it.
    """
    file = io.BytesIO(data)
    try:
        shape, fortran_order, dtype = HEADERS[npy.read_magic(file)](file)
    except NOT_A_HEADER:
        raise PoseFormatError("is no NPY array, or cut short", file=name, place=place) from None
    if dtype.hasobject:
        if not objects:
            raise PoseFormatError(
                "holds pickled objects, which are not read", file=name, place=place
            )
        return _objects(file, name, place)
    held = len(data) - file.tell()
    count = math.prod(shape)
    if not dtype.itemsize or min(shape, default=0) < 0 or count * dtype.itemsize > held:
        raise PoseFormatError(
            f"cut short: an array of {shape} was announced, but only {held:,} bytes of it are here",
            file=name,
            place=place,
        )
    array: NDArray[Any] = np.frombuffer(data, dtype, count, offset=file.tell())
    return array.reshape(shape, order="F" if fortran_order else "C")


def _objects(file: IO[bytes], name: str, place: str) -> Any:
    """Read an array of objects as what it holds: the one object, or a list."""
    found = restricted_pickle.read_pickle(file, f"{name}, {place}" if place else name)
    if isinstance(found, np.ndarray) and found.dtype.hasobject:
        return found.item() if found.ndim == 0 else found.tolist()
    return found


def _opened(source: str | Path | bytes) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else source
