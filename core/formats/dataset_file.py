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
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.cameras import camera_from_world
from core.dataset import Dataset, Key, Pictures, Recording
from core.errors import PoseFormatError
from core.formats.dataset_index import (
    FORMAT,
    NOT_THE_LAYOUT,
    Index,
    View,
    confidence_beside,
)
from core.formats.dataset_rows import Rows, RowsFile
from core.formats.dataset_writer import Progress, Writer
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

# The longest header that safetensors itself accepts.
LONGEST_HEADER = 100_000_000


def matches(path: str | Path) -> bool:
    """Tell whether a file says of itself that it is such a data set; it may still be broken."""
    try:
        with Path(path).open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(LONGEST_HEADER, os.fstat(file.fileno()).st_size):
                return False
            metadata = json.loads(file.read(length)).get("__metadata__", {})
            return bool(metadata.get("format") == FORMAT)
    except (OSError, struct.error, *NOT_THE_LAYOUT):
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
    path = Path(path)
    file = RowsFile(path)
    index = Index(path, file.metadata, file.tensors)
    return Dataset(
        id=str(path),
        title=index.title,
        kind=index.kind,
        entries=tuple(view.entry for view in index.views.values()),
        read=lambda key: _load(file, index, key),
        digest=index.digest,
        splits=index.splits,
        statistics=index.statistics,
        notes=index.notes,
        credit=index.credit,
    )


def _load(file: RowsFile, index: Index, key: Key) -> Recording:
    """Read one recording's rows."""
    view = index.views[key]
    with file.open() as rows:
        inputs = {
            source: PoseSequence(
                rows(f"input_2d.{source}", view.offset, view.entry.frames),
                INPUT_16,
                "image",
                view.entry.fps,
                rows(f"confidence_2d.{source}", view.offset, view.entry.frames)
                if said.has_confidence
                else None,
                said.origin,
            )
            for source, said in view.inputs.items()
        }
        truth, pictures = _truth(view, rows), _pictures(index, view, rows)
    return Recording(key, inputs, truth, view.camera, pictures)


def _truth(view: View, rows: Rows) -> PoseSequence | None:
    said, entry, camera = view.truth, view.entry, view.camera
    if said is None:
        return None
    positions = rows(said.tensor, said.offset, entry.frames)
    if said.tensor == "joints_world" and camera is not None:
        positions = camera_from_world(positions.astype(np.float64), camera.R, camera.t)
    confidence = None
    if said.has_confidence:
        confidence = rows(confidence_beside(said.tensor), said.offset, entry.frames)
    return PoseSequence(positions, H36M_17, said.space, entry.fps, confidence, said.origin)


def _pictures(index: Index, view: View, rows: Rows) -> Pictures | None:
    if view.first_picture is None:
        return None
    offsets = rows("picture_offsets", view.first_picture, view.entry.frames + 1)
    there = index.tensors["pictures"].shape[0]
    if (np.diff(offsets) < 0).any() or offsets[0] < 0 or offsets[-1] > there:
        raise PoseFormatError(
            "they do not lie one after another within the tensor pictures",
            file=index.file,
            place="tensor picture_offsets",
        )
    first = int(offsets[0])
    encoded = rows("pictures", first, int(offsets[-1]) - first).tobytes()
    places = (offsets - first).tolist()
    return Pictures(
        tuple(encoded[start:stop] for start, stop in itertools.pairwise(places)),
        view.picture_size_px,
    )
