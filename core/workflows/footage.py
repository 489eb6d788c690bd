"""Look at a photo, a film or a folder of pictures: who is in it, and small pictures to show.

This is the 2D detector's way in; `predict` lifts what it finds. Nothing leaves the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.dataset import Pictures
from core.errors import PoseFormatError
from core.formats import media
from core.formats.detections import Detections
from core.workflows import fetch_detector

if TYPE_CHECKING:
    from core.detector import models
    from core.detector.tracking import Eyes

Progress = Callable[[int, int], None]

SUFFIXES, PHOTO_SUFFIXES = media.SUFFIXES, media.PHOTO_SUFFIXES
LAYOUT = "MediaPipe-33"
WRITER = "BlazePose"

# No more pictures are looked at: beyond, a range or a stride must be chosen.
MOST_FRAMES = 3000
# Small pictures have about this many px; fewer where there are many of them, and more where there
# are few, as many in all as of `FEW_FRAMES`.
SMALL_PX, SMALLER_PX, LARGER_PX = 360 * 640, 240 * 426, 900 * 1600
MANY_FRAMES, FEW_FRAMES = 1200, 300
JPEG_QUALITY = 50
MOST_THREADS = 4
# Of 255: a picture that is nowhere brighter, noise apart, shows nothing.
BLACK = 16
# From so many px on, decoding a film takes longer than looking at it.
LARGE_PX = 6_000_000
# Seconds without a report of progress are seconds in which nobody can cancel.
REPORT_EVERY_S = 0.1


@dataclass(frozen=True)
class Span:
    """Which frames of a film to look at.

    Attributes:
        first: the first, counted from 0.
        last: the last, or None for the film's end.
        stride: take each n-th.
    """

    first: int = 0
    last: int | None = None
    stride: int = 1

    def count(self, frames: int) -> int:
        """How many frames of a film of so many (0: unknown) are in it, at most `MOST_FRAMES`."""
        last = frames - 1 if self.last is None else min(self.last, frames - 1)
        if frames == 0:
            return 0
        return max(0, min((last - self.first) // self.stride + 1, MOST_FRAMES))


WHOLE = Span()


@dataclass(frozen=True, eq=False)
class Original:
    """Where the pictures that were looked at lie, in full size.

    Attributes:
        path: the photo, film, or folder of photos.
        span: which of its frames.
        size_px: width and height, upright.
        is_photo: whether it is a single photo.
        kept_by: whatever keeps the file where it is for as long as it is held.
    """

    path: Path
    span: Span
    size_px: tuple[int, int]
    is_photo: bool = False
    kept_by: object = None

    @property
    def largest_px(self) -> tuple[int, int] | None:
        """Width and height of what is there."""
        return self.size_px

    def pictures(self, frames: range) -> Generator[media.Picture, None, None]:
        """Decode some of the frames that were looked at, counted as there.

        Raises:
            PoseFormatError: the file has gone.
        """
        if not self.path.exists():
            problem = "the pictures are not there any more: the file was moved or removed"
            raise PoseFormatError(problem, file=self.path)
        stride = self.span.stride
        part = Span(
            self.span.first + frames[0] * stride,
            self.span.first + frames[-1] * stride,
            stride * frames.step,
        )
        return _pictures(_source(self.path, str(self.path)), part)


@dataclass(frozen=True, eq=False)
class Footage:
    """What was seen.

    Attributes:
        detections: people by frame, px of the full picture.
        pictures: small, one a frame.
        fps: of the frames that were looked at.
        original: where the pictures come from.
        notes: what to know about the file, one sentence each.
    """

    detections: Detections
    pictures: Pictures
    fps: float
    original: Original
    notes: tuple[str, ...] = ()


def matches(path: str | Path) -> bool:
    """Tell whether a path is a photo, a film, or a folder of photos without keypoints."""
    path = Path(path).expanduser()
    if not path.is_dir():
        return media.matches(path)
    names = [p.suffix.lower() for p in path.iterdir()]
    return ".json" not in names and any(name in media.PHOTO_SUFFIXES for name in names)


@dataclass(frozen=True)
class Announced:
    """What a photo, film or folder of photos says of itself.

    Attributes:
        frames: how many; 0 if unknown.
        fps: its pace.
        notes: what to know before it is looked at; `Footage.notes` begins with them.
    """

    frames: int
    fps: float
    notes: tuple[str, ...] = ()


def announced(path: str | Path, name: str = "") -> Announced:
    """Ask a photo, film or folder of photos what it is, quickly.

    Raises:
        PoseFormatError: nothing in it can be decoded; `name` is what its owner calls it.
    """
    source = _source(Path(path), name or str(path))
    return Announced(source.frames, source.fps, tuple(_beforehand(source)))


def look(
    path: str | Path,
    eyes: Eyes,
    *,
    name: str = "",
    span: Span = WHOLE,
    most_people: int | None = None,
    kept_by: object = None,
    progress: Progress | None = None,
) -> Footage:
    """Find the people in a photo or film.

    Args:
        path: the file, or a folder of photos of one size.
        eyes: see `open_eyes`.
        name: for messages, where the path is not what the user called it.
        span: which frames.
        most_people: no more are followed at once.
        kept_by: see `Original`.
        progress: called with frames done and in all (0: unknown); raise in it to stop. The time
            left may be told from what follows the last call with 0.

    Raises:
        PoseFormatError: nothing can be decoded, the span is empty, or nobody is there.
    """
    from core.detector.tracking import MOST_PEOPLE, Watcher

    called = name or str(path)
    source = _source(Path(path), called)
    expected = span.count(source.frames)
    if source.frames and not expected:
        problem = f"it has {source.frames:,} frames, and frame {span.first + 1:,} is beyond its end"
        raise PoseFormatError(problem, file=called)
    fps = source.fps / span.stride
    watcher = Watcher(eyes, fps, MOST_PEOPLE if most_people is None else most_people)
    small_px = _px_of_small(expected)
    people: list[NDArray[np.floating[Any]]] = []
    encoded: list[bytes] = []
    brightest, told, cut = 0, 0.0, False
    if progress is not None:
        progress(0, expected)
    with closing(_pictures(source, span)) as pictures:
        for picture in pictures:
            if len(people) == MOST_FRAMES:
                cut = True
                break
            small = _small(picture, small_px)
            brightest = max(brightest, _brightness(small))
            people.append(watcher.look(picture))
            encoded.append(_encoded(small))
            if progress is not None and len(people) == 1:
                # The first picture takes long, since the models are loaded for it.
                progress(0, expected)
            elif progress is not None and time.monotonic() - told > REPORT_EVERY_S:
                progress(len(people), max(expected, len(people)) if expected else 0)
                told = time.monotonic()
    if not people:
        raise PoseFormatError("it ends before the first frame that was asked for", file=called)
    if progress is not None:
        progress(len(people), len(people))
    if not any(len(frame) for frame in people):
        raise PoseFormatError(_nobody(source, len(people), brightest), file=called)
    detections = Detections(
        tuple(people), WRITER, called, fps, source.size_px, layouts_possible=(LAYOUT,)
    )
    notes = (*_beforehand(source), *_notes(source, len(people), expected, cut))
    original = Original(
        Path(path).expanduser(), span, source.size_px, source.kind == "photo", kept_by
    )
    return Footage(detections, Pictures(tuple(encoded), source.size_px), fps, original, notes)


def open_eyes(
    variant: models.Variant = "full",
    called: str | Path = "",
    *,
    threads: int | None = None,
) -> Eyes:
    """Make the detector ready; loading it takes a moment at the first picture.

    Args:
        variant: which landmark model.
        called: what is to be looked at, for the message.
        threads: of the runtime; if None, all cores but the one that decodes, 4 at most.

    Raises:
        PoseFormatError: the optional extra is not installed, or its weights are not here; the
            message names the command.
    """
    from core.detector import models
    from core.detector.network import Network

    if not models.is_installed():
        raise PoseFormatError(
            "photos and films need the optional 2D detector: install it with "
            f"`{models.INSTALL}`, then `{models.FETCH}`",
            file=called or "the 2D detector",
        )
    folder = fetch_detector.folder()
    for model in (models.DETECTION, models.LANDMARKS[variant]):
        models.read(folder, model)
    free = min((os.cpu_count() or 2) - 1, MOST_THREADS)
    return Network(folder, variant, max(free, 1) if threads is None else threads)


@dataclass(frozen=True)
class _Folder:
    """Photos of one size in a folder, by name, as a film."""

    path: Path
    kind: str = "folder"
    fps: float = media.FPS

    @property
    def files(self) -> list[Path]:
        return [p for p in sorted(self.path.iterdir()) if p.suffix.lower() in media.PHOTO_SUFFIXES]

    @property
    def frames(self) -> int:
        return len(self.files)

    @property
    def size_px(self) -> tuple[int, int]:
        return media.describe(self.files[0]).size_px


def _source(path: Path, called: str) -> media.Media | _Folder:
    path = path.expanduser()
    try:
        return _Folder(path) if path.is_dir() else media.describe(path)
    except PoseFormatError as error:
        raise PoseFormatError(error.problem, file=called, place=error.place) from None


def _pictures(source: media.Media | _Folder, span: Span) -> Generator[media.Picture, None, None]:
    if isinstance(source, media.Media):
        yield from media.pictures(source, first=span.first, last=span.last, stride=span.stride)
        return
    last = None if span.last is None else span.last + 1
    size = source.size_px
    for file in source.files[span.first : last : span.stride]:
        photo = media.describe(file)
        if photo.size_px != size:
            problem = (
                f"it has {photo.size_px[0]} x {photo.size_px[1]} px, the first photo of its "
                f"folder {size[0]} x {size[1]}: a folder is looked at as one film"
            )
            raise PoseFormatError(problem, file=file)
        yield from media.pictures(photo)


def _px_of_small(frames: int) -> int:
    """Say how large the pictures to show are kept; `frames` is 0 where nobody knows."""
    if frames > MANY_FRAMES:
        return SMALLER_PX
    if not frames:
        return SMALL_PX
    return min(max(SMALL_PX * FEW_FRAMES // frames, SMALL_PX), LARGER_PX)


def _small(picture: media.Picture, px: int) -> media.Picture:
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, (px / (width * height)) ** 0.5)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _encoded(small: media.Picture) -> bytes:
    import cv2

    # JPEG is forty times as fast as WebP here, which counts with one for each frame.
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)


def _brightness(small: media.Picture) -> int:
    """The brightest px but for a few: noise and a logo don't make a picture."""
    return int(np.percentile(small[::4, ::4], 99))


def _nobody(source: media.Media | _Folder, frames: int, brightest: int) -> str:
    what = "this photo" if source.kind == "photo" else f"any of its {frames:,} frames"
    what = what.replace("any of its 1 frames", "its only frame")
    if brightest < BLACK:
        whole = "the photo is" if source.kind == "photo" else f"all {frames:,} frames are"
        return f"{whole} black: there is nothing to see"
    return (
        f"nobody was found in {what}: a person should be seen whole or nearly so, and be at least "
        "a tenth as tall as the picture"
    )


def _beforehand(source: media.Media | _Folder) -> Iterator[str]:
    width, height = source.size_px
    if source.frames != 1 and width * height >= LARGE_PX:
        yield (
            f"The film has {width} x {height} px. People are looked at in 256 x 256 px, so it is "
            "made smaller on the way: it comes out like 1080p, and takes nearly twice as long."
        )


def _notes(source: media.Media | _Folder, seen: int, expected: int, cut: bool) -> Iterator[str]:
    if cut:
        yield (
            f"Only the first {seen:,} frames were looked at; the film has "
            f"{source.frames:,}. Choose a range, or take every 2nd frame or fewer."
            if source.frames
            else f"Only the first {seen:,} frames were looked at."
        )
    elif seen < expected * 0.98 - 1:
        yield (
            f"The film breaks off: {seen:,} of {expected:,} frames could be decoded; the rest is "
            "damaged or missing."
        )
    if source.kind == "film" and seen == 1:
        yield "This is a single frame: it is lifted like a photo, without smoothing."
