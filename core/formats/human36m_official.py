"""Human3.6M as its owners give it out: S*/MyPoseFeatures/D3_Positions/<Action>[ n].cdf.

Each CDF holds the variable Pose (1, frames, 96): 32 joints in mm in the world. metadata.xml has the
cameras. Where D2_Positions/<Action>[ n].<camera>.cdf (1, frames, 64) px is there, it is the 2D
ground truth; elsewhere 2D is the projection by the original's formula, which it was made with.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.cameras import Array
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import cdf_structure, fingerprint, human36m_cameras, human36m_takes
from core.formats.human36m_takes import GROUND_TRUTH, MOVING_16, MOVING_17, Seen, Take

FEATURES = "MyPoseFeatures"
D3, D2 = "D3_Positions", "D2_Positions"
SUBJECT = re.compile(r"S\d+")
VARIABLE = "Pose"
# Ten minutes of 32 joints are 20 MB.
LARGEST_FILE = 1 << 28
LARGEST_RATIO = 100


def matches(path: str | Path) -> bool:
    """Tell whether a folder holds subjects' D3_Positions, or is one subject's."""
    path = Path(path)
    return path.is_dir() and bool(_subjects(path))


def files(path: str | Path) -> list[Path]:
    """List the CDF files and the cameras of a folder; links out of it are left out."""
    found = []
    for folder in _subjects(Path(path)).values():
        for kind in (D3, D2):
            found += _takes_in(folder / FEATURES / kind, Path(path))
    cameras = human36m_cameras.nearby(Path(path), {human36m_cameras.FILE: None})
    return found + ([cameras] if cameras else [])


def read(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read a folder: every take is opened for its length, its poses when they are asked for.

    Args:
        path: the folder that holds S1, S5 and so on, or the folder of one subject.
        progress: called with files opened and files in all.

    Raises:
        PoseFormatError: no cameras, no take, or a file that is none.
    """
    path = Path(path)
    file = human36m_cameras.nearby(path, {human36m_cameras.FILE: None})
    if file is None:
        raise PoseFormatError(
            "metadata.xml with the cameras is missing: put it into the folder; without it 3D in "
            "the world can't be brought into a camera's frame",
            file=path,
        )
    cameras = {s: {c.name: c for c in found} for s, found in human36m_cameras.read(file).items()}
    listed = [
        (subject, take)
        for subject, folder in _subjects(path).items()
        for take in _takes_in(folder / FEATURES / D3, path)
    ]
    takes = []
    notes = []
    for done, (subject, file) in enumerate(listed):
        if progress is not None:
            progress(done, len(listed))
        frames, width = _shape(file)
        if width != 96:
            problem = f"96 numbers a frame (32 joints in 3D) were expected, not {width}"
            raise PoseFormatError(problem, file=file, place=VARIABLE)
        action, name = human36m_takes.take_name(file.stem)
        seen = tuple(
            _seen(file.parents[1] / D2 / f"{file.stem}.{camera}.cdf", camera, frames)
            for camera in cameras.get(subject, {})
        )
        if not seen:
            notes.append(f"metadata.xml has no cameras of {subject}: it is left out.")
        takes.append(Take(subject, action, name, partial(_world, file), seen))
    if progress is not None:
        progress(len(listed), len(listed))
    return human36m_takes.dataset(
        takes,
        cameras,
        path=str(path),
        title=f"{path.resolve().name} (Human3.6M's own files)",
        digest=fingerprint.of_content(files(path)),
        notes=(*dict.fromkeys(notes), *_said(takes)),
    )


def _said(takes: list[Take]) -> tuple[str, ...]:
    own = sum(GROUND_TRUTH in seen.inputs for take in takes for seen in take.seen)
    in_all = sum(len(take.seen) for take in takes)
    if not own:
        return ("2D is the projection of the 3D, by the formula that made Human3.6M's own.",)
    return (f"2D is from D2_Positions in {own} of {in_all} recordings, elsewhere projected.",)


def _seen(file: Path, camera: str, frames: int) -> Seen:
    if not file.is_file():
        return Seen(camera, frames)
    n, width = _shape(file)
    if width != 64:
        problem = f"64 numbers a frame (32 joints in 2D) were expected, not {width}"
        raise PoseFormatError(problem, file=file, place=VARIABLE)
    return Seen(camera, min(frames, n), {GROUND_TRUTH: partial(_pixels, file)})


def _subjects(path: Path) -> dict[str, Path]:
    """Find the subjects' folders, S9 before S11."""
    if (path / FEATURES / D3).is_dir():
        return {path.resolve().name: path}
    try:
        inside = list(path.iterdir())
    except OSError:
        return {}
    named = [f for f in inside if SUBJECT.fullmatch(f.name) and (f / FEATURES / D3).is_dir()]
    return {f.name: f for f in sorted(named, key=lambda f: human36m_takes.subject_order(f.name))}


def _takes_in(folder: Path, root: Path) -> list[Path]:
    """List the takes of a folder; `_ALL` repeats the others, a link out of the root is not read."""
    found = sorted(f for f in folder.glob("*.cdf") if not f.name.startswith(("_", ".")))
    fingerprint.refuse_links_out(found, root)
    return found


def _world(file: Path) -> Array:
    joints: Array = _pose(file).reshape(-1, 32, 3)[:, MOVING_17]
    return joints


def _pixels(file: Path) -> Array:
    pixels: Array = _pose(file).reshape(-1, 32, 2)[:, MOVING_16]
    return pixels


def _shape(file: Path) -> tuple[int, int]:
    """Read how many frames and numbers a take has."""
    with _Opened(file) as cdf:
        dims = [int(n) for n in cdf.varinq(VARIABLE).Dim_Sizes]
    if len(dims) == 3 and dims[0] == 1:
        dims = dims[1:]
    if len(dims) != 2 or min(dims) < 0:
        problem = f"a variable (1, frames, 96) was expected, not {tuple(dims)}"
        raise PoseFormatError(problem, file=file, place=VARIABLE)
    if math.prod(dims) * 4 > LARGEST_RATIO * max(file.stat().st_size, 4096):
        raise PoseFormatError(
            f"it announces {dims[0]:,} frames, far more than its size can hold; refused", file=file
        )
    return dims[0], dims[1]


def _pose(file: Path) -> Array:
    frames, width = _shape(file)
    with _Opened(file) as cdf:
        values = np.asarray(cdf.varget(VARIABLE), dtype=np.float64)
    if values.size != frames * width:
        problem = f"{frames} frames of {width} numbers were announced, {values.size} numbers are in"
        raise PoseFormatError(problem, file=file, place=VARIABLE)
    return values.reshape(frames, width)


class _Opened:
    """A CDF file within a `with` block; whatever its library raises becomes a `PoseFormatError`."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __enter__(self) -> Any:
        try:
            if self.file.stat().st_size > LARGEST_FILE:
                raise PoseFormatError("too large for one take", file=self.file)
            content = self.file.read_bytes()
        except OSError as error:
            problem = f"can't be read ({error.strerror or error})"
            raise PoseFormatError(problem, file=self.file) from None
        if not content.startswith((b"\xcd\xf3", b"\xcd\xf2")):
            raise PoseFormatError("a CDF file was expected", file=self.file)
        try:
            cdf_structure.check(content)
        except ValueError as error:
            raise self._broken(error) from None
        import cdflib

        self.quiet = warnings.catch_warnings()
        self.quiet.__enter__()
        warnings.simplefilter("ignore")
        try:
            return cdflib.CDF(str(self.file))
        except Exception as error:
            self.quiet.__exit__(None, None, None)
            raise self._broken(error) from None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.quiet.__exit__(None, None, None)
        if isinstance(error, Exception) and not isinstance(error, PoseFormatError):
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> PoseFormatError:
        said = str(error) or type(error).__name__
        if "not found" in said or isinstance(error, KeyError):
            return PoseFormatError(f"a variable {VARIABLE} was expected ({said})", file=self.file)
        return PoseFormatError(f"no CDF file, or damaged ({said})", file=self.file)
