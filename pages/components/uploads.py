"""Files that a visitor uploads; those of a data set are kept with the session."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.scratch import Scratch
from core.workflows import plain

# In the session: title -> the folder of what was uploaded; it goes with the session.
KEPT = "uploaded_data"


def keep(files: Sequence[Any]) -> Path:
    """Write uploads to a folder, each under its name; return a single file's path, or the folder.

    Args:
        files: as Streamlit's uploader gives them.
    """
    scratch = Scratch()
    paths = write(files, scratch.path)
    title = paths[0].name if len(paths) == 1 else f"{len(paths)} uploaded files"
    _kept()[str(scratch.path)] = (title, scratch)
    return paths[0] if len(paths) == 1 else scratch.path


def write(files: Sequence[Any], folder: Path) -> list[Path]:
    """Write uploads into a folder, each under its name, its ending in small letters."""
    # Browsers give names, which are no paths here; the ending is what readers go by.
    names = [Path(file.name.replace("\\", "/")) for file in files]
    paths = [folder / f"{name.stem}{name.suffix.lower()}" for name in names]
    for file, path in zip(files, paths, strict=True):
        with path.open("wb") as target:
            shutil.copyfileobj(file, target)
    return paths


def title_of(spec: str) -> str | None:
    """Say how a data set that was uploaded in this session is called; None for any other."""
    path, _ = plain.split(spec)
    title, _ = _kept().get(str(path), _kept().get(str(path.parent), (None, None)))
    return title


def without_place(text: str) -> str:
    """Leave out of a message where uploads lie: the visitor knows them by their names."""
    for folder, (title, _) in _kept().items():
        text = text.replace(f"{folder}/", "").replace(folder, title)
    return text


def _kept() -> dict[str, tuple[str, Scratch]]:
    kept: dict[str, tuple[str, Scratch]] = st.session_state.setdefault(KEPT, {})
    return kept
