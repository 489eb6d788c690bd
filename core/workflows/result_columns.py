"""The columns of a kept result: errors of each frame and joint, and the sums behind the tables.

N frames of R recordings lie one after another; J counts the joints of a joint set:

    offsets                 (R + 1,) int64: recording i has frames offsets[i] to offsets[i + 1]
    errors.1, errors.2      (N, 17) float32, mm: joints of H36M_17 under Protocol #1 and #2; NaN
                            where a joint is missing
    velocity                (N,) float32, mm per frame: how much the step from the frame before
                            differs from the true step, mean of 17 joints; NaN in a first frame
    scaled                  (N,) float32, mm: N-MPJPE of the frame
    bones                   (N,) float32, mm: how far bone lengths are off, mean of 16 bones
    asymmetry               (N,) float32, mm: left to right difference of predicted bones, mean
    frames.J                (R,) int64: frames with all J joints, for J = 17, 16, 14
    sums.P.J                (R, J) float64, mm: errors under Protocol #P summed over these frames

float32 holds an error of 100 mm to 0.000004 mm; tables come from the float64 sums. The metadata
has keys, frame rates and provenance. Columns per frame also hold what tables leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.alignment import procrustes_errors
from core.dataset import Dataset, Entry
from core.errors import PoseFormatError
from core.metrics import (
    align_scale,
    bone_length_errors,
    joint_errors,
    left_right_differences,
    velocity_errors,
)
from core.skeleton import H36M_17
from core.workflows.evaluate import (
    JOINT_SETS,
    FloatArray,
    JointSet,
    Loaded,
    frames_of_each,
    in_groups,
    lift_group,
)
from core.workflows.lift import PoseLifter, Protocol

PROTOCOLS: tuple[Protocol, ...] = (1, 2)
PER_FRAME = ("velocity", "scaled", "bones", "asymmetry")

LEFT = tuple(b for b, side in zip(H36M_17.bones, H36M_17.bone_sides, strict=True) if side == "left")
RIGHT = tuple((H36M_17.flip_order[a], H36M_17.flip_order[b]) for a, b in LEFT)


def computed(
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    entries: tuple[Entry, ...],
    progress: Callable[[int, int], None] | None,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Compute columns, and the metadata of recordings: keys and fps; provenance is the caller's.

    Args:
        dataset: its entries are loaded one after another.
        lifter: the checkpoint.
        source: name of the 2D source.
        entries: what to evaluate; recordings without truth are left out.
        progress: called with frames done and frames in all; it may raise to stop.

    Raises:
        PoseFormatError: no frame has all joints, or statistics are missing.
    """
    in_all = sum(entry.frames for entry in entries)
    columns: dict[str, NDArray[Any]] = {
        **{f"errors.{p}": np.empty((in_all, 17), dtype=np.float32) for p in PROTOCOLS},
        **{name: np.empty(in_all, dtype=np.float32) for name in PER_FRAME},
    }
    frames: dict[JointSet, list[int]] = {joints: [] for joints in JOINT_SETS}
    sums: dict[str, list[FloatArray]] = {f"sums.{p}.{j}": [] for p in PROTOCOLS for j in JOINT_SETS}
    evaluated: list[Entry] = []
    offsets = [0]
    for found in _measured(dataset, lifter, source, entries):
        rows = slice(offsets[-1], offsets[-1] + found.entry.frames)
        for name, values in found.columns.items():
            columns[name][rows] = values
        for joint_set, count in found.frames.items():
            frames[joint_set].append(count)
        for name, total in found.sums.items():
            sums[name].append(total)
        evaluated.append(found.entry)
        offsets.append(rows.stop)
        if progress is not None:
            progress(rows.stop, in_all)
    if not any(map(sum, frames.values())):
        raise PoseFormatError(
            f"no frame to evaluate: of {in_all} frames none has all joints in 2D and 3D",
            file=dataset.title,
            place=f"2D source {source}",
        )
    arrays: dict[str, NDArray[Any]] = {
        **{name: np.ascontiguousarray(column[: offsets[-1]]) for name, column in columns.items()},
        "offsets": np.array(offsets, dtype=np.int64),
        **{f"frames.{j}": np.array(counts, dtype=np.int64) for j, counts in frames.items()},
        **{name: np.stack(totals) for name, totals in sums.items()},
    }
    metadata = {
        "keys": [list(asdict(entry.key).values()) for entry in evaluated],
        "fps": [entry.fps for entry in evaluated],
    }
    return arrays, metadata


class _Measured(NamedTuple):
    """What is kept of one recording."""

    entry: Entry
    columns: dict[str, FloatArray]
    frames: dict[JointSet, int]
    sums: dict[str, FloatArray]


def _measured(
    dataset: Dataset, lifter: PoseLifter, source: str, entries: tuple[Entry, ...]
) -> Iterator[_Measured]:
    """Lift and measure recordings, several at a time; they come in the order of the entries."""
    from core import workers

    lifter = lifter.suited_to(dataset, source)

    def measure(group: list[Loaded]) -> list[_Measured]:
        predictions = lift_group(lifter, group)
        truth = np.concatenate([each.truth for each in group])
        of_sets = _errors(predictions, truth)
        parts = frames_of_each(group)
        columns = _per_frame(predictions, truth, [part.start for part in parts])
        columns |= {f"errors.{protocol}": of_sets[17][protocol] for protocol in PROTOCOLS}
        complete = {
            joint_set: np.asarray(np.isfinite(errors[1] + errors[2]).all(axis=1))
            for joint_set, errors in of_sets.items()
        }
        return [
            _kept(each.entry, part, columns, of_sets, complete)
            for each, part in zip(group, parts, strict=True)
        ]

    for found in workers.each(measure, in_groups(dataset, source, entries)):
        yield from found


def _kept(
    entry: Entry,
    part: slice,
    columns: dict[str, FloatArray],
    of_sets: dict[JointSet, dict[Protocol, FloatArray]],
    complete: dict[JointSet, NDArray[np.bool_]],
) -> _Measured:
    """Take one recording's columns and sums out of its group's."""
    frames: dict[JointSet, int] = {}
    sums: dict[str, FloatArray] = {}
    for joint_set, of_protocols in of_sets.items():
        counts = complete[joint_set][part]
        frames[joint_set] = int(counts.sum())
        for protocol, errors in of_protocols.items():
            counted = errors[part] if counts.all() else errors[part][counts]
            sums[f"sums.{protocol}.{joint_set}"] = counted.sum(axis=0)
    return _Measured(entry, {name: c[part] for name, c in columns.items()}, frames, sums)


def _errors(
    predictions: FloatArray, truth: FloatArray
) -> dict[JointSet, dict[Protocol, FloatArray]]:
    """Measure all joint sets (F, J); Protocol #2 aligns on those that count."""
    sets = {joint_set: H36M_17.indices(names) for joint_set, names in JOINT_SETS.items()}
    unaligned = joint_errors(predictions, truth)
    aligned = procrustes_errors(predictions, truth, list(sets.values()))
    return {
        joint_set: {1: np.take(unaligned, counted, axis=1), 2: errors}
        for (joint_set, counted), errors in zip(sets.items(), aligned, strict=True)
    }


def _per_frame(
    predictions: FloatArray, truth: FloatArray, firsts: list[int]
) -> dict[str, FloatArray]:
    """Measure a group's frames (F, 17, 3); `firsts` are those that have none before them."""
    velocity = np.full(len(truth), np.nan)
    velocity[1:] = velocity_errors(predictions, truth).mean(axis=1)
    velocity[[first for first in firsts if first < len(truth)]] = np.nan
    return {
        "velocity": velocity,
        "scaled": joint_errors(align_scale(predictions, truth), truth).mean(axis=1),
        "bones": bone_length_errors(predictions, truth, H36M_17.bones).mean(axis=1),
        "asymmetry": left_right_differences(predictions, LEFT, RIGHT).mean(axis=1),
    }
