"""3D that somebody else's method predicted, saved: matched to a data set's recordings.

Read are a single array (n, 17, 3) or (n, 16, 3) without the hip, NPY or NPZ; an NPZ with one array
a recording, named "S9/Walking 1/54138969" with any sign between; a folder of such arrays named so
(what `test --out` writes, too); and {subject: {take: [one a camera]}} as VideoPose3D saves it.
Metres and centimetres become mm; the hip is put at 0; the axes must be the camera's.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.dataset import Dataset, Entry, Key
from core.errors import PoseFormatError
from core.formats import arrays, fingerprint, joint_order
from core.rig import HUMAN36M_INTRINSICS
from core.skeleton import H36M_17

Array = NDArray[np.floating[Any]]
# Our own exports hold more than the prediction.
OWN = "prediction"
SUFFIXES = (".npy", ".npz")
LARGEST_IN_METRES = 20.0
MOST_FILES = 20_000


@dataclass(frozen=True, eq=False)
class SavedPoses:
    """Predictions as they were saved.

    Attributes:
        file: where they came from, for messages.
        digest: of the content.
        by_name: words of the recording's name -> (F, 17, 3) mm, root-relative; or
        rows: (n, 17, 3) of many recordings one after another.
    """

    file: str
    digest: str
    by_name: Mapping[tuple[str, ...], Array]
    rows: Array | None = None

    @property
    def frames(self) -> int:
        """Count the poses."""
        return len(self.rows) if self.rows is not None else sum(map(len, self.by_name.values()))

    def matched(self, dataset: Dataset, source: str) -> Mapping[Key, Array]:
        """Find the predictions of each recording: by name, or by the number of frames.

        Raises:
            PoseFormatError: they are not of this data set, or it can't be told of what.
        """
        if self.rows is not None:
            return self._by_length(self.rows, dataset, source)
        found = {}
        takes = Counter(_without_take(entry.key) for entry in dataset.entries)
        for entry in dataset.entries:
            names = _names(entry.key)
            # The action alone could be any of its takes, and is the name of one of them.
            if takes[_without_take(entry.key)] == 1:
                names.append(_without_take(entry.key))
            poses = next((self.by_name[n] for n in names if n in self.by_name), None)
            if poses is None:
                continue
            if len(poses) != entry.frames:
                raise PoseFormatError(
                    f"{len(poses):,} predicted poses, but the recording has {entry.frames:,} "
                    "frames",
                    file=self.file,
                    place=str(entry.key),
                )
            found[entry.key] = poses
        if not found:
            some = " ".join(next(iter(self.by_name)))
            raise PoseFormatError(
                f"none of its {len(self.by_name)} arrays is named after a recording of "
                f"{dataset.title}; one is {some!r}, expected names like "
                f"{' '.join(_names(dataset.entries[0].key)[0])!r}",
                file=self.file,
            )
        return found

    def _by_length(self, rows: Array, dataset: Dataset, source: str) -> Mapping[Key, Array]:
        test = dataset.select(split="test")
        groups: list[tuple[str, tuple[Entry, ...]]] = [
            ("the test set", dataset.select(split="test", source=source)),
            ("the test set", test),
            ("all recordings", dataset.select(source=source)),
            ("all recordings", dataset.entries),
        ]
        for _, entries in groups:
            if entries and sum(entry.frames for entry in entries) == len(rows):
                ends = np.cumsum([entry.frames for entry in entries])
                parts = np.split(rows, ends[:-1])
                return {e.key: part for e, part in zip(entries, parts, strict=True)}
        single = [entry for entry in dataset.entries if entry.frames == len(rows)]
        if len(single) == 1:
            return {single[0].key: rows}
        said = f"the test set has {sum(e.frames for e in test):,}"
        if single:
            said += f", and {len(single)} recordings are that long"
        raise PoseFormatError(
            f"{len(rows):,} poses can't be matched with {dataset.title}: {said}. Save them as an "
            "NPZ with one array a recording, named like "
            f"{' '.join(_names((test or dataset.entries)[0].key)[0])!r}",
            file=self.file,
        )


def matches(path: str | Path) -> bool:
    """Tell whether a path may hold saved predictions: an NPY or NPZ, or a folder of them."""
    path = Path(path)
    if path.is_dir():
        return next(_files(path), None) is not None
    return path.suffix.lower() in SUFFIXES


def read(path: str | Path) -> SavedPoses:
    """Read saved predictions.

    Raises:
        PoseFormatError: there are none, or they are not what predictions here must be.
    """
    path = Path(path)
    if not path.is_dir():
        return _of_file(arrays_of(path), str(path))
    found: dict[str, Any] = {}
    for number, file in enumerate(_files(path)):
        if number >= MOST_FILES:
            raise PoseFormatError(f"more than {MOST_FILES:,} files", file=path)
        fingerprint.refuse_links_out([file], path)
        found |= {_own_name(file, content): v for content, v in _one_file(file)}
    return _by_name(found, str(path))


def read_bytes(data: bytes, name: str) -> SavedPoses:
    """Read saved predictions from a file's bytes, such as an upload's; `name` is the file's.

    Raises:
        PoseFormatError: as `read` does.
    """
    return _of_file(_arrays_in(data, name), name)


def arrays_of(path: Path) -> dict[str, Any]:
    """Read every array of a file, objects as plain containers."""
    if path.suffix.lower() != ".npy":
        return arrays.read_npz(path, str(path), objects=True)
    try:
        return _arrays_in(path.read_bytes(), str(path))
    except OSError as error:
        problem = f"can't be opened: {error.strerror or error}"
        raise PoseFormatError(problem, file=path) from None


def _arrays_in(data: bytes, name: str) -> dict[str, Any]:
    if Path(name).suffix.lower() == ".npy":
        return {Path(name).stem: arrays.read_npy(data, name, objects=True)}
    return arrays.read_npz(data, name, objects=True)


def _of_file(content: dict[str, Any], name: str) -> SavedPoses:
    if OWN in content:
        own = _own_key(content)
        return _by_name({own: content[OWN]}, name) if own else _single(name, content[OWN])
    found = _flat(content, name)
    if len(found) == 1:
        return _single(name, next(iter(found.values())))
    return _by_name(found, name)


def _by_name(found: Mapping[str, Any], file: str) -> SavedPoses:
    if not found:
        raise PoseFormatError(
            "no array of predictions is in it; (frames, 17, 3) or (frames, 16, 3) was expected",
            file=file,
        )
    by_name = {words(name): _poses(v, file, name) for name, v in sorted(found.items())}
    _check_some(next(iter(by_name.values())), file)
    return SavedPoses(file, _digest(by_name), by_name)


def words(name: str) -> tuple[str, ...]:
    """Split a recording's name into what counts: letters and numbers, in small letters."""
    return tuple(re.findall(r"[a-z]+\d*|\d+", name.lower()))


def _names(key: Key) -> list[tuple[str, ...]]:
    """List what a recording may be called: with its action, or without."""
    short = words(f"{key.subject} {key.take} {key.camera}")
    return [short, words(f"{key.subject} {key.action} {key.take} {key.camera}")]


def _without_take(key: Key) -> tuple[str, ...]:
    """Call a recording by its action alone."""
    return words(f"{key.subject} {key.action} {key.camera}")


def _files(folder: Path) -> Any:
    return (f for f in sorted(folder.glob("*.np[yz]")) if f.is_file())


def _one_file(file: Path) -> list[tuple[dict[str, Any], Any]]:
    content = arrays_of(file)
    if OWN in content:
        return [(content, content[OWN])]
    if len(content) != 1:
        raise PoseFormatError("one array a file was expected in a folder", file=file)
    return [({}, next(iter(content.values())))]


def _own_name(file: Path, content: Mapping[str, Any]) -> str:
    """Name a file's recording: by what our own export says in it, else by the file's name."""
    return _own_key(content) or file.stem


def _own_key(content: Mapping[str, Any]) -> str:
    """Read which recording our own export is of; "" where it does not say."""
    try:
        said = json.loads(str(content["provenance"]))
        return " ".join(str(said[part]) for part in ("subject", "take", "camera"))
    except (KeyError, ValueError, TypeError, RecursionError):
        return ""


def _flat(content: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Flatten {subject: {take: [one a camera]}}, and leave out what is no array of poses."""
    found: dict[str, Any] = {}
    cameras = list(HUMAN36M_INTRINSICS)
    for name, value in content.items():
        if isinstance(value, dict):
            for subject, takes in value.items():
                if not isinstance(takes, dict):
                    problem = "{subject: {take: [arrays]}} was expected"
                    raise PoseFormatError(problem, file=path, place=name)
                for take, views in takes.items():
                    many = views if isinstance(views, (list, tuple)) else [views]
                    if len(many) > len(cameras):
                        problem = f"at most {len(cameras)} arrays, one a camera, were expected"
                        raise PoseFormatError(problem, file=path, place=f"{subject}, {take}")
                    found |= {
                        f"{subject} {take} {c}": v for c, v in zip(cameras, many, strict=False)
                    }
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim in (2, 3):
            found[name] = value
    return found


def _single(name: str, values: Any) -> SavedPoses:
    rows = _poses(values, name, "")
    _check_some(rows, name)
    return SavedPoses(name, _digest({(): rows}), {}, rows)


def _poses(values: Any, file: str, place: str) -> Array:
    """Bring an array to (F, 17, 3) mm, hip at 0."""
    expected = "an array of (frames, 17, 3), or (frames, 16, 3) without the hip, was expected"
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        raise PoseFormatError(expected, file=file, place=place)
    if values.ndim == 2 and values.shape[1] in (48, 51):
        values = values.reshape(len(values), -1, 3)
    if values.ndim != 3 or values.shape[1:] not in ((17, 3), (16, 3)) or not len(values):
        raise PoseFormatError(f"{expected}, not {values.shape}", file=file, place=place)
    poses = values.astype(np.float32)
    if poses.shape[1] == 16:
        poses = np.concatenate([np.zeros_like(poses[:, :1]), poses], axis=1)
    poses = poses - poses[:, :1]
    poses[~np.isfinite(poses).all(axis=2)] = np.nan
    reach = np.nanmax(np.abs(poses), initial=0.0)
    if reach < LARGEST_IN_METRES:
        if _looks_normalised(poses):
            raise PoseFormatError(
                "these look like normalised numbers; mm or metres relative to the hip were "
                "expected",
                file=file,
                place=place,
            )
        return poses * np.float32(1000)
    # In mm such thighs are nobody's.
    return poses * np.float32(10) if 15 < _hip_to_knee(poses) < 90 else poses


def _looks_normalised(poses: Array) -> bool:
    """Tell normalised numbers from metres: nobody's knee is a metre from the hip on average."""
    return not 0.15 < _hip_to_knee(poses) < 0.9


def _hip_to_knee(poses: Array) -> float:
    knees = poses[:, H36M_17.indices(("left_knee", "right_knee"))]
    lengths = np.linalg.norm(knees, axis=2)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.median(lengths)) if lengths.size else np.nan


def _check_some(poses: Array, file: str) -> None:
    """Refuse another order of joints, and other axes than the camera's."""
    some = poses[:: max(1, len(poses) // 200)].astype(np.float64)
    joint_order.check_order(some, file)
    ankles = some[:, H36M_17.indices(("left_ankle", "right_ankle"))].mean(axis=1)
    way = np.nanmean(some[:, H36M_17.index("head")] - ankles, axis=0)
    axis = int(np.argmax(np.abs(way)))
    if axis == 2 and way[2] > 0 and way[2] > 2 * abs(way[1]):
        raise PoseFormatError(
            "people stand along z: these look like the world frame (z up); predictions in the "
            "camera frame (x right, y down, z away) were expected",
            file=file,
        )
    if axis == 1 and way[1] > 0:
        raise PoseFormatError(
            "people stand on their heads: y seems to point up; the camera frame (y down) was "
            "expected",
            file=file,
        )


def _digest(by_name: Mapping[tuple[str, ...], Array]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, poses in by_name.items():
        digest.update(f"{name} {poses.shape}".encode())
        digest.update(np.ascontiguousarray(poses).data)
    return digest.hexdigest()
