"""Open data sets and checkpoints by what a user calls them: a name that ships, or a path.

Pages import this module as they start: readers are imported once they are needed.
"""

from __future__ import annotations

import difflib
import json
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.dataset import Dataset
from core.errors import PoseFormatError

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.formats.predictions import SavedPoses

BUILT_IN = ("balancing", "synthetic")

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SAMPLES = ASSETS / "samples"
WEIGHTS = ASSETS / "weights"

# What safetensors' own library takes at most, bytes.
LARGEST_HEADER = 100_000_000

Layout = Literal[
    "data set file",
    "re-implementation's data folder",
    "VideoPose3D's archives",
    "Human3.6M's own files",
    "MMPose's Human3.6M",
    "the original code's h5 files",
    "checkpoint",
    "openpose folder",
    "pose2sim folder",
    "motion capture folder",
    "motion capture file",
    "marker file",
    "pose file",
    "nothing",
    "unknown",
]

UNDERSTOOD = (
    "a data set file written by `python -m core prepare`, a folder with test_2d, test_3d and "
    "stat_3d .pth.tar, Human3.6M in its own or another project's layout, or an array of poses"
)
# What to do with paths that are something, but not a data set.
INSTEAD: dict[Layout, str] = {
    "checkpoint": "it is a checkpoint, no data: load it as a checkpoint (`--load`)",
    "openpose folder": "it holds OpenPose keypoints: lift them on “Lift your own” or with "
    "`python -m core predict`",
    "pose2sim folder": "it is a Pose2Sim project: run `python -m core prepare pose2sim` on it",
    "motion capture folder": "it holds motion capture: run `python -m core prepare cmu` on it",
    "motion capture file": "it is motion capture: run `python -m core prepare cmu` on its folder",
    "marker file": "it is a marker file, not a data set",
}


def open_dataset(
    spec: str | Path, *, progress: Callable[[str, int, int], None] | None = None
) -> Dataset:
    """Open a data set.

    Args:
        spec: "balancing", "synthetic", the path of a data set file, or of a folder in one of the
            field's layouts. A file within such a folder stands for the folder, and a folder with
            a single data set file in it for that file. A bare array may say what it is:
            "poses.npy?joint_order=coco17&unit=px", see `core.workflows.plain`.
        progress: called with what is done, how far and out of what, where it takes long: a large
            folder is converted once.

    Raises:
        PoseFormatError: there is nothing, or something else; it says what was looked at.
    """
    if spec == "balancing":
        from core.formats import dataset_file

        return _named("balancing", dataset_file.read(SAMPLES / "balancing.safetensors"))
    if spec == "synthetic":
        from core import synthetic

        return _named("synthetic", synthetic.dataset())
    path, options = _parted(spec)
    layout = recognise(path)
    if layout == "pose file":
        from core.workflows import plain

        return plain.open_dataset(spec)
    if options:
        problem = f"it is a {layout}, which says itself what it holds: leave the options out"
        raise PoseFormatError(problem, file=path)
    if layout == "data set file":
        from core.formats import dataset_file

        return dataset_file.read(_single_file(path))
    from core.workflows import converted

    if layout in converted.READERS:
        return converted.open_dataset(path, layout, progress)
    if layout == "nothing":
        near = difflib.get_close_matches(str(spec), BUILT_IN, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise PoseFormatError(
            f"no such file or folder{hint}; expected {' or '.join(BUILT_IN)}, {UNDERSTOOD}",
            file=path,
        )
    if path.is_dir() and layout == "unknown":
        raise PoseFormatError(
            f"no data set in this folder: {_listing(path)}; expected {UNDERSTOOD}", file=path
        )
    if layout == "checkpoint" and path.suffix == ".safetensors":
        _require_safetensors(path)
    other = INSTEAD.get(layout, f"it is no data set; expected {UNDERSTOOD}")
    raise PoseFormatError(other, file=path)


def is_slow(spec: str | Path) -> bool:
    """Tell whether opening a data set takes long, because it is still to be converted.

    Raises:
        PoseFormatError: its name says what is not known.
    """
    if spec in BUILT_IN:
        return False
    from core.workflows import converted

    path, _ = _parted(spec)
    layout = recognise(path)
    return layout in converted.READERS and converted.is_waiting(path, layout)


def _parted(spec: str | Path) -> tuple[Path, dict[str, str]]:
    """Part a name into the path and what it says of a bare array."""
    if "?" not in str(spec):
        return Path(spec).expanduser(), {}
    from core.workflows import plain

    return plain.split(spec)


def open_checkpoint(spec: str | Path) -> Checkpoint:
    """Load a checkpoint.

    Args:
        spec: the name of one that ships ("gt", "detector"), the path of a file of ours or of
            the re-implementation, or of saved predictions (see `core.formats.predictions`).

    Raises:
        PoseFormatError: there is none, or it can't be used.
    """
    from core import checkpoint

    named = checkpoint.shipped()
    if spec in named:
        return checkpoint.load(named[str(spec)])
    path = Path(spec).expanduser()
    if not path.exists():
        near = difflib.get_close_matches(str(spec), named, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        known = " or ".join(named) or "a checkpoint"
        raise PoseFormatError(
            f"no such checkpoint{hint}; expected {known}, or the path of a .safetensors or "
            ".pth.tar file",
            file=path,
        )
    from core.formats import predictions

    not_ours = ("pose file", "VideoPose3D's archives", "unknown")
    if recognise(path) in not_ours and predictions.matches(path):
        return _saved(predictions.read(path))
    if path.is_dir():
        raise PoseFormatError(f"a checkpoint is a file, not a folder: {_listing(path)}", file=path)
    if recognise(path) == "data set file":
        raise PoseFormatError("it is a data set, not a checkpoint: open it as data", file=path)
    return checkpoint.load(path)


def _saved(poses: SavedPoses) -> Checkpoint:
    from core.checkpoint import Checkpoint
    from core.model import LifterConfig

    return Checkpoint(Path(poses.file).stem, LifterConfig(), {}, saved=poses)


def open_uploaded_checkpoint(data: bytes, name: str) -> Checkpoint:
    """Load a checkpoint or saved predictions from an upload's bytes; `name` is its file name.

    Raises:
        PoseFormatError: it can't be used.
    """
    from core import checkpoint
    from core.formats import predictions

    if Path(name).suffix.lower() in predictions.SUFFIXES:
        return _saved(predictions.read_bytes(data, name))
    return checkpoint.load_bytes(data, name)


def checkpoint_for(source: str) -> str:
    """Name the shipped checkpoint that suits a 2D source: exact 2D, or a detector's."""
    return "gt" if source == "gt" else "detector"


def checkpoint_names() -> tuple[str, ...]:
    """Name the checkpoints that ship, without loading torch."""
    return tuple(path.stem for path in sorted(WEIGHTS.glob("*.safetensors"), reverse=True))


def told_apart(specs: Iterable[str], *, least: int = 1) -> dict[str, str]:
    """Shorten each path to its last parts, as many as no other one ends with.

    Every run calls its checkpoints alike; what tells them apart is the folders that they are in.

    Args:
        specs: paths, or names.
        least: parts to keep in any case.
    """
    parts = {spec: Path(spec).parts for spec in specs}
    shown = {}
    for spec, own in parts.items():
        others = [other for name, other in parts.items() if name != spec]
        kept = least
        while kept < len(own) and any(own[-kept:] == other[-kept:] for other in others):
            kept += 1
        shown[spec] = Path(*own[-kept:]).as_posix()
    return shown


def recognise(path: str | Path) -> Layout:
    """Tell what a path seems to hold, by its names and first bytes; it may still be broken."""
    path = Path(path)
    if path.is_dir():
        return _recognise_folder(path)
    if not path.is_file():
        return "nothing"
    return _recognise_file(path)


def _recognise_folder(folder: Path) -> Layout:
    from core.formats import reimplementation

    if reimplementation.matches(folder):
        return "re-implementation's data folder"
    from core.formats import human36m_official, mmpose, openpose, original_h5, videopose3d

    if videopose3d.matches(folder):
        return "VideoPose3D's archives"
    if human36m_official.matches(folder):
        return "Human3.6M's own files"
    if mmpose.matches(folder):
        return "MMPose's Human3.6M"
    if original_h5.matches(folder):
        return "the original code's h5 files"
    if _single_file(folder) != folder:
        return "data set file"
    names = {entry.name.lower() for entry in folder.iterdir()}
    if {"calibration", "pose"} <= names:
        return "pose2sim folder"
    if openpose.matches(folder):
        return "openpose folder"
    if any(next(folder.rglob(pattern), None) for pattern in ("*.amc", "*.bvh")):
        return "motion capture folder"
    return "unknown"


def _recognise_file(file: Path) -> Layout:
    name = file.name.lower()
    if (known := _safetensors_format(file)) is not None:
        return "data set file" if known == "pose-baseline-dataset" else "checkpoint"
    if name.endswith((".pth.tar", ".pth", ".pt", ".tar")):
        stem = name.split(".", 1)[0]
        parts = ("2d", "2d_ft", "3d")
        data = {"stat_3d", *(f"{split}_{part}" for split in ("train", "test") for part in parts)}
        return "re-implementation's data folder" if stem in data else "checkpoint"
    if name.endswith(".safetensors"):
        return "checkpoint"
    if name.endswith((".asf", ".amc", ".bvh")):
        return "motion capture file"
    if name.endswith((".trc", ".c3d")):
        return "marker file"
    if name.endswith((".npz", ".npy", ".csv", ".json")):
        from core.formats import mmpose, videopose3d

        if videopose3d.matches(file):
            return "VideoPose3D's archives"
        if mmpose.matches(file):
            return "MMPose's Human3.6M"
        return "pose file"
    return "unknown"


def _safetensors_format(file: Path) -> str | None:
    """Read what a safetensors file's metadata calls itself; None for any other file."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > min(file.stat().st_size, LARGEST_HEADER):
                return None
            header = json.loads(opened.read(length))
        return str(header.get("__metadata__", {}).get("format", ""))
    except (OSError, ValueError, RecursionError, struct.error, AttributeError):
        return None


def _require_safetensors(path: Path) -> None:
    """Refuse a file that only its name calls safetensors: who could say what it was?"""
    if _safetensors_format(path) is None:
        raise PoseFormatError("is no safetensors file, or is cut short", file=path)


def _single_file(path: Path) -> Path:
    """Take the only data set file of a folder; the path itself where that isn't clear."""
    if not path.is_dir():
        return path
    found = [f for f in path.glob("*.safetensors") if _recognise_file(f) == "data set file"]
    return found[0] if len(found) == 1 else path


def _listing(folder: Path) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    if not names:
        return "it is empty"
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"it holds {', '.join(names[:4])}{more}"


def _named(name: str, dataset: Dataset) -> Dataset:
    """Give a data set that ships its short name, so that links to it hold on every machine."""
    from dataclasses import replace

    return dataset if dataset.id == name else replace(dataset, id=name)
