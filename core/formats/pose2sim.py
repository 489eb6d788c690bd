"""Pose2Sim projects: calibrated cameras, OpenPose keypoints, triangulated 3D and videos.

`calibration/*.qca.txt`, `pose/*_json/` (one folder a camera, in the cameras' order), one `*.trc`
and, for pictures, `videos/*.mp4`. The 3D is triangulated from the keypoints and filtered: good,
but no marker-based truth.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np

from core.cameras import Camera, camera_from_world, image_from_camera
from core.dataset import Dataset, Entry, Key, Pictures, Recording
from core.errors import PoseFormatError
from core.formats import body_landmarks, openpose, qualisys, trc, videos
from core.formats.detections import without_short_gaps
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16

GROUND_TRUTH, DETECTED = "gt", "openpose"
SUBJECT, TAKE = "P1", "1"
LONGEST_GAP_FRAMES = 5
# Below it OpenPose mostly guesses: in the demo's cameras 1 and 2 all but one joint that lie 100 px
# off the projection are that doubtful, and few others.
LEAST_CONFIDENCE = 0.25

# Pose2Sim's names for the points that joints are made of. Its "Neck" and "Head" are BODY_25B's
# upper neck and head top.
POINTS = {
    f"{side}{part}": f"{prefix}_{part.lower()}"
    for side, prefix in (("L", "left"), ("R", "right"))
    for part in ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
} | {"Neck": "upper_neck", "Head": "head_top"}

NOT_MEASURED = (
    "3D is triangulated from the four cameras' OpenPose detections and filtered: it is "
    "multi-view 3D, not marker-based truth."
)
DERIVED = (
    "Hip, spine, thorax, neck and head are derived from hips, shoulders, upper neck and head top, "
    "in 2D and 3D alike, so as to mean what they mean in CMU's skeletons."
)
PROJECTED = 'The 2D source "gt" is the projection of the 3D.'
CREDIT = "Pose2Sim demo, copyright 2022 perfanalytics, BSD 3-Clause"


def read(folder: str | Path, *, pictures: bool = True) -> Dataset:
    """Read a project: one recording for each camera.

    Args:
        folder: the project.
        pictures: decode the videos into small pictures behind the 2D, where there are videos.

    Raises:
        PoseFormatError: a part is missing, damaged, or of another length than the others.
    """
    folder = Path(folder)
    cameras = qualisys.read(_one(folder, "calibration/*.qca.txt"))
    marker_file = _one(folder, "*.trc")
    markers = trc.read(marker_file)
    world = _world_joints(markers, marker_file)
    detections = _of_each_camera(folder, "pose/*_json", cameras)
    filmed = pictures and any(folder.glob("videos/*.mp4"))
    films = _of_each_camera(folder, "videos/*.mp4", cameras) if filmed else []
    action = re.split(r"[_\W]", marker_file.stem)[0] or "Recording"

    recordings: dict[Key, Recording] = {}
    notes = [NOT_MEASURED, DERIVED, PROJECTED]
    for i, camera in enumerate(cameras):
        key = Key(SUBJECT, action, TAKE, camera.name)
        detected, gaps = without_short_gaps(
            openpose.read(detections[i], fps=markers.fps, source="detected by OpenPose"),
            longest=LONGEST_GAP_FRAMES,
            least_confidence=LEAST_CONFIDENCE,
        )
        filled = int(gaps.sum())
        if len(detected) != len(world):
            problem = f"{len(detected)} files, but {marker_file.name} has {len(world)} frames"
            raise PoseFormatError(problem, file=detections[i])
        if filled:
            notes.append(
                f"{camera.name}: {filled} OpenPose joints of {detected.positions[..., 0].size}, "
                f"missing or of confidence below {LEAST_CONFIDENCE}, were interpolated, over gaps "
                f"of {LONGEST_GAP_FRAMES} frames at most."
            )
        recordings[key] = _recording(key, camera, world, markers.fps, detected)
        if films:
            recordings[key] = _with_pictures(recordings[key], films[i], camera)
    digest = hashlib.blake2b(digest_size=16)
    for recording in recordings.values():
        for sequence in (recording.truth, *recording.inputs.values()):
            digest.update(b"" if sequence is None else sequence.digest.encode())
        digest.update(b"".join(recording.pictures.encoded) if recording.pictures else b"")
    return Dataset(
        id=action.lower(),
        title=f"{action}: one person, four calibrated cameras",
        kind="recorded",
        entries=tuple(
            Entry(key, len(world), markers.fps, tuple(r.inputs)) for key, r in recordings.items()
        ),
        read=recordings.__getitem__,
        digest=digest.hexdigest(),
        splits={SUBJECT: "test"},
        notes=tuple(notes),
        credit=CREDIT,
    )


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if len(found) != 1:
        problem = f"one file {pattern} was expected in this Pose2Sim project, not {len(found)}"
        raise PoseFormatError(problem, file=folder)
    return found[0]


def _of_each_camera(folder: Path, pattern: str, cameras: tuple[Camera, ...]) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if len(found) != len(cameras):
        problem = f"{len(cameras)} of {pattern}, one a camera, were expected, not {len(found)}"
        raise PoseFormatError(problem, file=folder)
    return found


def _world_joints(markers: trc.Markers, path: Path) -> np.ndarray:
    """Make the 17 joints (F, 17, 3), world z up, mm, out of y-up markers."""
    missing = sorted(set(POINTS) - set(markers.names))
    if missing:
        problem = f"markers {', '.join(missing)} were expected; it has {', '.join(markers.names)}"
        raise PoseFormatError(problem, file=path, place="line 4")
    points = {
        POINTS[name]: xyz[:, [2, 0, 1]] for name, xyz in markers.by_name().items() if name in POINTS
    }
    return body_landmarks.derive(points, H36M_17.joints)


def _recording(
    key: Key, camera: Camera, world: np.ndarray, fps: float, detected: PoseSequence
) -> Recording:
    in_camera = camera_from_world(world, camera.R, camera.t)
    truth = PoseSequence(
        in_camera, H36M_17, "camera", fps, source="triangulated from four cameras, filtered"
    )
    projected = image_from_camera(in_camera[:, H36M_17.indices(INPUT_16.joints)], camera)
    exact = PoseSequence(projected, INPUT_16, "image", fps, source="projection of the 3D")
    return Recording(key, {GROUND_TRUTH: exact, DETECTED: detected}, truth, camera)


def _with_pictures(recording: Recording, film: Path, camera: Camera) -> Recording:
    encoded = videos.small_pictures(film, camera.size_px)
    frames = 0 if recording.truth is None else len(recording.truth)
    if len(encoded) != frames:
        raise PoseFormatError(f"{len(encoded)} pictures for {frames} frames", file=film)
    return Recording(
        recording.key,
        recording.inputs,
        recording.truth,
        recording.camera,
        Pictures(encoded, camera.size_px),
    )
