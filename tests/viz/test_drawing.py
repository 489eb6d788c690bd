"""Figures in a picture: the colours of their sides, the nearer before the farther, and no blurs."""

from __future__ import annotations

import numpy as np
import pytest

from core.skeleton import H36M_17, INPUT_16, Skeleton
from core.viz.drawing import (
    VIEWS,
    Figure,
    Room,
    View,
    draw_overlay,
    draw_scene,
    mixed,
    tone,
    write_text,
)
from core.viz.style import CLIPPED_COLOR, SIDE_COLORS, VIRIDIS, error_color

ROOM = Room((-800.0, -800.0, 0.0), (800.0, 800.0, 2000.0))
TWO = Skeleton("two", ("hip", "left_hip"), (-1, 0))


def scene(*figures: Figure, view: View = VIEWS["front"], size: int = 300) -> np.ndarray:
    picture = np.zeros((size, size, 3), dtype=np.uint8)
    draw_scene(picture, figures, ROOM, view=view)
    return picture


def places_of(picture: np.ndarray, color: str) -> np.ndarray:
    """Find (x, y) of the pixels of exactly this colour."""
    y, x = np.nonzero((picture == mixed(color, "#000000", 1.0)).all(axis=2))
    return np.stack([x, y], axis=1)


def bone(side: str, start: tuple[float, ...], end: tuple[float, ...]) -> Figure:
    skeleton = Skeleton("bone", ("hip", f"{side}_hip"), (-1, 0))
    return Figure(np.array([start, end]), skeleton)


@pytest.mark.parametrize(
    ("view", "left_is", "right_is"),
    [("front", -1, 1), ("top", -1, 1)],
)
def test_what_is_left_in_the_room_is_left_in_the_picture(
    view: str, left_is: int, right_is: int
) -> None:
    picture = scene(
        bone("left", (-400, 0, 500), (-400, 0, 1500)),
        bone("right", (400, 0, 500), (400, 0, 1500)),
        view=VIEWS[view],
    )
    assert np.sign(places_of(picture, SIDE_COLORS["left"])[:, 0].mean() - 150) == left_is
    assert np.sign(places_of(picture, SIDE_COLORS["right"])[:, 0].mean() - 150) == right_is


def test_the_side_view_comes_from_the_cameras_right() -> None:
    near_and_far = (
        bone("left", (0, -600, 1000), (0, -600, 1400)),  # nearer to the camera
        bone("right", (0, 600, 1000), (0, 600, 1400)),
    )
    picture = scene(*near_and_far, view=VIEWS["side"])
    nearer, farther = (places_of(picture, SIDE_COLORS[s])[:, 0].mean() for s in ("left", "right"))
    assert nearer < 150 < farther, "seen from its right, what is nearer to the camera is left"


@pytest.mark.parametrize("order", [1, -1], ids=["near first", "far first"])
def test_what_is_nearer_covers_what_is_behind(order: int) -> None:
    near = bone("left", (-500, -500, 1000), (500, -500, 1000))
    far = bone("right", (-500, 500, 1000), (500, 500, 1000))
    level = View(0.0, 0.0)
    picture = scene(*(near, far)[::order], view=level)
    assert len(places_of(picture, SIDE_COLORS["right"])) < len(
        places_of(scene(far, view=level), SIDE_COLORS["right"])
    )
    alone = len(places_of(scene(near, view=level), SIDE_COLORS["left"]))
    assert len(places_of(picture, SIDE_COLORS["left"])) >= 0.95 * alone


def test_up_is_up_and_the_whole_room_is_in_sight() -> None:
    for azimuth in range(0, 360, 45):
        for elevation in (-30.0, 0.0, 40.0, 90.0):
            view = View(float(azimuth), elevation)
            for corner in np.array(np.meshgrid([-1, 1], [-1, 1], [0, 1])).reshape(3, -1).T:
                place = corner * (800, 800, 2000)
                picture = scene(bone("left", tuple(place), tuple(place * 0.9)), view=view, size=120)
                assert (picture != scene(view=view, size=120)).any(), (view, place)
    picture = scene(
        bone("left", (0, 0, 1500), (0, 0, 1900)), bone("right", (0, 0, 50), (0, 0, 300))
    )
    high, low = (places_of(picture, SIDE_COLORS[s])[:, 1].mean() for s in ("left", "right"))
    assert high < low


def test_missing_joints_and_infinite_ones_draw_nothing() -> None:
    empty = scene()
    for lost in (np.nan, np.inf, 1e30):
        assert (scene(bone("left", (lost, 0, 0), (lost, 0, 100))) == empty).all()
    picture = np.full((60, 60, 3), 9, dtype=np.uint8)
    draw_overlay(picture, np.full((16, 2), np.nan), INPUT_16)
    draw_overlay(picture, np.full((16, 2), 1e12), INPUT_16)
    assert (picture == 9).all()


def test_a_ghost_is_paler_than_the_figure() -> None:
    figure = bone("left", (0, 0, 500), (0, 0, 1500))
    ghost = Figure(figure.positions, figure.skeleton, ghost=True)
    assert len(places_of(scene(figure), SIDE_COLORS["left"]))
    assert not len(places_of(scene(ghost), SIDE_COLORS["left"]))


def test_joints_take_the_colour_of_their_error_on_the_one_scale() -> None:
    positions = np.array([[0, 0, 500], [0, 0, 1500.0]])
    picture = scene(Figure(positions, TWO, errors=np.array([0.0, 500.0])))
    assert len(places_of(picture, VIRIDIS[0])) and len(places_of(picture, CLIPPED_COLOR))
    assert error_color(150.0) == VIRIDIS[-1] and error_color(150.1) == CLIPPED_COLOR


def test_an_overlay_stands_where_its_joints_are_with_the_sides_colours() -> None:
    joints = np.full((17, 2), np.nan)
    joints[H36M_17.indices(["hip", "left_hip", "left_knee"])] = [(30, 20), (60, 20), (60, 80)]
    picture = np.zeros((100, 100, 3), dtype=np.uint8)
    draw_overlay(picture, joints, H36M_17, size=1.0)
    found = places_of(picture, SIDE_COLORS["left"])
    assert found[:, 0].min() >= 33 and found[:, 1].max() <= 84
    assert {tuple(p) for p in found} >= {(60, 50), (60, 80), (45, 20)}
    assert not len(places_of(picture, SIDE_COLORS["right"]))


def test_text_is_as_wide_as_it_says_and_may_stand_at_the_right() -> None:
    picture = np.zeros((40, 300, 3), dtype=np.uint8)
    width = write_text(picture, "41.8 mm · äß", (290, 30), height=16, color=(255, 255, 255),
                       right=True)  # fmt: skip
    columns = np.nonzero(picture.any(axis=(0, 2)))[0]
    assert 285 <= columns.max() <= 291
    assert abs(columns.min() - (290 - width)) <= 3


def test_the_tones_of_both_themes_lie_between_background_and_text() -> None:
    for theme in ("light", "dark"):
        grays = [sum(tone(n, theme)) for n in ("background", "panel", "grid", "muted", "text")]
        assert grays == sorted(grays, reverse=theme == "light")
