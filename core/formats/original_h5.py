"""The h5 files that the original TensorFlow code read, for those who still have them.

`S*/MyPoses/3D_positions/*.h5`: `3D_positions` (96, F), mm, world. `S*/StackedHourglass/*.h5`:
`poses` (F, 16, 2) px in MPII's order, the detector fine-tuned on Human3.6M. Cameras come from
`cameras.h5`, or from Human3.6M's metadata.xml. 2D ground truth is the projection, by the
original's own formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import fingerprint, human36m_cameras
from core.formats.human36m_takes import (
    MOVING_17,
    Seen,
    Take,
    dataset,
    subject_order,
    take_name,
)
from core.formats.layouts import LAYOUTS
from core.rig import HUMAN36M_INTRINSICS
from core.skeleton import INPUT_16

if TYPE_CHECKING:
    import h5py

POSES_3D = "MyPoses/3D_positions"
DETECTED = "StackedHourglass"
CAMERAS = "cameras.h5"
HOURGLASS = "hourglass"
LONGEST_TAKE = 1_000_000

FROM_HOURGLASS = [LAYOUTS["Hourglass-16"].points.index(joint) for joint in INPUT_16.joints]


def matches(folder: str | Path) -> bool:
    """Tell whether a folder holds subjects with 3D positions in h5 files."""
    return any(Path(folder).glob(f"S*/{POSES_3D}/*.h5"))


def files(folder: str | Path) -> list[Path]:
    """List the files that make up the data set: 3D, detections, and the cameras last.

    Raises:
        PoseFormatError: there is no 3D, or no file with the cameras.
    """
    folder = Path(folder)
    poses = sorted(folder.glob(f"S*/{POSES_3D}/*.h5"))
    if not poses:
        raise PoseFormatError(f"S*/{POSES_3D}/*.h5 were expected", file=folder)
    cameras = human36m_cameras.nearby(folder, {CAMERAS: None, human36m_cameras.FILE: None})
    if cameras is None:
        raise PoseFormatError(
            f"{CAMERAS} or Human3.6M's {human36m_cameras.FILE} was expected in this folder: "
            "without the cameras the 3D can't be brought into their frames",
            file=folder,
        )
    return [*poses, *sorted(folder.glob(f"S*/{DETECTED}/*.h5")), cameras]


def read(folder: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read a folder with S1, S5, ... in it.

    Args:
        folder: where they lie.
        progress: called with takes looked at, and out of how many.

    Raises:
        PoseFormatError: there is none of the files, no camera, or a damaged file.
    """
    *measured, camera_file = everything = files(folder)
    is_h5 = camera_file.name == CAMERAS
    by_subject = (read_cameras if is_h5 else human36m_cameras.read)(camera_file)
    cameras = {
        subject: {camera.name: camera for camera in found} for subject, found in by_subject.items()
    }
    detected = {
        (path.parents[1].name, *_take_and_camera(path)): path
        for path in measured
        if path.parent.name == DETECTED
    }
    poses = [path for path in measured if path.parent.name != DETECTED]
    takes = []
    for done, path in enumerate(poses, start=1):
        takes.append(_take(path, cameras, detected))
        if progress is not None:
            progress(done, len(poses))
    return dataset(
        sorted(takes, key=lambda take: (subject_order(take.subject), take.name)),
        cameras,
        path=str(folder),
        title="Human3.6M, as the original code prepared it",
        digest=fingerprint.of_content(everything),
        notes=() if detected else (f"no {DETECTED} folders: there is only exact 2D",),
    )


def _take(
    path: Path,
    cameras: dict[str, dict[str, Camera]],
    detected: dict[tuple[str, str, str], Path],
) -> Take:
    subject = path.parents[2].name
    action, name = take_name(path.stem)
    with _opened(path) as file:
        shape = _array(file, "3D_positions", path).shape
    if len(shape) != 2 or shape[0] != 96 or not 0 < shape[1] <= LONGEST_TAKE:
        problem = f"(96, frames) numbers were expected, not {shape}"
        raise PoseFormatError(problem, file=path, place="3D_positions")
    seen = []
    for camera in cameras.get(subject, {}):
        inputs: dict[str, Callable[[], NDArray[Any]]] = {}
        frames = shape[1]
        source = detected.get((subject, name, camera))
        if source is not None:
            frames = min(frames, _hourglass_frames(source))
            inputs[HOURGLASS] = partial(_hourglass, source)
        seen.append(Seen(camera, frames, inputs))
    return Take(subject, action, name, partial(_world, path), tuple(seen))


def _world(path: Path) -> NDArray[Any]:
    with _opened(path) as file:
        numbers = np.asarray(_array(file, "3D_positions", path))
    return numbers.T.reshape(-1, 32, 3)[:, MOVING_17].astype(np.float64)


def _hourglass_frames(path: Path) -> int:
    with _opened(path) as file:
        shape = _array(file, "poses", path).shape
    if len(shape) != 3 or shape[1:] != (16, 2) or not shape[0] <= LONGEST_TAKE:
        problem = f"(frames, 16, 2) numbers were expected, not {shape}"
        raise PoseFormatError(problem, file=path, place="poses")
    return int(shape[0])


def _hourglass(path: Path) -> NDArray[Any]:
    with _opened(path) as file:
        poses = np.asarray(_array(file, "poses", path))
    return poses[:, FROM_HOURGLASS].astype(np.float64)


def _take_and_camera(path: Path) -> tuple[str, str]:
    """Read "Directions_1.54138969" as the take "Directions 1" and the camera."""
    stem, _, camera = path.stem.rpartition(".")
    return take_name(stem or camera)[1], camera if stem else ""


def read_cameras(path: str | Path) -> dict[str, tuple[Camera, ...]]:
    """Read cameras.h5: groups subjectN/cameraM with R, T, f, c, k, p; R transposed, as MATLAB does.

    Raises:
        PoseFormatError: not that file, or numbers that are no camera.
    """
    path = Path(path)
    found: dict[str, tuple[Camera, ...]] = {}
    with _opened(path) as file:
        for number in range(1, 12):
            cameras = []
            for index, name in enumerate(HUMAN36M_INTRINSICS, start=1):
                group = f"subject{number}/camera{index}"
                if group in file:
                    cameras.append(_camera(file, group, name, path))
            if cameras:
                found[f"S{number}"] = tuple(cameras)
    if not found:
        raise PoseFormatError("groups subjectN/cameraM were expected", file=path)
    return found


def _camera(file: h5py.File, group: str, name: str, path: Path) -> Camera:
    numbers = {
        key: np.asarray(_array(file, f"{group}/{key}", path), dtype=float)
        for key in ("R", "T", "f", "c", "k", "p")
    }
    if f"{group}/Name" in file:
        letters = np.asarray(_array(file, f"{group}/Name", path)).ravel()[:32]
        name = "".join(chr(int(letter)) for letter in letters)
    try:
        return Camera.from_arrays(
            name,
            numbers["R"].reshape(3, 3).T,
            numbers["T"].ravel(),
            focal_px=numbers["f"].ravel().tolist(),
            centre_px=numbers["c"].ravel().tolist(),
            radial=numbers["k"].ravel().tolist(),
            tangential=numbers["p"].ravel().tolist(),
            size_px=HUMAN36M_INTRINSICS[name].size_px
            if name in HUMAN36M_INTRINSICS
            else (1000, 1000),
            distortion="human36m",
        )
    except (TypeError, ValueError) as error:
        raise PoseFormatError(f"is no camera: {error}", file=path, place=group) from None


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError:
        raise PoseFormatError("is no HDF5 file, or cut short", file=path) from None
    try:
        yield file
    except PoseFormatError:
        raise
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise PoseFormatError(f"is damaged ({error})", file=path) from None
    finally:
        file.close()


def _array(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    """Take an array that lies in the file itself; links to other files are refused."""
    import h5py

    parts = key.split("/")
    for depth in range(len(parts)):
        link = file.get("/".join(parts[: depth + 1]), getlink=True)
        if link is None:
            raise PoseFormatError(f"has no {key}", file=path)
        if not isinstance(link, h5py.HardLink):
            raise PoseFormatError("links to another place, refused", file=path, place=key)
    found = file[key]
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise PoseFormatError("numbers were expected", file=path, place=key)
    if found.is_virtual or found.external:
        raise PoseFormatError("links to another file, refused", file=path, place=key)
    return found
