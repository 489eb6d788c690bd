"""The project's own data set file: one safetensors file, memory-mapped, there in milliseconds.

Layout, version 1. The safetensors library is enough to read it; every tensor is one long table
whose rows are frames, and an index in JSON says which rows belong to whom.

Metadata (`safe_open(...).metadata()`), all strings:
    format: "pose-baseline-dataset".
    version: "1".
    digest: hash of the content; equal digests mean equal data.
    index: JSON, see below.

Tensors; each of them may be absent where nothing needs it:
    joints_world (N, 17, 3) float32: 3D in mm, world frame, z up. Stored once a take and seen by
        each of its cameras: x_camera = R (x - t), with `rotation` R and `centre_mm` t.
    joints_view (V, 17, 3) float32: 3D in mm of views whose camera is unknown, or whose 3D is not
        the take's.
    input_2d.<source> (M, 16, 2) float32: 2D in px of the full picture, y down.
    confidence_world (N, 17), confidence_view (V, 17), confidence_2d.<source> (M, 16) float32:
        0..1, rows as in the tensor that they belong to.
    pictures (B,) uint8 and picture_offsets (P + 1,) int64: encoded pictures one after another;
        picture p is the bytes picture_offsets[p] to picture_offsets[p + 1].
Missing joints are NaN; so are the rows of a source or confidence that a view lacks. The joints
stand in the order of `joints_3d` and `joints_2d` in the index.

Index:
    title, kind ("recorded" or "synthetic"), credit: strings; notes: list of strings.
    splits: subject -> "train" or "test".
    statistics: 2D source -> {mean: 32 numbers, std: 32 numbers, origin, estimated}.
    joints_3d, joints_2d: joint names.
    cameras: list of {name, rotation, centre_mm, focal_px, centre_px, radial, tangential, size_px,
        distortion}, as in `core.cameras.Camera`.
    takes: list of {subject, action, take, fps, frames}.
    views: list, one a recording, of
        take: place in `takes`;
        name: the camera's name; camera: place in `cameras`, or null;
        offset: its first row in every input_2d and confidence_2d tensor;
        inputs: 2D source -> {origin: words, confidence: true or false};
        truth: null, or {tensor: "joints_world" or "joints_view", offset: first row, space:
            "camera" or "root", origin: words, confidence: true or false}; world rows are to be
            moved into the camera frame to get that space;
        pictures: null, or {offset: number of its first picture, size_px: [width, height]}.

World joints are kept as float32: seen by the camera again they agree within 0.01 mm.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from core.cameras import Camera, camera_from_world
from core.dataset import Dataset, Entry, Key, Pictures, Recording
from core.errors import PoseFormatError
from core.formats.dataset_writer import FORMAT, VERSION, Progress, Writer
from core.normalization import Statistics
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

# The longest header that safetensors itself accepts.
LONGEST_HEADER = 100_000_000

# What numbers and nesting beyond all measure raise in a JSON text.
TOO_MUCH = (OverflowError, RecursionError)

JOINTS = ("joints_world", "joints_view")

# Tensor (up to its dot) -> safetensors' name of its type, and the shape of a row.
TENSORS: dict[str, tuple[str, tuple[int, ...]]] = {
    "joints_world": ("F32", (17, 3)),
    "joints_view": ("F32", (17, 3)),
    "input_2d": ("F32", (16, 2)),
    "confidence_world": ("F32", (17,)),
    "confidence_view": ("F32", (17,)),
    "confidence_2d": ("F32", (16,)),
    "pictures": ("U8", ()),
    "picture_offsets": ("I64", ()),
}


def matches(path: str | Path) -> bool:
    """Tell whether a file says of itself that it is such a data set; it may still be broken."""
    try:
        with Path(path).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(LONGEST_HEADER, os.fstat(file.fileno()).st_size):
                return False
            metadata = json.loads(file.read(length)).get("__metadata__", {})
            return bool(metadata.get("format") == FORMAT)
    except (OSError, ValueError, struct.error, AttributeError, *TOO_MUCH):
        return False


def write(
    path: str | Path,
    dataset: Dataset,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Write a whole data set, recording by recording; the file appears when it is complete.

    Args:
        path: the new file; one that is there is replaced.
        dataset: it is loaded one recording at a time.
        progress: called after each recording.

    Raises:
        PoseFormatError: a recording can't be loaded, or the file can't be written.
    """
    with Writer(path) as writer:
        for done, entry in enumerate(dataset.entries, start=1):
            writer.add(dataset.load(entry.key))
            if progress is not None:
                progress(Progress(done, len(dataset.entries), str(entry.key), entry.frames))
        writer.finish(
            title=dataset.title,
            kind=dataset.kind,
            splits=dataset.splits,
            statistics=dataset.statistics,
            notes=dataset.notes,
            credit=dataset.credit,
        )


def read(path: str | Path) -> Dataset:
    """Open a data set: its index is there at once, poses are read when they are loaded.

    Raises:
        PoseFormatError: the file is missing, cut off, something else, of another version, or its
            index does not fit its tensors.
    """
    return _Reader(Path(path)).dataset()


class _Reader:
    """An opened file: the index in memory, the poses on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.open() as file:
            metadata: dict[str, str] = file.metadata() or {}
            self.shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
            self.dtypes = {name: file.get_slice(name).get_dtype() for name in self.shapes}
        if metadata.get("format") != FORMAT:
            raise PoseFormatError(
                "it is a safetensors file, but no data set (weights, perhaps): the format "
                f"{FORMAT!r} was expected",
                file=path,
                place="metadata",
            )
        if metadata.get("version") != VERSION:
            raise PoseFormatError(
                f"it is a data set of version {metadata.get('version')!r}; this program reads "
                f"version {VERSION}",
                file=path,
                place="metadata",
            )
        self.digest = metadata.get("digest", "")
        try:
            self.index = json.loads(metadata["index"])
            self.check_tensors()
            self.cameras = [Camera.from_dict(fields) for fields in self.index["cameras"]]
            self.statistics = {
                source: Statistics(s["mean"], s["std"], s["origin"], s["estimated"])
                for source, s in self.index["statistics"].items()
            }
            self.views = dict(self.checked_views())
            self.splits = dict(self.index["splits"])
            self.title, self.kind = str(self.index["title"]), self.index["kind"]
            self.notes, self.credit = tuple(self.index["notes"]), str(self.index["credit"])
        except PoseFormatError:
            raise
        except KeyError as error:
            raise self.error(f"it lacks {error}, which the layout has") from error
        except (ValueError, TypeError, AttributeError, LookupError, *TOO_MUCH) as error:
            raise self.error(f"it is not what the layout says: {error}") from error
        if len(self.views) != len(self.index["views"]):
            raise self.error("two recordings have the same name")
        if self.kind not in ("recorded", "synthetic"):
            raise self.error(f"kind is {self.kind!r}; recorded or synthetic was expected")
        if not set(self.splits.values()) <= {"train", "test"}:
            raise self.error("splits were expected to be train or test")

    def error(self, problem: str, place: str = "index") -> PoseFormatError:
        return PoseFormatError(problem, file=self.path, place=place)

    @contextmanager
    def open(self) -> Iterator[Any]:
        """Map the file anew: an open map would keep a replaced file's space, and hide the new."""
        try:
            with safe_open(self.path, framework="numpy") as file:
                yield file
        except OSError as error:
            reason = error.strerror or str(error)
            raise PoseFormatError(f"it can't be read: {reason}", file=self.path) from error
        except SafetensorError as error:
            raise PoseFormatError(
                f"it is cut off or no safetensors file ({error})", file=self.path
            ) from error

    def check_tensors(self) -> None:
        """Compare every tensor that the layout knows with the shape that it says."""
        joints = (tuple(self.index["joints_3d"]), tuple(self.index["joints_2d"]))
        if joints != (H36M_17.joints, INPUT_16.joints):
            raise self.error("its joints are not the 17 and 16 of the baseline, in their order")
        for name, shape in self.shapes.items():
            kind = name.split(".", 1)[0]
            if kind not in TENSORS:
                continue
            dtype, row = TENSORS[kind]
            if shape[1:] != row or len(shape) != 1 + len(row) or self.dtypes[name] != dtype:
                expected = ", ".join(["rows", *map(str, row)])
                raise self.error(
                    f"it is {self.dtypes[name]} {shape}; {dtype} ({expected}) was expected",
                    place=f"tensor {name}",
                )

    def checked_views(self) -> Iterator[tuple[Key, tuple[Entry, dict[str, Any]]]]:
        """Read the index's views; each must lie within the tensors that it points to."""
        takes = self.index["takes"]
        for number, view in enumerate(self.index["views"]):
            take = takes[view["take"]]
            names = (take["subject"], take["action"], take["take"], view["name"])
            key = Key(*map(str, names))
            frames, fps = int(take["frames"]), float(take["fps"])
            if not 0 < fps < float("inf"):
                raise self.error(f"fps is {fps}, not above 0", place=f"views, {number} ({key})")
            parts = [(f"input_2d.{source}", view["offset"], frames) for source in view["inputs"]]
            parts += [
                (f"confidence_2d.{source}", view["offset"], frames)
                for source, said in view["inputs"].items()
                if said["confidence"]
            ]
            if (truth := view["truth"]) is not None:
                if truth["tensor"] not in JOINTS or truth["space"] not in ("camera", "root"):
                    raise self.error("its truth is not what the layout says", f"views, {number}")
                parts.append((truth["tensor"], truth["offset"], frames))
                if truth["confidence"]:
                    parts.append((confidence_beside(truth["tensor"]), truth["offset"], frames))
                if truth["tensor"] == "joints_world":
                    self.cameras[view["camera"]]  # raises where world joints have no camera
            if (pictures := view["pictures"]) is not None:
                parts.append(("picture_offsets", pictures["offset"], frames + 1))
            for tensor, offset, rows in parts:
                there = self.shapes[tensor][0] if tensor in self.shapes else -1
                if not isinstance(offset, int) or not 0 <= offset <= offset + rows <= there:
                    raise self.error(
                        f"it points to rows {offset} to {offset + rows} of {tensor}, which "
                        + ("is not there" if there < 0 else f"has {there}"),
                        place=f"views, {number} ({key})",
                    )
            yield key, (Entry(key, frames, fps, tuple(view["inputs"])), view)

    def dataset(self) -> Dataset:
        return Dataset(
            id=str(self.path),
            title=self.title,
            kind=self.kind,
            entries=tuple(entry for entry, _ in self.views.values()),
            read=self.load,
            digest=self.digest,
            splits=self.splits,
            statistics=self.statistics,
            notes=self.notes,
            credit=self.credit,
        )

    def load(self, key: Key) -> Recording:
        """Read one recording's rows."""
        entry, view = self.views[key]
        camera = None if view["camera"] is None else self.cameras[view["camera"]]
        with self.open() as file:
            if (file.metadata() or {}).get("digest", "") != self.digest:
                raise PoseFormatError(
                    "it was replaced after it was opened; open it again", file=self.path
                )

            def rows(tensor: str, offset: int, count: int = entry.frames) -> NDArray[Any]:
                if count:
                    array: NDArray[Any] = file.get_slice(tensor)[offset : offset + count]
                else:  # safetensors refuses an empty slice at a tensor's end
                    array = np.zeros((0, *self.shapes[tensor][1:]), dtype=np.float32)
                array.flags.writeable = False
                return array

            inputs = {
                source: PoseSequence(
                    rows(f"input_2d.{source}", view["offset"]),
                    INPUT_16,
                    "image",
                    entry.fps,
                    rows(f"confidence_2d.{source}", view["offset"]) if said["confidence"] else None,
                    said["origin"],
                )
                for source, said in view["inputs"].items()
            }
            truth = self.truth(view["truth"], entry, camera, rows)
            pictures = self.pictures(view["pictures"], entry, rows)
        return Recording(key, inputs, truth, camera, pictures)

    def truth(
        self,
        said: Mapping[str, Any] | None,
        entry: Entry,
        camera: Camera | None,
        rows: Callable[..., NDArray[Any]],
    ) -> PoseSequence | None:
        if said is None:
            return None
        tensor, offset = said["tensor"], said["offset"]
        positions = rows(tensor, offset)
        if tensor == "joints_world" and camera is not None:
            positions = camera_from_world(positions.astype(np.float64), camera.R, camera.t)
        confidence = rows(confidence_beside(tensor), offset) if said["confidence"] else None
        return PoseSequence(
            positions, H36M_17, said["space"], entry.fps, confidence, said["origin"]
        )

    def pictures(
        self,
        said: Mapping[str, Any] | None,
        entry: Entry,
        rows: Callable[..., NDArray[Any]],
    ) -> Pictures | None:
        if said is None:
            return None
        ends = rows("picture_offsets", said["offset"], entry.frames + 1)
        if (np.diff(ends) < 0).any() or ends[0] < 0 or ends[-1] > self.shapes["pictures"][0]:
            raise self.error(
                "they do not lie one after another within the tensor pictures",
                place="tensor picture_offsets",
            )
        encoded = rows("pictures", int(ends[0]), int(ends[-1] - ends[0])).tobytes()
        starts = (ends - ends[0]).tolist()
        return Pictures(
            tuple(encoded[a:b] for a, b in itertools.pairwise(starts)),
            (int(said["size_px"][0]), int(said["size_px"][1])),
        )


def confidence_beside(tensor: str) -> str:
    """Name the confidence tensor of a joints tensor (joints_world -> confidence_world)."""
    return tensor.replace("joints", "confidence", 1)
