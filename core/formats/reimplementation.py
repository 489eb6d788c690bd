"""Data folders of the baseline's PyTorch re-implementation: seven `*.pth.tar` files.

train_2d, test_2d (ground truth) and train_2d_ft, test_2d_ft (Stacked Hourglass) hold normalised
2D by (subject, action, file); train_3d, test_3d normalised root-relative 3D; stat_3d the 3D's
mean and standard deviation. The 2D's are not in the folder: the ground truth's are published,
the hourglass's are estimated (`pixel_statistics`). Nothing in such a file is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.dataset import Dataset, Entry, Key, Recording
from core.errors import PoseFormatError
from core.formats import pixel_statistics, restricted_pickle
from core.human36m import OUTPUT_DIMENSIONS, PUBLISHED_INPUT
from core.normalization import Statistics, unnormalize
from core.sequence import PoseSequence
from core.skeleton import H36M_17, H36M_32, INPUT_16, OUTPUT_16_JOINTS

GROUND_TRUTH, HOURGLASS, OUTPUT = "gt", "hourglass", "3d"
FPS = 50.0
SUFFIX = ".pth.tar"
SPLITS: tuple[Literal["train", "test"], ...] = ("test", "train")
HOURGLASS_MARK = "-sh"
# Per camera: enough to tell and to fit the 2D's statistics, few enough to take no time.
FRAMES_TO_FIT = 150

FileKey = tuple[str, str, str]
Rows = dict[FileKey, NDArray[np.float32]]
# Called with a file and how many of its bytes are dealt with.
Tell = Callable[[Path, int], None]


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


def files(folder: str | Path) -> list[Path]:
    """List what a data set at this path is made of."""
    folder = Path(folder).parent if Path(folder).is_file() else Path(folder)
    names = ["stat_3d", *(f"{split}_{kind}" for split in SPLITS for kind in ("2d", "2d_ft", "3d"))]
    return [folder / (n + SUFFIX) for n in names if (folder / (n + SUFFIX)).is_file()]


def read(folder: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Read a folder; every file is read once, a recording is un-normalised when it is asked for.

    Its `statistics` hold those of each 2D source (32 numbers, px) and, under "3d", those of the
    output (48 numbers, mm): normalising a recording with them gives the files' own numbers.

    Args:
        folder: the folder, or one of the files in it.
        progress: called with megabytes read and taken in, and out of how many; it may raise to
            stop.

    Raises:
        PoseFormatError: files are missing, damaged, or not what they should be.
    """
    folder = Path(folder).parent if Path(folder).is_file() else Path(folder)
    splits = _present_splits(folder)
    digest = hashlib.blake2b(digest_size=16)
    output_statistics, ankles = _output_statistics(folder / f"stat_3d{SUFFIX}", digest)
    in_world = _is_of_world_frame(ankles)
    notes = [_world_frame_note(ankles)] if in_world else []
    found: dict[Literal["train", "test"], _Split] = {}
    tell = _in_megabytes(files(folder), progress)
    for name in splits:
        found[name] = _read_split(folder, name, digest, tell)
    notes += [note for split in found.values() for note in split.notes]

    # Poses in world axes can't be projected, so they tell nothing about the 2D.
    views = [] if in_world else _sample_views(found.values(), output_statistics)
    statistics, said = _input_statistics(found.values(), views, folder)
    statistics[OUTPUT] = output_statistics
    notes += said
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
        title=f"{'/'.join(folder.resolve().parts[-2:])} (re-implementation's files)",
        kind="recorded",
        entries=tuple(entries),
        read=load,
        digest=digest.hexdigest(),
        splits={s: split for split, names in subjects.items() for s in sorted(names)},
        statistics=statistics,
        notes=tuple(notes),
    )


def _in_megabytes(read: list[Path], progress: Callable[[int, int], None] | None) -> Tell:
    """Make what is called with a file's name, and how many of its bytes are dealt with.

    Each byte counts twice: once read, once as numbers.
    """
    sizes = {path: path.stat().st_size for path in read}
    in_all = 2 * sum(sizes.values())
    done = dict.fromkeys(read, 0)

    def tell(path: Path, dealt_with: int) -> None:
        done[path] = dealt_with
        if progress is not None:
            progress(sum(done.values()) // 1_000_000, max(in_all // 1_000_000, 1))

    return tell


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


def _read_split(folder: Path, split: str, digest: Any, tell: Tell) -> _Split:
    inputs = _read_rows(folder / f"{split}_2d{SUFFIX}", 32, digest, tell)
    outputs = _read_rows(folder / f"{split}_3d{SUFFIX}", 48, digest, tell)
    detected_file = folder / f"{split}_2d_ft{SUFFIX}"
    notes = []
    detected: Rows = {}
    if detected_file.is_file():
        detected = _read_rows(detected_file, 32, digest, tell)
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


def _read_rows(path: Path, width: int, digest: Any, tell: Tell) -> Rows:
    size = path.stat().st_size
    found = restricted_pickle.read_torch_file(path, progress=lambda read: tell(path, read))
    if not isinstance(found, dict) or not found:
        problem = "a dict of poses by (subject, action, file) was expected"
        raise PoseFormatError(problem, file=path)
    result: Rows = {}
    in_all = len(found)
    for done, key in enumerate([*found]):
        # Half the memory: what was read goes as what is kept comes.
        rows = found.pop(key)
        tell(path, size + size * done // in_all)
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
        kept = np.ascontiguousarray(rows, dtype=np.float32)
        result[file_key] = kept
        digest.update(repr((path.name, file_key, kept.shape)).encode())
        digest.update(kept.data)
    tell(path, 2 * size)
    return result


def _output_statistics(path: Path, digest: Any) -> tuple[Statistics, NDArray[np.float64]]:
    """Read stat_3d; also give the ankles' mean place (3,), which tells its frame."""
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
    ankles = mean.reshape(32, 3)[H36M_32.indices(("left_ankle", "right_ankle"))].mean(axis=0)
    return statistics, ankles


def _is_of_world_frame(ankles: NDArray[np.float64]) -> bool:
    """Tell world axes (z up) from camera axes (y down): ankles are about 700 mm below the hip."""
    return bool(ankles[2] < -400 and abs(ankles[1]) < -ankles[2] / 2)


def _world_frame_note(ankles: NDArray[np.float64]) -> str:
    return (
        f"stat_3d{SUFFIX} is of the world frame (mean z of the ankles {ankles[2]:.0f} mm, z up), "
        "not of the camera frame (mean y near +700 mm). Poses are drawn as if in camera axes and "
        "so lie on their back, and a checkpoint trained in the camera frame, as the published "
        "ones are, gives wrong errors on this folder: use the camera-frame files, or a checkpoint "
        "trained on these."
    )


def _input_statistics(
    splits: Iterable[_Split], views: list[pixel_statistics.View], folder: Path
) -> tuple[dict[str, Statistics], list[str]]:
    """Find the 2D sources' statistics, which no file holds, and say how."""
    notes = []
    truth = PUBLISHED_INPUT
    misfit = pixel_statistics.misfit_px(views, truth) if views else 0.0
    if misfit > pixel_statistics.LARGEST_MISFIT_PX:
        recovered = pixel_statistics.recover(views, truth)
        why = (
            "Human3.6M's published 2D statistics are not this folder's own: its 2D would be "
            f"{min(misfit, 9999):.0f} px off the projection of its 3D"
        )
        if recovered is None:
            notes.append(f"{why}. Its own could not be recovered, so 2D in px is distorted.")
        else:
            truth = recovered
            notes.append(f"{why}. Its own were recovered from its 2D, 3D and the four lenses.")
    statistics = {GROUND_TRUTH: truth}
    pairs = [
        (split.inputs[GROUND_TRUTH][key], rows)
        for split in splits
        for key, rows in split.inputs[HOURGLASS].items()
    ]
    if pairs:
        detected = pixel_statistics.of_detections(pairs, truth)
        if detected is None:
            problem = (
                "the hourglass 2D does not follow the ground truth (fewer than "
                f"{pixel_statistics.FEWEST_FRAMES} shared frames, or coordinates that do not "
                "agree), so its scale in px can't be estimated"
            )
            raise PoseFormatError(problem, file=folder, place=f"*_2d_ft{SUFFIX}")
        statistics[HOURGLASS] = detected
        notes.append(
            "Hourglass 2D in px is an estimate: its mean and standard deviation are published "
            "nowhere and were recovered by regression on the ground truth. Errors in mm do not "
            "depend on it."
        )
    return statistics, notes


def _sample_views(splits: Iterable[_Split], output: Statistics) -> list[pixel_statistics.View]:
    """Take frames of the cameras whose lenses are known, evenly over the folder."""
    found: dict[str, list[tuple[NDArray[Any], NDArray[Any]]]] = {}
    for split in splits:
        for key, rows in split.outputs.items():
            found.setdefault(_key(key).camera, []).append((split.inputs[GROUND_TRUTH][key], rows))
    views = []
    for name, pairs in found.items():
        camera = pixel_statistics.lens(name)
        if camera is None:
            continue
        step = max(1, sum(len(rows) for _, rows in pairs) // FRAMES_TO_FIT)
        inputs = np.concatenate([inputs for inputs, _ in pairs])[::step]
        rows = np.concatenate([rows for _, rows in pairs])[::step]
        joints = _truth(rows, output).select(INPUT_16).positions
        views.append(
            pixel_statistics.View(camera, inputs.astype(np.float64), joints.astype(np.float64))
        )
    return views


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
