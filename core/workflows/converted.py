"""Data sets in layouts that are slow to open, kept in the project's own memory-mapped form.

A folder is read once, with progress; from then on its converted form opens in milliseconds, as
long as the folder's files have the same sizes, times and (sampled) content. Converted forms lie
beside the kept results, bounded in size: those not used for longest go.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import dataset_file, fingerprint
from core.store import Store, default_store
from core.workflows import conversion
from core.workflows.conversion import READERS as READERS

Progress = Callable[[str, int, int], None]

# Below this a folder opens as fast as it would be converted.
SMALLEST_BYTES = 24 << 20
LIMIT_BYTES = 6 << 30
# Part of every name: forms that an older reader made are not found again.
VERSION = "converted-1"


def store() -> Store:
    """Return where converted forms are kept."""
    return Store(default_store().folder / "converted", LIMIT_BYTES)


def is_waiting(path: Path, layout: str) -> bool:
    """Tell whether opening would take long, because the conversion is still to be done."""
    files = conversion.reader(layout).files(path)
    return _is_large(files) and not store().path(_name(files)).is_file()


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
    files = conversion.reader(layout).files(path)
    if path.is_dir():
        fingerprint.refuse_links_out(files, path)
    if not _is_large(files):
        return conversion.read(path, layout, progress)
    kept = store()
    name = _name(files)
    form = kept.path(name)
    try:
        found = dataset_file.read(form)
        os.utime(form)
        return replace(found, id=str(path))
    except (PoseFormatError, OSError):
        pass
    note = conversion.keep_elsewhere(path, layout, kept, name, progress)
    if not note:
        return replace(dataset_file.read(form), id=str(path))
    dataset = conversion.read(path, layout, progress)
    return replace(dataset, notes=(*dataset.notes, note))


def _name(files: list[Path]) -> str:
    return f"{VERSION}-{fingerprint.of_files(files)}"


def _is_large(files: list[Path]) -> bool:
    try:
        return sum(file.stat().st_size for file in files) > SMALLEST_BYTES
    except OSError:
        return False
