"""A film shows the packet's panels, frame by frame, in whole even pixels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.dataset import Key, Pictures, Recording
from core.viz.browse import browse_packet
from core.viz.drawing import VIEWS, mixed, tone
from core.viz.film import Film
from core.viz.packet import Packet
from core.viz.style import SIDE_COLORS
from core.workflows.lift import judge, relative_to_root
from tests.toys import RECORDINGS, toy_recording

KEY = Key("S9", "Sitting", "Sitting 1", "54138969")


def packet(*, missing: bool = False, picture: np.ndarray | None = None) -> Packet:
    recording = toy_recording(KEY, missing=missing)
    if picture is not None:
        encoded = cv2.imencode(".png", picture)[1].tobytes()
        pictures = Pictures((encoded,) * RECORDINGS[KEY], (1000, 1002))
        recording = replace(recording, pictures=pictures)
    return packet_of(recording)


def packet_of(recording: Recording) -> Packet:
    assert recording.truth is not None
    truth = relative_to_root(recording.truth)
    prediction = truth.with_positions(truth.positions * 1.1)
    aligned, errors = judge(prediction.positions, truth.positions)
    return browse_packet(recording, "gt", prediction, aligned, errors)


@pytest.mark.parametrize("width", [320, 641, 1280])
def test_pictures_have_even_sizes_and_are_all_of_one_size(width: int) -> None:
    film = Film(packet(), width=width)
    assert film.size_px[0] % 2 == film.size_px[1] % 2 == 0
    assert abs(film.size_px[0] - width) <= 1
    for frame in range(film.packet.frames):
        assert film.draw(frame).shape == (*film.size_px[::-1], 3)


def test_each_panel_draws_its_figures_and_frames_differ() -> None:
    film = Film(packet())
    first, second = film.draw(0), film.draw(1)
    assert (first != second).any()
    blue = (first == mixed(SIDE_COLORS["left"], "#000000", 1.0)).all(axis=2)
    third = first.shape[1] // 3
    for panel in range(3):
        assert blue[60:, panel * third : (panel + 1) * third].sum() > 50, f"panel {panel} is empty"


def test_the_camera_does_not_move_while_the_person_does() -> None:
    film = Film(packet())
    a, b = film.draw(0), film.draw(2)
    floor = (a == b).all(axis=2) & (a != tone("panel", "light")).any(axis=2)
    assert floor[250:, 440:-20].sum() > 1000, "the floor's lines stay where they are"


@pytest.mark.parametrize(
    "change", [{"theme": "dark"}, {"view": VIEWS["side"]}, {"protocol": 2}, {"overlay": False},
     {"error_colors": True}],
    ids=str,
)  # fmt: skip
def test_every_choice_is_seen(change: dict) -> None:
    assert (Film(packet()).draw(0) != Film(packet(), **change).draw(0)).any()


def test_a_frame_with_missing_joints_is_drawn_with_what_there_is() -> None:
    film = Film(packet(missing=True))
    for frame in range(film.packet.frames):
        film.draw(frame)


def test_the_cameras_picture_lies_where_its_pixels_belong() -> None:
    picture = np.zeros((501, 500, 3), dtype=np.uint8)  # half of the camera's size
    picture[:, 250:] = (10, 200, 10)
    shown = packet(picture=picture)
    film = Film(shown, width=1280)
    scale, offset = film._placements[0]
    drawn = film.draw(0)
    middle = film._pad + int(500 * scale + offset[0])
    rows = slice(film._head + 150, film._head + 160)
    assert (drawn[rows, middle + 4 : middle + 12] == (10, 200, 10)).all(axis=2).mean() > 0.5
    assert (drawn[rows, middle - 12 : middle - 4] == 0).all(axis=2).mean() > 0.5


def test_a_picture_that_is_broken_leaves_the_figures() -> None:
    recording = toy_recording(KEY)
    pictures = Pictures((b"no picture",) * RECORDINGS[KEY], (1000, 1002))
    assert Film(packet_of(replace(recording, pictures=pictures))).draw(0).shape


def test_a_long_title_is_cut_and_does_not_run_into_the_numbers() -> None:
    short, long = (
        Film(replace(packet(), title=title), width=640).draw(0) for title in ("A", "A" * 300)
    )
    right = slice(480, 640)
    assert (short[:20, right] == long[:20, right]).all()
