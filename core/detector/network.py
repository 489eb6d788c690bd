"""The two models at work: people in a picture, and 33 points of one person.

LiteRT and OpenCV are imported at first use. Several threads may share an instance; they take turns.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.detector import models
from core.detector.regions import (
    DETECTOR_SIDE,
    LANDMARK_SIDE,
    LEAST_SCORE,
    NOBODY,
    Array,
    Found,
    Region,
    decode,
    held,
    one_each,
    refine,
    region_around,
)
from core.errors import PoseFormatError

Picture = NDArray[np.uint8]  # (H, W, 3), blue, green, red: as OpenCV gives it

# fmt: off
# BlazePose's points in order, by the names that `formats.body_landmarks` knows.
POINTS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)
# fmt: on
# After these, the model gives the two points that place the next picture's square, and four more.
HIPS, REACH = 33, 34
LANDMARKS = 39
# Shares of the picture's longer side that tiles have, looked at where nobody is found whole.
TILES = (0.4, 0.2)
# Whoever is guessed in a tile with this score is looked at again.
LEAST_GUESS = 0.3
# Sides of the square in which somebody is looked for who was in it, in that square's.
AROUND = 1.6
# A picture is long if its shorter side is less than this share of the longer one.
LONG = 0.8
# Whoever is found in a part of the picture has a square no larger than so many of that part's.
LARGEST_IN_PART = 1.5


@dataclass(frozen=True, eq=False)
class Person:
    """One person's points in one picture.

    Attributes:
        points: (33, 3) x, y in px of the picture, and 0..1 how surely the point is seen.
        score: 0..1, whether a person is there at all.
        next_region: where to look for the same person in the next picture.
    """

    points: Array
    score: float
    next_region: Region


@dataclass(frozen=True)
class Network:
    """The models of a folder.

    Attributes:
        folder: where they lie.
        variant: which landmark model; "heavy" errs less and takes three times as long.
        threads: of the runtime.

    Raises:
        PoseFormatError: at first use, where the runtime or a model is missing or another file.
    """

    folder: Path
    variant: models.Variant = "full"
    threads: int = 2

    def find(self, picture: Picture) -> Found:
        """Find people in the whole picture."""
        height, width = picture.shape[:2]
        side = max(height, width)
        return self._find_in(picture, [((width - side) / 2, (height - side) / 2, side)])

    def find_beside(self, picture: Picture) -> Found:
        """Find people beside each other in a long picture: in squares as large as its short side.

        In the whole of it they are too small for the detector as soon as there is one who isn't.
        """
        short, long = sorted(picture.shape[:2])
        if short < DETECTOR_SIDE / 2 or short > LONG * long:
            return NOBODY
        return self._find_in(picture, _tiles(picture, short / long), are_parts=True)

    def find_small(self, picture: Picture) -> Found:
        """Find people who are small in the picture: in overlapping tiles of several sizes.

        In a tile they have any size and place, so that many are missed and as many made up. Each
        guess is therefore looked at again in a square of its own, and counts by what is seen there.
        """
        if min(picture.shape[:2]) < DETECTOR_SIDE / 2:
            return NOBODY
        tiles = [tile for share in TILES for tile in _tiles(picture, share)]
        guessed = self._find_in(picture, tiles, are_parts=True, least=LEAST_GUESS)
        squares = [_around(region) for region in guessed.regions()]
        return self._find_in(picture, squares, are_parts=True)

    def find_near(self, picture: Picture, region: Region) -> Found:
        """Find people around a place where somebody was a moment ago."""
        return self._find_in(picture, [_around(region)], are_parts=True)

    def landmarks(self, picture: Picture, region: Region) -> Person:
        """Find the points of the person in a square."""
        import cv2

        into_picture = region.into_picture(LANDMARK_SIDE)
        crop = cv2.warpAffine(
            picture,
            into_picture,
            (LANDMARK_SIDE, LANDMARK_SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        outputs = self._landmark_model(crop[None, :, :, ::-1].astype(np.float32) / 255)
        numbers = outputs[0].reshape(LANDMARKS, 5).astype(np.float64)
        points = refine(numbers[:, :2] / LANDMARK_SIDE, outputs[3][0]) * LANDMARK_SIDE
        in_picture = points @ into_picture[:, :2].T + into_picture[:, 2]
        seen = 1 / (1 + np.exp(-np.clip(numbers[: len(POINTS), 3], -50, 50)))
        return Person(
            np.concatenate([in_picture[: len(POINTS)], seen[:, None]], axis=1),
            float(outputs[1].reshape(-1)[0]),
            region_around(in_picture[HIPS], in_picture[REACH]),
        )

    def _find_in(
        self,
        picture: Picture,
        squares: list[tuple[float, float, float]],
        *,
        are_parts: bool = False,
        least: float = LEAST_SCORE,
    ) -> Found:
        """Look into squares (left, top, side) of the picture; what sticks out is black."""
        scores: list[Array] = [np.empty(0)]
        guesses: list[Array] = [np.empty((0, 12))]
        for left, top, side in squares:
            raw, logits = self._detection_model(_shrunk(picture, left, top, side))
            sure, boxes = decode(raw[0], logits[0], least)
            if are_parts:
                inside = held(boxes, LARGEST_IN_PART)
                sure, boxes = sure[inside], boxes[inside]
            scores.append(sure)
            guesses.append(boxes * side + np.tile([left, top], 6))
        found, boxes = one_each(np.concatenate(scores), np.concatenate(guesses))
        if not len(found):
            return NOBODY
        return Found(found, boxes[:, :4], boxes[:, 4:].reshape(-1, 4, 2))

    @cached_property
    def _detection_model(self) -> Any:
        return _model(self.folder, models.DETECTION, self.threads)

    @cached_property
    def _landmark_model(self) -> Any:
        return _model(self.folder, models.LANDMARKS[self.variant], self.threads)


def _around(region: Region) -> tuple[float, float, float]:
    """Return the square (left, top, side) in which the person of a region is looked for."""
    side = region.side * AROUND
    return region.x - side / 2, region.y - side / 2, side


def _shrunk(picture: Picture, left: float, top: float, side: float) -> NDArray[np.float32]:
    """Cut a square out, in the detector's size and range."""
    import cv2

    height, width = picture.shape[:2]
    square = np.full((1, DETECTOR_SIDE, DETECTOR_SIDE, 3), -1, dtype=np.float32)
    # Whole pixels inside the picture, so that shrinking can average over areas.
    x0, y0 = max(round(left), 0), max(round(top), 0)
    x1, y1 = min(round(left + side), width), min(round(top + side), height)
    if x1 <= x0 or y1 <= y0:
        return square
    scale = DETECTOR_SIDE / side
    size = (max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1))
    small = cv2.resize(picture[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    column, row = round((x0 - left) * scale), round((y0 - top) * scale)
    part = square[0, row : row + size[1], column : column + size[0]]
    part[:] = small[: part.shape[0], : part.shape[1], ::-1] / np.float32(127.5) - 1
    return square


def _tiles(picture: Picture, share: float) -> list[tuple[float, float, float]]:
    """Cover a picture with squares that overlap by half."""
    height, width = picture.shape[:2]
    side = max(height, width) * share

    def starts(length: int) -> Array:
        if length <= side:
            return np.array([(length - side) / 2])
        return np.linspace(0, length - side, int(np.ceil((length - side) / (side / 2))) + 1)

    return [(float(x), float(y), side) for y in starts(height) for x in starts(width)]


def _model(folder: Path, file: models.ModelFile, threads: int) -> Any:
    """Load one model as a function: an input array in, all outputs out."""
    content = models.read(folder, file)
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise PoseFormatError(
            f"running the detector needs an optional package; install it with `{models.INSTALL}`",
            file=folder / file.name,
        ) from None
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    entrance = interpreter.get_input_details()[0]["index"]
    exits = [detail["index"] for detail in interpreter.get_output_details()]

    busy = threading.Lock()

    def run(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with busy:
            interpreter.set_tensor(entrance, values)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in exits]

    return run
