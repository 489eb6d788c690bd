"""Measure what comes out of one's own video: errors on Balancing, and the time a film takes.

    python tests/benchmarks/own_video.py errors PROJECT_FOLDER
    python tests/benchmarks/own_video.py speed PROJECT_FOLDER [--heavy]

PROJECT_FOLDER is Pose2Sim's demo (`videos/cam01.mp4` ...). `errors` lifts each camera's video alone
with either landmark model, then OpenPose's keypoints as the project has them, and compares with the
recording's triangulated 3D. `speed` makes 10 s of 1080p at 30 fps of it and
lifts that, the loading of PyTorch and of the detector counted; then a single picture, all loaded.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.detector.network import POINTS
from core.formats import body_landmarks
from core.skeleton import H36M_17
from core.workflows import footage
from core.workflows.lift import PoseLifter, judge, relative_to_root
from core.workflows.open import open_checkpoint, open_dataset
from core.workflows.predict import PLAIN, USUAL, Options, predict, read_2d

# Among the landmark model's outputs, its own 3D of 39 points in metres, about the hips.
OWN_3D = 4
# Columns: checkpoint and options, those of `python -m core predict` first.
WAYS = {
    "detector": ("detector", USUAL),
    "one lift": ("detector", PLAIN),
    "smoothed": ("detector", Options(smooth=True)),
    "bones": ("detector", Options(steady_bones=True)),
    "gt": ("gt", USUAL),
}
SECONDS, FPS, WIDTH, HEIGHT = 10, 30.0, 1920, 1080


class OwnFigures:
    """Eyes that keep BlazePose's own 3D, to compare the lift with."""

    def __init__(self, *, heavy: bool) -> None:
        self.eyes = footage.open_eyes("heavy" if heavy else "full")
        self.figures: list[np.ndarray] = []
        network: Any = self.eyes
        inner = network._landmark_model

        def keeping(crop: np.ndarray) -> list[np.ndarray]:
            outputs: list[np.ndarray] = inner(crop)
            self.figures.append(outputs[OWN_3D].reshape(-1, 3) * 1000)
            return outputs

        network.__dict__["_landmark_model"] = keeping

    def joints(self, frames: int) -> np.ndarray:
        """The 17 joints (F, 17, 3) of the last frames, in the crop's own axes."""
        points = np.stack(self.figures[-frames:])
        named = {name: points[:, i] for i, name in enumerate(POINTS)}
        return body_landmarks.derive(named, H36M_17.joints)


def errors(project: Path) -> None:
    """Print MPJPE / P-MPJPE, median over frames, by camera, 2D, checkpoint and options."""
    own = {heavy: OwnFigures(heavy=heavy) for heavy in (False, True)}
    data = open_dataset("balancing")
    lifters = {name: PoseLifter(open_checkpoint(name)) for name in ("gt", "detector")}
    print(f"| camera | 2D | {' | '.join(WAYS)} | own 3D |")
    print("|---" * (len(WAYS) + 3) + "|")
    for number, entry in enumerate(data.entries, 1):
        recording = data.load(entry.key)
        assert recording.truth is not None
        truth = relative_to_root(recording.truth).positions

        def medians(poses: np.ndarray, truth: np.ndarray = truth) -> tuple[float, float]:
            _, found = judge(poses, truth)
            one, two = (float(np.nanmedian(found[p].mean(axis=1))) for p in (1, 2))
            return one, two

        film = project / f"videos/cam{number:02d}.mp4"
        openpose = read_2d(project / f"pose/cam{number}_json", fps=entry.fps)
        rows = [("OpenPose", openpose, "")]
        for heavy, figures in own.items():
            seen = footage.look(film, figures.eyes, most_people=1).detections.person(0)
            theirs = f"{medians(figures.joints(len(truth)))[1]:.1f}"
            rows.insert(-1, (f"BlazePose {'heavy' if heavy else 'full'}", seen, theirs))
        for title, sequence, theirs in rows:
            lifted = (predict(lifters[n], sequence, o).poses.positions for n, o in WAYS.values())
            cells = ["{:.1f} / {:.1f}".format(*medians(poses)) for poses in lifted]
            cells = [entry.key.camera, title, *cells, theirs]
            print(f"| {' | '.join(cells)} |", flush=True)


def make_film(project: Path, path: Path) -> None:
    """Show camera 4's person in a wide picture, forwards and backwards, for 10 s."""
    source = cv2.VideoCapture(str(project / "videos/cam04.mp4"))
    pictures = []
    while True:
        found, picture = source.read()
        if not found:
            break
        size = (round(picture.shape[1] * HEIGHT / picture.shape[0]), HEIGHT)
        pictures.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    for i in range(round(SECONDS * FPS)):
        person = there_and_back[i % len(there_and_back)]
        wide = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
        left = (WIDTH - person.shape[1]) // 2
        wide[:, left : left + person.shape[1]] = person
        film.write(wide)
    film.release()


def speed(project: Path, *, heavy: bool) -> None:
    """Print how long a film and a single picture take, and the memory, in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        make_film(project, film)
        _, still = cv2.VideoCapture(str(film)).read()
        cv2.imwrite(str(Path(folder) / "still.jpg"), still)
        command = [sys.executable, __file__, "timed", folder, *(["--heavy"] if heavy else [])]
        subprocess.run(command, check=True)


def timed(folder: Path, *, heavy: bool) -> None:
    """Do the work of `speed`."""
    waits: list[float] = []
    started = last = time.monotonic()

    def progress(done: int, in_all: int) -> None:
        nonlocal last
        waits.append(time.monotonic() - last)
        last = time.monotonic()

    lifter = PoseLifter(open_checkpoint("detector"))
    eyes = footage.open_eyes("heavy" if heavy else "full")
    seen = footage.look(folder / "film.mp4", eyes, progress=progress)
    predict(lifter, seen.detections.person(0), Options(smooth=True))
    spent = time.monotonic() - started
    cpu = time.process_time()
    frames = len(seen.detections.frames)
    print(
        f"film: {frames} frames of {WIDTH} x {HEIGHT} in {spent:.1f} s ({cpu:.1f} s of processor), "
        f"the longest wait for progress {max(waits):.1f} s"
    )
    took = []
    for _ in range(5):
        started = time.monotonic()
        photo = footage.look(folder / "still.jpg", eyes)
        predict(lifter, photo.detections.person(0))
        took.append(time.monotonic() - started)
    print(f"still: {np.median(took):.3f} s from JPEG to 3D")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory at most: {memory:.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("errors", "speed", "timed"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--heavy", action="store_true", help="for the speed; errors are of both")
    options = parser.parse_args()
    if options.what == "errors":
        errors(options.folder)
    else:
        work = speed if options.what == "speed" else timed
        work(options.folder, heavy=options.heavy)
