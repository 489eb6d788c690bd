"""Independent writers of foreign formats for tests: nothing here shares code with the readers
(of this project's code only the `Camera` record is used)."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np

from core.cameras import Camera


def python2_string(text: bytes) -> bytes:
    """A `str` as Python 2 pickles it: bytes without an encoding."""
    if len(text) < 256:
        return b"U" + struct.pack("<B", len(text)) + text
    return b"T" + struct.pack("<i", len(text)) + text


def python2_array(array: np.ndarray) -> bytes:
    """A NumPy array as NumPy 1.13 under Python 2 pickles it, without memo."""
    code = array.dtype.kind + str(array.dtype.itemsize)
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t"
    dtype = (
        b"cnumpy\ndtype\n(" + python2_string(code.encode()) + b"K\x00K\x01tR"
        b"(K\x03" + python2_string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t"
        + python2_string(b"b")
        + b"tR(K\x01"
        + shape
        + dtype
        + b"\x89"
        + python2_string(array.tobytes())
        + b"tb"
    )


def python2_array_pickle(poses: dict[tuple[int, str, str], np.ndarray]) -> bytes:
    """A dict of arrays by (subject, action, file) as Python 2 pickles it with protocol 2."""
    items = b""
    for (subject, action, file), array in poses.items():
        items += b"(K" + struct.pack("<B", subject)
        items += python2_string(action.encode()) + python2_string(file.encode()) + b"t"
        items += python2_array(array) + b"s"
    return b"\x80\x02}" + items + b"."


def legacy_torch_file(
    pickled: bytes, *, keys: bytes | None = None, little_endian: bool = True
) -> bytes:
    """Wrap a pickle as torch.save did before version 1.6: magic, version, system, it, keys."""
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": 1001, "little_endian": little_endian, "type_sizes": sizes}
    head = [0x1950A86A20F9469CFC6C, 1001, system]
    return b"".join(pickle.dumps(x, 2) for x in head) + pickled + (keys or pickle.dumps([], 2))


def openpose_folder(folder: Path, frames: list[list[np.ndarray]], name: str = "clip") -> Path:
    """Write frames of people, each (N, 3), as OpenPose does: one JSON file a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, people in enumerate(frames):
        said = [
            {"person_id": [-1], "pose_keypoints_2d": [round(float(v), 3) for v in person.ravel()],
             "face_keypoints_2d": []}
            for person in people
        ]  # fmt: skip
        path = folder / f"{name}_{i:012d}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": said}))
    return folder


def trc_text(names: list[str], positions: np.ndarray, *, fps: float = 60, units: str = "m") -> str:
    """A TRC file of positions (F, M, 3), which are in the file's own units and axes."""
    header = "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame"
    values = (f"{fps:g}", f"{fps:g}", len(positions), len(names), units, f"{fps:g}", 1)
    lines = [
        "PathFileType\t4\t(X/Y/Z)\tclip.trc",
        "\t".join(header.split()) + "\tOrigNumFrames",
        "\t".join(str(v) for v in (*values, len(positions))),
        "Frame#\tTime\t" + "\t\t\t".join(names),
        "\t\t" + "\t".join(f"{axis}{i}" for i in range(1, len(names) + 1) for axis in "XYZ"),
    ]
    for i, frame in enumerate(positions):
        cells = ["" if np.isnan(v) else repr(float(v)) for v in frame.ravel()]
        lines.append("\t".join([str(i + 1), repr(i / fps), *cells]))
    return "\n".join(lines) + "\n"


def qualisys_text(cameras: list[Camera]) -> str:
    """A calibration of Qualisys: its cameras look along -z with y up, sensor in 1/64 px."""
    parts = ["<?xml version='1.0' encoding='ASCII'?>", "<calibration><cameras>"]
    for camera in cameras:
        rows = (np.diag([1.0, -1.0, -1.0]) @ camera.R).tolist()
        cells = [f'r{i + 1}{j + 1}="{rows[i][j]!r}"' for i in range(3) for j in range(3)]
        cells += [f'{a}="{float(v)!r}"' for a, v in zip("xyz", camera.centre_mm, strict=True)]
        lens = {f"radialDistortion{i + 1}": k for i, k in enumerate(camera.radial)}
        lens |= {f"tangentalDistortion{i + 1}": p for i, p in enumerate(camera.tangential)}
        for i, axis in enumerate("UV"):
            lens[f"focalLength{axis}"] = camera.focal_px[i] * 64
            lens[f"centerPoint{axis}"] = camera.centre_px[i] * 64
            lens[f"sensorMin{axis}"] = 0.0
            lens[f"sensorMax{axis}"] = (camera.size_px[i] - 1) * 64.0
        numbers = " ".join(f'{name}="{float(v)!r}"' for name, v in lens.items())
        parts.append(f'<camera active="1" serial="{camera.name}">')
        parts.append(f"<transform {' '.join(cells)}/>")
        parts.append(f"<intrinsic {numbers}/></camera>")
    return "\n".join([*parts, "</cameras></calibration>"])
