"""The paper's ablations: the same training with one thing changed, for several seeds.

Each run lies in a folder of its own, `FOLDER/VARIANT/seed_N`, so that what was interrupted goes
on, what is done is not done again, and the Training page shows all of them.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core import run_log, runs
from core.errors import PoseFormatError
from core.runs import Run
from core.tables import Cell, Table
from core.training import Progress
from core.training_config import DIVERGED
from core.workflows.open import open_dataset
from core.workflows.recipes import Recipe, options_of, recipe
from core.workflows.train import train
from core.workflows.training_run import TrainingRun, resumption


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: of its folder, and on the command line.
        title: for people.
        changes: options by name, as `recipes.recipe` takes them.
    """

    name: str
    title: str
    changes: Mapping[str, Any] = field(default_factory=dict)


# Section 4.3 of the paper, and the sizes of the network. The original clips weights instead of
# the gradient.
VARIANTS = (
    Variant("full", "full: 2 stages, width 1024"),
    Variant("no_batch_norm", "no batch norm", {"batch_norm": False}),
    Variant("no_dropout", "no dropout", {"dropout": 0.0}),
    Variant("neither", "neither", {"batch_norm": False, "dropout": 0.0}),
    Variant("no_residual", "no residual", {"residual": False}),
    Variant("stages_1", "1 stage", {"num_stage": 1}),
    Variant("stages_4", "4 stages", {"num_stage": 4}),
    Variant("width_512", "width 512", {"linear_size": 512}),
    Variant("width_2048", "width 2048", {"linear_size": 2048}),
    Variant("world_frame", "world frame", {"frame": "world"}),
    Variant("weight_clipping", "weight clipping", {"clip_weights": True, "no_max": True}),
)
BY_NAME = {variant.name: variant for variant in VARIANTS}
BASE = "full"


@dataclass(frozen=True)
class Ablation:
    """What to train.

    Attributes:
        data_dir: what `open_dataset` takes.
        folder: where the runs lie.
        variants: rows of the table.
        seeds: each variant is trained once with each.
        options: what all variants have in common and differs from the recipe "paper".
        threads: CPU threads; None leaves PyTorch's choice.
        device: None takes a GPU where there is one.
        command: how it was started, for the provenance.
    """

    data_dir: str
    folder: Path
    variants: Sequence[Variant] = VARIANTS
    seeds: Sequence[int] = (0, 1, 2)
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int | None = None
    device: str | None = None
    command: str = ""


@dataclass(frozen=True)
class Moment:
    """How an ablation stands.

    Attributes:
        variant, seed: what is trained.
        number: 1-based, of `in_all` runs.
        progress: of this run; None where there is nothing left to train of it.
        diverged: it ended with a loss that is no number.
    """

    variant: Variant
    seed: int
    number: int
    in_all: int
    progress: Progress | None = None
    diverged: bool = False


def ablate(ablation: Ablation) -> Iterator[Moment]:
    """Train all variants with the first seed, then with the next, and say how it goes.

    Runs that are done are passed over, one that was interrupted goes on. A run that diverges is
    a result, too: its row says so.

    Raises:
        PoseFormatError: as `train` does, or a run in the folder has other options or data.
        KeyboardInterrupt: it was stopped; the same call goes on from there.
    """
    digest = open_dataset(ablation.data_dir).digest
    in_all = len(ablation.seeds) * len(ablation.variants)
    number = 0
    for seed in ablation.seeds:
        for variant in ablation.variants:
            number += 1
            moment = Moment(variant, seed, number, in_all)
            run = _wanted(ablation, variant, seed)
            known = _known(run, digest)
            if known is not None and _is_over(known):
                yield replace(moment, diverged=known.state == "failed")
                continue
            if known is not None and known.can_resume:
                run = resumption(run)
            try:
                for progress in train(replace(run, overwrite=not run.resume)):
                    yield replace(moment, progress=progress)
            except FloatingPointError:
                yield replace(moment, diverged=True)


def chosen_recipe(ablation: Ablation, variant: Variant, seed: int) -> Recipe:
    """Give the recipe of one run.

    Raises:
        ValueError: an option that training doesn't have, or a value that it can't have.
    """
    return recipe("paper", **{**ablation.options, **variant.changes, "seed": seed})


def table(ablation: Ablation) -> Table:
    """Lay out what is there so far: a row a variant, the mean over its seeds and the spread."""
    rows: list[tuple[Cell, ...]] = []
    base: float | None = None
    for variant in ablation.variants:
        found = [
            known
            for seed in ablation.seeds
            if (known := _known(_wanted(ablation, variant, seed))) is not None and _is_over(known)
        ]
        rows.append(_row(variant, found, base))
        if variant.name == BASE and isinstance(rows[-1][3], float):
            base = rows[-1][3]
    header = ("Variant", "Weights", "Runs", "Test MPJPE (mm)", "Spread (mm)", "Difference (mm)",
              "Best epoch (mm)", "Train MPJPE (mm)")  # fmt: skip
    return Table(header, tuple(rows))


def _row(variant: Variant, found: Sequence[Run], base: float | None) -> tuple[Cell, ...]:
    if not found:
        return (variant.title, *[""] * 7)
    weights = _weights(found[0])
    logs = [run_log.read_log(known.folder) for known in found if known.state == "done"]
    last = [log.epochs[-1] for log in logs if log.epochs]
    tested = [e.test_mpjpe_mm for e in last if e.test_mpjpe_mm is not None]
    if not tested:
        return (variant.title, weights, len(found), "diverged", *[""] * 4)
    best = [b.test_mpjpe_mm for log in logs if (b := log.best) and b.test_mpjpe_mm is not None]
    trained = [e.train_mpjpe_mm for e in last if e.train_mpjpe_mm is not None]
    mean = statistics.fmean(tested)
    diverged = sum(known.state == "failed" for known in found)
    return (
        variant.title,
        weights,
        f"{len(tested)} ({diverged} diverged)" if diverged else len(tested),
        mean,
        statistics.stdev(tested) if len(tested) > 1 else "",
        "" if base is None else mean - base,
        statistics.fmean(best),
        statistics.fmean(trained) if trained else "",
    )


def _weights(run: Run) -> int:
    """Count what a network's options make it learn."""
    from core.model import LifterConfig

    return LifterConfig(**run.options["network"]).parameters


def _wanted(ablation: Ablation, variant: Variant, seed: int) -> TrainingRun:
    return TrainingRun(
        data_dir=ablation.data_dir,
        exp=ablation.folder / variant.name / f"seed_{seed}",
        recipe=chosen_recipe(ablation, variant, seed),
        threads=ablation.threads,
        device=ablation.device,
        command=ablation.command,
    )


def _known(run: TrainingRun, digest: str | None = None) -> Run | None:
    """Read what a run's folder has; refuse one that is of another ablation, or of other data."""
    if not (run.exp / runs.RUN).is_file():
        return None
    known = runs.read_run(run.exp)
    wanted = json.loads(json.dumps(options_of(run.recipe)))
    # A run that was stopped while it read its data has no digest yet, and no results.
    is_other_data = digest is not None and known.data.get("digest", digest) != digest
    if known.options != wanted or is_other_data:
        raise PoseFormatError(
            "was trained with other options or data; --out names another folder for these",
            file=run.exp,
        )
    return known


def _is_over(known: Run) -> bool:
    return known.state == "done" or (known.state == "failed" and DIVERGED in known.message)
