"""The skeleton over one's own pictures: every frame, upright, at their size and pace."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from core.dataset import Pictures
from core.errors import PoseFormatError
from core.sequence import PoseSequence
from core.skeleton import INPUT_16
from core.viz.style import SIDE_COLORS
from core.workflows import footage
from core.workflows.annotate import Small, annotate
from core.workflows.footage import Original, Span
from tests.formats.film_writers import PaintedEyes, picture, turn, write_film

WIDTH, HEIGHT = 320, 240
GREY = 120


def gray_film(folder, frames: int = 8, width: int = WIDTH, height: int = HEIGHT, **options):
    """A film whose frames are told apart by a bar at the right."""
    pictures = []
    for i in range(frames):
        one = np.full((height, width, 3), GREY, dtype=np.uint8)
        one[height - 8 * (i + 1) :, width - 16 :] = 255
        pictures.append(one)
    return write_film(folder / "own.mp4", pictures, **options)


def standing(frames: int = 8, fps: float = 25.0) -> PoseSequence:
    """A person whose joints lie within 40 px of (100, 100), in a line."""
    joints = np.stack([np.linspace(60, 140, 16), np.linspace(140, 60, 16)], axis=1)
    return PoseSequence(np.tile(joints, (frames, 1, 1)), INPUT_16, "image", fps)


def original(path, span: Span = footage.WHOLE, **options) -> Original:
    return Original(path, span, (WIDTH, HEIGHT), **options)


def frames_of(path) -> list[np.ndarray]:
    film = cv2.VideoCapture(str(path))
    found: list[np.ndarray] = []
    while True:
        there, one = film.read()
        if not there:
            return found
        found.append(one)


def number_of(one: np.ndarray) -> int:
    scale = one.shape[0] / HEIGHT
    return round(float((one[:, -8:].mean(axis=(1, 2)) > 190).sum()) / 8 / scale) - 1


def is_drawn(one: np.ndarray, around: tuple[int, int] = (100, 100), reach: int = 50) -> bool:
    """Tell whether a side's colour is near a place, and nowhere else but in the bar."""
    blue_first = [
        [int(SIDE_COLORS[side][i : i + 2], 16) for i in (5, 3, 1)] for side in ("left", "right")
    ]
    near = np.min([np.abs(one.astype(int) - color).sum(axis=2) for color in blue_first], axis=0)
    rows, columns = np.nonzero(near < 90)
    if not len(rows):
        return False
    x, y = around
    assert (abs(columns - x) <= reach).all() and (abs(rows - y) <= reach).all()
    return True


def test_every_frame_comes_in_order_at_its_pace_and_size_with_the_skeleton(tmp_path):
    path = gray_film(tmp_path, fps=24.0)
    told = []
    note = annotate(
        tmp_path / "out.mp4", original(path), standing(fps=24.0),
        progress=lambda *now: told.append(now),
    )  # fmt: skip
    film = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert film.get(cv2.CAP_PROP_FPS) == 24
    shown = frames_of(tmp_path / "out.mp4")
    assert [number_of(one) for one in shown] == list(range(8))
    assert all(one.shape == (HEIGHT, WIDTH, 3) for one in shown)
    assert all(is_drawn(one) for one in shown)
    assert told == [(i, 8) for i in range(1, 9)]
    assert note == "320 x 240 px, 0.3 s"


def test_frames_without_the_person_stay_as_they_are(tmp_path):
    joints = np.array(standing().positions)
    joints[2:5] = np.nan
    annotate(tmp_path / "o.mp4", original(gray_film(tmp_path)), standing().with_positions(joints))
    drawn = [is_drawn(one) for one in frames_of(tmp_path / "o.mp4")]
    assert drawn == [True, True, False, False, False, True, True, True]


@pytest.mark.parametrize(
    ("span", "frames", "expected"),
    [
        (Span(2, 6), None, [2, 3, 4, 5, 6]),
        (Span(1, None, 3), None, [1, 4, 7]),
        (Span(2, 6), range(1, 4), [3, 4, 5]),
        (Span(0, None, 2), range(1, 4, 2), [2, 6]),
    ],
    ids=["a range", "a stride", "part of a range", "part of a stride"],
)
def test_the_frames_are_those_that_were_looked_at(tmp_path, span, frames, expected):
    path = gray_film(tmp_path)
    looked_at = span.count(8)
    sequence = standing(looked_at, 25.0 / span.stride)
    annotate(tmp_path / "o.mp4", original(path, span), sequence, frames=frames)
    shown = frames_of(tmp_path / "o.mp4")
    assert [number_of(one) for one in shown] == expected
    pace = 25.0 / span.stride / (1 if frames is None else frames.step)
    found = cv2.VideoCapture(str(tmp_path / "o.mp4")).get(cv2.CAP_PROP_FPS)
    assert found == pytest.approx(pace, rel=1e-3)


def test_what_looking_found_lies_where_it_was_seen_also_in_a_turned_film(tmp_path):
    large = [picture(i, width=WIDTH, height=HEIGHT) for i in range(3)]
    seen = footage.look(turn(write_film(tmp_path / "t.mp4", large)), PaintedEyes())
    annotate(tmp_path / "o.mp4", seen.original, seen.detections.person(0))
    upright = frames_of(tmp_path / "o.mp4")
    assert [one.shape for one in upright] == [(WIDTH, HEIGHT, 3)] * 3
    x, y = seen.detections.person(0).positions[0, 0]
    assert all(is_drawn(one, (round(x), round(y)), 110) for one in upright)


def test_a_smaller_film_has_its_skeleton_in_the_same_place(tmp_path):
    annotate(tmp_path / "o.mp4", original(gray_film(tmp_path)), standing(), width=160)
    shown = frames_of(tmp_path / "o.mp4")
    assert all(one.shape == (120, 160, 3) for one in shown)
    assert all(is_drawn(one, (50, 50), 28) for one in shown)


def test_nothing_is_made_larger_and_odd_sizes_become_even(tmp_path):
    path = gray_film(tmp_path, width=97, height=65, codec="MJPG")
    sequence = standing()
    note = annotate(tmp_path / "o.mp4", Original(path, Span(), (97, 65)), sequence, width=1000)
    assert note.startswith("96 x 64 px")


def test_a_gif_is_small_and_not_too_fast_and_as_long(tmp_path):
    path = gray_film(tmp_path, frames=9, width=800, height=600)
    annotate(tmp_path / "o.gif", Original(path, Span(), (800, 600)), standing(9, fps=30.0))
    with Image.open(tmp_path / "o.gif") as film:
        assert film.size == (640, 480)
        assert len(list(ImageSequence.Iterator(film))) == 6


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_photo_stays_a_photo(tmp_path, suffix):
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), GREY, dtype=np.uint8))
    out = tmp_path / f"o{suffix}"
    assert annotate(out, original(path, is_photo=True), standing(1)) == "320 x 240 px"
    assert is_drawn(np.asarray(cv2.imread(str(out))))


def test_a_folder_of_photos_becomes_a_film(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), picture(i))
    seen = footage.look(folder, PaintedEyes())
    annotate(tmp_path / "o.mp4", seen.original, seen.detections.person(0))
    assert len(frames_of(tmp_path / "o.mp4")) == 3


def test_small_pictures_in_memory_serve_where_there_are_no_others(tmp_path):
    one = np.full((HEIGHT // 2, WIDTH // 2, 3), GREY, dtype=np.uint8)
    encoded = cv2.imencode(".webp", one)[1].tobytes()
    kept = Small(Pictures((encoded,) * 8, (WIDTH, HEIGHT)))
    annotate(tmp_path / "o.mp4", kept, standing(), frames=range(2, 5))
    shown = frames_of(tmp_path / "o.mp4")
    assert len(shown) == 3 and all(is_drawn(one, (50, 50), 28) for one in shown)


class Stop(Exception):  # noqa: N818
    pass


def test_stopping_leaves_no_file_and_no_thread(tmp_path):
    import threading

    path, before = gray_film(tmp_path), threading.active_count()

    def stop(done, in_all):
        if done == 2:
            raise Stop

    with pytest.raises(Stop):
        annotate(tmp_path / "o.mp4", original(path), standing(), progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["own.mp4"]
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("o.avi", "pictures are written as .mp4, .gif, .png, .jpg, not '.avi'"),
        ("o.png", "a film of 8 frames is written as .mp4, .gif"),
    ],
)
def test_what_can_not_be_written_is_told(tmp_path, name, problem):
    with pytest.raises(PoseFormatError, match=problem):
        annotate(tmp_path / name, original(gray_film(tmp_path)), standing())


def test_a_film_that_has_gone_is_told(tmp_path):
    path = gray_film(tmp_path)
    path.unlink()
    with pytest.raises(PoseFormatError, match="not there any more: the file was moved or removed"):
        annotate(tmp_path / "o.mp4", original(path), standing())
