"""Films as files: MP4 and GIF out of pictures, which appear whole or not at all.

`write_film` draws a packet's panels side by side; `write_pictures` takes any pictures, such as a
user's own video with figures over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import PoseFormatError
from core.workflows.in_place import whole_file

if TYPE_CHECKING:
    from core.viz.film import Film

# Pictures that are done, and pictures in all.
Progress = Callable[[int, int], None]
Picture = NDArray[np.uint8]

SUFFIXES = (".mp4", ".gif")
# Of H.264: the least that leaves thin lines clean.
QUALITY = "20"
# Above this, a smoother film is not worth its size.
LARGEST_FPS = {".mp4": 30.0, ".gif": 20.0}
# GIF counts in hundredths of a second, and viewers slow down what is faster than 50 a second.
LARGEST_COLOR_ERROR = 4.0  # of 255, averaged over a picture
GIF_TICK_S, GIF_FASTEST_FPS = 0.01, 50.0


def write_film(
    path: str | Path,
    film: Film,
    *,
    frames: range | None = None,
    fps: float | None = None,
    progress: Progress | None = None,
) -> Path:
    """Draw a packet's panels as a film, at the recording's own pace.

    Args:
        path: .mp4 or .gif.
        film: what to draw.
        frames: which of the packet's, with step 1; all if None.
        fps: pictures a second; frames are left out or shown longer to keep the pace. The
            recording's own, up to 30 (GIF: 20), if None.
        progress: called after each picture; raise in it to stop, and no file stays.

    Raises:
        PoseFormatError: another ending, no frame, or it can't be written.
    """
    path = Path(path)
    packet = film.packet
    frames = range(packet.frames) if frames is None else frames
    fps = min(packet.fps, LARGEST_FPS.get(path.suffix.lower(), 30.0)) if fps is None else fps
    shown = frames_at(frames, packet.fps, fps)
    return write_pictures(path, map(film.draw, shown), len(shown), fps=fps, progress=progress)


def frames_at(frames: range, fps: float, wanted_fps: float) -> list[int]:
    """Choose the frame that stands at each picture of a film with another rate."""
    pictures = max(1, round(len(frames) * wanted_fps / fps)) if frames else 0
    places = np.floor(np.arange(pictures) * fps / wanted_fps + 1e-9).astype(int)
    return [frames[min(place, len(frames) - 1)] for place in places.tolist()]


def write_pictures(
    path: str | Path,
    pictures: Iterable[Picture],
    count: int,
    *,
    fps: float,
    progress: Progress | None = None,
) -> Path:
    """Write pictures (H, W, 3), blue first, as one film.

    Args:
        path: .mp4 or .gif.
        pictures: all of one even size.
        count: how many there will be, for `progress`.
        fps: pictures a second.
        progress: called after each picture; raise in it to stop, and no file stays.

    Raises:
        PoseFormatError: another ending, no picture, or it can't be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise PoseFormatError(f"films are written as {known}, not {suffix!r}", file=path)
    if count < 1:
        raise PoseFormatError("a film needs at least one frame", file=path)
    if suffix == ".gif" and fps > GIF_FASTEST_FPS:
        problem = f"a GIF has at most {GIF_FASTEST_FPS:.0f} pictures a second, not {fps:g}"
        raise PoseFormatError(problem, file=path)
    with whole_file(path) as temporary:
        told = _telling(pictures, count, progress)
        if suffix == ".gif":
            _write_gif(temporary, told, fps)
        else:
            _write_video(temporary, told, fps)
    return path


def _telling(
    pictures: Iterable[Picture], count: int, progress: Progress | None
) -> Iterator[Picture]:
    for done, picture in enumerate(pictures, start=1):
        yield picture
        if progress is not None:
            progress(done, count)


def _write_video(path: Path, pictures: Iterator[Picture], fps: float) -> None:
    """Write H.264, which browsers, phones and slides play."""
    import av

    try:
        with av.open(str(path), "w", options={"movflags": "faststart"}) as film:
            stream: Any = None
            for picture in pictures:
                if stream is None:
                    stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                    stream.height, stream.width = picture.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    stream.options = {"crf": QUALITY, "preset": "veryfast"}
                    # One core: others are at work, too.
                    stream.thread_count = 1
                film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            film.mux(stream.encode())
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from None


def _write_gif(path: Path, pictures: Iterator[Picture], fps: float) -> None:
    from PIL import Image

    # A palette is kept as long as it serves: with one a picture, still areas would flicker.
    palette: Any = None
    frames = []
    for picture in pictures:
        image = Image.fromarray(picture[..., ::-1])
        if palette is not None:
            frame = image.quantize(palette=palette, dither=Image.Dither.NONE)
            off = np.abs(np.asarray(frame.convert("RGB"), dtype=np.int16) - picture[..., ::-1])
        if palette is None or off.mean() > LARGEST_COLOR_ERROR:
            frame = palette = image.quantize(256, method=Image.Quantize.MEDIANCUT)
        frames.append(frame)
    # Rounded so that the whole keeps its length.
    ends = (np.arange(1, len(frames) + 1) / fps / GIF_TICK_S).round().astype(int)
    durations = (np.diff(ends, prepend=0) * GIF_TICK_S * 1000).round().astype(int).tolist()
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False
    )
