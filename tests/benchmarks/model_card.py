"""Measure the shipped checkpoints and print the tables of their model card.

Run from the project's root, with the data set that `python -m core prepare cmu` wrote:

    python tests/benchmarks/model_card.py cmu.safetensors
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core import checkpoint
from core.cameras import image_from_camera
from core.dataset import Dataset, Key, Recording
from core.sequence import PoseSequence
from core.skeleton import INPUT_16
from core.synthetic import HOURGLASS
from core.synthetic.detector import detect
from core.workflows.evaluate import Evaluation, evaluate
from core.workflows.lift import PoseLifter
from core.workflows.open import open_dataset

SOURCES = {"gt": "gt", "detector": HOURGLASS}


def with_simulated_detector(dataset: Dataset) -> Dataset:
    """Give each recording the 2D source of the synthetic data set's detector.

    Its noise is another model than the one that the detector checkpoint was trained with.
    """

    @functools.cache
    def read(key: Key) -> Recording:
        recording = dataset.load(key)
        truth, camera = recording.truth, recording.camera
        if truth is None or camera is None:
            raise ValueError(f"{key} has no 3D or no camera")
        joints = truth.select(INPUT_16).positions.astype(np.float64)
        rng = np.random.default_rng(zlib.crc32(str(key).encode()))
        places, confidence = detect(rng, image_from_camera(joints, camera), joints, truth.fps)
        seen = PoseSequence(places, INPUT_16, "image", truth.fps, confidence, HOURGLASS)
        return dataclasses.replace(recording, inputs={**recording.inputs, HOURGLASS: seen})

    entries = tuple(
        dataclasses.replace(entry, sources=(*entry.sources, HOURGLASS)) for entry in dataset.entries
    )
    # The cached index of a data set must be built anew, so no `replace`.
    known = {f.name: getattr(dataset, f.name) for f in dataclasses.fields(dataset)}
    return Dataset(**{**known, "entries": entries, "read": read})


def per_camera(found: Evaluation) -> dict[str, tuple[float, float]]:
    """Average both protocols over the frames of each camera."""
    cameras = dict.fromkeys(key.camera for key in found.keys)
    rows = {}
    for camera in cameras:
        mask = np.array([key.camera == camera for key in found.keys])
        frames = found.frames[mask].sum()
        one, two = (found.sums[p][mask].mean(axis=1).sum() / frames for p in (1, 2))
        rows[camera] = (float(one), float(two))
    return rows


def table(title: str, first: str, columns: dict[str, dict[str, tuple[float, float]]]) -> str:
    """Format columns of (MPJPE, P-MPJPE) by row as Markdown."""
    rows = list(next(iter(columns.values())))
    lines = [f"### {title}", "", f"| {first} | " + " | ".join(columns) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    for row in rows:
        cells = [f"{columns[c][row][0]:.1f} / {columns[c][row][1]:.1f}" for c in columns]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def by_action(found: Evaluation) -> dict[str, tuple[float, float]]:
    """Take both protocols per action, over actions, and over frames."""
    one, two = found.action_errors(1), found.action_errors(2)
    rows = {action: (one[action], two[action]) for action in one}
    rows["mean of actions"] = (found.average(1), found.average(2))
    rows["mean of frames"] = (found.frame_average(1), found.frame_average(2))
    return rows


def by_camera(found: Evaluation) -> dict[str, tuple[float, float]]:
    """Take both protocols per camera, and over all frames."""
    return {**per_camera(found), "all": (found.frame_average(1), found.frame_average(2))}


def tables(cmu: str) -> Iterator[str]:
    """Evaluate everything; yield a table at a time."""
    lifters = {
        name: PoseLifter(checkpoint.load(path)) for name, path in checkpoint.shipped().items()
    }
    data = with_simulated_detector(open_dataset(cmu))
    columns = {
        f"{name}, {source} 2D": by_action(evaluate(data, lifter, source))
        for name, lifter in lifters.items()
        for source in SOURCES.values()
    }
    yield table("CMU, test subjects, fixed rig", "action", columns)
    balancing = open_dataset("balancing")
    columns = {
        f"{name}, {source} 2D": by_camera(evaluate(balancing, lifter, source, split=None))
        for name, lifter in lifters.items()
        for source in balancing.sources
    }
    yield table("Balancing", "camera", columns)
    synthetic = open_dataset("synthetic")
    columns = {
        f"{name}, {source} 2D": by_action(evaluate(synthetic, lifter, source))
        for name, lifter in lifters.items()
        for source in synthetic.sources
    }
    yield table("Synthetic, S9 and S11", "action", columns)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cmu", help="the data set file of `python -m core prepare cmu`")
    for text in tables(parser.parse_args().cmu):
        print(text, flush=True)


if __name__ == "__main__":
    main()
