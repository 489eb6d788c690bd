"""A lifted recording as files that people take away: CSV and NPZ, with where they come from.

NPZ: `prediction` (F, 17, 3) and, where there is truth, `truth`, `aligned` (F, 17, 3), all relative
    to the hip, mm, in camera axes (x right, y down, z away); `errors_protocol_1`,
    `errors_protocol_2` (F, 17) mm; `input` (F, 16, 2) px; `joints` and `input_joints`, names;
    `fps`; `units` and `provenance`, JSON objects as text.
CSV: one row a frame; `frame`, `time_s`, what the recording is and comes from, then mean errors
    `mpjpe_mm`, `p_mpjpe_mm` and columns `prediction_<joint>_<axis>_mm`, `truth_..._mm`,
    `error_p1_<joint>_mm`, `error_p2_<joint>_mm`, `input_<joint>_<axis>_px`. It opens again as its
    prediction, or as its input where 2D is to be lifted, see `core.formats.keypoints_csv`.
NaN (an empty cell in CSV) is a missing joint. float32 throughout, exact in both.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.formats.keypoints_csv import AXES, csv_table
from core.skeleton import H36M_17, INPUT_16
from core.workflows.lift import LiftedRecording, Protocol

UNITS = {"prediction": "mm", "truth": "mm", "aligned": "mm", "errors": "mm", "input": "px"}
PROTOCOLS: tuple[Protocol, ...] = (1, 2)

Array = NDArray[np.floating[Any]]


def provenance(lifted: LiftedRecording) -> dict[str, str]:
    """Say what the numbers are of and come from, with the digests of data and weights."""
    key = lifted.recording.key
    return {
        "subject": key.subject,
        "action": key.action,
        "take": key.take,
        "camera": key.camera,
        "input": lifted.source,
        **lifted.provenance,
    }


def npz_bytes(lifted: LiftedRecording) -> bytes:
    """Write everything that is known of a lifted recording as an NPZ file."""
    arrays: dict[str, Any] = {
        "prediction": lifted.prediction.positions,
        "input": _input(lifted),
        "joints": np.array(H36M_17.joints),
        "input_joints": np.array(INPUT_16.joints),
        "fps": np.array(lifted.prediction.fps),
        "units": np.array(json.dumps(UNITS)),
        "provenance": np.array(json.dumps(provenance(lifted))),
    }
    if lifted.truth is not None:
        arrays["truth"] = lifted.truth.positions
    if lifted.aligned is not None:
        arrays["aligned"] = lifted.aligned
    for protocol, errors in (lifted.errors or {}).items():
        arrays[f"errors_protocol_{protocol}"] = errors.astype(np.float32)
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)
    return target.getvalue()


def csv_bytes(lifted: LiftedRecording) -> bytes:
    """Write a lifted recording as one CSV table, a frame a row."""
    frames = len(lifted.prediction)
    header: list[str] = []
    columns: list[Array] = []
    if lifted.errors is not None:
        header += ["mpjpe_mm", "p_mpjpe_mm"]
        columns += [lifted.errors[p].mean(axis=1)[:, None] for p in PROTOCOLS]
    header += [f"prediction_{j}_{axis}_mm" for j in H36M_17.joints for axis in AXES]
    columns.append(lifted.prediction.positions.reshape(frames, -1))
    if lifted.truth is not None:
        header += [f"truth_{j}_{axis}_mm" for j in H36M_17.joints for axis in AXES]
        columns.append(lifted.truth.positions.reshape(frames, -1))
    if lifted.errors is not None:
        for protocol in PROTOCOLS:
            header += [f"error_p{protocol}_{j}_mm" for j in H36M_17.joints]
            columns.append(lifted.errors[protocol])
    header += [f"input_{j}_{axis}_px" for j in INPUT_16.joints for axis in AXES[:2]]
    columns.append(_input(lifted).reshape(frames, -1))
    values = np.concatenate([c.astype(np.float32) for c in columns], axis=1)
    table = csv_table(header, values, lifted.prediction.fps, constant=provenance(lifted))
    return table.encode()


def file_name(lifted: LiftedRecording, suffix: str) -> str:
    """Name a download by what it is of: `S9_Walking_1_54138969_gt.csv`."""
    key = lifted.recording.key
    parts = (key.subject, key.action, key.take, key.camera, lifted.source)
    return "_".join(re.sub(r"[^\w.-]+", "-", part).strip("-") for part in parts) + suffix


def _input(lifted: LiftedRecording) -> Array:
    return lifted.recording.inputs[lifted.source].select(INPUT_16).positions
