"""Data sets in layouts that are slow to open, kept in the project's own memory-mapped form.

A folder is read once, with progress; from then on its converted form opens in milliseconds, as
long as the folder's files have the same sizes, times and (sampled) content. Converted forms lie
beside the kept results, bounded in size: those not used for longest go.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import dataset_file, fingerprint
from core.store import Store, default_store

Progress = Callable[[str, int, int], None]

# Layout -> its reader, with files(path) and read(path, progress=...).
READERS = {
    "re-implementation's data folder": "core.formats.reimplementation",
    "VideoPose3D's archives": "core.formats.videopose3d",
    "Human3.6M's own files": "core.formats.human36m_official",
    "MMPose's Human3.6M": "core.formats.mmpose",
    "the original code's h5 files": "core.formats.original_h5",
}
# Below this a folder opens as fast as it would be converted.
SMALLEST_BYTES = 24 << 20
LIMIT_BYTES = 6 << 30
# Part of every name: forms that an older reader made are not found again.
VERSION = "converted 1"


def store() -> Store:
    """Return where converted forms are kept."""
    return Store(default_store().folder / "converted", LIMIT_BYTES)


def is_waiting(path: Path, layout: str) -> bool:
    """Tell whether opening would take long, because the conversion is still to be done."""
    files = _reader(layout).files(path)
    return _is_large(files) and not store().path(fingerprint.of_files(files)).is_file()


def open_dataset(path: Path, layout: str, progress: Progress | None = None) -> Dataset:
    """Open a data set by its converted form, which is made where there is none.

    Args:
        path: the folder or file.
        layout: one of `READERS`.
        progress: called with what is done ("reading", "converting"), how far, and out of what; it
            may raise to stop, and nothing is kept then.

    Raises:
        PoseFormatError: it can't be read.
    """
    reader = _reader(layout)
    files = reader.files(path)
    if not _is_large(files):
        return _read(reader, path, progress)
    kept = store()
    name = fingerprint.of_files(files)
    form = kept.path(name)
    try:
        found = dataset_file.read(form)
        os.utime(form)
        return replace(found, id=str(path))
    except (PoseFormatError, OSError):
        pass
    unkept = _convert(reader, path, kept, name, progress)
    _give_memory_back()
    return unkept or replace(dataset_file.read(form), id=str(path))


def _convert(
    reader: Any, path: Path, kept: Store, name: str, progress: Progress | None
) -> Dataset | None:
    """Read and keep; returns what was read only where it could not be kept."""
    dataset = _read(reader, path, progress)
    done = 0

    def report(step: Any) -> None:
        nonlocal done
        done += step.frames
        if progress is not None:
            progress("converting", done, dataset.frames)

    def write(file: Path) -> None:
        dataset_file.write(file, dataset, progress=report)

    note = kept.adopt(name, write)
    return replace(dataset, notes=(*dataset.notes, note)) if note else None


def _give_memory_back() -> None:
    """Return to the system what reading took: the C library would keep gigabytes of it."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):  # another C library than Linux's usual one
        return


def _reader(layout: str) -> Any:
    return import_module(READERS[layout])


def _is_large(files: list[Path]) -> bool:
    try:
        return sum(file.stat().st_size for file in files) > SMALLEST_BYTES
    except OSError:
        return False


def _read(reader: Any, path: Path, progress: Progress | None) -> Dataset:
    def report(done: int, in_all: int) -> None:
        if progress is not None:
            progress("reading", done, in_all)

    found: Dataset = reader.read(path, progress=report)
    return found
