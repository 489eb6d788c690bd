"""What the viewer shows: panels of layers, errors, heatmaps, as one immutable packet.

A packet is for any page: Browse makes three panels of it, Compare four. It knows no Streamlit;
`payload` is the form in which the browser gets it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.cameras import Array
from core.dataset import Pictures
from core.sequence import frozen_array
from core.skeleton import Skeleton
from core.viz.encoding import encode
from core.viz.stage import Stage
from core.viz.style import DELTA_LIMIT_MM, ERROR_LIMIT_MM, Role, viewer_style

Protocol = Literal[1, 2]

# Raised when the browser's side must read the payload differently.
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Layer:
    """One figure that moves through the frames.

    Attributes:
        id: unique in its packet; panels refer to it.
        title: for people ("Truth", "Prediction A").
        role: what it is, which says how it is drawn.
        skeleton: its J joints.
        positions: (F, J, 2) px in the full picture, or (F, J, 3) mm in drawn axes (z up).
        aligned: drawn instead of `positions` under Protocol #2; None draws the same.
        errors: id of the `Errors` of these joints, for colours and hover, or None.
    """

    id: str
    title: str
    role: Role
    skeleton: Skeleton
    positions: Array
    aligned: Array | None = None
    errors: str | None = None

    def __post_init__(self) -> None:
        for name in ("positions", "aligned"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen_array(getattr(self, name)))
        if self.positions.ndim != 3 or self.positions.shape[1] != len(self.skeleton):
            raise ValueError(
                f"layer {self.id}: positions must be (F, {len(self.skeleton)}, 2 or 3), "
                f"not {self.positions.shape}"
            )
        if self.aligned is not None and self.aligned.shape != self.positions.shape:
            raise ValueError(
                f"layer {self.id}: aligned is {self.aligned.shape}, not {self.positions.shape}"
            )


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of one figure's joints, by protocol.

    Attributes:
        id: unique in its packet.
        title: for people, empty where there is only one ("A: openpose").
        skeleton: the J joints.
        values: protocol -> (F, J) in `unit`; NaN where unknown. 2D errors have no protocol and
            stand under 1.
        unit: "mm", "px", or "%" of doubt, where there is no truth to measure by.
        limit: where the colour scale ends.
        root_counts: the root is among the joints with zero error, as in the paper, so the mean
            without it is J / (J - 1) higher.
    """

    id: str
    title: str
    skeleton: Skeleton
    values: Mapping[Protocol, Array]
    unit: Literal["mm", "px", "%"] = "mm"
    limit: float = ERROR_LIMIT_MM
    root_counts: bool = True

    def __post_init__(self) -> None:
        if 1 not in self.values or not set(self.values) <= {1, 2}:
            raise ValueError(f"errors {self.id}: protocols are 1 or 1 and 2")
        frozen = {protocol: frozen_array(values) for protocol, values in self.values.items()}
        for protocol, values in frozen.items():
            if values.ndim != 2 or values.shape[1] != len(self.skeleton):
                raise ValueError(
                    f"errors {self.id}, protocol {protocol}: must be (F, {len(self.skeleton)}), "
                    f"not {values.shape}"
                )
        object.__setattr__(self, "values", frozen)


@dataclass(frozen=True)
class ImagePanel:
    """A 2D panel: figures over the camera's picture.

    Attributes:
        title: stands in the panel.
        layers: ids of 2D layers, drawn in this order.
        size_px: width and height of the full picture; None where unknown.
        pictures: what lies behind the joints, or None.
    """

    title: str
    layers: tuple[str, ...]
    size_px: tuple[int, int] | None = None
    pictures: Pictures | None = None


@dataclass(frozen=True)
class ScenePanel:
    """A rotatable 3D panel.

    Attributes:
        title: stands in the panel.
        layers: ids of 3D layers, drawn in this order.
        overlay: ids of layers that join them, pale, when the overlay is on.
        turn_rad: how far its viewpoint is turned around the vertical from the other scenes'.
    """

    title: str
    layers: tuple[str, ...]
    overlay: tuple[str, ...] = ()
    turn_rad: float = 0.0


@dataclass(frozen=True)
class Heatmap:
    """Joint x frame, in colours.

    Attributes:
        title: stands above it where there is more than one.
        errors: id of the errors.
        minus: id of errors to subtract; the colours then diverge around zero.
        limit: end of the diverging scale; the plain one ends at the errors' own limit.
    """

    title: str
    errors: str
    minus: str | None = None
    limit: float = DELTA_LIMIT_MM


@dataclass(frozen=True, eq=False)
class Packet:
    """Everything that one viewer shows.

    Attributes:
        title: names the recording; stands on downloads.
        timeline: equal for packets whose frames are the same moments (another camera, source or
            checkpoint of the same take); the viewer then stays at its frame.
        fps: the data's own pace.
        panels: left to right. On a phone, scenes with an overlay come first.
        layers, errors, heatmaps: what the panels show.
        stage: floor, front and space of the scenes; None without any.
        protocol: whose aligned figures and errors are drawn first; it can be switched without a
            new payload.
        note: one line shown with the panels ("synthetic").
    """

    title: str
    timeline: str
    fps: float
    panels: tuple[ImagePanel | ScenePanel, ...]
    layers: tuple[Layer, ...]
    errors: tuple[Errors, ...] = ()
    heatmaps: tuple[Heatmap, ...] = ()
    stage: Stage | None = None
    protocol: Protocol = 1
    note: str = ""
    frames: int = field(init=False)

    def __post_init__(self) -> None:
        lengths = {layer.id: len(layer.positions) for layer in self.layers}
        lengths |= {e.id: len(v) for e in self.errors for v in e.values.values()}
        for panel in self.panels:
            if isinstance(panel, ImagePanel) and panel.pictures is not None:
                lengths[f"pictures of {panel.title}"] = len(panel.pictures.encoded)
        if len(set(lengths.values())) != 1:
            raise ValueError(f"{self.title}: lengths differ or there is nothing: {lengths}")
        frames = next(iter(lengths.values()))
        if frames < 1:
            raise ValueError(f"{self.title}: a viewer needs at least one frame")
        object.__setattr__(self, "frames", frames)

        layers = {layer.id for layer in self.layers}
        errors = {e.id for e in self.errors}
        wanted = {e for layer in self.layers if (e := layer.errors) is not None}
        wanted |= {name for h in self.heatmaps for name in (h.errors, h.minus) if name is not None}
        shown = {name for p in self.panels for name in p.layers}
        shown |= {name for p in self.panels if isinstance(p, ScenePanel) for name in p.overlay}
        if unknown := sorted((shown - layers) | (wanted - errors)):
            raise ValueError(f"{self.title}: unknown layers or errors {unknown}")
        if self.stage is None and any(isinstance(p, ScenePanel) for p in self.panels):
            raise ValueError(f"{self.title}: scenes need a stage")

    @cached_property
    def digest(self) -> str:
        """Hash of everything but the protocol; equal digests mean equal payloads."""
        h = hashlib.blake2b(digest_size=16)
        h.update(json.dumps(self._description, sort_keys=True).encode())
        for layer in self.layers:
            for positions in (layer.positions, layer.aligned):
                h.update(b"-" if positions is None else np.ascontiguousarray(positions).data)
        for errors in self.errors:
            for _, values in sorted(errors.values.items()):
                h.update(np.ascontiguousarray(values).data)
        for panel in self.panels:
            if isinstance(panel, ImagePanel) and panel.pictures is not None:
                for picture in panel.pictures.encoded:
                    h.update(picture)
        return h.hexdigest()

    def payload(self) -> dict[str, Any]:
        """Return flat arrays and one JSON text, "spec", that says what they are.

        Arrays: `layer{i}_centres|offsets` and `layer{i}_aligned_centres|offsets` (see
        `encoding`), `errors{i}_{protocol}` float32, `pictures{i}` uint8 with `pictures{i}_ends`.
        """
        arrays: dict[str, NDArray[Any]] = {}
        scales: list[dict[str, float]] = [{} for _ in self.layers]
        for i, layer in enumerate(self.layers):
            for name, positions in (("", layer.positions), ("_aligned", layer.aligned)):
                if positions is not None:
                    encoded = encode(positions)
                    arrays[f"layer{i}{name}_centres"] = encoded.centres.ravel()
                    arrays[f"layer{i}{name}_offsets"] = encoded.offsets.ravel()
                    scales[i]["aligned_scale" if name else "scale"] = encoded.scale
        for i, errors in enumerate(self.errors):
            for protocol, values in errors.values.items():
                arrays[f"errors{i}_{protocol}"] = np.ravel(values)
        for i, panel in enumerate(self.panels):
            if isinstance(panel, ImagePanel) and panel.pictures is not None:
                encoded_pictures = panel.pictures.encoded
                ends = np.cumsum([len(picture) for picture in encoded_pictures])
                arrays[f"pictures{i}"] = np.frombuffer(b"".join(encoded_pictures), dtype=np.uint8)
                arrays[f"pictures{i}_ends"] = ends.astype(np.int32)
        described = self._description["layers"]
        layers = [layer | scale for layer, scale in zip(described, scales, strict=True)]
        spec = self._description | {"layers": layers, "digest": self.digest}
        return {"spec": json.dumps(spec), **arrays}

    @cached_property
    def _description(self) -> dict[str, Any]:
        """Say everything but the numbers."""
        return {
            "format": FORMAT,
            "title": self.title,
            "timeline": self.timeline,
            "fps": self.fps,
            "frames": self.frames,
            "note": self.note,
            "style": viewer_style(),
            "panels": [self._describe_panel(panel) for panel in self.panels],
            "layers": [_describe_layer(layer) for layer in self.layers],
            "errors": [_describe_errors(errors) for errors in self.errors],
            "heatmaps": [
                {"title": h.title, "errors": h.errors, "minus": h.minus, "limit": h.limit}
                for h in self.heatmaps
            ],
            "stage": None if self.stage is None else self._describe_stage(self.stage),
        }

    def _describe_panel(self, panel: ImagePanel | ScenePanel) -> dict[str, Any]:
        if isinstance(panel, ScenePanel):
            return {
                "kind": "scene",
                "title": panel.title,
                "layers": panel.layers,
                "overlay": panel.overlay,
                "turn": panel.turn_rad,
            }
        positions = [layer.positions for layer in self.layers if layer.id in panel.layers]
        return {
            "kind": "image",
            "title": panel.title,
            "layers": panel.layers,
            "size": panel.size_px,
            "pictures": panel.pictures is not None,
            "box": bounds(positions, percent=0.5),
        }

    def _describe_stage(self, stage: Stage) -> dict[str, Any]:
        positions = [layer.positions for layer in self.layers if layer.positions.shape[2] == 3]
        return {
            "space": stage.space,
            "floor": stage.floor_mm,
            "front": stage.front,
            # Truth only walks where it walks; a few predicted joints far off must not shrink it.
            "box": bounds(positions, percent=0.1),
        }


def bounds(positions: Iterable[Array], percent: float) -> tuple[list[float], list[float]] | None:
    """Find the box, (lowest, highest) by coordinate, that holds all but stray joints.

    Args:
        positions: arrays (F, J, C); NaN is passed over.
        percent: how many of the values each end may leave out, in percent.
    """
    flat = [p.reshape(-1, p.shape[-1]) for p in positions]
    values = np.concatenate([v[np.isfinite(v).all(axis=1)] for v in flat]) if flat else np.empty(0)
    if not len(values):
        return None
    low, high = np.percentile(values, [percent, 100 - percent], axis=0)
    return low.round(1).tolist(), high.round(1).tolist()


def group_of(joint: str) -> Literal["legs", "spine", "arms"]:
    """Tell the row group of a joint by its name; the hip itself belongs to the spine."""
    part = joint.split("_", 1)[-1]
    if part in ("shoulder", "elbow", "wrist"):
        return "arms"
    if joint != part and part in ("hip", "knee", "ankle"):
        return "legs"
    return "spine"


def short_name(joint: str) -> str:
    """Shorten a joint's name for a row label (`right_knee` -> "r knee")."""
    for side in ("right", "left"):
        if joint.startswith(f"{side}_"):
            return f"{side[0]} {joint.removeprefix(f'{side}_')}"
    return joint


def rows(skeleton: Skeleton) -> list[dict[str, Any]]:
    """Order joints as heatmap rows: legs, spine, arms; within each as the skeleton has them."""
    order = ("legs", "spine", "arms")
    joints = sorted(range(len(skeleton)), key=lambda j: order.index(group_of(skeleton.joints[j])))
    return [
        {"joint": j, "group": group_of(name), "name": short_name(name)}
        for j in joints
        for name in (skeleton.joints[j],)
    ]


def _describe_layer(layer: Layer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "title": layer.title,
        "role": layer.role,
        "dimensions": layer.positions.shape[2],
        "joints": [joint.replace("_", " ") for joint in layer.skeleton.joints],
        "sides": layer.skeleton.sides,
        "bones": layer.skeleton.bones,
        "bone_sides": layer.skeleton.bone_sides,
        "errors": layer.errors,
        "aligned": layer.aligned is not None,
    }


def _describe_errors(errors: Errors) -> dict[str, Any]:
    return {
        "id": errors.id,
        "title": errors.title,
        "joints": [joint.replace("_", " ") for joint in errors.skeleton.joints],
        "rows": rows(errors.skeleton),
        "protocols": sorted(errors.values),
        "unit": errors.unit,
        "limit": errors.limit,
        "root_counts": errors.root_counts,
    }
