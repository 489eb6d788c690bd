"""Looking at photos and films, with eyes that see what the test painted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.detector import models
from core.errors import PoseFormatError
from core.skeleton import INPUT_16
from core.workflows import footage
from core.workflows.footage import Span
from tests.formats.film_writers import (
    HEIGHT,
    WIDTH,
    PaintedEyes,
    number_of,
    picture,
    sound,
    turn,
    write_film,
)


def decoded(encoded: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), 1))


def film(folder, frames=12, **options):
    return write_film(folder / "film.mp4", [picture(i) for i in range(frames)], **options)


def test_a_film_gives_its_people_its_pictures_and_its_pace(tmp_path):
    seen = footage.look(film(tmp_path), PaintedEyes())
    assert len(seen.detections.frames) == len(seen.pictures.encoded) == 12
    assert seen.pictures.size_px == seen.detections.size_px == (WIDTH, HEIGHT)
    assert seen.fps == 25.0
    assert seen.notes == ()
    person = seen.detections.person(0)
    assert (person.fps, person.skeleton, person.space) == (25.0, INPUT_16, "image")
    hip = person.positions[:, 0]
    np.testing.assert_allclose(hip, np.tile([WIDTH / 4, HEIGHT / 4], (12, 1)), atol=3)


def test_small_pictures_show_their_frames_in_order(tmp_path):
    seen = footage.look(film(tmp_path), PaintedEyes(), span=Span(2, 9, 3))
    shown = [decoded(p) for p in seen.pictures.encoded]
    assert [number_of(one) for one in shown] == [2, 5, 8]
    assert seen.fps == pytest.approx(25 / 3)


def test_a_large_picture_is_kept_small_in_its_proportions(tmp_path):
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), picture(0, width=3840, height=2160))
    (encoded,) = footage.look(path, PaintedEyes()).pictures.encoded
    height, width = decoded(encoded).shape[:2]
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    assert width * height == pytest.approx(footage.LARGER_PX, rel=0.02)


@pytest.mark.parametrize(
    ("frames", "px"),
    [(1, footage.LARGER_PX), (100, 3 * footage.SMALL_PX), (300, footage.SMALL_PX),
     (1200, footage.SMALL_PX), (1201, footage.SMALLER_PX), (0, footage.SMALL_PX)],
)  # fmt: skip
def test_pictures_of_a_short_film_are_kept_larger(frames, px):
    assert footage._px_of_small(frames) == px


def test_points_are_px_of_the_upright_picture(tmp_path):
    seen = footage.look(turn(film(tmp_path)), PaintedEyes())
    assert seen.detections.size_px == (HEIGHT, WIDTH)
    x, y = seen.detections.person(0).positions[0, 0]
    assert x == pytest.approx(HEIGHT * 3 / 4, abs=3)
    assert y == pytest.approx(WIDTH / 4, abs=3)


def test_a_folder_of_photos_is_a_film(tmp_path):
    for i in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture(i))
    assert footage.matches(tmp_path)
    seen = footage.look(tmp_path, PaintedEyes())
    shown = [decoded(p) for p in seen.pictures.encoded]
    assert [number_of(one) for one in shown] == [0, 1, 2]


def test_photos_of_different_sizes_are_no_film(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), picture(0))
    cv2.imwrite(str(tmp_path / "1.png"), picture(0, width=40))
    with pytest.raises(PoseFormatError, match=r"1.png: it has 40 x 64 px, the first photo"):
        footage.look(tmp_path, PaintedEyes())


def test_progress_counts_the_frames_and_can_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(footage, "REPORT_EVERY_S", 0.0)
    told = []
    footage.look(film(tmp_path), PaintedEyes(), progress=lambda *now: told.append(now))
    assert told == [(0, 12), *((i, 12) for i in range(13) if i != 1), (12, 12)]
    assert told[:3] == [(0, 12), (0, 12), (2, 12)], "loading the models tells nothing of the pace"

    class StopError(Exception): ...

    def stop(done, in_all):
        raise StopError

    with pytest.raises(StopError):
        footage.look(tmp_path / "film.mp4", PaintedEyes(), progress=stop)


def test_a_film_longer_than_the_limit_is_cut_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(footage, "MOST_FRAMES", 5)
    seen = footage.look(film(tmp_path), PaintedEyes())
    assert len(seen.detections.frames) == 5
    assert seen.notes[0].startswith("Only the first 5 frames were looked at; the film has 12.")
    assert footage.look(tmp_path / "film.mp4", PaintedEyes(), span=Span(stride=3)).notes == ()


def test_a_film_that_breaks_off_says_how_much_was_there(tmp_path):
    rng = np.random.default_rng(0)
    noise = [rng.integers(90, 130, (240, 320, 3)).astype(np.uint8) for _ in range(40)]
    for one in noise:
        one[:60, :60] = (0, 0, 220)
    path = write_film(tmp_path / "film.avi", noise, codec="MJPG")
    content = bytearray(path.read_bytes())
    # A frame in the middle is overwritten, as by a bad disk.
    content[len(content) // 2 : -20000] = bytes(len(content) - 20000 - len(content) // 2)
    path.write_bytes(content)
    seen = footage.look(path, PaintedEyes())
    assert any("The film breaks off" in note for note in seen.notes)


def test_a_large_film_says_before_and_after_what_becomes_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(footage, "LARGE_PX", WIDTH * HEIGHT)
    path = film(tmp_path)
    (before,) = footage.announced(path).notes
    assert before.startswith("The film has 96 x 64 px. People are looked at in 256 x 256 px")
    assert footage.look(path, PaintedEyes()).notes == (before,)
    monkeypatch.setattr(footage, "LARGE_PX", WIDTH * HEIGHT + 1)
    assert footage.announced(path) == footage.Announced(12, 25.0)


def test_a_film_of_one_frame_says_so(tmp_path):
    (note,) = footage.look(film(tmp_path, frames=1), PaintedEyes()).notes
    assert note.startswith("This is a single frame")


def black(frames):
    return [np.full((HEIGHT, WIDTH, 3), 3, dtype=np.uint8)] * frames


def grey(frames):
    return [np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)] * frames


@pytest.mark.parametrize(
    ("pictures", "problem"),
    [
        (black(4), "all 4 frames are black: there is nothing to see"),
        (grey(4), "nobody was found in any of its 4 frames: a person should be seen whole"),
        (grey(1), "nobody was found in its only frame"),
    ],
    ids=["black", "nobody", "nobody in one"],
)
def test_a_film_that_shows_nobody_says_why(tmp_path, pictures, problem):
    path = write_film(tmp_path / "film.mp4", pictures)
    with pytest.raises(PoseFormatError, match=problem):
        footage.look(path, PaintedEyes())


def test_a_range_beyond_the_end_is_told(tmp_path):
    with pytest.raises(PoseFormatError, match="it has 12 frames, and frame 21 is beyond its end"):
        footage.look(film(tmp_path), PaintedEyes(), span=Span(first=20))


def test_a_message_calls_the_file_as_its_owner_does(tmp_path):
    (tmp_path / "x.mp4").write_bytes(sound())
    with pytest.raises(PoseFormatError, match=r"^my film.mp4: this is sound"):
        footage.look(tmp_path / "x.mp4", PaintedEyes(), name="my film.mp4")


@pytest.mark.parametrize(
    ("span", "frames", "count"),
    [(Span(), 10, 10), (Span(3), 10, 7), (Span(3, 5), 10, 3), (Span(0, 99), 10, 10),
     (Span(0, None, 4), 10, 3), (Span(10), 10, 0), (Span(), 0, 0), (Span(), 10**6, 3000)],
)  # fmt: skip
def test_a_span_knows_how_many_frames_it_has(span, frames, count):
    assert span.count(frames) == count


def test_without_the_extra_it_names_the_two_commands(monkeypatch):
    monkeypatch.setattr(models, "is_installed", lambda: False)
    with pytest.raises(PoseFormatError, match=f"`{models.INSTALL}`, then `{models.FETCH}`"):
        footage.open_eyes()


def test_without_the_weights_it_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("POSE_BASELINE_CACHE", str(tmp_path))
    monkeypatch.setattr(models, "is_installed", lambda: True)
    with pytest.raises(PoseFormatError, match=f"`{models.FETCH}`"):
        footage.open_eyes()
