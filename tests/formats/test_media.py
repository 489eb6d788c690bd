"""Photos and films come out upright, whole, and in the frames that were asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.errors import PoseFormatError
from core.formats import media
from tests.formats.film_writers import (
    FPS,
    HEIGHT,
    WIDTH,
    number_of,
    picture,
    sound,
    turn,
    turned_photo,
    write_film,
)


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4", [picture(i) for i in range(12)])


def is_red(painted, row, column) -> bool:
    blue, green, red = painted[row, column].tolist()
    return red > 150 and green < 90 and blue < 90


def test_a_film_says_what_it_is(film):
    found = media.describe(film)
    assert (found.kind, found.size_px, found.fps, found.frames) == ("film", (96, 64), FPS, 12)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({}, list(range(12))),
        ({"first": 4}, list(range(4, 12))),
        ({"last": 3}, [0, 1, 2, 3]),
        ({"first": 1, "last": 10, "stride": 3}, [1, 4, 7, 10]),
        ({"first": 40}, []),
    ],
    ids=str,
)
def test_exactly_the_frames_that_were_asked_for_come(film, span, expected):
    decoded = media.pictures(media.describe(film), **span)
    assert [number_of(one) for one in decoded] == expected


def test_a_range_that_is_none_is_an_error(film):
    with pytest.raises(ValueError, match="are none"):
        next(media.pictures(media.describe(film), first=5, last=4))


def test_a_film_that_a_phone_turned_comes_upright(film):
    found = media.describe(turn(film))
    assert found.size_px == (HEIGHT, WIDTH)
    upright = next(media.pictures(found))
    assert upright.shape == (WIDTH, HEIGHT, 3)
    # What was the upper left is the upper right after a quarter to the right.
    assert is_red(upright, 8, -8)
    assert not is_red(upright, 8, 8)


def test_a_photo_that_a_camera_turned_comes_upright(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(turned_photo(picture(0)))
    found = media.describe(path)
    assert (found.kind, found.size_px, found.frames) == ("photo", (HEIGHT, WIDTH), 1)
    (upright,) = media.pictures(found)
    assert is_red(upright, 8, -8)
    assert not is_red(upright, 8, 8)


@pytest.mark.parametrize("channels", [1, 4], ids=["grey", "alpha"])
def test_a_photo_in_grey_or_with_alpha_comes_in_three_colours(tmp_path, channels):
    painted = np.repeat(picture(0)[..., :1], channels, axis=2)
    cv2.imwrite(str(tmp_path / "p.png"), painted)
    (one,) = media.pictures(media.describe(tmp_path / "p.png"))
    assert one.shape == (HEIGHT, WIDTH, 3)


def test_stopping_early_ends_the_decoding(film):
    import threading

    before = threading.active_count()
    decoded = media.pictures(media.describe(film))
    next(decoded)
    decoded.close()
    assert threading.active_count() == before


def test_a_film_that_breaks_off_gives_what_is_there(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (240, 320, 3)).astype(np.uint8) for _ in range(20)]
    path = write_film(tmp_path / "film.avi", noise, codec="MJPG")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert 5 <= len(list(media.pictures(media.describe(path)))) <= 11


BROKEN = {
    "nothing.mp4": (b"", "the file is empty"),
    "song.mp4": (sound(), "this is sound without pictures"),
    "song.mov": (b"ID3\x03" + bytes(200), "this is sound without pictures"),
    "text.mp4": (b"hello " * 50, "this is no film that can be read"),
    "photo.jpg": (b"\xff\xd8\xff junk", "is no photo that can be read, or cut short"),
    "text.png": (b"hello", "is no photo that can be read, or cut short"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_film_or_photo_is_told_by_name(tmp_path, name):
    content, problem = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PoseFormatError, match=problem) as caught:
        media.describe(tmp_path / name)
    assert caught.value.file == str(tmp_path / name)


def test_a_film_without_its_index_is_told_to_be_cut_short(film):
    content = film.read_bytes()
    film.write_bytes(content[: content.find(b"moov") - 4])
    with pytest.raises(PoseFormatError, match="this film is cut short: its index is missing"):
        media.describe(film)


def test_half_a_photo_is_refused(tmp_path):
    whole = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (99, 99, 3)))[1]
    (tmp_path / "p.jpg").write_bytes(whole.tobytes()[:2000])
    with pytest.raises(PoseFormatError, match="or cut short"):
        media.describe(tmp_path / "p.jpg")
