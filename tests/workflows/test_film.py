"""Films as files: whole, at the right pace, or not there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from core.errors import PoseFormatError
from core.viz.film import Film
from core.workflows.film import frames_at, write_film, write_pictures
from tests.viz.test_film import packet


class Stop(Exception):  # noqa: N818
    pass


def grays(count: int) -> list[np.ndarray]:
    """Pictures that are told apart by how light they are."""
    return [np.full((64, 96, 3), 20 + 20 * i, dtype=np.uint8) for i in range(count)]


def gif(path: Path) -> list[tuple[np.ndarray, int]]:
    """The pictures of a GIF, and how long each is shown, ms."""
    with Image.open(path) as film:
        return [
            (np.asarray(frame.convert("RGB")), frame.info["duration"])
            for frame in ImageSequence.Iterator(film)
        ]


def levels_in(path: Path) -> list[float]:
    if path.suffix == ".gif":
        return [float(picture.mean()) for picture, _ in gif(path)]
    film = cv2.VideoCapture(str(path))
    found: list[float] = []
    while True:
        there, picture = film.read()
        if not there:
            return found
        found.append(float(picture.mean()))


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_every_picture_comes_back_in_its_order(tmp_path: Path, suffix: str) -> None:
    told: list[tuple[int, int]] = []
    path = write_pictures(tmp_path / f"film{suffix}", grays(10), 10, fps=10,
                          progress=lambda done, in_all: told.append((done, in_all)))  # fmt: skip
    np.testing.assert_allclose(levels_in(path), [20 + 20 * i for i in range(10)], atol=6)
    assert told == [(i, 10) for i in range(1, 11)]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_an_mp4_plays_at_its_pace_and_in_whole_size(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "film.mp4", grays(5), 5, fps=25)
    film = cv2.VideoCapture(str(path))
    assert film.get(cv2.CAP_PROP_FPS) == 25
    assert film.get(cv2.CAP_PROP_FRAME_WIDTH) == 96


@pytest.mark.parametrize("fps", [7.0, 12.5, 30.0, 50.0])
def test_a_gif_lasts_as_long_as_it_should(tmp_path: Path, fps: float) -> None:
    path = write_pictures(tmp_path / "film.gif", grays(10), 10, fps=fps)
    lasts = sum(duration for _, duration in gif(path))
    assert lasts == pytest.approx(10 / fps * 1000, abs=10)


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_film_that_is_stopped_leaves_nothing_and_spares_the_old_one(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"film{suffix}"
    path.write_bytes(b"the old one")

    def stop(done: int, _: int) -> None:
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        write_pictures(path, grays(9), 9, fps=10, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"the old one"


@pytest.mark.parametrize(
    ("name", "fps", "says"),
    [
        ("film.avi", 10, "films are written as .mp4, .gif, not '.avi'"),
        ("film.gif", 60, "a GIF has at most 50 pictures a second, not 60"),
        ("none/film.gif", 10, "it can't be written: No such file"),
        ("none/film.mp4", 10, "it can't be written: No such file"),
    ],
)
def test_what_can_not_be_written_is_said(tmp_path: Path, name: str, fps: float, says: str) -> None:
    with pytest.raises(PoseFormatError, match=says) as caught:
        write_pictures(tmp_path / name, grays(2), 2, fps=fps)
    assert str(tmp_path / name) in str(caught.value)


def test_no_frame_makes_no_film(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="at least one frame"):
        write_film(tmp_path / "film.gif", Film(packet()), frames=range(3, 3))


@pytest.mark.parametrize(
    ("frames", "fps", "wanted", "shown"),
    [
        (range(10), 50.0, 25.0, [0, 2, 4, 6, 8]),
        (range(4), 10.0, 20.0, [0, 0, 1, 1, 2, 2, 3, 3]),
        (range(2, 8), 30.0, 30.0, [2, 3, 4, 5, 6, 7]),
        (range(5), 60.0, 0.001, [0]),
        (range(0), 60.0, 30.0, []),
    ],
)
def test_frames_are_left_out_or_repeated_to_keep_the_pace(
    frames: range, fps: float, wanted: float, shown: list[int]
) -> None:
    assert frames_at(frames, fps, wanted) == shown


def test_a_packets_film_shows_its_frames(tmp_path: Path) -> None:
    film = Film(packet(), width=320)
    path = write_film(tmp_path / "film.gif", film, frames=range(1, 4), fps=50.0)
    shown = gif(path)
    assert len(shown) == 3 and shown[0][0].shape[1::-1] == film.size_px
    first = shown[0][0][..., ::-1].astype(int)
    assert np.abs(first - film.draw(1)).mean() < 3
    assert np.abs(first - film.draw(1)).mean() < np.abs(first - film.draw(3)).mean()
