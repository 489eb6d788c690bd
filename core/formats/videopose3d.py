"""VideoPose3D's archives of Human3.6M: data_3d_h36m.npz beside data_2d_h36m_<source>.npz.

positions_3d is {subject: {take: (n, 32, 3)}}, world, metres; positions_2d the same with a list of
one (n, joints, 2) for each of the four cameras, px, whose n may go beyond the 3D's. Both are
pickled objects in an NPZ and are read without running anything. The archives hold no cameras:
these come from Human3.6M's metadata.xml nearby, or are recovered from the exact 2D.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.cameras import Array, Camera
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import (
    arrays,
    body_landmarks,
    fingerprint,
    human36m_cameras,
    human36m_takes,
    joint_order,
)
from core.formats.human36m_cameras import NAMES
from core.formats.human36m_takes import GROUND_TRUTH, MOVING_17, Seen, Take
from core.formats.layouts import LAYOUTS
from core.skeleton import H36M_17, H36M_32, INPUT_16

FILE_3D = "data_3d_h36m.npz"
ARRAYS = ("positions_3d", "positions_2d")
PATTERN_2D = "data_2d_h36m_*.npz"
# What follows data_2d_h36m_ -> what the source is called here.
SOURCES = {
    "gt": GROUND_TRUTH,
    "cpn_ft_h36m_dbb": "cpn",
    "sh_ft_h36m": "hourglass",
    "sh_pt_mpii": "hourglass (not fine-tuned)",
    "detectron_pt_coco": "detectron",
    "detectron_ft_h36m": "detectron (fine-tuned)",
}
# Metres: nobody is 20 m tall, and nobody 20 mm.
LARGEST_IN_METRES = 20.0

Poses = dict[str, dict[str, Any]]


def matches(path: str | Path) -> bool:
    """Tell whether a folder holds such archives, or a file is one."""
    path = Path(path)
    if path.is_dir():
        return (path / FILE_3D).is_file() or next(path.glob(PATTERN_2D), None) is not None
    return path.suffix == ".npz" and any(
        name in ARRAYS and not _is_plain(path, name) for name in arrays.members(path)
    )


def files(path: str | Path) -> list[Path]:
    """List what a data set at this path is made of."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    found = [*folder.glob(PATTERN_2D), *folder.glob(FILE_3D)]
    if not Path(path).is_dir() and Path(path) not in found:
        found.append(Path(path))
    cameras = human36m_cameras.nearby(folder, {human36m_cameras.FILE: None})
    return sorted(found) + ([cameras] if cameras else [])


def read(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read the archives of a folder; a path of one of them stands for its folder.

    Args:
        path: the folder, or one of the files.
        progress: called with files read and files in all.

    Raises:
        PoseFormatError: they are damaged, or not what they should be.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    all_files = files(path)
    archives = [file for file in all_files if file.suffix == ".npz"]
    poses: dict[str, tuple[Path, Poses]] = {}
    world: Poses = {}
    for done, file in enumerate(archives):
        if progress is not None:
            progress(done, len(archives))
        found = arrays.read_npz(file, str(file), only=ARRAYS, objects=True)
        if "positions_3d" in found:
            world = _checked(found["positions_3d"], file, "positions_3d")
        elif "positions_2d" in found:
            name = file.stem.removeprefix("data_2d_h36m_").removeprefix("data_2d_")
            source = SOURCES.get(name, name)
            poses[source] = file, _checked(found["positions_2d"], file, "positions_2d")
        else:
            raise PoseFormatError("positions_3d or positions_2d was expected", file=file)
    if not poses:
        raise PoseFormatError(
            "it holds 3D in the world but no 2D: put data_2d_h36m_gt.npz (or another data_2d "
            "file) beside it",
            file=folder,
        )
    notes: list[str] = []
    takes = _takes(world, poses, folder, notes)
    cameras = _cameras(takes, folder, notes)
    if not world:
        notes.append(f"{FILE_3D} is not in the folder: there is no 3D truth, and no error.")
    return human36m_takes.dataset(
        takes,
        cameras,
        path=str(path),
        title=f"{folder.resolve().name} (VideoPose3D's files)",
        digest=fingerprint.of_content(all_files),
        notes=tuple(notes),
    )


def _is_plain(path: Path, name: str) -> bool:
    """Tell an array of numbers under the same name (a file of one sequence) from the dicts."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as member:
            return b"'|O'" not in member.read(256)
    except (*arrays.NOT_AN_ARCHIVE, KeyError):
        return True


def _checked(content: Any, file: Path, place: str) -> Poses:
    """Check {subject: {take: poses}}."""
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise PoseFormatError(
            "a dict of poses by subject and take was expected", file=file, place=place
        )
    return {str(s): {str(t): poses for t, poses in v.items()} for s, v in content.items()}


def _takes(
    world: Poses, poses: Mapping[str, tuple[Path, Poses]], folder: Path, notes: list[str]
) -> list[Take]:
    names: dict[tuple[str, str], None] = {}
    for found in (*([world] if world else []), *(p for _, p in poses.values())):
        names |= {(subject, take): None for subject, of in found.items() for take in of}
    result = []
    cut = 0
    checked: set[str] = set()
    for subject, take in sorted(names, key=lambda n: (human36m_takes.subject_order(n[0]), n[1])):
        action, name = human36m_takes.take_name(take)
        place = f"{subject}, {take}"
        joints = None
        if world:
            if take not in world.get(subject, {}):
                notes.append(f"{place} has 2D but no 3D, and is left out.")
                continue
            joints = _world(world[subject][take], folder / FILE_3D, place)
        seen = []
        given: list[dict[str, Array]] = [{} for _ in NAMES]
        for source, (file, found) in poses.items():
            views = found.get(subject, {}).get(take)
            if views is None:
                continue
            if not isinstance(views, (list, tuple)) or len(views) != len(NAMES):
                problem = f"a list of {len(NAMES)} arrays, one a camera, was expected"
                raise PoseFormatError(problem, file=file, place=place)
            if source not in checked:
                checked.add(source)
                _check_order(views[0], source, file, place)
            for camera, array in enumerate(views):
                given[camera][source] = _pixels(array, file, place)
        for camera, inputs in enumerate(given):
            lengths = [len(array) for array in inputs.values()]
            if joints is not None:
                cut += any(n > len(joints) for n in lengths)
                lengths.append(len(joints))
            if lengths:
                loaders = {s: partial(_mapped, array, s) for s, array in inputs.items()}
                seen.append(Seen(NAMES[camera], min(lengths), loaders))
        load = None if joints is None else partial(_in_mm, joints)
        result.append(Take(subject, action, name, load, tuple(seen)))
    if cut:
        notes.append(f"2D of {cut} recordings goes beyond the 3D's end, and is cut there.")
    return result


def _world(array: Any, file: Path, place: str) -> Array:
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind != "f"
        or array.ndim != 3
        or array.shape[1:] not in ((32, 3), (17, 3))
    ):
        shape = getattr(array, "shape", type(array).__name__)
        raise PoseFormatError(
            f"an array of (frames, 32, 3) was expected, not {shape}", file=file, place=place
        )
    if len(array) and not np.nanmax(np.ptp(array[:1], axis=1), initial=0.0) < LARGEST_IN_METRES:
        raise PoseFormatError(
            "metres in the world were expected; these look like millimetres", file=file, place=place
        )
    return array


def _in_mm(joints: Array) -> Array:
    moving = joints[:, MOVING_17] if joints.shape[1] == 32 else joints
    return moving.astype(np.float64) * 1000.0


def _pixels(array: Any, file: Path, place: str) -> Array:
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind != "f"
        or array.ndim != 3
        or array.shape[1] not in (16, 17, 32)
        or array.shape[2] not in (2, 3)
    ):
        shape = getattr(array, "shape", type(array).__name__)
        raise PoseFormatError(
            f"an array of (frames, 16 or 17, 2) was expected, not {shape}", file=file, place=place
        )
    return array[..., :2]


def _mapped(array: Array, source: str) -> Array:
    return body_landmarks.mapped(array, _order(array, source), INPUT_16.joints)


def _order(array: Array, source: str) -> tuple[str, ...]:
    """Name a file's points in their order, by what wrote it."""
    joints = array.shape[1]
    if joints == 16:
        return LAYOUTS["Hourglass-16"].points
    if joints == 32:
        return H36M_32.joints
    return (
        LAYOUTS["COCO-17"].points if "coco" in source or source == "detectron" else H36M_17.joints
    )


def _check_order(array: Any, source: str, file: Path, place: str) -> None:
    """Refuse 2D in another order than its file's name says: every limb would be wrong."""
    some = _pixels(array, file, place)[:64].astype(np.float64)
    if not len(some):
        return
    # MPII's and COCO's own orders are judged once they are mapped.
    own = _order(some, source) in (H36M_17.joints, H36M_32.joints)
    joint_order.check_order(some if own else _mapped(some, source), str(file))
    joint_order.check_scale(some, str(file))


def _cameras(takes: list[Take], folder: Path, notes: list[str]) -> dict[str, dict[str, Camera]]:
    if all(take.world is None for take in takes):
        return {}
    file = human36m_cameras.nearby(folder, {human36m_cameras.FILE: None})
    if file is not None:
        found = human36m_cameras.read(file)
        notes.append(f"Cameras are from {file.name}.")
        return {subject: {c.name: c for c in cameras} for subject, cameras in found.items()}
    cameras, worst = _recovered(takes)
    if cameras:
        notes.append(
            "The files hold no cameras: their places were recovered from the exact 2D and the "
            f"3D, with the published lenses (it fits within {worst:.3f} px)."
        )
    lost = [s for s in dict.fromkeys(t.subject for t in takes) if len(cameras.get(s, {})) < 4]
    if lost:
        notes.append(
            f"Cameras of {', '.join(lost)} are unknown, so 3D in the world can't be brought into "
            "the camera frame: 2D is shown and lifted, errors are not measured. Put Human3.6M's "
            "metadata.xml into the folder, or data_2d_h36m_gt.npz to recover them from."
        )
    return cameras


def _recovered(takes: list[Take]) -> tuple[dict[str, dict[str, Camera]], float]:
    """Recover the cameras of each subject from a few frames of all its takes."""
    cameras: dict[str, dict[str, Camera]] = {}
    worst = 0.0
    for subject in dict.fromkeys(take.subject for take in takes):
        for name in NAMES:
            world, pixels = [], []
            for take in takes:
                if take.subject != subject or take.world is None:
                    continue
                for seen in take.seen:
                    if seen.camera == name and GROUND_TRUTH in seen.inputs and seen.frames:
                        rows = slice(0, seen.frames, max(1, seen.frames // 10))
                        joints = take.world()[rows]
                        world.append(joints[:, H36M_17.indices(INPUT_16.joints)].reshape(-1, 3))
                        pixels.append(seen.inputs[GROUND_TRUTH]()[rows].reshape(-1, 2))
            if not world:
                continue
            found = human36m_cameras.recover(name, np.concatenate(world), np.concatenate(pixels))
            if found is not None:
                cameras.setdefault(subject, {})[name] = found[0]
                worst = max(worst, found[1])
    return cameras, worst
