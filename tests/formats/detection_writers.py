"""Independent writers of what 2D detectors report, from a person's 17 joints in the picture.

The tables are written down from each project's documentation, in its own abbreviations; nothing
here shares code with the readers.
"""

from __future__ import annotations

import json

import numpy as np

# fmt: off
_COCO = "nose Leye Reye Lear Rear Lsho Rsho Lelb Relb Lwri Rwri Lhip Rhip Lkne Rkne Lank Rank"
_HALPE = _COCO + " top throat pelvis Ltoe Rtoe Lpinkytoe Rpinkytoe Lheel Rheel"
TABLES = {
    "COCO-17": _COCO,
    "COCO-18": "nose throat Rsho Relb Rwri Lsho Lelb Lwri Rhip Rkne Rank Lhip Lkne Lank Reye Leye "
               "Rear Lear",
    "BODY_25": "nose throat Rsho Relb Rwri Lsho Lelb Lwri pelvis Rhip Rkne Rank Lhip Lkne Lank "
               "Reye Leye Rear Lear Ltoe Lpinkytoe Lheel Rtoe Rpinkytoe Rheel",
    "BODY_25B": _COCO + " upperneck top Ltoe Lpinkytoe Lheel Rtoe Rpinkytoe Rheel",
    "HALPE-26": _HALPE,
    "HALPE-136": _HALPE + " face" * 68 + " Lhand" * 21 + " Rhand" * 21,
    "COCO-WholeBody-133": _COCO + " Ltoe Lpinkytoe Lheel Rtoe Rpinkytoe Rheel" + " face" * 68
                          + " Lhand" * 21 + " Rhand" * 21,
    "MediaPipe-33": "nose Leye Leye Leye Reye Reye Reye Lear Rear Lmouth Rmouth Lsho Rsho Lelb "
                    "Relb Lwri Rwri Lhand Rhand Lhand Rhand Lhand Rhand Lhip Rhip Lkne Rkne Lank "
                    "Rank Lheel Rheel Ltoe Rtoe",
    "MPII-16": "Rank Rkne Rhip Lhip Lkne Lank pelvis chest upperneck top Rwri Relb Rsho Lsho Lelb "
               "Lwri",
    "Hourglass-16": "Rank Rkne Rhip Lhip Lkne Lank pelvis spine thorax head Rwri Relb Rsho Lsho "
                    "Lelb Lwri",
    "Human3.6M-16": "pelvis Rhip Rkne Rank Lhip Lkne Lank spine thorax head Lsho Lelb Lwri Rsho "
                    "Relb Rwri",
    "Human3.6M-17": "pelvis Rhip Rkne Rank Lhip Lkne Lank spine thorax nose head Lsho Lelb Lwri "
                    "Rsho Relb Rwri",
}
_JOINTS = ["pelvis", "Rhip", "Rkne", "Rank", "Lhip", "Lkne", "Lank", "spine", "thorax", "nose",
           "head", "Lsho", "Lelb", "Lwri", "Rsho", "Relb", "Rwri"]
# fmt: on


def points_of(joints: np.ndarray) -> dict[str, np.ndarray]:
    """Every point that a table names, (F, 2) each, from 17 joints (F, 17, 2) y down."""
    known = {name: joints[:, i] for i, name in enumerate(_JOINTS)}
    shoulders = (known["Lsho"] + known["Rsho"]) / 2
    up = known["head"] - shoulders
    across = (known["Lsho"] - known["Rsho"]) / 2
    known |= {
        "chest": known["pelvis"] + 0.95 * (shoulders - known["pelvis"]),
        "throat": shoulders + 0.1 * up,
        "upperneck": shoulders + 0.35 * up,
        "top": known["head"] + 0.3 * up,
        "face": known["nose"],
    }
    for side, sign in (("L", 1), ("R", -1)):
        known[side + "eye"] = known["head"] + 0.15 * sign * across - 0.1 * up
        known[side + "mouth"] = known["head"] + 0.1 * sign * across - 0.3 * up
        known[side + "ear"] = known["head"] + 0.3 * sign * across - 0.15 * up
        shin = known[side + "ank"] - known[side + "kne"]
        known[side + "heel"] = known[side + "ank"] + 0.12 * shin
        known[side + "toe"] = known[side + "ank"] + 0.18 * shin + 0.2 * sign * across
        known[side + "pinkytoe"] = known[side + "ank"] + 0.18 * shin + 0.4 * sign * across
        forearm = known[side + "wri"] - known[side + "elb"]
        known[side + "hand"] = known[side + "wri"] + 0.3 * forearm
    return known


def clip(layout: str, joints: np.ndarray, *, noise_px: float = 0.0, dropped: float = 0.0, seed=0):
    """A detector's clip of one person: (F, N, 3) of x, y, confidence; dropped points are 0."""
    rng = np.random.default_rng(seed)
    known = points_of(joints)
    points = np.stack([known[name] for name in TABLES[layout].split()], axis=1)
    points = points + rng.normal(0, noise_px, points.shape) if noise_px else points
    confidence = rng.uniform(0.5, 0.95, points.shape[:2])
    found = np.concatenate([points, confidence[..., None]], axis=2)
    found[rng.random(points.shape[:2]) < dropped] = 0
    return found


def _flat(person: np.ndarray) -> list[float]:
    return [round(float(v), 3) for v in person.ravel()]


def coco_results(frames: list[list[np.ndarray]]) -> str:
    rows = [
        {"image_id": i, "category_id": 1, "keypoints": _flat(person), "score": 0.9}
        for i, people in enumerate(frames)
        for person in people
    ]
    return json.dumps(rows)


def coco_annotations(frames: list[list[np.ndarray]], size=(1000, 800)) -> str:
    images = [
        {"id": 7 + i, "file_name": f"{i:06d}.jpg", "width": size[0], "height": size[1]}
        for i in range(len(frames))
    ]
    rows: list[dict[str, object]] = []
    for i, people in enumerate(frames):
        for person in people:
            flagged = np.column_stack([person[:, :2], np.where(person[:, 2] > 0, 2, 0)])
            rows.append({"id": len(rows), "image_id": 7 + i, "category_id": 1, "iscrowd": 0,
                         "keypoints": _flat(flagged), "num_keypoints": 17})  # fmt: skip
    return json.dumps({"images": images, "annotations": rows, "categories": []})


def alphapose(frames: list[list[np.ndarray]]) -> str:
    rows = [
        {"image_id": f"{i}.jpg", "category_id": 1, "keypoints": _flat(person), "score": 2.9,
         "box": [0, 0, 1, 1], "idx": [0.0]}
        for i, people in enumerate(frames)
        for person in people
    ]  # fmt: skip
    return json.dumps(rows)


def alphapose_open(frames: list[list[np.ndarray]]) -> str:
    pictures = {
        f"{i}.jpg": {"version": 0.1, "people": [{"pose_keypoints_2d": _flat(p)} for p in people]}
        for i, people in enumerate(frames)
        if people
    }
    return json.dumps(pictures)


def alphapose_cmu(frames: list[list[np.ndarray]]) -> str:
    pictures = {
        f"{i}.jpg": {"version": "AlphaPose v0.3", "bodies": [{"joints": _flat(p)} for p in people]}
        for i, people in enumerate(frames)
        if people
    }
    return json.dumps(pictures)


def mmpose(frames: list[list[np.ndarray]], *, meta: bool = True) -> str:
    rows = [
        {"frame_id": i, "instances": [
            {"keypoints": p[:, :2].tolist(), "keypoint_scores": p[:, 2].tolist(),
             "bbox": [[0, 0, 1, 1]], "bbox_score": 0.9} for p in people]}
        for i, people in enumerate(frames)
    ]  # fmt: skip
    return (
        json.dumps({"meta_info": {"dataset_name": "coco"}, "instance_info": rows})
        if meta
        else (json.dumps(rows))
    )


def mediapipe(frames: list[list[np.ndarray]], size=(1280, 720)) -> str:
    def landmarks(person: np.ndarray) -> list[dict[str, float]]:
        return [
            {"x": float(x / size[0]), "y": float(y / size[1]), "z": -0.1, "visibility": float(c)}
            for x, y, c in person
        ]

    return json.dumps([landmarks(people[0]) if people else [] for people in frames])
