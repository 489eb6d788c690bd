"""Time `python -m core test` on 100,800 frames in the re-implementation's layout, start included.

    python -m tests.benchmarks.command_test FIXTURE [--peer PEER] [--job 8] [--turns 3]

FIXTURE is a folder with data/ and ckpt_best.pth.tar as the re-implementation writes them; its test
recordings are repeated under new names. PEER is a clone of the re-implementation
(github.com/weigq/3d_pose_baseline_pytorch, with its progress bar installed: `pip install
progress`), which needs two runs for what ours does in one: without and with --procrustes. All run
turn by turn. Ours starts cold: its kept results are removed first. Last, ours is timed inside, to
show where its time goes. The peer loads its data in --job processes; 0, none, is faster than its
default of 8 where there are few cores.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from core.dataset import ACTIONS
from core.store import ENVIRONMENT
from tests.benchmarks.training import ROOT, runnable

FRAMES = 100_800
SUFFIX = ".pth.tar"

# The command, saying when its parts begin and end.
STEPS = """
import sys, time
started, said = time.perf_counter(), []
def watch(module, name, what):
    work = getattr(module, name)
    def watched(*arguments, **options):
        begun = time.perf_counter() - started
        try:
            return work(*arguments, **options)
        finally:
            said.append(f"{what} {begun:.2f} to {time.perf_counter() - started:.2f} s")
    setattr(module, name, watched)
from core.cli import main, test
from core.workflows import conversion, results
watch(conversion, "keep_elsewhere", "data (in a process of its own)")
watch(test, "_lifter", "PyTorch and weights (beside it)")
watch(results, "computed", "lifting and both protocols")
watch(test, "_report", "table")
main(sys.argv[1:])
sys.stdout.write("; ".join(said))
"""


def main() -> None:
    """Run the programs turn by turn, print the best times and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fixture", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--job", type=int, default=8, help="the peer's option; 8 is its default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, weights = folder / "data", options.fixture.resolve() / f"ckpt_best{SUFFIX}"
        write_folder(options.fixture / "data", data)
        ours = [sys.executable, "-m", "core", "test", "--data_dir", str(data)]
        ours += ["--load", str(weights)]
        runs = {"ours, both protocols": (ROOT, ours)}
        if options.peer:
            peer = runnable(options.peer, folder / "peer")
            theirs = [sys.executable, "main.py", "--test", "--load", str(weights),
                      "--data_dir", f"{data}/", "--job", str(options.job),
                      "--ckpt", str(folder)]  # fmt: skip
            runs["peer, Protocol #1"] = peer, theirs
            runs["peer, Protocol #2"] = peer, [*theirs, "--procrustes"]
        best = {what: float("inf") for what in runs}
        for _ in range(options.turns):
            for what, (place, command) in runs.items():
                best[what] = min(best[what], seconds(command, place, folder / "results"))
        for what, time_s in best.items():
            print(f"{what:22s} {time_s:6.2f} s, best of {options.turns}")
        if options.peer:
            peers = sum(time_s for what, time_s in best.items() if what.startswith("peer"))
            print(f"ours is {peers / best['ours, both protocols']:.1f} times as fast")
        steps = [sys.executable, "-c", STEPS, *ours[3:]]
        print(run(steps, ROOT, folder / "results").rpartition("\n")[2])


def seconds(command: list[str], place: Path, kept: Path) -> float:
    """Time one run from its start to its end."""
    started = time.perf_counter()
    run(command, place, kept)
    return time.perf_counter() - started


def run(command: list[str], place: Path, kept: Path) -> str:
    """Run a program with no results kept from earlier; return what it printed."""
    shutil.rmtree(kept, ignore_errors=True)
    environment = {**os.environ, ENVIRONMENT: str(kept)}
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout.strip()


def write_folder(source: Path, target: Path) -> None:
    """Repeat the test recordings to 100,800 frames; the other files are not asked for."""
    target.mkdir()

    def read(name: str) -> Any:
        return torch.load(source / (name + SUFFIX), weights_only=False)

    inputs, outputs = read("test_2d"), read("test_3d")
    written: tuple[dict[Any, Any], dict[Any, Any]] = {}, {}
    left, actions = FRAMES, itertools.cycle(ACTIONS)
    for turn in itertools.count():
        for subject, action, file in outputs:
            count = min(left, len(outputs[subject, action, file]))
            if not count:
                break
            # Every action in turn: the peer stops at one that has no recording.
            named = next(actions)
            key = subject, named, f"{named} {turn} {file}"
            written[0][key] = inputs[subject, action, file][:count]
            written[1][key] = outputs[subject, action, file][:count]
            left -= count
        if not left:
            break
    for name, content in zip(("test_2d", "test_3d"), written, strict=True):
        torch.save(content, target / (name + SUFFIX))
    shutil.copy(source / f"stat_3d{SUFFIX}", target)


if __name__ == "__main__":
    main()
