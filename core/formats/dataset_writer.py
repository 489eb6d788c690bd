"""Writes the project's data set file; the layout is told in `dataset_file`.

Recordings come one at a time and go to the disk at once, so that memory holds one recording and
the index. Knows nothing of where recordings come from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera, world_from_camera
from core.dataset import Key, Kind, Pictures, Recording
from core.errors import PoseFormatError
from core.formats.dataset_index import FORMAT, VERSION, confidence_beside
from core.normalization import Statistics
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

# Views share their take's world joints where these agree so well; float32 errs by less.
SAME_PLACE_MM = 0.01

SAFETENSORS_DTYPES = {"float32": "F32", "uint8": "U8", "int64": "I64"}


@dataclass(frozen=True)
class Progress:
    """How far a long job is.

    Attributes:
        done, total: recordings (or clips) done and in all.
        name: of the one that was just done.
        frames: how many it has.
        problem: why it was left out; empty if it was not.
    """

    done: int
    total: int
    name: str
    frames: int
    problem: str = ""


class Column:
    """One tensor that grows row by row in a temporary file."""

    def __init__(self, folder: Path, dtype: str, row: tuple[int, ...]) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - close() below
        self.dtype = dtype
        self.row = row
        self.rows = 0
        self.hash = hashlib.blake2b(digest_size=16)

    def append(self, values: NDArray[Any]) -> int:
        """Add rows; tells the place of the first."""
        data = np.ascontiguousarray(values, dtype=self.dtype)
        self.hash.update(data.data)
        self.file.write(data.data)
        first, self.rows = self.rows, self.rows + len(data)
        return first

    def fill(self, rows: int) -> None:
        """Add rows of NaN until there are as many as asked for."""
        while self.rows < rows:
            block = min(rows - self.rows, 65_536)
            self.append(np.full((block, *self.row), np.nan, dtype=self.dtype))


@dataclass
class _Take:
    """What the views of a take share: its place in the index, and its world joints if any."""

    place: int
    world: NDArray[Any] | None = None
    offset: int = 0
    confidence: NDArray[Any] | None = None


class Writer:
    """Writes one data set: `add` each recording, then `finish`, within a `with` block.

    The file appears, whole, when `finish` returns; an error before that leaves nothing behind.

    Raises:
        PoseFormatError: the file can't be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.columns: dict[str, Column] = {}
        self.cameras: dict[Camera, int] = {}
        self.takes: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.keys: set[Key] = set()
        self.rows_2d = 0
        self.current: dict[tuple[Any, ...], _Take] = {}

    def __enter__(self) -> Writer:
        # Temporary files stand beside the new one: there is space for it, and no other disk.
        if self.path.is_dir():
            raise PoseFormatError("a file name was expected; this is a folder", file=self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for column in self.columns.values():
            column.file.close()
        if isinstance(error, OSError):
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> PoseFormatError:
        return PoseFormatError(f"it can't be written: {error.strerror or error}", file=self.path)

    def _column(self, name: str, dtype: str, *row: int) -> Column:
        if name not in self.columns:
            self.columns[name] = Column(self.path.parent, dtype, row)
        return self.columns[name]

    def add(self, recording: Recording) -> None:
        """Add one recording.

        Raises:
            ValueError: its key was added before, it holds no sequence, or its pictures are not
                one a frame.
        """
        key = recording.key
        sequences = [*recording.inputs.values()]
        if recording.truth is not None:
            sequences.append(recording.truth)
        if not sequences:
            raise ValueError(f"{key} holds neither 2D nor 3D")
        if key in self.keys:
            raise ValueError(f"{key} was added twice")
        self.keys.add(key)
        frames, fps = len(sequences[0]), float(sequences[0].fps)
        take = self._take_of(key, frames, fps)
        camera = recording.camera
        view: dict[str, Any] = {
            "take": take.place,
            "name": key.camera,
            "camera": None,
            "offset": self.rows_2d,
            "inputs": {},
            "truth": None,
            "pictures": None,
        }
        if camera is not None:
            view["camera"] = self.cameras.setdefault(camera, len(self.cameras))
        for source, sequence in recording.inputs.items():
            view["inputs"][source] = self._add_input(source, sequence.select(INPUT_16))
        self.rows_2d += frames
        if recording.truth is not None:
            view["truth"] = self._add_truth(recording.truth.select(H36M_17), camera, take)
        if recording.pictures is not None:
            if len(recording.pictures.encoded) != frames:
                raise ValueError(f"{key}: one picture a frame is needed")
            view["pictures"] = self._add_pictures(recording.pictures)
        self.views.append(view)

    def _take_of(self, key: Key, frames: int, fps: float) -> _Take:
        name = (key.subject, key.action, key.take, frames, fps)
        if name not in self.current:
            fields = ("subject", "action", "take", "frames", "fps")
            self.takes.append(dict(zip(fields, name, strict=True)))
            # Cameras of a take come one after another: the joints of one take are enough to keep.
            self.current = {name: _Take(len(self.takes) - 1)}
        return self.current[name]

    def _add_input(self, source: str, sequence: PoseSequence) -> dict[str, Any]:
        column = self._column(f"input_2d.{source}", "float32", 16, 2)
        column.fill(self.rows_2d)
        column.append(sequence.positions)
        if sequence.confidence is not None:
            column = self._column(f"confidence_2d.{source}", "float32", 16)
            column.fill(self.rows_2d)
            column.append(sequence.confidence)
        return {"origin": sequence.source, "confidence": sequence.confidence is not None}

    def _add_truth(
        self, sequence: PoseSequence, camera: Camera | None, take: _Take
    ) -> dict[str, Any]:
        """Store 3D joints; once a take where its cameras are known and see the same joints."""
        tensor: Literal["joints_world", "joints_view"] = "joints_view"
        if camera is not None and sequence.space == "camera":
            positions = sequence.positions.astype(np.float64)
            world = world_from_camera(positions, camera.R, camera.t)
            if take.world is None:
                take.world, take.confidence = world, sequence.confidence
                take.offset = self._append_joints("joints_world", world, sequence.confidence)
            if _same(world, take.world, SAME_PLACE_MM) and _same(
                sequence.confidence, take.confidence, 0.0
            ):
                tensor, offset = "joints_world", take.offset
        if tensor == "joints_view":
            offset = self._append_joints(tensor, sequence.positions, sequence.confidence)
        return {
            "tensor": tensor,
            "offset": offset,
            "space": sequence.space,
            "origin": sequence.source,
            "confidence": sequence.confidence is not None,
        }

    def _append_joints(
        self, tensor: str, positions: NDArray[Any], confidence: NDArray[Any] | None
    ) -> int:
        offset = self._column(tensor, "float32", 17, 3).append(positions)
        if confidence is not None:
            column = self._column(confidence_beside(tensor), "float32", 17)
            column.fill(offset)
            column.append(confidence)
        return offset

    def _add_pictures(self, pictures: Pictures) -> dict[str, Any]:
        data = self._column("pictures", "uint8")
        offsets = self._column("picture_offsets", "int64")
        if offsets.rows == 0:
            offsets.append(np.zeros(1))
        first = offsets.rows - 1
        for encoded in pictures.encoded:
            data.append(np.frombuffer(encoded, dtype=np.uint8))
            offsets.append(np.array([data.rows]))
        return {"offset": first, "size_px": list(pictures.size_px)}

    def finish(
        self,
        *,
        title: str,
        kind: Kind = "recorded",
        splits: Mapping[str, str] | None = None,
        statistics: Mapping[str, Statistics] | None = None,
        notes: Iterable[str] = (),
        credit: str = "",
    ) -> None:
        """Put the file together and in its place; arguments as in `Dataset`."""
        for name, column in self.columns.items():
            if name.startswith(("input_2d.", "confidence_2d.")):
                column.fill(self.rows_2d)
        index = json.dumps(
            {
                "title": title,
                "kind": kind,
                "credit": credit,
                "notes": list(notes),
                "splits": dict(splits or {}),
                "statistics": {
                    source: {
                        "mean": s.mean.tolist(),
                        "std": s.std.tolist(),
                        "origin": s.origin,
                        "estimated": s.estimated,
                    }
                    for source, s in (statistics or {}).items()
                },
                "joints_3d": H36M_17.joints,
                "joints_2d": INPUT_16.joints,
                "cameras": [camera.as_dict() for camera in self.cameras],
                "takes": self.takes,
                "views": self.views,
            },
            ensure_ascii=False,
        )
        digest = hashlib.blake2b(index.encode(), digest_size=16)
        for name in sorted(self.columns):
            digest.update(name.encode() + self.columns[name].hash.digest())
        metadata = {
            "format": FORMAT,
            "version": VERSION,
            "digest": digest.hexdigest(),
            "index": index,
        }
        self._put_together(metadata)

    def _put_together(self, metadata: dict[str, str]) -> None:
        """Write header and tensors as safetensors defines them, then rename.

        By hand, since the library's own writer wants every tensor in memory, twice.
        """
        header: dict[str, Any] = {"__metadata__": metadata}
        # Wide numbers first keeps every tensor aligned to its numbers, as readers expect.
        names = sorted(self.columns, key=lambda n: (-np.dtype(self.columns[n].dtype).itemsize, n))
        end = 0
        for name in names:
            column = self.columns[name]
            start, end = end, end + column.file.tell()
            header[name] = {
                "dtype": SAFETENSORS_DTYPES[column.dtype],
                "shape": [column.rows, *column.row],
                "data_offsets": [start, end],
            }
        encoded = json.dumps(header, ensure_ascii=False).encode()
        encoded += b" " * (-len(encoded) % 8)
        partial = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:8]}.partial")
        try:
            with partial.open("xb") as file:
                file.write(struct.pack("<Q", len(encoded)))
                file.write(encoded)
                for name in names:
                    self.columns[name].file.seek(0)
                    shutil.copyfileobj(self.columns[name].file, file, 1 << 22)
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)


def _same(a: NDArray[Any] | None, b: NDArray[Any] | None, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.allclose(a, b, rtol=0.0, atol=tolerance, equal_nan=True))
