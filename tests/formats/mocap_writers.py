"""Made-up motion capture for tests, and its kinematics by the letter: no code of the readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.skeleton import H36M_17

# CMU's names, made-up sizes: (parent, direction, length, axis in degrees, degrees of freedom).
BONES: dict[str, tuple[str, tuple[float, ...], float, tuple[float, ...], str]] = {
    "lhipjoint": ("root", (0.8, -0.6, 0), 2.0, (0, 0, 0), ""),
    "lfemur": ("lhipjoint", (0.6, -0.8, 0), 7.0, (0, 0, 20), "rx ry rz"),
    "ltibia": ("lfemur", (0.6, -0.8, 0), 7.5, (0, 0, 20), "rx"),
    "rhipjoint": ("root", (-0.8, -0.6, 0), 2.0, (0, 0, 0), ""),
    "rfemur": ("rhipjoint", (-0.6, -0.8, 0), 7.0, (0, 0, -20), "rx ry rz"),
    "rtibia": ("rfemur", (-0.6, -0.8, 0), 7.5, (0, 0, -20), "rx"),
    "lowerback": ("root", (0, 1, 0), 2.2, (0, 0, 0), "rx ry rz"),
    "upperback": ("lowerback", (0, 1, 0), 2.2, (5, 0, 0), "rx ry rz"),
    "thorax": ("upperback", (0, 1, 0), 2.1, (0, 0, 0), "rx ry rz"),
    "lowerneck": ("thorax", (0, 1, 0), 1.5, (0, 0, 0), "rx ry rz"),
    "upperneck": ("lowerneck", (0, 1, 0), 1.4, (0, 0, 0), "rx ry rz"),
    "head": ("upperneck", (0, 0.8, 0.6), 1.6, (0, 0, 0), "rx ry rz"),
    "lclavicle": ("thorax", (1, 0, 0), 3.0, (0, 0, 0), "ry rz"),
    "lhumerus": ("lclavicle", (1, 0, 0), 5.0, (180, 30, 90), "rx ry rz"),
    "lradius": ("lhumerus", (1, 0, 0), 3.4, (180, 30, 90), "rx"),
    "lwrist": ("lradius", (1, 0, 0), 1.7, (180, 30, 90), "ry"),
    "rclavicle": ("thorax", (-1, 0, 0), 3.0, (0, 0, 0), "ry rz"),
    "rhumerus": ("rclavicle", (-1, 0, 0), 5.0, (180, -30, -90), "rx ry rz"),
    "rradius": ("rhumerus", (-1, 0, 0), 3.4, (180, -30, -90), "rx"),
    "rwrist": ("rradius", (-1, 0, 0), 1.7, (180, -30, -90), "ry"),
}
ENDS = {
    "right_hip": "rhipjoint", "right_knee": "rfemur", "right_ankle": "rtibia",
    "left_hip": "lhipjoint", "left_knee": "lfemur", "left_ankle": "ltibia",
    "spine": "lowerback", "thorax": "thorax", "neck": "upperneck", "head": "head",
    "left_shoulder": "lclavicle", "left_elbow": "lhumerus", "left_wrist": "lwrist",
    "right_shoulder": "rclavicle", "right_elbow": "rhumerus", "right_wrist": "rwrist",
}  # fmt: skip
MM = 25.4 / 0.45

# BVH joint: (parent, offset): the cgspeed conversion's names.
BVH_JOINTS: dict[str, tuple[str, tuple[float, ...]]] = {
    "Hips": ("", (0, 0, 0)),
    "LHipJoint": ("Hips", (0, 0, 0)),
    "LeftUpLeg": ("LHipJoint", (1.6, -1.2, 0)),
    "LeftLeg": ("LeftUpLeg", (4.2, -5.6, 0)),
    "LeftFoot": ("LeftLeg", (4.5, -6.0, 0)),
    "RHipJoint": ("Hips", (0, 0, 0)),
    "RightUpLeg": ("RHipJoint", (-1.6, -1.2, 0)),
    "RightLeg": ("RightUpLeg", (-4.2, -5.6, 0)),
    "RightFoot": ("RightLeg", (-4.5, -6.0, 0)),
    "LowerBack": ("Hips", (0, 0, 0)),
    "Spine": ("LowerBack", (0, 2.2, 0)),
    "Spine1": ("Spine", (0, 2.2, 0)),
    "Neck": ("Spine1", (0, 2.2, 0)),
    "Neck1": ("Neck", (0, 1.5, 0)),
    "Head": ("Neck1", (0, 1.4, 0)),
    "LeftShoulder": ("Spine1", (0, 2.2, 0)),
    "LeftArm": ("LeftShoulder", (3, 0, 0)),
    "LeftForeArm": ("LeftArm", (5, 0, 0)),
    "LeftHand": ("LeftForeArm", (3.4, 0, 0)),
    "LeftFingerBase": ("LeftHand", (1.7, 0, 0)),
    "RightShoulder": ("Spine1", (0, 2.2, 0)),
    "RightArm": ("RightShoulder", (-3, 0, 0)),
    "RightForeArm": ("RightArm", (-5, 0, 0)),
    "RightHand": ("RightForeArm", (-3.4, 0, 0)),
    "RightFingerBase": ("RightHand", (-1.7, 0, 0)),
}
BVH_AT = {
    "right_hip": "RightUpLeg", "right_knee": "RightLeg", "right_ankle": "RightFoot",
    "left_hip": "LeftUpLeg", "left_knee": "LeftLeg", "left_ankle": "LeftFoot",
    "spine": "Spine", "thorax": "Neck", "neck": "Head", "head": "Head end",
    "left_shoulder": "LeftArm", "left_elbow": "LeftForeArm", "left_wrist": "LeftFingerBase",
    "right_shoulder": "RightArm", "right_elbow": "RightForeArm", "right_wrist": "RightFingerBase",
}  # fmt: skip


def rotation(axis: int, degrees: float) -> np.ndarray:
    """Rodrigues' formula for one of the three axes."""
    n = np.eye(3)[axis]
    K = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
    a = np.deg2rad(degrees)
    return np.eye(3) + np.sin(a) * K + (1 - np.cos(a)) * K @ K


def xyz(angles: Sequence[float]) -> np.ndarray:
    """Turn about x first, then y, then z: Rz Ry Rx."""
    return rotation(2, angles[2]) @ rotation(1, angles[1]) @ rotation(0, angles[0])


def to_world(y_up: np.ndarray) -> list[float]:
    return [y_up[0] * MM, -y_up[2] * MM, y_up[1] * MM]


Frame = dict[str, list[float]]


def joints_by_the_letter(frames: Sequence[Frame]) -> np.ndarray:
    """Walk the tree frame by frame, bone by bone, as the format's description says."""
    poses = []
    for frame in frames:
        turns = {"root": xyz(frame["root"][3:])}
        ends = {"root": np.array(frame["root"][:3])}
        for name, (parent, direction, length, axis, dof) in BONES.items():
            angles = [0.0, 0.0, 0.0]
            for letter, value in zip(dof.split(), frame.get(name, []), strict=False):
                angles["xyz".index(letter[1])] = value
            C = xyz(axis)
            turns[name] = turns[parent] @ C @ xyz(angles) @ np.linalg.inv(C)
            ends[name] = ends[parent] + turns[name] @ np.array(direction) * length
        places = {joint: to_world(ends[bone]) for joint, bone in ENDS.items()}
        places["hip"] = np.mean([places["left_hip"], places["right_hip"]], axis=0).tolist()
        poses.append([places[joint] for joint in H36M_17.joints])
    return np.array(poses)


def rest_frame() -> Frame:
    frame: Frame = {"root": [0.0] * 6}
    frame |= {name: [0.0] * len(b[4].split()) for name, b in BONES.items() if b[4]}
    return frame


def random_frames(seed: int, count: int) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return [
        {name: rng.uniform(-90, 90, len(values)).round(4).tolist() for name, values in f.items()}
        for f in [rest_frame()] * count
    ]


def asf_text() -> str:
    lines = [
        "# made up for a test", ":version 1.10", ":name TEST", ":units", "  mass 1.0",
        "  length 0.45", "  angle deg", ":documentation", "  length 7 words in passing", ":root",
        "   order TX TY TZ RX RY RZ", "   axis XYZ", "   position 0 0 0  ",
        "   orientation 0 0 0 ", ":bonedata",
    ]  # fmt: skip
    for number, (name, (_, direction, length, axis, dof)) in enumerate(BONES.items(), start=1):
        lines += ["  begin", f"     id {number}", f"     name {name}"]
        lines += [f"     direction {' '.join(map(str, direction))}", f"     length {length}"]
        lines += [f"     axis {' '.join(map(str, axis))}   XYZ"]
        if dof:
            lines += [f"    dof {dof}", "    limits (-160.0 20.0)", "           (-70.0 70.0)"]
        lines += ["  end"]
    lines += [":hierarchy", "  begin"]
    for parent in dict.fromkeys(bone[0] for bone in BONES.values()):
        children = [name for name, bone in BONES.items() if bone[0] == parent]
        lines.append(f"    {parent} {' '.join(children)}")
    return "\n".join([*lines, "  end", ""])


def amc_text(frames: Sequence[Frame]) -> str:
    lines = ["#!OML:ASF made up", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, frame in enumerate(frames, start=1):
        lines.append(str(number))
        lines += [f"{name} {' '.join(map(str, values))}" for name, values in frame.items()]
    return "\n".join([*lines, ""])


def bvh_text(
    rows: np.ndarray | Sequence[Sequence[float]],
    *,
    rotations: str = "Zrotation Yrotation Xrotation",
    offsets: dict[str, tuple[float, ...]] | None = None,
    frame_time: str = "0.0333333",
) -> str:
    lines = ["HIERARCHY"]

    def add(name: str, depth: int) -> None:
        tab = "\t" * depth
        offset = (offsets or {}).get(name, BVH_JOINTS[name][1])
        lines.extend([f"{tab}{'JOINT' if depth else 'ROOT'} {name}", tab + "{"])
        lines.append(f"{tab}\tOFFSET {' '.join(map(str, offset))}")
        places = "" if depth else "Xposition Yposition Zposition "
        lines.append(f"{tab}\tCHANNELS {3 if depth else 6} {places}{rotations}")
        children = [child for child, joint in BVH_JOINTS.items() if joint[0] == name]
        for child in children:
            add(child, depth + 1)
        if not children:
            end = "0 1.28 0.96" if name == "Head" else "0 0 1"
            lines.extend([f"{tab}\tEnd Site", tab + "\t{", f"{tab}\t\tOFFSET {end}", tab + "\t}"])
        lines.append(tab + "}")

    add("Hips", 0)
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {frame_time}"]
    lines += [" ".join(map(str, row)) for row in rows]
    return "\n".join([*lines, ""])


def bvh_rows(seed: int, count: int) -> np.ndarray:
    width = 3 + 3 * len(BVH_JOINTS)
    return np.random.default_rng(seed).uniform(-90, 90, (count, width)).round(4)


def bvh_joints_by_the_letter(rows: np.ndarray, rotations: str = "ZYX") -> np.ndarray:
    poses = []
    for row in rows:
        turns, places = {}, {}
        for number, (name, (parent, offset)) in enumerate(BVH_JOINTS.items()):
            own = np.eye(3)
            for letter, angle in zip(rotations, row[3 + 3 * number :][:3], strict=True):
                own = own @ rotation("XYZ".index(letter), angle)
            if not parent:
                turns[name], places[name] = own, row[:3]
            else:
                places[name] = places[parent] + turns[parent] @ np.array(offset)
                turns[name] = turns[parent] @ own
        places["Head end"] = places["Head"] + turns["Head"] @ np.array([0, 1.28, 0.96])
        at = {joint: to_world(places[name]) for joint, name in BVH_AT.items()}
        at["hip"] = np.mean([at["left_hip"], at["right_hip"]], axis=0).tolist()
        poses.append([at[joint] for joint in H36M_17.joints])
    return np.array(poses)


def write_cmu_folder(root: Path, *, index: str = "") -> Path:
    """Lay out one AMC subject (02, two trials) and one BVH subject (07, one trial)."""
    for subject in ("02", "07"):
        (root / "subjects" / subject).mkdir(parents=True)
    (root / "subjects/02/02.asf").write_text(asf_text())
    (root / "subjects/02/02_01.amc").write_text(amc_text(random_frames(1, 5)))
    (root / "subjects/02/02_02.amc").write_text(amc_text(random_frames(2, 4)))
    (root / "subjects/07/07_01.bvh").write_text(bvh_text(bvh_rows(3, 6)))
    if index:
        (root / "index.csv").write_text(index)
    return root
