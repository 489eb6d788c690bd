"""What is fuzzed: every reader of a stranger's file, by the bytes of one file.

A target takes a folder and a file's bytes and reads them; whatever comes out but our own error is
a finding. `seeds` writes small valid files to start from.
"""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import (
    arrays,
    dataset_file,
    detections,
    human36m_cameras,
    human36m_official,
    keypoints,
    mmpose,
    openpose,
    original_h5,
    plain_arrays,
    predictions,
    restricted_pickle,
    trc,
    videopose3d,
)
from tests.formats import field_writers as writers

Target = Callable[[Path, bytes], object]


def _put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _load_all(dataset: Dataset) -> int:
    return len([dataset.load(key) for key in dataset.by_key])


def videopose3d_3d(folder: Path, data: bytes) -> object:
    _put(folder, "data_3d_h36m.npz", data)
    return videopose3d.matches(folder) and _load_all(videopose3d.read(folder))


def videopose3d_2d(folder: Path, data: bytes) -> object:
    _put(folder, "data_2d_h36m_gt.npz", data)
    return videopose3d.matches(folder) and _load_all(videopose3d.read(folder))


def official_cdf(folder: Path, data: bytes) -> object:
    _put(folder, "S9/MyPoseFeatures/D3_Positions/Walking.cdf", data)
    if not (folder / "metadata.xml").is_file():
        writers.metadata_xml(folder / "metadata.xml")
    return _load_all(human36m_official.read(folder))


def metadata(folder: Path, data: bytes) -> object:
    return human36m_cameras.read(_put(folder, "metadata.xml", data))


def plain(folder: Path, data: bytes, suffix: str) -> object:
    path = _put(folder, f"a{suffix}", data)
    positions = plain_arrays.read_positions(path)
    return plain_arrays.to_sequence(positions, plain_arrays.guess(positions).reading, "a")


def saved(folder: Path, data: bytes) -> object:
    return predictions.read(_put(folder, "a.npz", data))


def mmpose_npz(folder: Path, data: bytes) -> object:
    _put(folder, "h36m_test.npz", data)
    return mmpose.matches(folder) and _load_all(mmpose.read(folder))


def mmpose_cameras(folder: Path, data: bytes) -> object:
    return mmpose.read_cameras(_put(folder, "cameras.pkl", data))


def h5_cameras(folder: Path, data: bytes) -> object:
    return original_h5.read_cameras(_put(folder, "cameras.h5", data))


TARGETS: dict[str, Target] = {
    "videopose3d 3d": videopose3d_3d,
    "videopose3d 2d": videopose3d_2d,
    "official cdf": official_cdf,
    "metadata.xml": metadata,
    "npy": lambda f, d: plain(f, d, ".npy"),
    "npz": lambda f, d: plain(f, d, ".npz"),
    "csv": lambda f, d: plain(f, d, ".csv"),
    "json": lambda f, d: plain(f, d, ".json"),
    "object array": lambda _, d: arrays.read_npy(d, "a", objects=True),
    "predictions": saved,
    "pickle": lambda _, d: restricted_pickle.read_pickle(io.BytesIO(d), "a"),
    "torch file": lambda _, d: restricted_pickle.read_torch_file(io.BytesIO(d), "a"),
    "data set file": lambda f, d: _load_all(dataset_file.read(_put(f, "a.safetensors", d))),
    "sequence json": lambda _, d: keypoints.read_bytes(d, "a.json"),
    "sequence csv": lambda _, d: keypoints.read_bytes(d, "a.csv"),
    "detections": lambda f, d: detections.read(_put(f, "a.json", d)).person(),
    "openpose": lambda f, d: openpose.read(_put(f, "o/a_000000000000_keypoints.json", d).parent),
    "trc": lambda f, d: trc.read(_put(f, "a.trc", d)),
    "mmpose npz": mmpose_npz,
    "mmpose cameras": mmpose_cameras,
    "h5 cameras": h5_cameras,
}


def seeds(folder: Path) -> dict[str, bytes]:
    """Write one small valid file for each target."""
    from tests.formats.writers import python2_array_pickle, trc_text
    from tests.toys import toy_dataset

    world = writers.skeleton_32(3, 1)
    vp3d = writers.videopose3d(folder / "vp3d", {(9, "Walking"): world})
    pixels = writers.project(world, writers.place(9, 0), 0)[:, writers.MOVING]
    relative = (world - world[:, :1])[:, writers.MOVING] @ writers.place(9, 0).R.T
    cdf = writers.cdf(folder / "a.cdf", world.reshape(3, 96))
    dataset_file.write(folder / "toy.safetensors", toy_dataset())
    rows = {(9, "Walking", "Walking.54138969.h5"): np.ones((2, 32))}

    def saved_by(save: Callable, *args: object, **named: object) -> bytes:
        target = io.BytesIO()
        save(target, *args, **named)
        return target.getvalue()

    objects = np.empty((), dtype=object)
    objects[()] = {"S9": {"Walking": world}}
    poses = json.dumps({"positions": pixels.tolist()}).encode()
    person = [float(v) for xy in writers.coco_17(world)[0, :, :2] for v in (*xy, 0.9)]
    openpose_frame = json.dumps({"people": [{"pose_keypoints_2d": [*person, *([0.5] * 24)]}]})
    coco = json.dumps([{"image_id": 1, "category_id": 1, "keypoints": person, "score": 0.9}])
    imgname = np.array([f"S9/S9_Walking.54138969/S9_Walking.54138969_{i:06d}.jpg" for i in (1, 6)])
    cameras = {("S9", "54138969"): {"R": np.eye(3), "T": np.ones((3, 1)), "c": np.ones((2, 1)),
               "f": np.ones((2, 1)), "k": np.ones((3, 1)), "p": np.ones((2, 1))}}  # fmt: skip
    return {
        "videopose3d 3d": (vp3d / "data_3d_h36m.npz").read_bytes(),
        "videopose3d 2d": (vp3d / "data_2d_h36m_gt.npz").read_bytes(),
        "official cdf": cdf.read_bytes(),
        "metadata.xml": writers.metadata_xml(folder / "metadata.xml").read_bytes(),
        "npy": saved_by(np.save, pixels.astype(np.float32)),
        "npz": saved_by(np.savez, positions=pixels.astype(np.float32)),
        "csv": "\n".join(",".join(map(str, row)) for row in pixels.reshape(3, -1)).encode(),
        "json": poses,
        "object array": saved_by(np.save, objects),
        "predictions": saved_by(np.savez, relative.astype(np.float32)),
        "pickle": python2_array_pickle(rows),
        "torch file": pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
        + pickle.dumps({"little_endian": True}, 2) + pickle.dumps(rows, 2) + pickle.dumps([], 2),
        "data set file": (folder / "toy.safetensors").read_bytes(),
        "sequence json": poses,
        "sequence csv": b"frame,time_s,hip_x_px,hip_y_px\n0,0,1,2\n",
        "detections": coco.encode(),
        "openpose": openpose_frame.encode(),
        "trc": trc_text(["hip"], np.ones((2, 1, 3))).encode(),
        "mmpose npz": saved_by(np.savez, imgname=imgname, part=np.ones((2, 17, 3)),
                               S=np.ones((2, 17, 4))),
        "mmpose cameras": pickle.dumps(cameras, 4),
        "h5 cameras": b"\x89HDF\r\n\x1a\n" + bytes(200),
    }  # fmt: skip


def read(name: str, folder: Path, data: bytes) -> None:
    """Read a file's bytes; anything that escapes is a finding."""
    try:
        TARGETS[name](folder, data)
    except PoseFormatError:
        return
