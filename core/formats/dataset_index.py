"""The index of a data set file: read from its metadata and checked against its tensors.

The layout is told in `dataset_file`. Knows the index, not the poses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from core.cameras import Camera, Distortion
from core.dataset import Entry, Key
from core.errors import PoseFormatError
from core.formats.dataset_rows import Tensor
from core.normalization import Statistics
from core.skeleton import H36M_17, INPUT_16

FORMAT = "pose-baseline-dataset"
VERSION = "1"

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

CAMERA_SHAPES = {
    "rotation": (3, 3),
    "centre_mm": (3,),
    "focal_px": (2,),
    "centre_px": (2,),
    "radial": (3,),
    "tangential": (2,),
    "size_px": (2,),
}

# What can go wrong in a JSON text that is not as the layout says; the last two come from numbers
# and nesting beyond all measure.
NOT_THE_LAYOUT = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True)
class Input:
    """What is known of a view's 2D source."""

    origin: str
    has_confidence: bool


@dataclass(frozen=True)
class Truth:
    """Where a view's 3D lies."""

    tensor: Literal["joints_world", "joints_view"]
    offset: int
    space: Literal["camera", "root"]
    origin: str
    has_confidence: bool


@dataclass(frozen=True)
class View:
    """Where one recording lies."""

    entry: Entry
    camera: Camera | None
    offset: int
    inputs: Mapping[str, Input]
    truth: Truth | None
    first_picture: int | None
    picture_size_px: tuple[int, int]


class Index:
    """A checked index: every view lies within the tensors that are there.

    Attributes:
        views: by key, in the order of show.
        title, kind, splits, statistics, notes, credit, digest: as in `Dataset`.
    """

    def __init__(
        self, file: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]
    ) -> None:
        self.file = file
        self.tensors = tensors
        if metadata.get("format") != FORMAT:
            raise self._error(
                "it is a safetensors file, but no data set (weights, perhaps): the format "
                f"{FORMAT!r} was expected",
                "metadata",
            )
        if metadata.get("version") != VERSION:
            raise self._error(
                f"it is a data set of version {metadata.get('version')!r}; this program reads "
                f"version {VERSION}",
                "metadata",
            )
        self.digest = metadata.get("digest", "")
        try:
            self._read(json.loads(metadata["index"]))
        except PoseFormatError:
            raise
        except KeyError as error:
            raise self._error(f"it lacks {error}, which the layout has") from error
        except NOT_THE_LAYOUT as error:
            raise self._error(f"it is not what the layout says: {error}") from error

    def _error(self, problem: str, place: str = "index") -> PoseFormatError:
        return PoseFormatError(problem, file=self.file, place=place)

    def _read(self, index: dict[str, Any]) -> None:
        if index["joints_3d"] != list(H36M_17.joints) or index["joints_2d"] != list(
            INPUT_16.joints
        ):
            raise self._error("its joints are not the 17 and 16 of the baseline, in their order")
        self._check_tensors()
        cameras = [_camera(fields) for fields in index["cameras"]]
        views = [
            self._view(f"views, {number}", view, index["takes"], cameras)
            for number, view in enumerate(index["views"])
        ]
        self.views = {view.entry.key: view for view in views}
        if len(self.views) < len(views):
            raise self._error("two recordings have the same name")
        self.statistics = {
            source: Statistics(s["mean"], s["std"], str(s["origin"]), bool(s["estimated"]))
            for source, s in index["statistics"].items()
        }
        self.splits = dict(index["splits"])
        if not set(self.splits.values()) <= {"train", "test"}:
            raise self._error("splits were expected to be train or test")
        self.kind = index["kind"]
        if self.kind not in ("recorded", "synthetic"):
            raise self._error(f"kind is {self.kind!r}; recorded or synthetic was expected")
        self.title, self.credit = str(index["title"]), str(index["credit"])
        self.notes = tuple(map(str, index["notes"]))

    def _check_tensors(self) -> None:
        for name, tensor in self.tensors.items():
            dtype, row = TENSORS.get(name.split(".", 1)[0], (tensor.dtype, tensor.shape[1:]))
            if tensor != Tensor(dtype, (*tensor.shape[:1], *row)):
                expected = ", ".join(["rows", *map(str, row)])
                raise self._error(
                    f"it is {tensor.dtype} {tensor.shape}; {dtype} ({expected}) was expected",
                    f"tensor {name}",
                )

    def _view(
        self, place: str, view: dict[str, Any], takes: list[Any], cameras: list[Camera]
    ) -> View:
        take = takes[view["take"]]
        names = (take["subject"], take["action"], take["take"], view["name"])
        key = Key(*map(str, names))
        place = f"{place} ({key})"
        fps = float(take["fps"])
        if not 0 < fps < float("inf"):
            raise self._error(f"fps is {fps}, not a number above 0", place)
        inputs = {
            str(source): Input(str(said["origin"]), bool(said["confidence"]))
            for source, said in view["inputs"].items()
        }
        truth = None
        if (said := view["truth"]) is not None:
            truth = Truth(
                tensor=said["tensor"],
                offset=said["offset"],
                space=said["space"],
                origin=str(said["origin"]),
                has_confidence=bool(said["confidence"]),
            )
        camera = None if view["camera"] is None else cameras[view["camera"]]
        if truth is not None:
            known = truth.tensor in ("joints_world", "joints_view")
            if not known or truth.space not in ("camera", "root"):
                raise self._error("its truth is not what the layout says", place)
            if truth.tensor == "joints_world" and camera is None:
                raise self._error("its joints are in the world, but it has no camera", place)
        pictures = view["pictures"]
        size = (0, 0) if pictures is None else tuple(map(int, pictures["size_px"]))
        if len(size) != 2:
            raise self._error("the size of its pictures is not two numbers", place)
        checked = View(
            entry=Entry(key, int(take["frames"]), fps, tuple(inputs)),
            camera=camera,
            offset=view["offset"],
            inputs=inputs,
            truth=truth,
            first_picture=None if pictures is None else pictures["offset"],
            picture_size_px=size,
        )
        for tensor, offset, rows in _rows_of(checked):
            there = self.tensors[tensor].shape[0] if tensor in self.tensors else -1
            if not isinstance(offset, int) or not 0 <= offset <= offset + rows <= there:
                raise self._error(
                    f"it points to rows {offset} to {offset + rows} of {tensor}, which "
                    + ("is not there" if there < 0 else f"has {there}"),
                    place,
                )
        return checked


def _rows_of(view: View) -> Iterator[tuple[str, int, int]]:
    """List what a view points to: tensor, first row, number of rows."""
    frames = view.entry.frames
    for source, said in view.inputs.items():
        yield f"input_2d.{source}", view.offset, frames
        if said.has_confidence:
            yield f"confidence_2d.{source}", view.offset, frames
    if view.truth is not None:
        yield view.truth.tensor, view.truth.offset, frames
        if view.truth.has_confidence:
            yield confidence_beside(view.truth.tensor), view.truth.offset, frames
    if view.first_picture is not None:
        yield "picture_offsets", view.first_picture, frames + 1
        yield "pictures", 0, 0


def confidence_beside(tensor: str) -> str:
    """Name the confidence tensor of a joints tensor (joints_world -> confidence_world)."""
    return tensor.replace("joints", "confidence", 1)


def _camera(fields: dict[str, Any]) -> Camera:
    """Make a camera out of the index; `ValueError` if its numbers are not what they should be."""
    for name, shape in CAMERA_SHAPES.items():
        numbers = np.array(fields[name], dtype=np.float64)
        if numbers.shape != shape or not np.isfinite(numbers).all():
            raise ValueError(f"{name} of a camera is not {shape} numbers")
    if fields["distortion"] not in get_args(Distortion):
        raise ValueError(f"the distortion of a camera is {fields['distortion']!r}")
    return Camera.from_dict({**fields, "name": str(fields["name"])})
