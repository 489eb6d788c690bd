"""Data folders of the baseline's PyTorch re-implementation: seven `*.pth.tar` files.

train_2d, test_2d (ground truth) and train_2d_ft, test_2d_ft (Stacked Hourglass) hold normalised
2D by (subject, action, file); train_3d, test_3d normalised root-relative 3D; stat_3d the 3D's
mean and standard deviation. The 2D's are not in the folder: the ground truth's are published,
the hourglass's are estimated here. Nothing in such a file is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.dataset import Dataset, Entry, Key, Recording
from core.errors import PoseFormatError
from core.formats import restricted_pickle
from core.human36m import OUTPUT_DIMENSIONS, PUBLISHED_INPUT
from core.normalization import Statistics, unnormalize
from core.sequence import PoseSequence
from core.skeleton import H36M_17, H36M_32, INPUT_16, OUTPUT_16_JOINTS

GROUND_TRUTH, HOURGLASS, OUTPUT = "gt", "hourglass", "3d"
FPS = 50.0
SUFFIX = ".pth.tar"
SPLITS: tuple[Literal["train", "test"], ...] = ("test", "train")
HOURGLASS_MARK = "-sh"
# Fewer shared frames than this do not pin down a mean and a spread per coordinate.
FEWEST_FRAMES_TO_ESTIMATE = 30

FileKey = tuple[str, str, str]
Rows = dict[FileKey, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class _Split:
    """The files of one split, keys intersected."""

    inputs: Mapping[str, Rows]
    outputs: Rows
    notes: tuple[str, ...]


def matches(folder: str | Path) -> bool:
    """Tell whether a folder holds such files (any one of them)."""
    folder = Path(folder)
    names = ("stat_3d", *(f"{split}_{kind}" for split in SPLITS for kind in ("2d", "2d_ft", "3d")))
    return folder.is_dir() and any((folder / (name + SUFFIX)).is_file() for name in names)


def read(folder: str | Path) -> Dataset:
    """Read a folder; every file is read once, a recording is un-normalised when it is asked for.

    Its `statistics` hold those of each 2D source (32 numbers, px) and, under "3d", those of the
    output (48 numbers, mm): normalising a recording with them gives the files' own numbers.

    Raises:
        PoseFormatError: files are missing, damaged, or not what they should be.
    """
    folder = Path(folder)
    splits = _present_splits(folder)
    digest = hashlib.blake2b(digest_size=16)
    output_statistics, notes = _output_statistics(folder / f"stat_3d{SUFFIX}", digest)
    found = {split: _read_split(folder, split, digest) for split in splits}
    notes += [note for split in found.values() for note in split.notes]

    statistics = {GROUND_TRUTH: PUBLISHED_INPUT, "3d": output_statistics}
    if any(split.inputs[HOURGLASS] for split in found.values()):
        statistics[HOURGLASS] = _hourglass_statistics(found.values(), folder)
        notes.append(
            "Hourglass 2D in px is an estimate: its mean and standard deviation are published "
            "nowhere and were recovered by regression on the ground truth. Errors in mm do not "
            "depend on it."
        )
    subjects = {s: {key[0] for key in split.outputs} for s, split in found.items()}
    both = sorted(subjects.get("train", set()) & subjects.get("test", set()))
    if both:
        problem = f"subject {both[0]} is in the train files and in the test files"
        raise PoseFormatError(problem, file=folder)

    index: dict[Key, tuple[_Split, FileKey]] = {}
    entries = []
    for split in found.values():
        for file_key, rows in split.outputs.items():
            key = _key(file_key)
            if key in index:
                problem = f"two entries name the same recording ({key})"
                raise PoseFormatError(problem, file=folder)
            index[key] = split, file_key
            sources = tuple(s for s, inputs in split.inputs.items() if file_key in inputs)
            entries.append(Entry(key, len(rows), FPS, sources))

    def load(key: Key) -> Recording:
        split, file_key = index[key]
        inputs = {
            source: _input_sequence(rows[file_key], statistics[source], source)
            for source, rows in split.inputs.items()
            if file_key in rows
        }
        return Recording(key, inputs, _truth(split.outputs[file_key], output_statistics))

    return Dataset(
        id=str(folder),
        title=f"{folder.resolve().name} (re-implementation's files)",
        kind="recorded",
        entries=tuple(entries),
        read=load,
        digest=digest.hexdigest(),
        splits={s: split for split, names in subjects.items() for s in sorted(names)},
        statistics=statistics,
        notes=tuple(notes),
    )


def _present_splits(folder: Path) -> list[Literal["train", "test"]]:
    if not folder.is_dir():
        raise PoseFormatError("no such folder", file=folder)
    here = {split: (folder / f"{split}_2d{SUFFIX}").is_file() for split in SPLITS}
    truth = {split: (folder / f"{split}_3d{SUFFIX}").is_file() for split in SPLITS}
    if not any((*here.values(), *truth.values())):
        problem = (
            "a data folder was expected, with test_2d, test_3d and stat_3d (and, if there, "
            f"train_2d, train_3d, test_2d_ft, train_2d_ft), each ending in {SUFFIX}; "
            "none of the 2D and 3D files is in it"
        )
        raise PoseFormatError(problem, file=folder)
    for split in SPLITS:
        if here[split] != truth[split]:
            present, absent = ("2d", "3d") if here[split] else ("3d", "2d")
            problem = f"{split}_{present}{SUFFIX} is here but {split}_{absent}{SUFFIX} is missing"
            raise PoseFormatError(problem, file=folder)
    if not (folder / f"stat_3d{SUFFIX}").is_file():
        problem = (
            f"stat_3d{SUFFIX} is missing: without the 3D's mean and standard deviation no error "
            "in mm can be computed"
        )
        raise PoseFormatError(problem, file=folder)
    return [split for split in SPLITS if here[split]]


def _read_split(folder: Path, split: str, digest: Any) -> _Split:
    inputs = _read_rows(folder / f"{split}_2d{SUFFIX}", 32, digest)
    outputs = _read_rows(folder / f"{split}_3d{SUFFIX}", 48, digest)
    detected_file = folder / f"{split}_2d_ft{SUFFIX}"
    notes = []
    detected: Rows = {}
    if detected_file.is_file():
        detected = _read_rows(detected_file, 32, digest)
    else:
        notes.append(f"{detected_file.name} is not in the folder: {split} has no hourglass 2D.")
    for name, rows in ((f"{split}_2d", inputs), (f"{split}_3d", outputs)):
        other = outputs if rows is inputs else inputs
        lost = [key for key in rows if key not in other]
        if lost:
            notes.append(f"{_count(len(lost))} of {name} left out, the other file has no such key.")
    shared = [key for key in outputs if key in inputs]
    if not shared:
        problem = f"no key of it is in {split}_3d{SUFFIX}, so no pose has both 2D and 3D"
        raise PoseFormatError(problem, file=folder / f"{split}_2d{SUFFIX}")
    without = [key for key in shared if key not in detected]
    if detected and without:
        listed = ", ".join(str(_key(key)) for key in without[:3])
        more = " and others" if len(without) > 3 else ""
        notes.append(f"{_count(len(without))} of {split} without hourglass 2D: {listed}{more}.")
    for rows in (inputs, detected):
        for key in shared:
            if key in rows and len(rows[key]) != len(outputs[key]):
                problem = f"2D has {len(rows[key])} frames and 3D {len(outputs[key])}"
                raise PoseFormatError(problem, file=folder, place=_place(key))
    sources = {
        GROUND_TRUTH: {key: inputs[key] for key in shared},
        HOURGLASS: {key: detected[key] for key in shared if key in detected},
    }
    return _Split(sources, {key: outputs[key] for key in shared}, tuple(notes))


def _count(n: int) -> str:
    return "1 sequence" if n == 1 else f"{n} sequences"


def _place(key: FileKey) -> str:
    return f"key ({', '.join(key)})"


def _read_rows(path: Path, width: int, digest: Any) -> Rows:
    found = restricted_pickle.read_torch_file(path)
    if not isinstance(found, dict) or not found:
        problem = "a dict of poses by (subject, action, file) was expected"
        raise PoseFormatError(problem, file=path)
    result: Rows = {}
    for key, rows in found.items():
        try:
            subject, action, file = key
            file_key = (f"S{int(subject)}", str(action), str(file).removesuffix(HOURGLASS_MARK))
        except (TypeError, ValueError):
            problem = f"a key (subject number, action, file) was expected, not {key!r}"
            raise PoseFormatError(problem, file=path) from None
        if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != width:
            shape = rows.shape if isinstance(rows, np.ndarray) else type(rows).__name__
            problem = f"an array of (frames, {width}) was expected, not {shape}"
            raise PoseFormatError(problem, file=path, place=_place(file_key))
        if rows.dtype.kind not in "fiu":
            problem = f"numbers were expected, not {rows.dtype}"
            raise PoseFormatError(problem, file=path, place=_place(file_key))
        broken = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if broken.size:
            problem = f"{broken.size} of {len(rows)} frames are NaN or infinite, first {broken[0]}"
            raise PoseFormatError(problem, file=path, place=_place(file_key))
        result[file_key] = rows
        digest.update(repr((path.name, file_key, rows.shape, rows.dtype.str)).encode())
        digest.update(np.ascontiguousarray(rows).data)
    return result


def _output_statistics(path: Path, digest: Any) -> tuple[Statistics, list[str]]:
    found = restricted_pickle.read_torch_file(path)
    if not isinstance(found, dict) or not {"mean", "std", "dim_use"} <= found.keys():
        raise PoseFormatError("a dict with mean, std and dim_use was expected", file=path)
    mean, std = (np.asarray(found[name], dtype=np.float64).reshape(-1) for name in ("mean", "std"))
    used = np.asarray(found["dim_use"]).reshape(-1)
    if mean.shape != (96,) or std.shape != (96,):
        problem = f"mean and std of 96 numbers were expected, not {mean.size} and {std.size}"
        raise PoseFormatError(problem, file=path)
    if tuple(used) != OUTPUT_DIMENSIONS:
        problem = (
            "the 48 numbers of the 16 output joints were expected (3 to 83, without the hip and "
            f"the joints that do not move), not {used.size} others"
        )
        raise PoseFormatError(problem, file=path, place="dim_use")
    try:
        statistics = Statistics(mean[used], std[used], f"{path.name} of the data folder")
    except ValueError as error:
        raise PoseFormatError(f"can't be used: {error}", file=path) from None
    digest.update(mean.tobytes() + std.tobytes())
    return statistics, _frame_notes(mean, path.name)


def _frame_notes(mean: NDArray[np.float64], name: str) -> list[str]:
    """Tell world axes from camera axes: a person's ankles are about 700 mm below the hip."""
    ankles = mean.reshape(32, 3)[H36M_32.indices(("left_ankle", "right_ankle"))].mean(axis=0)
    if ankles[2] > -400 or abs(ankles[1]) > -ankles[2] / 2:
        return []
    note = (
        f"{name} is of the world frame (mean z of the ankles {ankles[2]:.0f} mm, z up), not of "
        "the camera frame (mean y near +700 mm). Poses are drawn as if in camera axes and so lie "
        "on their back, and a checkpoint trained in the camera frame, as the published ones are, "
        "gives wrong errors on this folder: use the camera-frame files, or a checkpoint trained "
        "on these."
    )
    return [note]


def _hourglass_statistics(splits: Any, folder: Path) -> Statistics:
    """Estimate mean and spread per coordinate from the frames that both 2D sources have.

    The detector's pixels are the true ones plus noise, so the normalised detection is a line
    over the true pixels: slope 1 / std and intercept -mean / std. Regressing this way round
    keeps the noise out of the slope.
    """
    pairs = [
        (split.inputs[GROUND_TRUTH][key], rows)
        for split in splits
        for key, rows in split.inputs[HOURGLASS].items()
    ]
    truth = unnormalize(np.concatenate([t for t, _ in pairs]), *_parts(PUBLISHED_INPUT))
    detected = np.concatenate([d for _, d in pairs])
    spread = truth - truth.mean(axis=0)
    variance = (spread**2).mean(axis=0)
    slope = (spread * detected).mean(axis=0) / np.where(variance > 0, variance, np.nan)
    if len(truth) < FEWEST_FRAMES_TO_ESTIMATE or not (slope > 0).all():
        problem = (
            "the hourglass files do not follow the ground truth (fewer than "
            f"{FEWEST_FRAMES_TO_ESTIMATE} shared frames, or coordinates that do not agree), so "
            "their scale in px can't be estimated"
        )
        raise PoseFormatError(problem, file=folder, place=f"*_2d_ft{SUFFIX}")
    std = 1 / slope
    mean = truth.mean(axis=0) - detected.mean(axis=0) * std
    origin = f"estimated by regression on the ground truth over {len(truth)} frames"
    return Statistics(mean, std, origin, estimated=True)


def _parts(statistics: Statistics) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return statistics.mean, statistics.std


def _key(file_key: FileKey) -> Key:
    """Name a recording: ("S9", "Directions", "Directions 1.54138969.h5") and the like."""
    subject, action, file = file_key
    take, _, camera = file.removesuffix(".h5").rpartition(".")
    return Key(subject, action, take or file, camera)


def _input_sequence(rows: NDArray[Any], statistics: Statistics, source: str) -> PoseSequence:
    pixels = unnormalize(rows, *_parts(statistics)).reshape(len(rows), len(INPUT_16), 2)
    said = "Stacked Hourglass" if source == HOURGLASS else "ground truth"
    return PoseSequence(pixels, INPUT_16, "image", FPS, source=f"{said}, {statistics.origin}")


def _truth(rows: NDArray[Any], statistics: Statistics) -> PoseSequence:
    poses = np.zeros((len(rows), len(H36M_17), 3))
    moving = unnormalize(rows, *_parts(statistics)).reshape(len(rows), len(OUTPUT_16_JOINTS), 3)
    poses[:, H36M_17.indices(OUTPUT_16_JOINTS)] = moving
    return PoseSequence(poses, H36M_17, "root", FPS, source="motion capture, root-relative")
