"""Figures drawn into a picture with OpenCV, in the viewer's colours: 2D over a photo, 3D in a room.

Pictures are (H, W, 3) uint8, blue first, as OpenCV has them. The functions draw one moment; who
makes films of many calls them frame by frame. Knows no files and no packets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from core.skeleton import Skeleton
from core.viz.style import (
    BONES,
    GHOST,
    SIDE_COLORS,
    THEMES,
    TONES,
    Role,
    Theme,
    error_color,
)

Picture = NDArray[np.uint8]
Array = NDArray[np.floating[Any]]
Color = tuple[int, int, int]

GRID_MM = 500.0
# The eye stands so many room diagonals away: some perspective, little distortion.
DISTANCE = 1.9
# OpenCV takes whole numbers: these bits of them are behind the point.
SHIFT = 5

_AROUND = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_AROUND), np.sin(_AROUND)], axis=1)


class View(NamedTuple):
    """From where a room is looked at: 0° is the camera's own side, 90° its right, 180° behind."""

    azimuth_deg: float
    elevation_deg: float


VIEWS = {"front": View(0.0, 10.0), "side": View(90.0, 10.0), "top": View(0.0, 89.9)}


@dataclass(frozen=True)
class Room:
    """What a scene shows, in drawn axes (z up), mm.

    Attributes:
        low, high: corners of the box that is always in sight.
        floor_mm: height of the floor.
        front: (2,) the heading in which the camera looks.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    floor_mm: float = 0.0
    front: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Figure:
    """One pose in a room.

    Attributes:
        positions: (J, 3) mm in drawn axes; NaN where a joint is missing.
        skeleton: the J joints.
        role: how it is drawn.
        ghost: pale and thin, to stand beneath another.
        errors: (J,) mm; joints then take the colour of their error.
    """

    positions: Array
    skeleton: Skeleton
    role: Role = "prediction"
    ghost: bool = False
    errors: Array | None = None


def mixed(front: str, back: str, share: float) -> Color:
    """Mix `share` of one colour over another ("#RRGGBB"), blue first."""
    ahead, behind = (np.array([int(c[i : i + 2], 16) for i in (5, 3, 1)]) for c in (front, back))
    blue, green, red = (ahead * share + behind * (1 - share)).round().astype(int).tolist()
    return blue, green, red


def tone(name: str, theme: Theme) -> Color:
    """Find a theme's colour: background, text, panel, grid, line, shadow or muted."""
    colors = THEMES[theme]
    share = {"background": 0.0, "text": 1.0}.get(name, TONES.get(name, 0.0))
    return mixed(colors["text"], colors["background"], share)


def draw_overlay(
    picture: Picture,
    joints_2d: Array,
    skeleton: Skeleton,
    *,
    role: Role = "input",
    size: float | None = None,
    rim: bool = True,
) -> None:
    """Draw a 2D pose over a picture, in place.

    Args:
        picture: (H, W, 3).
        joints_2d: (J, 2) px of this picture; NaN where a joint is missing.
        skeleton: the J joints.
        role: "input", or "second" for another one over it, thin.
        size: how much larger than in the viewer to draw; by the picture's size if None.
        rim: a light line around each bone, which keeps it readable over a photo.
    """
    size = max(0.6, min(picture.shape[:2]) / 480) if size is None else size
    look = BONES[role]
    width, radius = look["width"] * size, look["joint"] * size / 2
    bones = [
        (joints_2d[parent], joints_2d[child], side)
        for (parent, child), side in zip(skeleton.bones, skeleton.bone_sides, strict=True)
        if _in_reach(joints_2d[[parent, child]], picture)
    ]
    for start, end, _ in bones if rim else ():
        _line(picture, start, end, (255, 255, 255), width + 2.5 * size)
    for start, end, side in bones:
        _line(picture, start, end, mixed(SIDE_COLORS[side], "#FFFFFF", 1.0), width)
    for place, side in zip(joints_2d, skeleton.sides, strict=True):
        if _in_reach(place[None], picture):
            _dot(picture, place, (255, 255, 255), radius + size)
            _dot(picture, place, mixed(SIDE_COLORS[side], "#FFFFFF", 1.0), radius)


def draw_scene(
    picture: Picture,
    figures: Sequence[Figure],
    room: Room,
    *,
    view: View = VIEWS["front"],
    theme: Theme = "light",
) -> None:
    """Draw figures in a room, in place: floor, shadows, then what is farthest first.

    Args:
        picture: (H, W, 3), all of which the scene takes.
        figures: drawn together; ghosts need not come first, depth decides.
        room: what is in sight; the same for all frames of a film, so that nothing wobbles.
        view: from where.
        theme: of background, floor and shadows.
    """
    picture[:] = tone("panel", theme)
    eye = _Eye.of(room, view, (picture.shape[1], picture.shape[0]))
    size = min(picture.shape[:2]) / 480
    for start, end in _floor_lines(room):
        places, _ = eye.seen(np.array([start, end]))
        _line(picture, places[0], places[1], tone("grid", theme), size)
    for figure in figures:
        if not figure.ghost:
            _draw_shadow(picture, figure, room, eye, tone("shadow", theme), size)
    _draw_by_depth(picture, figures, eye, theme, size)


def write_text(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    *,
    height: int,
    color: Color,
    bold: bool = False,
    right: bool = False,
) -> int:
    """Write one line, in place, its baseline at `place`; return how wide it is.

    Args:
        picture: (H, W, 3).
        text: any script that OpenCV's own font has.
        place: x, y of the baseline's left end, or of its right end with `right`.
        height: of the letters, px.
        color: blue first.
        bold: heavier.
        right: align to the right.
    """
    font, weight = _font(), 600 if bold else 400
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), font, height, weight)
    x, y = place
    cv2.putText(picture, text, (x - width if right else x, y), color, font, height, weight)
    return int(width)


@cache
def _font() -> Any:
    return cv2.FontFace("sans")


class _Eye(NamedTuple):
    """Where a view stands, and how the room falls onto the picture."""

    axes: Array  # (3, 3) rows: right, down, away
    centre: Array  # (3,)
    distance: float
    scale: float
    middle: Array  # (2,) px

    @classmethod
    def of(cls, room: Room, view: View, size: tuple[int, int]) -> _Eye:
        low, high = np.array(room.low), np.array(room.high)
        centre = (low + high) / 2
        heading = np.arctan2(room.front[1], room.front[0]) + np.deg2rad(view.azimuth_deg)
        pitch = np.deg2rad(view.elevation_deg)
        flat = np.array([np.cos(heading), np.sin(heading), 0.0])
        away = flat * np.cos(pitch) - np.array([0.0, 0.0, np.sin(pitch)])
        right = np.array([flat[1], -flat[0], 0.0])
        axes = np.stack([right, np.cross(away, right), away])
        distance = DISTANCE * float(np.linalg.norm(high - low))
        plain = cls(axes, centre, distance, 1.0, np.zeros(2))
        corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)
        seen, _ = plain.seen(corners)
        span = seen.max(axis=0) - seen.min(axis=0)
        scale = float((np.array(size) / span).min())
        middle = np.array(size) / 2 - scale * (seen.max(axis=0) + seen.min(axis=0)) / 2
        return cls(axes, centre, distance, scale, middle)

    def seen(self, points: Array) -> tuple[Array, Array]:
        """Project points (N, 3): their places (N, 2) px, and how near they are (N,), 1 = middle."""
        known = np.where(np.isfinite(points), points, np.nan)
        x, y, away = np.moveaxis((known - self.centre) @ self.axes.T, -1, 0)
        nearness = self.distance / np.maximum(self.distance + away, self.distance * 0.05)
        places: Array = np.stack([x, y], axis=-1) * nearness[:, None] * self.scale + self.middle
        return places, nearness


def _floor_lines(room: Room) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    # The floor goes on a little beyond what must be in sight.
    marks = [
        np.arange(
            np.floor(room.low[axis] / GRID_MM) * GRID_MM - GRID_MM,
            room.high[axis] + 2 * GRID_MM,
            GRID_MM,
        )
        for axis in (0, 1)
    ]
    z = room.floor_mm
    lines: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    (left, right), (near, far) = ((along[0], along[-1]) for along in marks)
    lines += [((x, near, z), (x, far, z)) for x in marks[0]]
    lines += [((left, y, z), (right, y, z)) for y in marks[1]]
    return lines


def _draw_shadow(
    picture: Picture, figure: Figure, room: Room, eye: _Eye, color: Color, size: float
) -> None:
    flat = figure.positions.copy()
    flat[np.isfinite(flat[:, 2]), 2] = room.floor_mm
    places, nearness = eye.seen(flat)
    width = BONES[figure.role]["width"] * size
    for parent, child in figure.skeleton.bones:
        if _in_reach(places[[parent, child]], picture):
            near = float(nearness[parent])
            _line(picture, places[parent], places[child], color, width * near * 0.8)


def _draw_by_depth(
    picture: Picture, figures: Sequence[Figure], eye: _Eye, theme: Theme, size: float
) -> None:
    """Draw bones and joints of all figures, the farthest first, each with a rim around it."""
    background = THEMES[theme]["background"]
    rim = tone("panel", theme)
    parts: list[tuple[float, float, Array, Array, Color]] = []  # nearness, width, ends, colour
    for figure in figures:
        look = GHOST if figure.ghost else BONES[figure.role]
        opacity = look["opacity"]
        places, nearness = eye.seen(figure.positions)
        skeleton = figure.skeleton
        # A joint stands before the bones that meet there, even where it lies behind their middles.
        in_front = nearness.copy()
        for (parent, child), side in zip(skeleton.bones, skeleton.bone_sides, strict=True):
            if _in_reach(places[[parent, child]], picture):
                near = float(nearness[parent] + nearness[child]) / 2
                in_front[[parent, child]] = np.maximum(in_front[[parent, child]], near)
                color = mixed(SIDE_COLORS[side], background, opacity)
                width = look["width"] * size * near
                parts.append((near, width, places[parent], places[child], color))
        for joint, side in enumerate(skeleton.sides):
            if _in_reach(places[[joint]], picture):
                color = mixed(_joint_color(figure, joint, SIDE_COLORS[side]), background, opacity)
                near = float(nearness[joint])
                # A dot is a line without length.
                width = max(look["joint"] + 3 * (figure.errors is not None), look["width"] + 2)
                parts.append(
                    (
                        float(in_front[joint]) + 1e-3,
                        width * size * near,
                        places[joint],
                        places[joint],
                        color,
                    )
                )
    for _, width, start, end, color in sorted(parts, key=lambda part: part[0]):
        _line(picture, start, end, rim, width + 2 * size)
        _line(picture, start, end, color, width)


def _joint_color(figure: Figure, joint: int, side: str) -> str:
    if figure.errors is None:
        return side
    error = float(figure.errors[joint])
    return SIDE_COLORS["middle"] if np.isnan(error) else error_color(error)


def _in_reach(places: Array, picture: Picture) -> bool:
    """Tell whether places (N, 2) are known and not so far off that OpenCV's numbers overflow."""
    reach = 4 * max(picture.shape[:2])
    return bool((np.abs(places) < reach).all())


def _line(picture: Picture, start: Array, end: Array, color: Color, width: float) -> None:
    """Draw a line with round ends; of fractions of a pixel, its width is rounded."""
    first, last = (
        tuple((end_ * (1 << SHIFT)).round().astype(int).tolist()) for end_ in (start, end)
    )
    thickness = max(1, round(width))
    if first == last:
        _dot(picture, start, color, width / 2)
    else:
        cv2.line(picture, first, last, color, thickness, cv2.LINE_AA, SHIFT)


def _dot(picture: Picture, place: Array, color: Color, radius: float) -> None:
    # As a polygon: OpenCV's own small circles are diamonds.
    corners = (place + radius * _CIRCLE) * (1 << SHIFT)
    cv2.fillConvexPoly(picture, corners.round().astype(np.int32), color, cv2.LINE_AA, SHIFT)
