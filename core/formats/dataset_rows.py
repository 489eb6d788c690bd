"""Rows of a data set file's tensors, read when they are asked for.

The file is opened anew each time: an open one would keep a replaced file's space, and hide the
new one. Whether it is still the same is asked of the system, which takes microseconds; only where
that is in doubt is its header read again. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from core.errors import PoseFormatError

DTYPES = {"F32": "<f4", "U8": "u1", "I64": "<i8"}


@dataclass(frozen=True)
class Tensor:
    """What safetensors' header says of a tensor."""

    dtype: str
    shape: tuple[int, ...]


class RowsFile:
    """A file of tensors, whose rows can be read.

    Attributes:
        path: the file.
        metadata: what its header says beside the tensors.
        tensors: by name.

    Raises:
        PoseFormatError: it is missing, cut off, or something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._told(), safe_open(path, framework="numpy") as checked:
            self.metadata: Mapping[str, str] = checked.metadata() or {}
            slices = {name: checked.get_slice(name) for name in checked.keys()}  # noqa: SIM118
            self.tensors = {
                name: Tensor(found.get_dtype(), tuple(found.get_shape()))
                for name, found in slices.items()
            }
        with self._told(), path.open("rb") as file:
            self._starts, self._seen = self._starts_in(file), _stamp(file)

    def _starts_in(self, file: BinaryIO) -> dict[str, int]:
        """Find where tensors begin, which the library does not tell; it has checked the header."""
        try:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
            return {n: 8 + length + int(header[n]["data_offsets"][0]) for n in self.tensors}
        except (struct.error, ValueError, LookupError, TypeError) as error:
            raise PoseFormatError("it changed while it was opened", file=self.path) from error

    @contextmanager
    def open(self) -> Iterator[Rows]:
        """Open the file, for some rows.

        Raises:
            PoseFormatError: it can't be read, or is another one by now.
        """
        with self._told(), self.path.open("rb", buffering=0) as file:
            stamp = _stamp(file)
            if stamp != self._seen:
                self._require_the_same()
                self._seen = stamp
            yield Rows(self, file)

    def _require_the_same(self) -> None:
        with safe_open(self.path, framework="numpy") as file:
            if (file.metadata() or {}).get("digest", "") != self.metadata.get("digest", ""):
                raise PoseFormatError(
                    "it was replaced after it was opened; open it again", file=self.path
                )

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise PoseFormatError(f"it can't be read: {reason}", file=self.path) from error
        except SafetensorError as error:
            raise PoseFormatError(
                f"it is cut off or no safetensors file ({error})", file=self.path
            ) from error

    def start_of(self, tensor: str, first: int) -> int:
        """Tell where in the file a row begins, bytes."""
        return self._starts[tensor] + first * self.row_bytes(tensor)

    def row_bytes(self, tensor: str) -> int:
        """Count a row's bytes."""
        said = self.tensors[tensor]
        return int(np.prod(said.shape[1:], dtype=np.int64)) * np.dtype(DTYPES[said.dtype]).itemsize


class Rows:
    """The file while it is open; called with a tensor, its first row and a number of rows."""

    def __init__(self, of: RowsFile, file: Any) -> None:
        self._of, self._file = of, file

    def __call__(self, tensor: str, first: int, count: int) -> NDArray[Any]:
        """Read rows into a read-only array."""
        said = self._of.tensors[tensor]
        array = np.empty((count, *said.shape[1:]), dtype=DTYPES[said.dtype])
        self._file.seek(self._of.start_of(tensor, first))
        left = array.reshape(-1).view(np.uint8).data
        while left:
            there = self._file.readinto(left)
            if not there:
                raise PoseFormatError(
                    "it is cut off: rows end before they should",
                    file=self._of.path,
                    place=f"tensor {tensor}",
                )
            left = left[there:]
        array.flags.writeable = False
        return array


def _stamp(file: BinaryIO | Any) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns
