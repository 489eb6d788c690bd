"""One's own film or photo with the skeleton over it, in full size and at its own pace."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.dataset import Pictures
from core.errors import PoseFormatError
from core.formats.media import Picture
from core.sequence import PoseSequence
from core.workflows.film import LARGEST_FPS, frames_at, write_pictures
from core.workflows.footage import Original
from core.workflows.in_place import whole_file

# Frames that are done, and frames in all.
Progress = Callable[[int, int], None]

FILMS, PHOTOS = (".mp4", ".gif"), (".png", ".jpg")
SUFFIXES = (*FILMS, *PHOTOS)
# A GIF of more px is of no use to anybody.
GIF_WIDTH = 640
PHOTO_QUALITY = 92
# A person so tall, px, is drawn as thick as in the viewer; others in proportion, but for these.
USUAL_HEIGHT_PX, THINNEST, THICKEST = 400.0, 0.4, 4.0


@dataclass(frozen=True, eq=False)
class Small:
    """Pictures that are there in memory only, in whatever size they have.

    Attributes:
        kept: one a frame.
    """

    kept: Pictures

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height that the joints refer to."""
        return self.kept.size_px

    @property
    def largest_px(self) -> tuple[int, int] | None:
        """Width and height of what is there: nobody knows before it is decoded."""
        return None

    def pictures(self, frames: range) -> Generator[Picture, None, None]:
        """Decode some of them."""
        import cv2

        for frame in frames:
            content = np.frombuffer(self.kept.encoded[frame], dtype=np.uint8)
            yield np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), dtype=np.uint8)


def annotate(
    path: str | Path,
    original: Original | Small,
    joints_2d: PoseSequence,
    *,
    frames: range | None = None,
    width: int | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
) -> str:
    """Draw a 2D pose over the pictures that it was found in.

    Frames without the person stay as they are.

    Args:
        path: .mp4 or .gif; .png or .jpg for a single frame.
        original: the pictures, one for each frame of `joints_2d`.
        joints_2d: image space, px of the full picture.
        frames: which ones, with any step above 0; all if None.
        width: px; the pictures' own (a GIF: 640 at most) if None, and never more.
        fps: pictures a second of a film; the sequence's own where None (a GIF: 20 at most).
        progress: called after each frame; raise in it to stop, and no file stays.

    Returns:
        What people should know of the file, as a few words.

    Raises:
        PoseFormatError: another ending, the pictures are gone, or it can't be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise PoseFormatError(f"pictures are written as {known}, not {suffix!r}", file=path)
    frames = range(len(joints_2d)) if frames is None else frames
    if width is None and suffix == ".gif":
        width = GIF_WIDTH
    drawn = _drawn(original, joints_2d, frames, width)
    if suffix in PHOTOS:
        if len(frames) != 1:
            problem = f"a film of {len(frames)} frames is written as {', '.join(FILMS)}"
            raise PoseFormatError(problem, file=path)
        return _write_photo(path, drawn)
    pace = joints_2d.fps / frames.step
    wanted = fps or (min(pace, LARGEST_FPS[suffix]) if suffix == ".gif" else pace)
    shown = frames_at(range(len(frames)), pace, wanted)
    size = [0, 0]

    def sized() -> Iterator[Picture]:
        for picture in _at(drawn, shown):
            size[:] = picture.shape[1::-1]
            yield picture

    with closing(drawn):
        write_pictures(path, sized(), len(shown), fps=wanted, progress=progress)
    return f"{size[0]} x {size[1]} px, {len(shown) / wanted:.1f} s"


def _drawn(
    original: Original | Small, joints_2d: PoseSequence, frames: range, width: int | None
) -> Generator[Picture, None, None]:
    """Decode, make smaller, draw; each picture has an even size, as films must."""
    import cv2

    from core.viz.drawing import draw_overlay

    height_px = _height_px(joints_2d)
    with closing(original.pictures(frames)) as pictures:
        for frame, picture in zip(frames, pictures, strict=False):
            own = picture.shape[1]
            scale = 1.0 if width is None else min(1.0, width / own)
            size = [max(round(length * scale) // 2 * 2, 2) for length in picture.shape[1::-1]]
            if scale < 1:
                ready = np.asarray(
                    cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8
                )
            else:
                ready = np.ascontiguousarray(picture[: size[1], : size[0]])
            by_picture = own * scale / original.size_px[0]
            draw_overlay(
                ready,
                joints_2d.positions[frame] * by_picture,
                joints_2d.skeleton,
                size=float(np.clip(height_px * by_picture / USUAL_HEIGHT_PX, THINNEST, THICKEST)),
            )
            yield ready


def _at(drawn: Iterator[Picture], shown: list[int]) -> Iterator[Picture]:
    """Leave out or repeat pictures; their numbers only grow."""
    places = iter(shown)
    wanted = next(places, None)
    for number, picture in enumerate(drawn):
        while wanted == number:
            yield picture
            wanted = next(places, None)
        if wanted is None:
            return


def _height_px(joints_2d: PoseSequence) -> float:
    """How tall the person usually is: the same all along, so that lines don't swell."""
    there = np.isfinite(joints_2d.positions).all(axis=(1, 2))
    if not there.any():
        return USUAL_HEIGHT_PX
    return float(np.median(np.ptp(joints_2d.positions[there], axis=1).max(axis=1)))


def _write_photo(path: Path, drawn: Iterator[Picture]) -> str:
    import cv2

    picture = next(drawn, None)
    if picture is None:
        raise PoseFormatError("its picture can't be decoded any more", file=path)
    options = [cv2.IMWRITE_JPEG_QUALITY, PHOTO_QUALITY] if path.suffix.lower() == ".jpg" else []
    with whole_file(path) as temporary:
        temporary.write_bytes(cv2.imencode(path.suffix.lower(), picture, options)[1].tobytes())
    return f"{picture.shape[1]} x {picture.shape[0]} px"
