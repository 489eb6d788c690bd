"""What is fuzzed: every reader of a stranger's file, by the bytes of one file.

A target takes a folder and a file's bytes and reads them; whatever comes out but our own error is
a finding. `seeds` writes small valid files to start from.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from core import checkpoint, processes, run_log, runs
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import (
    arrays,
    asf,
    asf_amc,
    bvh,
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
    qualisys,
    restricted_pickle,
    trc,
    videopose3d,
)
from core.workflows import fetch_cmu, info
from tests.formats import detection_writers, mocap_writers
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
    if not (folder / "data_2d_h36m_gt.npz").is_file():
        writers.videopose3d(folder, {(9, "Walking"): writers.skeleton_32(3, 1)})
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


def amc(folder: Path, data: bytes) -> object:
    skeleton = folder / "01.asf"
    if not skeleton.is_file():
        _put(folder, skeleton.name, mocap_writers.asf_text().encode())
    return asf_amc.read(_put(folder, "01_01.amc", data), skeleton)


def h5_poses(folder: Path, data: bytes) -> object:
    _put(folder, "S9/MyPoses/3D_positions/Walking.h5", data)
    if not (folder / "metadata.xml").is_file():
        writers.metadata_xml(folder / "metadata.xml")
    return _load_all(original_h5.read(folder))


def run_folder(folder: Path, data: bytes) -> object:
    """Read a run's description and its log; the two are parted by a zero byte."""
    said, _, log = data.partition(b"\0")
    _put(folder, runs.RUN, said)
    _put(folder, run_log.LOG, log)
    run_log.read_log(folder)
    return runs.find_runs(folder), runs.read_run(folder)


TARGETS: dict[str, Target] = {
    "asf": lambda f, d: asf.read_skeleton(_put(f, "01.asf", d)),
    "amc": amc,
    "bvh": lambda f, d: bvh.read(_put(f, "a.bvh", d)),
    "qualisys": lambda f, d: qualisys.read(_put(f, "a.qca.txt", d)),
    "trials": lambda f, d: fetch_cmu.read_trials(_put(f, "a.csv", d)),
    "detections zip": lambda _, d: detections.read_bytes(d, "a.zip").person(),
    "detections npz": lambda _, d: detections.read_bytes(d, "a.npz").person(),
    "checkpoint": lambda _, d: checkpoint.load_bytes(d, "a.safetensors"),
    "torch checkpoint": lambda _, d: checkpoint.load_bytes(d, "a.pth.tar"),
    "h5 poses": h5_poses,
    "run folder": run_folder,
    "info npz": lambda f, d: info.describe(_put(f, "a.npz", d)),
    "info json": lambda f, d: info.describe(_put(f, "a.json", d)),
    "info safetensors": lambda f, d: info.describe(_put(f, "a.safetensors", d)),
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
    from core.formats import reimplementation_checkpoint
    from core.rig import four_cameras
    from tests.formats.writers import python2_array_pickle, qualisys_text, trc_text
    from tests.toys import toy_checkpoint, toy_dataset

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
               "f": np.ones((2, 1)), "k": np.ones((3, 1)), "p": np.ones((2, 1)),
               "w": 1000, "h": 1000}}  # fmt: skip
    ours, torchs, zipped = folder / "c.safetensors", folder / "c.pth.tar", io.BytesIO()
    checkpoint.save(ours, toy_checkpoint())
    reimplementation_checkpoint.write(torchs, toy_checkpoint().state)
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for frame in range(2):
            archive.writestr(f"o/a_{frame:012d}_keypoints.json", openpose_frame)
    clip = detection_writers.clip("COCO-17", pixels)
    run = runs.Run(folder, "done", process=processes.this_process())
    runs.write_run(run)
    run_log.append(folder, run_log.Step(1.0, 1, 1, 0.5, 1e-3, 100.0))
    h5 = io.BytesIO()
    with h5py.File(h5, "w") as file:
        file["3D_positions"] = world.reshape(3, 96).T
    h5_places = io.BytesIO()
    with h5py.File(h5_places, "w") as file:
        for i, camera in enumerate(four_cameras("human36m"), start=1):
            writers.put_camera(file.create_group(f"subject9/camera{i}"), camera)
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
        "h5 cameras": h5_places.getvalue(),
        "h5 poses": h5.getvalue(),
        "asf": mocap_writers.asf_text().encode(),
        "amc": mocap_writers.amc_text(mocap_writers.random_frames(0, 2)).encode(),
        "bvh": mocap_writers.bvh_text(mocap_writers.bvh_rows(0, 2)).encode(),
        "qualisys": qualisys_text(list(four_cameras("human36m"))).encode(),
        "trials": b"subject,trial,action,fps,sha256\n2,1,walk,120,\n",
        "detections zip": zipped.getvalue(),
        "detections npz": saved_by(np.savez, points=clip.astype(np.float32)),
        "checkpoint": ours.read_bytes(),
        "torch checkpoint": torchs.read_bytes(),
        "run folder": b"\0".join(
            (folder / name).read_bytes() for name in (runs.RUN, run_log.LOG)
        ),
        "info npz": saved_by(np.savez, positions=pixels.astype(np.float32)),
        "info json": coco.encode(),
        "info safetensors": (folder / "toy.safetensors").read_bytes(),
    }  # fmt: skip


def read(name: str, folder: Path, data: bytes) -> None:
    """Read a file's bytes; anything that escapes is a finding."""
    try:
        TARGETS[name](folder, data)
    except PoseFormatError:
        return
