"""Photos and films, decoded upright into pictures. OpenCV is imported only when one is opened.

The orientation that a phone writes into a photo or film is honoured. Decoding runs in a thread of
its own, a few pictures ahead of who uses them, so that memory stays small however long a film is.
"""

from __future__ import annotations

import os
import queue
import struct
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError

Picture = NDArray[np.uint8]  # (H, W, 3), blue, green, red

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
FILM_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp",
    ".ogv", ".ts", ".mts", ".gif",
)  # fmt: skip
SUFFIXES = (*PHOTO_SUFFIXES, *FILM_SUFFIXES)

FPS = 30.0
# What a film says outside of this is no pace of a film.
SLOWEST_FPS, FASTEST_FPS = 0.1, 1000.0
# Pictures that wait between decoding and use; one of a 4k film has 25 MB.
AHEAD = 3
# How files of MP3, FLAC, Ogg and AMR begin.
SOUND = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"fLaC", b"OggS", b"#!AMR")
LARGEST_PHOTO_BYTES = 200 << 20
# Above it a picture would not fit into memory several times over.
LARGEST_PICTURE_PX = 100_000_000


@dataclass(frozen=True)
class Media:
    """What a photo or film says about itself.

    Attributes:
        path: the file.
        kind: a film of one frame stays a film.
        size_px: width and height, upright.
        fps: frames a second; 30 where a film doesn't say, and for photos.
        frames: as announced; what can be decoded may be less. 0 where a film doesn't say.
    """

    path: Path
    kind: Literal["photo", "film"]
    size_px: tuple[int, int]
    fps: float
    frames: int


def matches(path: str | Path) -> bool:
    """Tell whether a file is called like a photo or a film."""
    return Path(path).suffix.lower() in SUFFIXES


def describe(path: str | Path) -> Media:
    """Open a photo or film and see what it is.

    Raises:
        PoseFormatError: there is none, or nothing in it can be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise PoseFormatError("no such file", file=path)
    if not path.stat().st_size:
        raise PoseFormatError("the file is empty", file=path)
    if path.suffix.lower() in PHOTO_SUFFIXES:
        height, width = _photo(path).shape[:2]
        return Media(path, "photo", (width, height), FPS, 1)
    with _opened(path) as film:
        import cv2

        found, picture = film.read()
        if not found:
            raise PoseFormatError(
                "no picture of this film can be decoded: it is cut short, damaged, or in a codec "
                "that OpenCV doesn't know; save it again as H.264 (.mp4)",
                file=path,
            )
        fps, frames = film.get(cv2.CAP_PROP_FPS), film.get(cv2.CAP_PROP_FRAME_COUNT)
    height, width = picture.shape[:2]
    return Media(
        path,
        "film",
        (width, height),
        fps if SLOWEST_FPS <= fps <= FASTEST_FPS else FPS,
        int(frames) if 0 < frames < 1e9 else 0,
    )


def pictures(
    media: Media, *, first: int = 0, last: int | None = None, stride: int = 1
) -> Generator[Picture, None, None]:
    """Decode frames first, first + stride, ... up to and including last (None: to the end).

    A film that breaks off ends there. Closing the iterator ends the decoding.

    Raises:
        PoseFormatError: it can't be opened any more.
        ValueError: the range or stride is none.
    """
    if first < 0 or stride < 1 or (last is not None and last < first):
        raise ValueError(f"frames {first} to {last} in steps of {stride} are none")
    if media.kind == "photo":
        if first == 0:
            yield _photo(media.path)
        return
    waiting: queue.Queue[Picture | Exception | None] = queue.Queue(AHEAD)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_decode, args=(media.path, first, last, stride, waiting, stopped), daemon=True
    )
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        # Room for what the thread may be about to put.
        while thread.is_alive():
            try:
                waiting.get(timeout=0.05)
            except queue.Empty:
                continue


def _decode(
    path: Path,
    first: int,
    last: int | None,
    stride: int,
    waiting: queue.Queue[Picture | Exception | None],
    stopped: threading.Event,
) -> None:
    try:
        with _opened(path) as film:
            frame = 0
            while not stopped.is_set() and (last is None or frame <= last):
                # Seeking lands on key frames in many films; grabbing is exact, and cheap.
                if not film.grab():
                    break
                if frame >= first and (frame - first) % stride == 0:
                    found, picture = film.retrieve()
                    if not found:
                        break
                    waiting.put(picture)
                frame += 1
    except Exception as error:  # raised again where the pictures are used
        waiting.put(error)
    waiting.put(None)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a film with FFmpeg, which turns it upright; its own complaints stay quiet."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not film.isOpened():
            raise PoseFormatError(_why_not(path), file=path)
        film.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield film
    finally:
        film.release()


def _why_not(path: Path) -> str:
    """Say why no pictures come out of a file, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] == b"ftyp":
            if b"moov" not in _boxes(file, path.stat().st_size):
                return (
                    "this film is cut short: its index is missing, as after a copy or a recording "
                    "that broke off"
                )
            return "there are no pictures in this file that can be decoded; is it sound only?"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "this is sound without pictures"
    if head.startswith(SOUND):
        return "this is sound without pictures"
    return "this is no film that can be read"


def _boxes(file: Any, size: int) -> set[bytes]:
    """Name the outermost boxes of an MP4 file that are there whole."""
    names, at = set(), 0
    while at + 8 <= size:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))
        length = length or size - at
        if length < 8 or at + length > size:
            break
        names.add(name)
        at += length
    return names


def _photo(path: Path) -> Picture:
    import cv2

    if path.stat().st_size > LARGEST_PHOTO_BYTES:
        raise PoseFormatError("larger than 200 MB: no photo is", file=path)
    content = np.fromfile(path, dtype=np.uint8)
    try:
        # In colour, which honours the orientation that the camera noted.
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise PoseFormatError("is no photo that can be read, or cut short", file=path)
    if picture.shape[0] * picture.shape[1] > LARGEST_PICTURE_PX:
        raise PoseFormatError("has more than 100 million px; make it smaller first", file=path)
    return np.asarray(picture, dtype=np.uint8)
