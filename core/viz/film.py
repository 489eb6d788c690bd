"""A packet's panels side by side as pictures of a film: the same panels that the viewer shows.

Draws one frame when asked; knows no video files and no heatmaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from core.cameras import Array
from core.viz.drawing import (
    VIEWS,
    Figure,
    Picture,
    Room,
    View,
    draw_overlay,
    draw_scene,
    tone,
    write_text,
)
from core.viz.packet import ImagePanel, Layer, Packet, Protocol, ScenePanel, bounds
from core.viz.style import SIDE_COLORS, Theme

# In sight at least this much of the floor around the middle, and of the height, mm.
REACH_MM, HEIGHT_MM = 650.0, 1800.0
MARGIN_MM = 120.0
# Of the longer side of what holds a 2D figure.
MARGIN_2D = 0.12


@dataclass(frozen=True, eq=False)
class Film:
    """How a packet is drawn.

    Attributes:
        packet: what there is to see.
        width: of the whole picture, px; made even, as video codecs want it.
        view: from where the scenes are seen.
        theme: light or dark.
        protocol: whose aligned figures and errors are shown.
        overlay: truth beneath the prediction, pale.
        error_colors: joints take the colour of their error.
    """

    packet: Packet
    width: int = 1280
    view: View = VIEWS["front"]
    theme: Theme = "light"
    protocol: Protocol = 1
    overlay: bool = True
    error_colors: bool = False

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the pictures; both even."""
        height = self._head + self._pad + round(self._panel * 1.1)
        return self.width // 2 * 2, height // 2 * 2

    def draw(self, frame: int) -> Picture:
        """Draw one frame: (H, W, 3) uint8, blue first."""
        width, height = self.size_px
        picture = np.empty((height, width, 3), dtype=np.uint8)
        picture[:] = tone("background", self.theme)
        self._write_head(picture, frame)
        for place, panel in enumerate(self.packet.panels):
            left = self._pad + place * (self._panel + self._pad)
            body = np.empty((height - self._head - self._pad, self._panel, 3), dtype=np.uint8)
            if isinstance(panel, ImagePanel):
                self._draw_image(body, panel, place, frame)
            else:
                self._draw_scene(body, panel, frame)
            picture[self._head : height - self._pad, left : left + self._panel] = body
        return picture

    @property
    def _pad(self) -> int:
        return max(6, self.width // 100)

    @property
    def _panel(self) -> int:
        panels = len(self.packet.panels)
        return (self.width // 2 * 2 - self._pad * (panels + 1)) // panels

    @property
    def _letters(self) -> int:
        return max(10, round(self._panel / 26))

    @property
    def _head(self) -> int:
        return round(self._letters * 2.4)

    def _write_head(self, picture: Picture, frame: int) -> None:
        packet, y = self.packet, round(self._head / 2 + self._letters * 0.4)
        right = self.size_px[0] - self._pad
        time = f"{frame / packet.fps:.2f} s  ·  frame {frame}"
        muted = tone("muted", self.theme)
        used = write_text(picture, time, (right, y), height=self._letters, color=muted, right=True)
        for side in ("right", "left"):
            right -= used + 2 * self._letters
            used = write_text(
                picture, side, (right, y), height=self._letters, color=muted, right=True
            )
            used += round(self._letters * 1.5)
            start, middle = right - used, y - round(self._letters * 0.35)
            color = SIDE_COLORS["right" if side == "right" else "left"]
            cv2.rectangle(
                picture,
                (start, middle - max(1, self._letters // 8)),
                (start + self._letters, middle + max(1, self._letters // 8)),
                _blue_first(color),
                cv2.FILLED,
            )
        title = " · ".join(part for part in (packet.title, packet.note) if part)
        room = right - used - 2 * self._letters - self._pad
        write_text(
            picture,
            _shortened(title, room, self._letters),
            (self._pad, y),
            height=self._letters,
            color=tone("text", self.theme),
            bold=True,
        )

    def _draw_image(self, body: Picture, panel: ImagePanel, place: int, frame: int) -> None:
        body[:] = tone("panel", self.theme)
        scale, offset = self._placements[place]
        if panel.size_px is not None:
            far = np.array(panel.size_px) * scale + offset
            (left, top), (right, bottom) = np.round([offset, far]).astype(int).tolist()
            if panel.pictures is not None:
                _lay_under(body, panel.pictures.encoded[frame], panel.size_px, scale, offset)
            cv2.rectangle(body, (left, top), (right, bottom), tone("line", self.theme), 1)
        for nth, layer in enumerate(self._layers(panel.layers)):
            draw_overlay(
                body,
                layer.positions[frame] * scale + offset,
                layer.skeleton,
                role="second" if nth else "input",
                size=self._panel / 480,
                rim=panel.pictures is not None,
            )
        self._label(body, panel.title, on_picture=panel.pictures is not None)

    def _draw_scene(self, body: Picture, panel: ScenePanel, frame: int) -> None:
        below = panel.overlay if self.overlay else ()
        figures = [
            Figure(self._pose(layer, frame), layer.skeleton, layer.role, ghost=True)
            for layer in self._layers(below)
        ]
        figures += [
            Figure(
                self._pose(layer, frame),
                layer.skeleton,
                layer.role,
                errors=self._errors_of(layer, frame) if self.error_colors else None,
            )
            for layer in self._layers(panel.layers)
        ]
        turned = self.view.azimuth_deg + math.degrees(panel.turn_rad)
        view = self.view._replace(azimuth_deg=turned)
        draw_scene(body, figures, self._room, view=view, theme=self.theme)
        self._label(body, panel.title)
        for layer in self._layers(panel.layers):
            if (errors := self._errors_of(layer, frame)) is not None:
                self._write_error(body, float(errors.mean()))

    def _write_error(self, body: Picture, error_mm: float) -> None:
        name = "P-MPJPE" if self.protocol == 2 else "MPJPE"
        text = f"{name} –" if np.isnan(error_mm) else f"{name} {error_mm:.1f} mm"
        y = body.shape[0] - self._letters
        x = body.shape[1] - self._letters
        color = tone("text", self.theme)
        write_text(body, text, (x, y), height=self._letters, color=color, bold=True, right=True)

    def _label(self, body: Picture, title: str, *, on_picture: bool = False) -> None:
        """Write a panel's title inside of it, over a picture on a patch of background."""
        letters, x, y = self._letters, self._letters, round(self._letters * 1.8)
        text = _shortened(title, body.shape[1] - 2 * x, letters)
        color = tone("text", self.theme)
        if on_picture:
            width = write_text(body.copy(), text, (x, y), height=letters, color=color)
            patch = body[: round(letters * 2.6), : width + 2 * x]
            patch[:] = (patch * 0.2 + np.array(tone("background", self.theme)) * 0.8).round()
        write_text(body, text, (x, y), height=letters, color=color)

    def _pose(self, layer: Layer, frame: int) -> Array:
        aligned = self.protocol == 2 and layer.aligned is not None
        positions = layer.aligned if aligned and layer.aligned is not None else layer.positions
        return positions[frame].astype(np.float64)

    def _layers(self, names: tuple[str, ...]) -> list[Layer]:
        by_name = {layer.id: layer for layer in self.packet.layers}
        return [by_name[name] for name in names]

    def _errors_of(self, layer: Layer, frame: int) -> Array | None:
        """Find a figure's errors (J,) mm in one frame, under the film's protocol."""
        if layer.errors is None:
            return None
        errors = next(errors for errors in self.packet.errors if errors.id == layer.errors)
        values: Array = errors.values[self.protocol][frame]
        return values

    @cached_property
    def _room(self) -> Room:
        stage = self.packet.stage
        box = bounds([p.positions for p in self.packet.layers if p.positions.shape[2] == 3], 0.1)
        if stage is None or box is None:
            return Room((-REACH_MM, -REACH_MM, 0.0), (REACH_MM, REACH_MM, HEIGHT_MM))
        low, high = np.array(box)
        middle = (low + high)[:2] / 2 if stage.space == "world" else np.zeros(2)
        reach = max(REACH_MM, *(np.abs(np.array([low, high])[:, :2] - middle).max(axis=0)))
        left, near = middle - reach - MARGIN_MM
        right, far = middle + reach + MARGIN_MM
        bottom = min(stage.floor_mm, float(low[2]) - MARGIN_MM)
        top = max(stage.floor_mm + HEIGHT_MM, float(high[2])) + MARGIN_MM
        return Room((left, near, bottom), (right, far, top), stage.floor_mm, stage.front)

    @cached_property
    def _placements(self) -> dict[int, tuple[float, Array]]:
        """Panel -> scale and offset from px of the camera's picture to px of the panel.

        The same for all frames: what holds the figures all the time, with a margin.
        """
        size = np.array([self._panel, self.size_px[1] - self._head - self._pad])
        found = {}
        for place, panel in enumerate(self.packet.panels):
            if not isinstance(panel, ImagePanel):
                continue
            box = bounds([layer.positions for layer in self._layers(panel.layers)], 0.5)
            low, high = np.array(box if box is not None else ((0, 0), panel.size_px or (1, 1)))
            reach = max(float((high - low).max()), 1.0) * MARGIN_2D
            scale = float((size / (high - low + 2 * reach)).min())
            found[place] = (scale, size / 2 - scale * (low + high) / 2)
        return found


def _lay_under(
    body: Picture, encoded: bytes, size_px: tuple[int, int], scale: float, offset: Array
) -> None:
    """Put a picture where its pixels belong; one that can't be decoded is left out."""
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        return
    grow = scale * np.array(size_px) / np.array(decoded.shape[1::-1])
    matrix = np.array([[grow[0], 0, offset[0]], [0, grow[1], offset[1]]])
    flags = cv2.INTER_AREA if grow.max() < 1 else cv2.INTER_LINEAR
    size = (body.shape[1], body.shape[0])
    cv2.warpAffine(decoded, matrix, size, dst=body, flags=flags, borderMode=cv2.BORDER_TRANSPARENT)


def _shortened(text: str, room: int, letters: int) -> str:
    """Cut a text at its end until it fits."""
    scratch = np.zeros((1, 1, 3), dtype=np.uint8)
    black = (0, 0, 0)

    def fits(candidate: str) -> bool:
        return write_text(scratch, candidate, (0, 0), height=letters, color=black) <= room

    if fits(text):
        return text
    kept = len(text)
    while kept and not fits(text[:kept].rstrip() + "…"):
        kept -= 1
    return text[:kept].rstrip() + "…" if kept else ""


def _blue_first(color: str) -> tuple[int, int, int]:
    return int(color[5:7], 16), int(color[3:5], 16), int(color[1:3], 16)
