"""A data set: recordings by subject, action, take and camera, each with named 2D sources.

Readers in `formats/` and `synthetic/` build it; pages and commands only ever see this type.
A data set is an index that is there at once, and a function that loads one recording of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera
from core.normalization import Statistics
from core.sequence import PoseSequence

Kind = Literal["recorded", "synthetic"]

# The paper's table order. Other data sets' actions follow in the order they come.
ACTIONS = (
    "Directions",
    "Discussion",
    "Eating",
    "Greeting",
    "Phoning",
    "Photo",
    "Posing",
    "Purchases",
    "Sitting",
    "SittingDown",
    "Smoking",
    "Waiting",
    "WalkDog",
    "Walking",
    "WalkTogether",
)
TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")


@dataclass(frozen=True, order=True)
class Key:
    """What names one recording: who did what, which time, seen from where."""

    subject: str
    action: str
    take: str
    camera: str

    def __str__(self) -> str:
        return f"{self.subject} · {self.action} · {self.take} · {self.camera}"


@dataclass(frozen=True)
class Entry:
    """One line of a data set's index: what can be known without loading the poses."""

    key: Key
    frames: int
    fps: float
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """Encoded pictures behind the 2D panel, one per frame.

    Attributes:
        encoded: F byte strings, each a JPEG, PNG or WebP file.
        size_px: width and height of the camera's full picture, to which 2D joints refer; the
            encoded ones may be smaller.
    """

    encoded: tuple[bytes, ...]
    size_px: tuple[int, int]


@dataclass(frozen=True)
class Recording:
    """One loaded recording.

    Attributes:
        key: its name.
        inputs: 2D source name -> sequence in image space, skeleton INPUT_16.
        truth: 3D, skeleton H36M_17, in "camera" space, or "root" where the place is unknown;
            None where there is none.
        camera: None where unknown; its R then can't level the figure.
        pictures: None where there are none.
    """

    key: Key
    inputs: Mapping[str, PoseSequence]
    truth: PoseSequence | None
    camera: Camera | None = None
    pictures: Pictures | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(s) for name, s in self.inputs.items()}
        if self.truth is not None:
            lengths["3D"] = len(self.truth)
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{self.key}: sequences differ in length: {lengths}")

    @property
    def size_px(self) -> tuple[int, int] | None:
        """Width and height of the picture that the 2D refers to, if known."""
        if self.pictures is not None:
            return self.pictures.size_px
        return None if self.camera is None else self.camera.size_px


@dataclass(frozen=True, eq=False)
class Dataset:
    """An index of recordings and the way to load them.

    Attributes:
        id: short and stable, for links ("balancing", "synthetic", or a path).
        title: for people.
        kind: "synthetic" is said wherever the data is shown.
        entries: the index, in the order of show.
        read: loads one recording; called through `load`.
        splits: subject -> "train" or "test".
        statistics: 2D source -> statistics that its owner normalised it with, where the files
            say so. A checkpoint without statistics of its own uses these.
        notes: what a viewer must know about the data (what is measured, what is estimated).
        digest: hash of the content; equal digests mean equal data.
        credit: owner and licence, one line.
    """

    id: str
    title: str
    kind: Kind
    entries: tuple[Entry, ...]
    read: Callable[[Key], Recording]
    digest: str
    splits: Mapping[str, Literal["train", "test"]] = field(default_factory=dict)
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    credit: str = ""

    @cached_property
    def by_key(self) -> dict[Key, Entry]:
        """Entries by their key."""
        return {entry.key: entry for entry in self.entries}

    @cached_property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in the order of show."""
        return tuple(dict.fromkeys(e.key.subject for e in self.entries))

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Actions, the paper's first and in its order."""
        return in_paper_order(e.key.action for e in self.entries)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Every 2D source that at least one recording has."""
        return tuple(dict.fromkeys(s for e in self.entries for s in e.sources))

    @cached_property
    def frames(self) -> int:
        """Frames over all recordings, cameras counted separately."""
        return sum(e.frames for e in self.entries)

    def select(
        self,
        *,
        subjects: Iterable[str] | None = None,
        actions: Iterable[str] | None = None,
        split: Literal["train", "test"] | None = None,
        source: str | None = None,
    ) -> tuple[Entry, ...]:
        """Pick entries by exact names; None picks all. Subjects without a split count as test."""
        wanted_subjects = None if subjects is None else set(subjects)
        wanted_actions = None if actions is None else set(actions)
        return tuple(
            e
            for e in self.entries
            if (wanted_subjects is None or e.key.subject in wanted_subjects)
            and (wanted_actions is None or e.key.action in wanted_actions)
            and (split is None or self.splits.get(e.key.subject, "test") == split)
            and (source is None or source in e.sources)
        )

    def load(self, key: Key) -> Recording:
        """Load one recording; `KeyError` if the data set has none of that name."""
        if key not in self.by_key:
            raise KeyError(f"{self.title} has no recording {key}")
        return self.read(key)


def in_paper_order(actions: Iterable[str]) -> tuple[str, ...]:
    """Sort actions as the paper's tables do; names that it does not have follow as they come."""
    names = tuple(dict.fromkeys(actions))
    known = tuple(a for a in ACTIONS if a in names)
    return known + tuple(a for a in names if a not in ACTIONS)


def valid_frames(sequence: PoseSequence) -> NDArray[np.bool_]:
    """Tell which frames (F,) have every joint."""
    return np.asarray(np.isfinite(sequence.positions).all(axis=(1, 2)))
