"""Pose2Sim projects: calibrated cameras, OpenPose keypoints, triangulated 3D and videos.

`calibration/*.qca.txt`, `pose/*_json/` (one folder a camera, in the cameras' order), one `*.trc`
and, for pictures, `videos/*.mp4`. The 3D is triangulated from the keypoints and filtered: good,
but no marker-based truth. Where there is no `*.trc`, it is triangulated here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.cameras import Camera, camera_from_world, image_from_camera
from core.dataset import Dataset, Entry, Key, Pictures, Recording
from core.errors import PoseFormatError
from core.formats import body_landmarks, layouts, media, openpose, people, qualisys, trc, videos
from core.formats.detections import without_short_gaps
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16
from core.triangulation import triangulate

GROUND_TRUTH, DETECTED = "gt", "openpose"
SUBJECT, TAKE = "P1", "1"
LONGEST_GAP_FRAMES = 5
# Below it OpenPose mostly guesses: in the demo's cameras 1 and 2 all but one joint that lie 100 px
# off the projection are that doubtful, and few others.
LEAST_CONFIDENCE = 0.25

SIDES = ("left", "right")
COUNTS = {2: "two", 3: "three", 4: "four"}

# Pose2Sim's names for the points that joints are made of. Its "Neck" and "Head" are BODY_25B's
# upper neck and head top.
POINTS = {
    f"{side}{part}": f"{prefix}_{part.lower()}"
    for side, prefix in zip("LR", SIDES, strict=True)
    for part in ("Hip", "Knee", "Ankle", "Shoulder", "Elbow", "Wrist")
} | {"Neck": "upper_neck", "Head": "head_top"}

# Where fewer of the hips and shoulders than this are in one place for two cameras, they look at
# different people, or the calibration is of others.
LEAST_AGREEING = 0.5

NOT_MEASURED = (
    "3D is triangulated from the four cameras' OpenPose detections and filtered: it is "
    "multi-view 3D, not marker-based truth."
)
TRIANGULATED_HERE = (
    "3D is triangulated here from the {views} cameras' OpenPose detections and not filtered: it is "
    "multi-view 3D, not marker-based truth. Its projections lie {off:.0f} px off them (median)."
)
DERIVED = (
    "Hip, spine, thorax, neck and head are derived from hips, shoulders, upper neck and head top, "
    "in 2D and 3D alike, so as to mean what they mean in CMU's skeletons."
)
PROJECTED = 'The 2D source "gt" is the projection of the 3D.'
CREDIT = "Pose2Sim demo, copyright 2022 perfanalytics, BSD 3-Clause"


@dataclass(frozen=True, eq=False)
class _Measured:
    """The 3D of a project.

    Attributes:
        world: (F, 17, 3), z up, mm.
        fps: frames a second.
        file: what has as many frames, for messages.
        action: what it is called.
        source, note: where it comes from, for its sequence and for people.
        credit: whose it is.
    """

    world: np.ndarray
    fps: float
    file: Path
    action: str
    source: str
    note: str
    credit: str = ""


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
    detections = _of_each_camera(folder, "pose/*_json", cameras)
    marked = any(folder.glob("*.trc"))
    # Without markers the films tell the pace.
    filmed = (pictures or not marked) and any(folder.glob("videos/*.mp4"))
    films = _of_each_camera(folder, "videos/*.mp4", cameras) if filmed else []
    if marked:
        measured = _of_markers(_one(folder, "*.trc"))
    else:
        fps = media.describe(films[0]).fps if films else openpose.FPS
        measured = _of_views(folder, detections, cameras, fps)
    world, fps, action = measured.world, measured.fps, measured.action

    recordings: dict[Key, Recording] = {}
    notes = [measured.note, DERIVED, PROJECTED]
    for i, camera in enumerate(cameras):
        key = Key(SUBJECT, action, TAKE, camera.name)
        detected, gaps = without_short_gaps(
            openpose.read(detections[i], fps=fps, source="detected by OpenPose"),
            longest=LONGEST_GAP_FRAMES,
            least_confidence=LEAST_CONFIDENCE,
        )
        filled = int(gaps.sum())
        if len(detected) != len(world):
            problem = f"{len(detected)} files, but {measured.file.name} has {len(world)} frames"
            raise PoseFormatError(problem, file=detections[i])
        if filled:
            notes.append(
                f"{camera.name}: {filled} OpenPose joints of {detected.positions[..., 0].size}, "
                f"missing or of confidence below {LEAST_CONFIDENCE}, were interpolated, over gaps "
                f"of {LONGEST_GAP_FRAMES} frames at most."
            )
        recordings[key] = _recording(key, camera, measured, detected)
        if films and pictures:
            recordings[key] = _with_pictures(recordings[key], films[i], camera)
    digest = hashlib.blake2b(digest_size=16)
    for recording in recordings.values():
        for sequence in (recording.truth, *recording.inputs.values()):
            digest.update(b"" if sequence is None else sequence.digest.encode())
        digest.update(b"".join(recording.pictures.encoded) if recording.pictures else b"")
    return Dataset(
        id=action.lower(),
        title=f"{action}: one person, {COUNTS.get(len(cameras), len(cameras))} calibrated cameras",
        kind="recorded",
        entries=tuple(
            Entry(key, len(world), fps, tuple(r.inputs)) for key, r in recordings.items()
        ),
        read=recordings.__getitem__,
        digest=digest.hexdigest(),
        splits={SUBJECT: "test"},
        notes=tuple(notes),
        credit=measured.credit,
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


def _of_markers(file: Path) -> _Measured:
    markers = trc.read(file)
    action = re.split(r"[_\W]", file.stem)[0] or "Recording"
    source = "triangulated from four cameras, filtered"
    world = _world_joints(markers, file)
    return _Measured(world, markers.fps, file, action, source, NOT_MEASURED, CREDIT)


def _of_views(
    folder: Path, detections: list[Path], cameras: tuple[Camera, ...], fps: float
) -> _Measured:
    """Triangulate the person whom each camera's detections show most prominently."""
    views, names = [], set()
    for path in detections:
        frames = openpose.read_people(path)
        names.add(layouts.recognise(frames, file=path, among=openpose.LAYOUTS).name)
        views.append(people.follow(frames).points(frames))
        if len(views[-1]) != len(views[0]):
            problem = f"{len(frames)} files, but {detections[0].name} has {len(views[0])}"
            raise PoseFormatError(problem, file=path)
    if len(names) > 1:
        problem = f"the cameras' layouts differ: {', '.join(sorted(names))}"
        raise PoseFormatError(problem, file=folder / "pose")
    found = np.stack(views)
    seen = np.where(found[..., 2:] > 0, found[..., :2], np.nan)
    points, off_px, _ = triangulate(seen, cameras, found[..., 2])
    layout = layouts.LAYOUTS[names.pop()].points
    trunk = [layout.index(f"{side}_{part}") for side in SIDES for part in ("hip", "shoulder")]
    if np.isfinite(points[:, trunk]).mean() < LEAST_AGREEING:
        raise PoseFormatError(
            "no two cameras see the hips and shoulders in the same place: the detections are of "
            "different people or moments, or the calibration is of other cameras",
            file=folder / "pose",
        )
    world = body_landmarks.derive({n: points[:, i] for i, n in enumerate(layout)}, H36M_17.joints)
    note = TRIANGULATED_HERE.format(views=len(cameras), off=np.nanmedian(off_px))
    action = re.split(r"[_\W]", folder.resolve().name)[0] or "Recording"
    source = f"triangulated from {len(cameras)} cameras"
    return _Measured(world, fps, detections[0], action, source, note)


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


def _recording(key: Key, camera: Camera, measured: _Measured, detected: PoseSequence) -> Recording:
    fps, in_camera = measured.fps, camera_from_world(measured.world, camera.R, camera.t)
    truth = PoseSequence(in_camera, H36M_17, "camera", fps, source=measured.source)
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
