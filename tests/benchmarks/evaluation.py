"""Evaluate a set as large as Human3.6M's test subjects: both protocols, cold, and opened again.

    python -m tests.benchmarks.evaluation [--data cmu.safetensors] [--frames 543120]

The data set's test recordings are taken over and over, under new names, until there are as many
frames. Prints the seconds on the clock and on the cores, the memory, and what reopening takes.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core import workers
from core.dataset import Dataset, Entry, Key, Recording
from core.inference import PRECISIONS
from core.store import Store
from core.workflows import results
from core.workflows.lift import PoseLifter
from core.workflows.open import open_checkpoint, open_dataset

FRAMES = 543_120


def main() -> None:
    """Evaluate once in each precision and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    options = parser.parse_args()
    dataset = enlarged(open_dataset(options.data), options.frames)
    checkpoint = open_checkpoint("gt")
    print(f"{dataset.frames:,} frames in {len(dataset.entries):,} recordings, 17 joints, GT 2D")
    for precision in options.precision:
        lifter = PoseLifter(checkpoint, precision=precision)
        print(f"{lifter.engine.kind}, {workers.count()} workers")
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            cold, on_cores, found = timed(dataset, lifter, store)
            again, _, _ = timed(dataset, lifter, store)
        table = found.table(1)
        print(
            f"  cold {cold:.1f} s ({on_cores:.1f} s on the cores), again {again:.3f} s, at most "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB resident; "
            f"mean of {len(table)} actions {sum(table.values()) / len(table):.4f} mm"
        )


def timed(
    dataset: Dataset, lifter: PoseLifter, store: Store
) -> tuple[float, float, results.Results]:
    """Judge; return the seconds on the clock, on the cores, and the results."""
    clock, cores = time.perf_counter(), time.process_time()
    steps: list[int] = []
    found = results.judge(
        dataset, lifter, "gt", store=store, progress=lambda done, _: steps.append(done)
    )
    taken = time.perf_counter() - clock, time.process_time() - cores
    if steps and steps[-1] != found.frames:
        raise SystemExit("the progress did not reach the end")
    return *taken, found


def enlarged(dataset: Dataset, frames: int) -> Dataset:
    """Repeat the test recordings under new names, the last one cut, to so many frames."""
    origins: dict[Key, tuple[Key, int]] = {}
    entries = []
    left = frames
    for turn, entry in _endlessly(dataset.select(split="test", source="gt")):
        if not left:
            break
        key = replace(entry.key, take=f"{entry.key.take} #{turn}")
        count = min(entry.frames, left)
        origins[key] = entry.key, count
        entries.append(replace(entry, key=key, frames=count))
        left -= count

    def read(key: Key) -> Recording:
        origin, count = origins[key]
        found = dataset.load(origin)
        inputs = {name: sequence.frames(0, count) for name, sequence in found.inputs.items()}
        truth = None if found.truth is None else found.truth.frames(0, count)
        return replace(found, key=key, inputs=inputs, truth=truth, pictures=None)

    return Dataset(
        id="enlarged",
        title=f"{dataset.title}, repeated",
        kind=dataset.kind,
        entries=tuple(entries),
        read=read,
        digest=f"{dataset.digest} {frames}",
        splits=dataset.splits,
        statistics=dataset.statistics,
    )


def _endlessly(entries: tuple[Entry, ...]) -> Iterator[tuple[int, Entry]]:
    return ((turn, entry) for turn in itertools.count() for entry in entries)


if __name__ == "__main__":
    main()
