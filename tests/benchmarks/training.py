"""Train beside the PyTorch re-implementation on the same files: samples a second, start, memory.

Takes a clone of the peer (github.com/weigq/3d_pose_baseline_pytorch, with its progress bar
installed: `pip install progress`) and a data set file of ours, which is written out in the peer's
layout. The peer runs from a copy without CUDA and retired arguments, else as it is. Both run as
users start them, turn by turn, so that a noisy machine is noisy for both:

    python -m tests.benchmarks.training PEER cmu.safetensors --turns 3
    python -m tests.benchmarks.training PEER cmu.safetensors --samples 1500000 --turns 1
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PRECISIONS = ("float32", "bfloat16")
ROOT = Path(__file__).resolve().parents[2]
# What keeps the peer from running on this Python, this PyTorch and a CPU, and nothing else.
MENDED = {
    "main.py": (
        (r"\.cuda\(async=True\)", ""),
        (r"\.cuda\(\)", ""),
        (r"clip_grad_norm\(", "clip_grad_norm_("),
        (r"nn\.MSELoss\(size_average=True\)", "nn.MSELoss()"),
        (r"pin_memory=True", "pin_memory=False"),
        (r"torch\.load\((.*)\)$", r"torch.load(\1, weights_only=False)"),
    ),
    "src/model.py": ((r"kaiming_normal\(", "kaiming_normal_("),),
    "src/datasets/human36m.py": ((r"torch\.load\((.*)\)$", r"torch.load(\1, weights_only=False)"),),
    "src/__init__.py": (
        (r"^sys\.path\.append.*$", ""),
        (r"from progress\.bar import Bar as Bar", "from progress.bar import Bar"),
    ),
}

# Runs before either program: counts the optimiser's steps from outside, then ends the process.
COUNTER = """
import atexit, json, os, resource, sys, time, threading
began = float(os.environ["BENCH_BEGAN"]); seconds = float(os.environ["BENCH_SECONDS"])
state = {"steps": 0, "first": None}
def finish():
    now = time.time()
    peak = int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
    found = {"first_step_s": state["first"] - began, "steps": state["steps"],
             "seconds": now - state["counted_from"], "peak_mb": peak / 1024}
    open(os.environ["BENCH_OUT"], "w").write(json.dumps(found))
    os._exit(0)
def after(*_):
    now = time.time()
    if state["first"] is None:
        state["first"] = now
    if now - state["first"] < float(os.environ["BENCH_WARM_UP"]):
        return
    state.setdefault("counted_from", now)
    state["steps"] += 1
    if now - state["counted_from"] >= seconds:
        finish()
try:
    from core.adam import Adam
except ImportError:
    from torch.optim.optimizer import register_optimizer_step_post_hook
    register_optimizer_step_post_hook(after)
else:
    plain = Adam.step
    Adam.step = lambda *arguments: (plain(*arguments), after())
"""


def main() -> None:
    """Write the files, run turn by turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", type=Path, help="a clone of the re-implementation")
    parser.add_argument("data", help="a data set file with a training split")
    parser.add_argument("--turns", type=int, default=3)
    # Shorter than an epoch of the fastest: no test and no saving is in it.
    parser.add_argument("--seconds", type=float, default=8.0, help="measured, a turn")
    parser.add_argument("--warm_up", type=float, default=3.0)
    parser.add_argument("--samples", type=int, help="repeat the training set up to so many")
    parser.add_argument("--large_batch", type=int, default=512)
    parser.add_argument("--job", type=int, default=2, help="the peer's loader processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        folder = work / "data"
        count = write_seed_layout(options.data, folder, options.samples)
        peer = runnable(options.peer, work / "peer")
        print(f"{count:,} training samples; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        programs = {
            "peer, batch 64": (peer, ["main.py", "--data_dir", str(folder), "--ckpt",
                                      str(work / "peer_runs"), "--job", str(options.job)], 64),
            **{
                f"ours, batch {batch}, {precision}": ours(folder, work, batch, precision)
                for batch in (64, options.large_batch)
                for precision in PRECISIONS
            },
        }  # fmt: skip
        found: dict[str, list[dict[str, float]]] = {name: [] for name in programs}
        for turn in range(options.turns):
            for name, (where, command, batch) in programs.items():
                result = measured(where, command, options, work / "result.json")
                result["samples_per_s"] = result["steps"] * batch / result["seconds"]
                found[name].append(result)
                print(f"turn {turn + 1}, {name}: {said(result)}", flush=True)
    middle = {
        name: {key: statistics.median(r[key] for r in results) for key in results[0]}
        for name, results in found.items()
    }
    base = middle["peer, batch 64"]
    print("\nmedians, and ratios to the peer")
    for name, result in middle.items():
        print(
            f"{name}: {said(result)}; {result['samples_per_s'] / base['samples_per_s']:.1f}x the "
            f"samples/s, first step {base['first_step_s'] / result['first_step_s']:.1f}x sooner, "
            f"{result['peak_mb'] / base['peak_mb']:.2f} of the memory"
        )


def said(result: dict[str, float]) -> str:
    """Say one result in a line."""
    return (
        f"{result['samples_per_s']:,.0f} samples/s, first step after {result['first_step_s']:.1f} "
        f"s, {result['peak_mb']:,.0f} MB at most"
    )


def ours(folder: Path, work: Path, batch: int, precision: str) -> tuple[Path, list[str], int]:
    """Our command, as a user gives it."""
    command = ["-m", "core", "train", "--data_dir", str(folder), "--ckpt", str(work / "runs"),
               "--exp", f"b{batch}_{precision}", "--overwrite", "--train_batch", str(batch),
               "--precision", precision]  # fmt: skip
    return ROOT, command, batch


def measured(
    where: Path, command: list[str], options: argparse.Namespace, out: Path
) -> dict[str, float]:
    """Run a program until it has trained long enough; count from outside."""
    out.unlink(missing_ok=True)
    run = ["import runpy, sys", COUNTER]
    if command[0] == "-m":
        run.append(
            f"sys.argv = {['core', *command[2:]]!r}; runpy.run_module('core', {{}}, '__main__')"
        )
    else:
        run.append(f"sys.path.insert(0, '.'); sys.argv = {command!r}")
        run.append(f"runpy.run_path({command[0]!r}, run_name='__main__')")
    environment = {
        **os.environ,
        "BENCH_OUT": str(out),
        "BENCH_SECONDS": str(options.seconds),
        "BENCH_WARM_UP": str(options.warm_up),
        "BENCH_BEGAN": repr(time.time()),
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(run)],
        cwd=where, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not out.exists():
        raise SystemExit(f"{command} did not train:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(out.read_text())
    return found


def runnable(peer: Path, copy: Path) -> Path:
    """Copy the peer and mend what has been retired since it was written."""
    shutil.copytree(peer, copy, ignore=shutil.ignore_patterns(".git", "progress"))
    for name, changes in MENDED.items():
        path = copy / name
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            text = re.sub(old, new, text, flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")
    return copy


def write_seed_layout(data: str, folder: Path, samples: int | None) -> int:
    """Write a data set in the re-implementation's layout; returns how many training samples."""
    import torch

    sys.path.insert(0, str(ROOT))
    from core.dataset import ACTIONS
    from core.normalization import root_relative
    from core.skeleton import H36M_17, OUTPUT_16_JOINTS
    from core.workflows.open import open_dataset

    dataset = open_dataset(data)
    # The peer only tests actions that it knows by name.
    named = dict(zip(sorted({e.key.action for e in dataset.entries}), ACTIONS, strict=False))
    moving = H36M_17.indices(OUTPUT_16_JOINTS)
    splits: dict[str, dict[tuple[int, str, str], tuple[np.ndarray, np.ndarray]]] = {}
    for split in ("train", "test"):
        poses = splits[split] = {}
        for entry in dataset.select(split=split, source="gt"):
            recording, key = dataset.load(entry.key), entry.key
            if recording.truth is None or key.action not in named:
                continue
            inputs = recording.inputs["gt"].positions.reshape(-1, 32).astype(float)
            relative = root_relative(recording.truth.positions.astype(float))[:, moving]
            action = named[key.action]
            name = (int(re.sub(r"\D", "", key.subject) or 0), action,
                    f"{action} {key.take}.{key.camera}.h5")  # fmt: skip
            poses[name] = (inputs, relative.reshape(-1, 48))
    count = sum(len(x) for x, _ in splits["train"].values())
    if samples is not None:
        times = -(-samples // count)
        splits["train"] = {
            (s, a, f"{n} {f}"): both for n in range(times)
            for (s, a, f), both in splits["train"].items()
        }  # fmt: skip
        count *= times
    one, two = (np.concatenate([pair[i] for pair in splits["train"].values()]) for i in (0, 1))
    use = np.concatenate(
        [
            np.arange(3 * i, 3 * i + 3)
            for i in (1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
        ]
    )
    mean, std = np.zeros(96), np.ones(96)
    mean[use], std[use] = two.mean(axis=0), two.std(axis=0)
    folder.mkdir()
    torch.save({"mean": mean, "std": std, "dim_use": use}, folder / "stat_3d.pth.tar")
    scales = ((one.mean(axis=0), one.std(axis=0)), (mean[use], std[use]))
    del one, two
    for split, poses in splits.items():
        for i, dimensions in enumerate(("2d", "3d")):
            centre, spread = scales[i]
            content = {key: (pair[i] - centre) / spread for key, pair in poses.items()}
            torch.save(content, folder / f"{split}_{dimensions}.pth.tar")
    return count


if __name__ == "__main__":
    main()
