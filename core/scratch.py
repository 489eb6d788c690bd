"""Temporary folders: gone once nobody holds them, and at the next start what a kill left of them.

Each has a note of the process that made it. Only a folder whose process is known to be dead is
ever removed by another one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from dataclasses import asdict
from pathlib import Path

from core.processes import Process, this_process

PREFIX = "pose-baseline-"
OWNER, FILES = "owner.json", "files"


class Scratch:
    """A temporary folder that lives as long as this object, or as the block that it is used in.

    Attributes:
        path: the folder, empty at first.
    """

    def __init__(self) -> None:
        place = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._finalizer = weakref.finalize(self, _remove, place, os.getpid())
        (place / OWNER).write_text(json.dumps(asdict(this_process())), encoding="utf-8")
        self.path = place / FILES
        self.path.mkdir()

    def remove(self) -> None:
        """Remove the folder now."""
        self._finalizer()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def sweep() -> int:
    """Remove what processes left that were killed; return how many folders that were."""
    # Where processes can't be told from each other, nothing is known to be dead.
    if not this_process().started:
        return 0
    left = [
        place
        for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")
        if _is_ours(place) and _is_left(place)
    ]
    for place in left:
        shutil.rmtree(place, ignore_errors=True)
    return len(left)


def _is_ours(place: Path) -> bool:
    if place.is_symlink() or not place.is_dir():
        return False
    return not hasattr(os, "getuid") or place.stat().st_uid == os.getuid()


def _is_left(place: Path) -> bool:
    try:
        owner = Process(**json.loads((place / OWNER).read_text(encoding="utf-8")))
        return bool(owner.started) and owner.is_here() and not owner.is_alive()
    except (OSError, ValueError, TypeError):
        return False


def _remove(place: Path, pid: int) -> None:
    # A process that was forked off has this object, too, but not the folder.
    if os.getpid() == pid:
        shutil.rmtree(place, ignore_errors=True)
