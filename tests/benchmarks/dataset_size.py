"""Open a data set as large as Human3.6M, in the re-implementation's layout: 2.1 million frames.

    python -m tests.benchmarks.dataset_size [--frames N] [--keep FOLDER]

Writes a folder of that size (generated poses under Human3.6M's names), then measures, each in a
process of its own: the conversion by the clock, the opening after it, single sequences, and the
memory of the process that opens and of all that it starts. Last, the same in the app, by a link.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from core.human36m import OUTPUT_DIMENSIONS, PUBLISHED_INPUT, PUBLISHED_OUTPUT
from tests.benchmarks.eight_users import Visitor, resident_mb, served
from tests.formats import field_writers as writers

ACTIONS = ("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing",
           "Purchases", "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking",
           "WalkTogether")  # fmt: skip
SPLITS = {"train": (1, 5, 6, 7, 8), "test": (9, 11)}
SEQUENCES = 7 * 15 * 2 * 4
EVERY_S = 0.05
CHANGES = 20

MEASURE = """
import json, sys, time
start = time.perf_counter()
from core.workflows.open import open_dataset
imported = time.perf_counter()
steps = []
data = open_dataset(sys.argv[1], progress=lambda *step: steps.append((time.perf_counter(), *step)))
opened = time.perf_counter()
keys = [e.key for e in data.entries][::97]
times = []
for key in keys:
    before = time.perf_counter()
    recording = data.load(key)
    recording.truth.positions.sum(), [s.positions.sum() for s in recording.inputs.values()]
    times.append(time.perf_counter() - before)
status = dict(l.split(":", 1) for l in open("/proc/self/status") if ":" in l)
print(json.dumps({
    "import_s": imported - start, "open_s": opened - imported, "cpu_s": time.process_time(),
    "reading_told": sum(step[1] == "reading" for step in steps),
    "converting_told": sum(step[1] == "converting" for step in steps),
    "longest_silence_s": max((b[0] - a[0] for a, b in zip(steps, steps[1:])), default=0.0),
    "frames": data.frames, "sequence_max_s": max(times), "sequence_mean_s": sum(times) / len(times),
    "resident_mb": int(status["VmRSS"].split()[0]) / 1024,
    "peak_mb": int(status["VmHWM"].split()[0]) / 1024,
}))
"""


def write_folder(folder: Path, frames: int) -> None:
    """Write the seven files, float64 and normalised, as torch.save did before its zip format."""
    a_sequence = frames // SEQUENCES
    world = writers.skeleton_32(a_sequence, 1)
    stat = {"mean": np.zeros(96), "std": np.ones(96), "dim_use": np.array(OUTPUT_DIMENSIONS)}
    stat["mean"][list(OUTPUT_DIMENSIONS)] = PUBLISHED_OUTPUT.mean
    stat["std"][list(OUTPUT_DIMENSIONS)] = PUBLISHED_OUTPUT.std
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(stat, folder / "stat_3d.pth.tar", _use_new_zipfile_serialization=False)
    rng = np.random.default_rng(0)
    for split, subjects in SPLITS.items():
        for kind in ("2d", "2d_ft", "3d"):
            rows = {}
            for subject in subjects:
                for camera, name in enumerate(writers.CAMERAS):
                    where = writers.place(subject, camera)
                    moving = writers.camera_frame(world, where)[:, writers.MOVING]
                    pixels = writers.project(world, where, camera)[:, writers.MOVING]
                    if kind == "3d":
                        values = (moving - moving[:, :1])[:, 1:].reshape(a_sequence, 48)
                        values = (values - PUBLISHED_OUTPUT.mean) / PUBLISHED_OUTPUT.std
                    else:
                        values = pixels[:, writers.SEEN_16].reshape(a_sequence, 32)
                        values = (values - PUBLISHED_INPUT.mean) / PUBLISHED_INPUT.std
                    if kind == "2d_ft":
                        values = values + rng.normal(0, 0.05, values.shape)
                    mark = "-sh" if kind == "2d_ft" else ""
                    for action in ACTIONS:
                        for take in ("", " 1"):
                            file = f"{action}{take}.{name}.h5{mark}"
                            rows[subject, action, file] = values.copy()
            torch.save(
                rows,
                folder / f"{split}_{kind}.pth.tar",
                _use_new_zipfile_serialization=False,
            )


def measure(folder: Path, cache: Path) -> dict[str, float]:
    """Open the folder in a fresh process; watch its memory, and that of what it starts."""
    environment = {**os.environ, "POSE_BASELINE_CACHE": str(cache)}
    with subprocess.Popen(
        [sys.executable, "-c", MEASURE, str(folder)], env=environment, stdout=subprocess.PIPE
    ) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, family_mb(process.pid))
            time.sleep(EVERY_S)
        said, _ = process.communicate()
    if process.returncode:
        raise SystemExit("it could not be opened")
    return {**json.loads(said), "peak_with_children_mb": peak}


def in_the_app(folder: Path, cache: Path) -> None:
    """Have the app open the folder by a link and change sequences; watch its own memory."""
    with served(cache) as (port, server), ExitStack() as stack:
        started = time.perf_counter()
        visitor = Visitor(stack, port, "", f"data={folder}")
        peak = resident_mb(server)
        while "pick_action" not in visitor.selects:
            time.sleep(EVERY_S)
            visitor.run()
            peak = max(peak, resident_mb(server))
        converted_s = time.perf_counter() - started
        chance = random.Random(0)
        times = [visitor.change(chance) for _ in range(CHANGES)]
        print(
            f"the app shows it {converted_s:.1f} s after a link asked for it, its memory is "
            f"{peak:.0f} MB at its peak meanwhile and {resident_mb(server):.0f} MB after {CHANGES} "
            f"changes of sequence, which take {np.median(times[2:]):.3f} s"
        )


def family_mb(pid: int) -> float:
    """Add up the resident memory of a process and of all that it started."""
    total = 0.0
    for each in family(pid):
        try:
            total += resident_mb(each)
        except (OSError, StopIteration):  # it is over
            continue
    return total


def family(pid: int) -> list[int]:
    """List a process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text(encoding="utf-8").split()]
        except OSError:  # it is over
            continue
        found += [each for child in children for each in family(child)]
    return found


def verdicts(first: dict[str, float], later: list[dict[str, float]]) -> None:
    """Say what is within its bound."""
    worst = {name: max(found[name] for found in later) for name in later[0]}
    for what, value, bound in (
        ("converted once, by the clock, s", first["open_s"], 60),
        ("the opening process meanwhile, at its peak, MB", first["peak_mb"], 1000),
        ("opened after, s", worst["open_s"], 1),
        ("a sequence after, at worst, s", worst["sequence_max_s"], 0.3),
        ("memory after, at its peak, MB", worst["peak_mb"], 1000),
    ):
        print(f"{what}: {value:.3g} ({'within' if value <= bound else 'over'} {bound})")


def main() -> None:
    """Write, convert, open, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2_100_000)
    parser.add_argument("--keep", type=Path, help="write the folder here and leave it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "data"
        if not folder.is_dir():
            before = time.perf_counter()
            write_folder(folder, options.frames)
            print(f"written in {time.perf_counter() - before:.0f} s")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{folder}: {size / 1e9:.2f} GB, {os.cpu_count()} cores")
        cache = Path(temporary) / "cache"
        runs = []
        for name in ("first, converts", "second", "third"):
            runs.append(measure(folder, cache))
            print(f"{name}: " + ", ".join(f"{k} {v:.3g}" for k, v in runs[-1].items()))
        verdicts(runs[0], runs[1:])
        in_the_app(folder, Path(temporary) / "of the app")
        forms = [file.stat().st_size for file in (cache / "converted").iterdir()]
        print(f"converted form: {sum(forms) / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
