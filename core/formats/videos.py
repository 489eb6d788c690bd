"""Videos as small pictures behind the 2D panel. OpenCV is imported only when one is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import PoseFormatError

WIDTH_PX = 360
QUALITY = 22


def small_pictures(path: str | Path, size_px: tuple[int, int]) -> tuple[bytes, ...]:
    """Decode a video into small WebP pictures, one a frame.

    Args:
        path: the video.
        size_px: width and height of the camera's full picture. A video of other proportions is
            taken as that picture fitted between bars, and the bars are cut off.

    Raises:
        PoseFormatError: it can't be decoded.
    """
    import cv2

    capture = cv2.VideoCapture(str(path))
    encoded = []
    try:
        while True:
            found, picture = capture.read()
            if not found:
                break
            inside = _without_bars(picture, size_px)
            height = round(WIDTH_PX * size_px[1] / size_px[0])
            small = cv2.resize(inside, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
            done, data = cv2.imencode(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
            if not done:
                raise PoseFormatError("a frame can't be encoded as WebP", file=path)
            encoded.append(data.tobytes())
    finally:
        capture.release()
    if not encoded:
        raise PoseFormatError("no frame of this video can be decoded", file=path)
    return tuple(encoded)


def _without_bars(picture: Any, size_px: tuple[int, int]) -> Any:
    height, width = picture.shape[:2]
    scale = min(width / size_px[0], height / size_px[1])
    inner_width, inner_height = round(size_px[0] * scale), round(size_px[1] * scale)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    return picture[top : top + inner_height, left : left + inner_width]
