"""Results kept on disk between runs: named arrays with metadata, one file each, bounded in size.

A result is a safetensors file, one tensor per column, and JSON under `result` in its metadata.
Its name says what it was computed from, so that a result of other content is never found. Files
appear whole (temporary file, then rename), so that two processes may write the same one at once.
Knows nothing of what the numbers mean.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from core.errors import PoseFormatError

# Overrides where results are kept.
ENVIRONMENT = "POSE_BASELINE_CACHE"
LIMIT_BYTES = 2 * 1024**3

SUFFIX = ".safetensors"
TEMPORARY = ".writing"
# A temporary file this old is of a process that died.
ABANDONED_S = 3600.0
DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8"}


@dataclass(frozen=True)
class Stored:
    """One result.

    Attributes:
        arrays: column name -> read-only array, mapped from the file.
        metadata: what else was kept, as JSON has it.
    """

    arrays: Mapping[str, NDArray[Any]]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Store:
    """A folder of results.

    Attributes:
        folder: made when the first result is kept.
        limit_bytes: above it, the results not used for longest go.
    """

    folder: Path
    limit_bytes: int = LIMIT_BYTES

    def open(self, name: str) -> Stored | None:
        """Open a result, or None if there is none that can be read."""
        path = self.path(name)
        try:
            found = _mapped(path)
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return None
        try:
            os.utime(path)
        except OSError:  # a folder that can only be read still gives its results
            return found
        return found

    def save(
        self, name: str, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]
    ) -> str:
        """Keep a result, replacing one of the same name.

        Args:
            name: letters, digits and hyphens.
            arrays: float32, float64 or int64.
            metadata: what JSON can hold.

        Returns:
            Why it could not be kept, as a sentence for people; empty if it was.
        """
        path = self.path(name)
        content = save(dict(arrays), {"result": json.dumps(metadata)})
        if len(content) > self.limit_bytes:
            return (
                f"The result was not kept: it has {len(content):,} bytes, and {self.folder} may "
                f"hold {self.limit_bytes:,}."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(TEMPORARY, "", self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            self._make_room(path)
        except OSError as error:
            return self._unwritable(error.strerror or str(error))
        return ""

    def adopt(self, name: str, write: Callable[[Path], None]) -> str:
        """Keep a file that `write` makes at the path it is given; a large one is never in memory.

        Args:
            name: letters, digits and hyphens.
            write: makes the file, whole; what it raises goes on to the caller, except that the
                place can't be written.

        Returns:
            Why it could not be kept, as a sentence for people; empty if it was.
        """
        path = self.path(name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(TEMPORARY, "", self.folder)
            os.close(handle)
        except OSError as error:
            return self._unwritable(error.strerror or str(error))
        try:
            write(Path(temporary))
            if Path(temporary).stat().st_size > self.limit_bytes:
                return f"It was not kept: it is larger than the {self.limit_bytes:,} bytes allowed."
            Path(temporary).replace(path)
            self._make_room(path)
        except OSError as error:
            return self._unwritable(error.strerror or str(error))
        except PoseFormatError as error:
            if error.file != temporary:
                raise
            return self._unwritable(error.problem)
        finally:
            Path(temporary).unlink(missing_ok=True)
        return ""

    def _unwritable(self, reason: str) -> str:
        return (
            f"The result was not kept: {self.folder} can't be written ({reason}). The "
            f"variable {ENVIRONMENT} names another folder."
        )

    def size_bytes(self) -> int:
        """Add up the results that are kept."""
        return sum(size for _, size, _ in self._files())

    def clear(self) -> int:
        """Remove every result that can be; return how many bytes that freed. Other files stay."""
        freed = 0
        for path, size, _ in self._files():
            try:
                path.unlink()
            except OSError:
                continue
            freed += size
        return freed

    def path(self, name: str) -> Path:
        """Tell where a result of this name lies, or would."""
        if not name or not all(letter.isalnum() or letter == "-" for letter in name):
            raise ValueError(f"a result's name has letters, digits and hyphens, not {name!r}")
        return self.folder / f"{name}{SUFFIX}"

    def _files(self) -> list[tuple[Path, int, float]]:
        """List results: path, bytes and last use, the one not used for longest first."""
        found = []
        for path in self.folder.glob(f"*{SUFFIX}"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            found.append((path, status.st_size, status.st_mtime))
        return sorted(found, key=lambda file: file[2])

    def _make_room(self, newest: Path) -> None:
        for path in self.folder.glob(f"*{TEMPORARY}"):
            try:
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink(missing_ok=True)
            except FileNotFoundError:
                continue
        files = self._files()
        held = sum(size for _, size, _ in files)
        for path, size, _ in files:
            if held <= self.limit_bytes:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                held -= size


def default_store() -> Store:
    """Return the user's store: the folder of POSE_BASELINE_CACHE, else one in ~/.cache.

    An account without a home (some containers have none) keeps its results among the
    temporary files.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Store(Path(named))
    try:
        caches = Path.home() / ".cache"
    except RuntimeError:
        caches = Path(tempfile.gettempdir())
    return Store(caches / "pose-baseline-studio")


def _mapped(path: Path) -> Stored:
    """Map a file's columns without reading them; `ValueError` if it is not whole."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        start, size = 8 + length, os.fstat(file.fileno()).st_size
        if start > size:
            raise ValueError("cut off")
        header = json.loads(file.read(length))
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    metadata = json.loads(header.pop("__metadata__")["result"])
    arrays = {}
    for name, said in header.items():
        first, last = said["data_offsets"]
        if start + last > size:
            raise ValueError("cut off")
        dtype = np.dtype(DTYPES[said["dtype"]])
        column = np.frombuffer(whole, dtype, (last - first) // dtype.itemsize, start + first)
        arrays[name] = column.reshape(said["shape"])
    return Stored(arrays, metadata)
