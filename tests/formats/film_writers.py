"""Small films and photos, whole and broken, and eyes that see what is painted in them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from core.detector.network import POINTS, Person
from core.detector.regions import NOBODY, Found, Region

WIDTH, HEIGHT = 96, 64
FPS = 25.0


def picture(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Paint the upper left red, the rest grey, and a white bar whose height tells the number."""
    painted = np.full((height, width, 3), 120, dtype=np.uint8)
    painted[: height // 2, : width // 2] = (0, 0, 220)
    painted[height - 1 - 2 * number :, width - 8 :] = 255
    return painted


def number_of(painted: np.ndarray) -> int:
    return int(((painted[:, -4:].mean(axis=(1, 2)) > 200).sum() - 1) / 2 + 0.5)


def write_film(
    path: Path, pictures: list[np.ndarray], *, fps: float = FPS, codec: str = "mp4v"
) -> Path:
    height, width = pictures[0].shape[:2]
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    assert film.isOpened()
    for one in pictures:
        film.write(one)
    film.release()
    return path


def turn(path: Path) -> Path:
    """Note in an MP4 file that it is to be shown turned right by a quarter, as phones do."""
    content = bytearray(path.read_bytes())
    matrix = content.find(b"tkhd") + 4 + 40
    content[matrix : matrix + 36] = struct.pack(
        ">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000
    )
    path.write_bytes(content)
    return path


def turned_photo(painted: np.ndarray) -> bytes:
    """Encode a JPEG with the note (EXIF orientation 6) that it is to be turned right."""
    content = cv2.imencode(".jpg", painted)[1].tobytes()
    tiff = b"MM\x00*\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    body = b"Exif\x00\x00" + tiff
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + content[2:]


def sound(seconds: float = 0.5) -> bytes:
    data = bytes(int(16000 * seconds))
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    body = b"WAVE" + head + struct.pack("<4sI", b"data", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@dataclass
class PaintedEyes:
    """See a standing person wherever there is red: hips at its middle."""

    seen: list[tuple[int, ...]] = field(default_factory=list)

    def find(self, picture):
        self.seen.append(picture.shape)
        red = (picture[..., 2] > 180) & (picture[..., 1] < 80)
        if not red.any():
            return NOBODY
        y, x = (axis.mean() for axis in np.nonzero(red))
        points = np.array([[[x, y], [x, y - 20], [x, y - 10], [x, y - 15]]])
        return Found(np.ones(1), np.zeros((1, 4)), points)

    def find_beside(self, picture):
        return NOBODY

    def find_near(self, picture, region):
        return NOBODY

    def find_small(self, picture):
        return NOBODY

    def landmarks(self, picture, region):
        found = self.find(picture)
        if not len(found):
            return Person(np.zeros((len(POINTS), 3)), 0.0, region)
        x, y = found.points[0, 0]
        points = np.concatenate([STANDING * 10 + [x, y], np.full((len(POINTS), 1), 0.9)], axis=1)
        return Person(points, 1.0, Region(x, y, 50, 0))


def _standing() -> np.ndarray:
    """Lay the 33 points out as somebody who stands: x to the picture's right, hips at 0."""
    heights = {"shoulder": -5, "elbow": -2.5, "wrist": 0, "hip": 0, "knee": 4.5, "ankle": 9,
               "ear": -7, "eye": -7.2, "nose": -7}  # fmt: skip
    rows = []
    for name in POINTS:
        side = 1.0 if name.startswith("left") else -1.0 if name.startswith("right") else 0.0
        y = next((v for part, v in heights.items() if part in name), 9.5 if "foot" in name else 0)
        rows.append([side * (1.6 if "shoulder" in name or "elbow" in name else 1.0), y])
    return np.array(rows)


STANDING = _standing()
