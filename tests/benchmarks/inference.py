"""Time the network: beside the plain eager model, for one pose, and against the machine's limit.

    python -m tests.benchmarks.inference [--turns 7] [--data cmu.safetensors] [--load FILE ...]

The plain model is the published architecture as PyTorch runs it, fed 64 poses at a time as the
re-implementation feeds it, on the same cores. All are timed turn by turn, so that a noisy machine
is noisy for each; the best turn counts. The limit is the largest hidden layer's product alone, in
the numbers that the engine chose, one product a core side by side. With --data the change of each
action's error against float32 is measured over the data set's test subjects.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from core import workers
from core.checkpoint import model_from
from core.inference import PRECISIONS, SIZES, Engine
from core.store import Store
from core.workflows import results
from core.workflows.lift import PoseLifter, published_statistics
from core.workflows.open import checkpoint_names, open_checkpoint, open_dataset

PEER_BATCH, POSES, MANY = 64, 4096, 65_536
LIVE_POSES = 2000


def main() -> None:
    """Print poses a second, ratios, the latency of one pose, and the share of the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--data", help="data set to measure the change of errors on")
    parser.add_argument("--load", nargs="+", default=checkpoint_names())
    options = parser.parse_args()
    cores = torch.get_num_threads()
    print(f"{cores} cores, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    time_checkpoint(options.load[0], options.turns, cores)
    if options.data:
        for name in options.load:
            compare_errors(options.data, name)


def time_checkpoint(name: str, turns: int, cores: int) -> None:
    """Time one checkpoint: all have the same shape."""
    lifter = PoseLifter(open_checkpoint(name)).falling_back_on(*published_statistics())
    exact = PoseLifter(lifter.checkpoint, precision="float32")
    engine, plain = lifter.engine, model_from(lifter.checkpoint)
    x = np.random.default_rng(0).normal(size=(MANY, 32)).astype(np.float32)
    batches = torch.from_numpy(x[:POSES]).split(PEER_BATCH)

    @torch.no_grad()
    def eager() -> None:
        for batch in batches:
            plain(batch)

    flops = 2 * sum(weight.numel() for weight in plain.parameters() if weight.dim() == 2)
    rates = best_rates(
        {
            f"plain eager model, batch {PEER_BATCH}": (POSES, eager),
            f"engine, {engine.kind}": (MANY, lambda: engine.lift(x)),
            "engine, float32": (MANY, lambda: exact.engine.lift(x)),
        },
        turns,
    )
    first = next(iter(rates.values()))
    for what, rate in rates.items():
        said = f"{rate * flops / 1e9:6.0f} GFLOPS"
        print(f"{what:34s} {rate:9,.0f} poses/s {said} {rate / first:5.1f} times the plain model")
    print(
        f"checked at load: error {engine.error:.4f} of the output, {engine.speedup:.1f} times as "
        "fast as float32 on one core"
    )
    for what, limit in gemm_limits(engine, cores, turns).items():
        share = rates[f"engine, {engine.kind}"] * flops / limit
        print(f"{what:34s} {limit / 1e9:16.0f} GFLOPS; the engine reaches {share:.0%} of it")
    pose = lifter.statistics()[0].mean.reshape(1, 16, 2) + 10 * x[:1].reshape(1, 16, 2)
    for what, live in {
        "one pose, normalised": lambda: engine.lift(x[:1]),
        "one pose, px to mm": lambda: lifter.lift_arrays(pose),
    }.items():
        times = latencies(live)
        print(f"{what:34s} median {times[0]:.3f} ms, 95 of 100 within {times[1]:.3f} ms")


def best_rates(
    contestants: dict[str, tuple[int, Callable[[], object]]], turns: int
) -> dict[str, float]:
    """Run each in turn; return poses a second of each one's best turn."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(turns + 1):
        for name, (_, work) in contestants.items():
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    # The first turn warms up.
    return {name: poses / min(seconds[name][1:]) for name, (poses, _) in contestants.items()}


def gemm_limits(engine: Engine, cores: int, turns: int) -> dict[str, float]:
    """Measure products alone, in floating-point operations a second over all cores."""
    layer = engine._blocks[0][0]
    size, width = SIZES[-1], len(layer.bias)
    x = torch.randn(size, width).to(layer.bias.dtype)
    dense = torch.randn(16 * size, width), torch.randn(width, width)
    repeats = 64

    def alone(_: int) -> None:
        with torch.inference_mode():
            for _ in range(repeats):
                layer(x)

    rows = {
        f"product alone, {engine.kind}": (
            cores * repeats * size,
            lambda: list(workers.each(alone, range(cores))),
        ),
        "torch.mm, float32": (len(dense[0]), lambda: torch.mm(*dense)),
    }
    return {name: rate * 2 * width**2 for name, rate in best_rates(rows, turns).items()}


def latencies(live: Callable[[], object]) -> tuple[float, float]:
    """Return the median and the 95th percentile, ms."""
    times = []
    for _ in range(LIVE_POSES):
        started = time.perf_counter()
        live()
        times.append(1e3 * (time.perf_counter() - started))
    warm = times[LIVE_POSES // 4 :]
    return statistics.median(warm), float(np.percentile(warm, 95))


def compare_errors(data: str, name: str) -> None:
    """Print by how much each protocol's figures change against float32."""
    dataset, checkpoint = open_dataset(data), open_checkpoint(name)
    source = "gt"
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for precision in PRECISIONS:
            lifter = PoseLifter(checkpoint, *published_statistics(), precision=precision)
            found[precision] = results.judge(dataset, lifter, source, store=Store(Path(folder)))
        for protocol in results.PROTOCOLS:
            fast, exact = (found[precision].table(protocol) for precision in PRECISIONS)
            changes = {action: fast[action] - exact[action] for action in exact}
            worst = max(changes, key=lambda action: abs(changes[action]))
            print(
                f"{name}, Protocol #{protocol}, {found['auto'].frames:,} frames: average changes "
                f"by {np.mean(list(changes.values())):+.4f} mm, most in {worst} by "
                f"{changes[worst]:+.4f} mm"
            )


if __name__ == "__main__":
    main()
