"""MMPose's Human3.6M: h36m_train.npz and h36m_test.npz, with cameras.pkl beside or above them.

Each row is one picture: `imgname` says subject, action, camera and frame, `part` (N, 17, 3) is
the 2D in px with a visibility, `S` (N, 17, 4) the 3D in the camera frame, in metres. The sampling
(50, 10 or 25 fps) shows in the numbers of the frames. cameras.pkl is read without unpickling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cameras import Camera
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import arrays, fingerprint, restricted_pickle
from core.formats.human36m_takes import FPS, Seen, Take, dataset, subject_order, take_name
from core.skeleton import H36M_17, INPUT_16

FILES = ("h36m_train.npz", "h36m_test.npz")
CAMERAS = "cameras.pkl"
ARRAYS = {"imgname", "part", "S"}
MM_PER_METRE = 1000.0
LARGEST_PICKLE = 1 << 24

# S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg
PICTURE = re.compile(r"(?:.*/)?(S\d+)_([A-Za-z]+(?:_\d+)?)\.(\d+)_(\d+)\.\w+")
INPUT_OF_17 = H36M_17.indices(INPUT_16.joints)

# Nobody in Human3.6M is nearer than 2 or farther than 8 metres.
FARTHEST_M = 100.0


def matches(path: str | Path) -> bool:
    """Tell whether a folder holds one of the two files in this layout, or a file is one of it."""
    path = Path(path)
    if path.is_dir():
        return any(_is_ours(path / name) for name in FILES)
    return path.name in FILES and _is_ours(path)


def _folder(path: str | Path) -> Path:
    """Take a file for the folder that it lies in."""
    path = Path(path)
    return path if path.is_dir() else path.parent


def _is_ours(path: Path) -> bool:
    return path.is_file() and set(arrays.members(path)) >= ARRAYS


def files(path: str | Path) -> list[Path]:
    """List the files that make up the data set, the cameras included.

    Raises:
        PoseFormatError: neither of the two is there.
    """
    folder = _folder(path)
    found = [folder / name for name in FILES if _is_ours(folder / name)]
    if not found:
        raise PoseFormatError(f"{' or '.join(FILES)} of MMPose was expected", file=folder)
    places = (folder, *list(folder.absolute().parents)[:2])
    cameras = [place / CAMERAS for place in places if (place / CAMERAS).is_file()]
    return found + cameras[:1]


def read(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read both files, or the one that is there.

    Args:
        path: the folder where they lie, or one of the files.
        progress: called with files read, and out of how many.

    Raises:
        PoseFormatError: neither is there, or one is damaged.
    """
    folder = _folder(path)
    everything = files(folder)
    archives = [file for file in everything if file.name in FILES]
    camera_file = next((file for file in everything if file.name == CAMERAS), None)
    takes: dict[tuple[str, str], Take] = {}
    steps = []
    for done, file in enumerate(archives, start=1):
        for subject, name, seen, step in _sequences(file):
            action, take = take_name(name)
            steps.append(step)
            known = takes.get((subject, take), Take(subject, action, take, None, ()))
            takes[subject, take] = replace(known, seen=(*known.seen, seen))
        if progress is not None:
            progress(done, len(archives))
    cameras = {} if camera_file is None else read_cameras(camera_file)
    step = max(set(steps), key=steps.count)
    notes = [f"read at {FPS / step:g} frames a second, as the files were sampled"]
    if camera_file is None:
        notes.append(f"{CAMERAS} is not beside the files: no view in the world")
    return dataset(
        sorted(takes.values(), key=lambda t: (subject_order(t.subject), t.name)),
        cameras,
        path=str(folder),
        title="Human3.6M, as MMPose prepared it",
        digest=fingerprint.of_content(everything),
        notes=tuple(notes),
        fps=FPS / step,
    )


def _sequences(path: Path) -> Iterator[tuple[str, str, Seen, int]]:
    """Find the rows of each sequence: subject, action with its number, what was seen, the step."""
    names = arrays.mapped(path, "imgname")
    part, S = arrays.mapped(path, "part"), arrays.mapped(path, "S")
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise PoseFormatError("a list of names was expected", file=path, place="imgname")
    for array, width, place in ((part, 3, "part"), (S, 4, "S")):
        shape = (len(names), len(H36M_17))
        if array.shape[:2] != shape or array.shape[2:] not in ((width,), (width - 1,)):
            problem = f"an array ({shape[0]}, {shape[1]}, {width}) was expected, not {array.shape}"
            raise PoseFormatError(problem, file=path, place=place)
    if len(names) and not np.abs(S[:1, :, :3]).max() < FARTHEST_M:
        raise PoseFormatError("metres were expected; these are millimetres", file=path, place="S")
    for start, stop, (subject, take, camera), step in _runs(names, path):
        inputs = {"gt": partial(_pixels, part[start:stop])}
        seen = Seen(camera, stop - start, inputs, partial(_truth, S[start:stop]))
        yield subject, take, seen, step


def _pixels(part: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(part[:, INPUT_OF_17, :2], dtype=np.float64)


def _truth(S: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(S[..., :3], dtype=np.float64) * MM_PER_METRE


def _runs(names: NDArray[Any], path: Path) -> Iterator[tuple[int, int, tuple[str, str, str], int]]:
    """Cut the rows where the name changes apart from the frame's number."""
    start, current, frames = 0, ("", "", ""), [0, 0]
    block = 1 << 16
    for offset in range(0, len(names), block):
        for i, name in enumerate(names[offset : offset + block].tolist(), start=offset):
            text = name.decode("latin1") if isinstance(name, bytes) else name
            found = PICTURE.fullmatch(text)
            if found is None:
                problem = (
                    "a picture's name such as S1_Directions_1.54138969_000001.jpg was expected, "
                    f"not {text[:60]!r}"
                )
                raise PoseFormatError(problem, file=path, place=f"imgname[{i}]")
            sequence = (found[1], found[2], found[3])
            if sequence != current:
                if i > start:
                    yield start, i, current, _step(frames)
                start, current, frames = i, sequence, []
            if len(frames) < 2:
                frames.append(int(found[4]))
    if len(names) > start:
        yield start, len(names), current, _step(frames)


def _step(frames: list[int]) -> int:
    return max(frames[1] - frames[0], 1) if len(frames) > 1 else 1


def read_cameras(path: str | Path) -> dict[str, dict[str, Camera]]:
    """Read cameras.pkl: subject -> name -> camera. Its R is camera -> world, its T in metres.

    Raises:
        PoseFormatError: not that file; nothing in it is ever run.
    """
    path = Path(path)
    if path.stat().st_size > LARGEST_PICKLE:
        raise PoseFormatError("too large for a file of cameras", file=path)
    with path.open("rb") as stream:
        content = restricted_pickle.read_pickle(stream, str(path))
    if not isinstance(content, dict):
        raise PoseFormatError("a dict of cameras was expected", file=path)
    cameras: dict[str, dict[str, Camera]] = {}
    for key, values in content.items():
        try:
            subject, name = key
            of_world = np.asarray(values["R"], dtype=float).reshape(3, 3).T
            cameras.setdefault(str(subject), {})[str(name)] = Camera.from_arrays(
                str(name),
                of_world,
                np.asarray(values["T"], dtype=float).ravel() * MM_PER_METRE,
                focal_px=np.asarray(values["f"], dtype=float).ravel().tolist(),
                centre_px=np.asarray(values["c"], dtype=float).ravel().tolist(),
                radial=np.asarray(values["k"], dtype=float).ravel().tolist(),
                tangential=np.asarray(values["p"], dtype=float).ravel().tolist(),
                size_px=(int(values["w"]), int(values["h"])),
                distortion="human36m",
            )
        except (KeyError, TypeError, ValueError) as error:
            problem = f"a camera with R, T, f, c, k, p, w and h was expected ({error})"
            raise PoseFormatError(problem, file=path, place=str(key)) from None
    return cameras
