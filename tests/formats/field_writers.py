"""Independent writers of the field's files for tests, from known poses: nothing here shares code
with the readers, the joint lists and formulas are written down again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.cameras import Camera

# The 17 of the 32 joints that move.
MOVING = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
# Of the 17, those that the network sees.
SEEN_16 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16]
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
SIZES = ((1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002))
LENSES = (
    (1145.0494, 1143.7811, 512.5415, 515.4515, -0.20709891, 0.24777518, -0.00307515,
     -0.00142447, -0.0009757),
    (1149.6757, 1147.5916, 508.8486, 508.0649, -0.19421363, 0.24040854, 0.00681998,
     -0.00274089, -0.00161903),
    (1149.1407, 1148.799, 519.8158, 501.4027, -0.20833819, 0.25548801, -0.0024605,
     -0.00076, 0.00148439),
    (1145.5113, 1144.7739, 514.9682, 501.882, -0.19838409, 0.21832368, -0.00894781,
     -0.00181336, -0.00058721),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a camera of a subject stands: Euler angles and centre in mm."""

    angles: tuple[float, float, float]
    centre: tuple[float, float, float]

    @property
    def R(self) -> np.ndarray:
        a, b, c = self.angles
        rx = [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
        ry = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
        rz = [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
        return np.array(rx) @ np.array(ry) @ np.array(rz)


def place(subject: int, camera: int) -> Place:
    """A camera about 5 m away that looks at the middle, a little different for each subject."""
    heading = math.radians((70, -70, 110, -110)[camera] + subject)
    centre = np.array([5000 * math.cos(heading), 5000 * math.sin(heading), 1500.0 + subject])
    away = np.array([0, 0, 900.0]) - centre
    away /= np.linalg.norm(away)
    right = np.cross(away, [0, 0, 1])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(away, right), away])
    # R = Rx(a) Ry(b) Rz(c), solved for the angles.
    b = math.asin(R[0, 2])
    a = math.atan2(-R[1, 2], R[2, 2])
    c = math.atan2(-R[0, 1], R[0, 0])
    return Place((a, b, c), (float(centre[0]), float(centre[1]), float(centre[2])))


def skeleton_32(frames: int, seed: int = 0) -> np.ndarray:
    """A person who walks about and bends: (F, 32, 3) mm in the world, z up."""
    rng = np.random.default_rng(seed)
    rest = np.zeros((32, 3))
    right, left = (1, -1)
    for side, hip in ((right, 1), (left, 6)):
        x = 130 * side
        rest[hip : hip + 5] = [(x, 0, 900), (x, 20, 450), (x, 0, 60), (x, 120, 20), (x, 180, 20)]
    rest[0] = rest[11] = (0, 0, 900)
    rest[12], rest[13], rest[14], rest[15] = (
        (0, 10, 1130),
        (0, 0, 1380),
        (0, 80, 1480),
        (0, 30, 1600),
    )
    for side, collar in ((left, 16), (right, 24)):
        x = side
        rest[collar] = (0, 0, 1380)
        rest[collar + 1 : collar + 4] = [
            (150 * x, 0, 1350),
            (200 * x, 40, 1080),
            (220 * x, 150, 850),
        ]
        rest[collar + 4] = rest[collar + 6] = rest[collar + 3]
        rest[collar + 5] = rest[collar + 7] = rest[collar + 3] + (10 * x, 60, -30)
    t = np.linspace(0, 2 * math.pi, frames, endpoint=False)
    phase = rng.uniform(0, 6, (32, 3))
    sway = 35 * np.sin(t[:, None, None] + phase) * (rest[:, 2:] > 0)
    poses = rest + sway
    turn = t + seed
    c, s = np.cos(turn), np.sin(turn)
    zero, one = np.zeros_like(c), np.ones_like(c)
    Rz = np.stack([np.stack([c, -s, zero], -1), np.stack([s, c, zero], -1),
                   np.stack([zero, zero, one], -1)], 1)  # fmt: skip
    poses = np.einsum("fij,fkj->fki", Rz, poses)
    path = np.stack([400 * np.cos(t + seed), 300 * np.sin(t), 0 * t], -1)
    return poses + path[:, None]


def camera_frame(world: np.ndarray, where: Place) -> np.ndarray:
    """X_cam = R (P - T)."""
    return (world - np.array(where.centre)) @ where.R.T


def project(world: np.ndarray, where: Place, camera: int) -> np.ndarray:
    """The original's projection of points (..., 3), written out coordinate by coordinate."""
    fx, fy, cx, cy, k1, k2, k3, p0, p1 = LENSES[camera]
    X, Y, Z = np.moveaxis(camera_frame(world, where), -1, 0)
    x, y = X / Z, Y / Z
    r2 = x**2 + y**2
    bracket = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p0 * y + p1 * x
    return np.stack([fx * (x * bracket + p1 * r2) + cx, fy * (y * bracket + p0 * r2) + cy], -1)


def metadata_xml(path: Path) -> Path:
    """Human3.6M's metadata.xml, as far as its cameras go: 300 numbers in brackets."""
    numbers: list[float] = []
    for camera in range(4):
        for subject in range(1, 12):
            where = place(subject, camera)
            numbers += [*where.angles, *where.centre]
    for lens in LENSES:
        numbers += lens
    words = " ".join(repr(float(n)) for n in numbers)
    text = (
        "<?xml version='1.0'?><metadata><mapping><tr><td>x</td></tr></mapping>"
        f"<dbcameras><index2id><id>54138969</id></index2id></dbcameras><w0>[{words}]</w0></metadata>"
    )
    path.write_text(text)
    return path


def _objects(value: object) -> np.ndarray:
    """A 0-d array of objects, as np.savez makes of a dict."""
    array = np.empty((), dtype=object)
    array[()] = value
    return array


def coco_17(world: np.ndarray) -> np.ndarray:
    """COCO's points (F, 17, 3) of a person of 32 joints: the face is near the head."""
    head, nose = world[:, 15], world[:, 14]
    side = world[:, 17] - world[:, 25]
    side = side / np.linalg.norm(side, axis=-1, keepdims=True)
    face = [nose, nose + 30 * side + (0, 0, 30), nose - 30 * side + (0, 0, 30),
            head + 70 * side - (0, 0, 60), head - 70 * side - (0, 0, 60)]  # fmt: skip
    body = [world[:, i] for i in (17, 25, 18, 26, 19, 27, 6, 1, 7, 2, 8, 3)]
    return np.stack([*face, *body], 1)


def mpii_16(world: np.ndarray) -> np.ndarray:
    """MPII's order of a person of 32 joints."""
    return world[:, [3, 2, 1, 6, 7, 8, 0, 12, 13, 15, 27, 26, 25, 17, 18, 19]]


def videopose3d(
    folder: Path,
    takes: dict[tuple[int, str], np.ndarray],
    *,
    sources: tuple[str, ...] = ("gt",),
    longer: int = 0,
    three_d: bool = True,
) -> Path:
    """VideoPose3D's archives of takes {(subject, name): (F, 32, 3) mm in the world}.

    `longer` frames are appended to the detections, which go beyond the mocap in the real files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    world: dict = {}
    for (subject, name), poses in takes.items():
        world.setdefault(f"S{subject}", {})[name] = (poses / 1000).astype(np.float32)
    if three_d:
        np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=_objects(world))
    for source in sources:
        points = {
            "sh_ft_h36m": mpii_16,
            "sh_pt_mpii": mpii_16,
            "detectron_pt_coco": coco_17,
        }.get(source, lambda p: p[:, MOVING])
        positions: dict = {}
        for (subject, name), poses in takes.items():
            extra = 0 if source == "gt" else longer
            joints = np.concatenate([points(poses), points(poses[-1:]).repeat(extra, 0)])
            positions.setdefault(f"S{subject}", {})[name] = [
                project(joints, place(subject, camera), camera).astype(np.float32)
                for camera in range(4)
            ]
        count = 16 if source.startswith("sh") else 17
        symmetry = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
        metadata = {"num_joints": count, "keypoints_symmetry": symmetry}
        if source == "detectron_pt_coco":
            metadata["layout_name"] = "coco"
        np.savez_compressed(
            folder / f"data_2d_h36m_{source}.npz",
            positions_2d=_objects(positions),
            metadata=_objects(metadata),
        )
    return folder


def cdf(path: Path, values: np.ndarray, name: str = "Pose") -> Path:
    """A CDF as Human3.6M's: one variable (1, frames, numbers), compressed."""
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    with CDF(str(path), cdf_spec={"Compressed": 0}, delete=True) as file:
        said = {"Variable": name, "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True,
                "Dim_Sizes": list(values.shape), "Compress": 6}  # fmt: skip
        file.write_var(said, var_data=values[None].astype(np.float32))
    return path


def official(folder: Path, takes: dict[tuple[int, str], np.ndarray], *, d2: bool = False) -> Path:
    """The owners' folder; D2_Positions too where asked for."""
    for (subject, name), world in takes.items():
        features = folder / f"S{subject}" / "MyPoseFeatures"
        cdf(features / "D3_Positions" / f"{name}.cdf", world.reshape(len(world), 96))
        for camera in range(4 if d2 else 0):
            pixels = project(world, place(subject, camera), camera).reshape(len(world), 64)
            cdf(features / "D2_Positions" / f"{name}.{CAMERAS[camera]}.cdf", pixels)
    metadata_xml(folder / "metadata.xml")
    return folder


def put_camera(group: Any, camera: Camera) -> None:
    """Fill a camera's group of the original's cameras.h5."""
    group["R"], group["T"] = camera.R.T, camera.t[:, None]
    group["f"] = np.array(camera.focal_px)[:, None]
    group["c"] = np.array(camera.centre_px)[:, None]
    group["k"] = np.array(camera.radial)[:, None]
    group["p"] = np.array(camera.tangential)[:, None]
    group["Name"] = np.array([[ord(c)] for c in camera.name], dtype=np.uint16)
