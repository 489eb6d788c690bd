"""Cached loaders: data sets, checkpoints and lifted recordings, each loaded once a server.

PyTorch comes in with the first checkpoint, not with the page: the menu and the pickers are
there a second earlier.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from core.dataset import Dataset, Key
from core.errors import PoseFormatError
from core.workflows import footage, lift
from core.workflows import open as opening
from pages.components import jobs

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.detector.tracking import Eyes

# What a visitor opened in this session, beside what ships: title -> where it is.
DATASETS_OPENED = "opened_datasets"
CHECKPOINTS_OPENED = "opened_checkpoints"


def stamp(spec: str) -> tuple[float, ...]:
    """When the files behind a path last changed, so that a cache knows an old copy."""
    path = Path(spec)
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple(file.stat().st_mtime for file in files)
    except OSError:
        return ()


class NotConvertedError(Exception):
    """A data set is large and still to be converted; `conversion.show` does it."""

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        self.spec = spec


def dataset(spec: str) -> Dataset:
    """Open a data set by its built-in name or path.

    Raises:
        PoseFormatError: it can't be opened, and why.
        NotConvertedError: it would take long.
    """
    return _dataset(spec, stamp(spec))


def conversion_key(spec: str) -> Hashable:
    """Name the job that converts a data set."""
    return ("convert", spec, stamp(spec))


@st.cache_resource(show_spinner="Opening the data set…", max_entries=8)
def _dataset(spec: str, changed: tuple[float, ...]) -> Dataset:
    key = ("convert", spec, changed)
    job: jobs.Job[Dataset] | None = jobs.find(key)
    if job is not None and not job.running:
        jobs.forget(key)
        if job.result is None:
            raise job.failure or PoseFormatError("its conversion broke off", file=spec)
        return job.result
    if job is not None or opening.is_slow(spec):
        raise NotConvertedError(spec)
    return opening.open_dataset(spec)


def checkpoint(spec: str) -> Checkpoint:
    """Load a checkpoint by its shipped name, path, or the name of an upload of this session."""
    uploaded: Checkpoint | None = st.session_state.get(CHECKPOINTS_OPENED, {}).get(spec)
    return uploaded or _checkpoint(spec, stamp(spec))


@st.cache_resource(show_spinner="Loading the checkpoint…", max_entries=8)
def _checkpoint(spec: str, changed: tuple[float, ...]) -> Checkpoint:  # noqa: ARG001
    return opening.open_checkpoint(spec)


def lifted(data: Dataset, model: Checkpoint, source: str, key: Key) -> lift.LiftedRecording:
    """Load a recording and lift it with the checkpoint, once for each combination."""
    return _lifted(data, model, data.digest, model.digest, source, key)


# Underscored arguments are not part of the cache's key: the digests stand for them.
@st.cache_resource(show_spinner=False, max_entries=32)
def _lifted(
    _data: Dataset,
    _model: Checkpoint,
    data_digest: str,  # noqa: ARG001
    model_digest: str,
    source: str,
    key: Key,
) -> lift.LiftedRecording:
    return lift.lift_recording(lifter(_model, model_digest), _data, _data.load(key), source)


@st.cache_resource(show_spinner=False, max_entries=2)
def eyes(*, heavy: bool = False) -> Eyes:
    """Make the 2D detector ready, once a server."""
    return footage.open_eyes("heavy" if heavy else "full")


@st.cache_resource(show_spinner=False, max_entries=8)
def lifter(_model: Checkpoint, model_digest: str) -> lift.PoseLifter:  # noqa: ARG001
    """Make a checkpoint ready for work, once a server."""
    return lift.PoseLifter(_model)
