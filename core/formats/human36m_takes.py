"""A data set out of Human3.6M's takes, whichever files they came in.

A take has its 3D once, in the world, and is seen by up to four cameras, each with the 2D that the
files give. Missing 2D ground truth is projected by the original's formula. Knows no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.cameras import Array, Camera, camera_from_world, image_from_camera
from core.dataset import TEST_SUBJECTS, TRAIN_SUBJECTS, Dataset, Entry, Key, Recording
from core.errors import PoseFormatError
from core.sequence import PoseSequence
from core.skeleton import H36M_17, H36M_32, INPUT_16

FPS = 50.0
GROUND_TRUTH = "gt"
CREDIT = "Human3.6M (Ionescu et al., 2014): licensed, not to be passed on"
MOVING_17 = H36M_32.indices(H36M_17.joints)
MOVING_16 = H36M_32.indices(INPUT_16.joints)
INPUT_OF_17 = H36M_17.indices(INPUT_16.joints)
# Subject 1's files call two actions otherwise than everybody else's.
RENAMED = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}

# Beyond this a projection and its own 2D ground truth are not of the same camera or moment.
LARGEST_OFFSET_PX = 2.0


@dataclass(frozen=True)
class Seen:
    """A take as one camera saw it.

    Attributes:
        camera: its name.
        frames: how many frames all that it has are long.
        inputs: 2D source -> function that loads (F, 16, 2) px, joints as INPUT_16.
        truth: loads (F, 17, 3) mm in the camera frame, for files without a world; or None.
    """

    camera: str
    frames: int
    inputs: Mapping[str, Callable[[], Array]] = field(default_factory=dict)
    truth: Callable[[], Array] | None = None


@dataclass(frozen=True)
class Take:
    """One performance.

    Attributes:
        subject, action, name: as in `Key`.
        world: loads (F, 17, 3) mm; None where the files have no world.
        seen: by which cameras.
    """

    subject: str
    action: str
    name: str
    world: Callable[[], Array] | None
    seen: tuple[Seen, ...]


def take_name(stem: str) -> tuple[str, str]:
    """Find action and take in a file's name: "TakingPhoto 1" -> ("Photo", "Photo 1")."""
    words = stem.replace("_", " ").strip()
    match = re.fullmatch(r"(.*?)(?:\s+(\d+))?", words)
    action, number = (match[1], match[2]) if match else (words, None)
    action = RENAMED.get(action, action)
    return action, f"{action} {number}" if number else action


def subject_order(subject: str) -> tuple[int, str]:
    """Sort S9 before S11, and others by name."""
    digits = re.sub(r"\D", "", subject)
    return int(digits) if digits else 0, subject


def dataset(
    takes: list[Take],
    cameras: Mapping[str, Mapping[str, Camera]],
    *,
    path: str,
    title: str,
    digest: str,
    notes: tuple[str, ...] = (),
    fps: float = FPS,
) -> Dataset:
    """Make the data set.

    Args:
        takes: in the order of show.
        cameras: subject -> name -> camera; those that are not known are left out.
        path: where it came from: its id.
        title: for people.
        digest: of the content.
        notes: what a viewer must know.
        fps: frames a second.

    Raises:
        PoseFormatError: two takes have one name, or there is none.
    """
    index: dict[Key, tuple[Take, Seen]] = {}
    entries = []
    for take in takes:
        for seen in take.seen:
            key = Key(take.subject, take.action, take.name, seen.camera)
            if key in index:
                raise PoseFormatError(f"two takes have the same name ({key})", file=path)
            sources = tuple(seen.inputs)
            placed = seen.camera in cameras.get(take.subject, {})
            if take.world is not None and placed and GROUND_TRUTH not in sources:
                sources = (GROUND_TRUTH, *sources)
            if not sources or seen.frames < 1:
                continue
            index[key] = take, seen
            entries.append(Entry(key, seen.frames, fps, sources))
    if not entries:
        raise PoseFormatError(
            "nothing in it has 2D: beside 3D in the world it takes 2D files, or the cameras "
            "(Human3.6M's metadata.xml in the same folder), to see anybody",
            file=path,
        )

    def load(key: Key) -> Recording:
        take, seen = index[key]
        return _recording(key, take, seen, cameras.get(take.subject, {}).get(seen.camera), fps)

    subjects = {entry.key.subject for entry in entries}
    splits = {s: "train" for s in subjects if s in TRAIN_SUBJECTS}
    splits |= {s: "test" for s in subjects if s in TEST_SUBJECTS}
    return Dataset(
        id=path,
        title=title,
        kind="recorded",
        entries=tuple(entries),
        read=load,
        digest=digest,
        splits=splits,  # type: ignore[arg-type]
        notes=notes,
        credit=CREDIT,
    )


def _recording(key: Key, take: Take, seen: Seen, camera: Camera | None, fps: float) -> Recording:
    frames = seen.frames
    inputs = {}
    truth = None
    positions = None
    said = "motion capture"
    if take.world is not None and camera is not None:
        world = take.world()[:frames].astype(np.float64)
        positions = camera_from_world(world, camera.R, camera.t)
        if GROUND_TRUTH not in seen.inputs:
            pixels = image_from_camera(positions[:, INPUT_OF_17], camera)
            inputs[GROUND_TRUTH] = _input(pixels, f"projected by camera {camera.name}", fps)
    elif seen.truth is not None:
        positions = seen.truth()[:frames]
    if positions is not None:
        truth = PoseSequence(positions, H36M_17, "camera", fps, source=said)
    for source, load in seen.inputs.items():
        inputs[source] = _input(load()[:frames], source, fps)
    return Recording(key, inputs, truth, camera)


def _input(pixels: Array, source: str, fps: float) -> PoseSequence:
    return PoseSequence(pixels, INPUT_16, "image", fps, source=source)


def pixel_offset(take: Take, seen: Seen, camera: Camera, frames: int = 50) -> float:
    """Measure how far a take's own 2D ground truth lies from its projection: median, px."""
    if take.world is None or GROUND_TRUTH not in seen.inputs:
        return 0.0
    step = max(1, seen.frames // frames)
    world = take.world()[: seen.frames : step].astype(np.float64)[:, INPUT_OF_17]
    projected = image_from_camera(camera_from_world(world, camera.R, camera.t), camera)
    given = seen.inputs[GROUND_TRUTH]()[: seen.frames : step]
    distances = np.linalg.norm(projected - given, axis=2)
    known = distances[np.isfinite(distances)]
    return float(np.median(known)) if known.size else 0.0
