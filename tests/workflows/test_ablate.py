"""Ablations: every variant is what it says, runs go on where they were, the table sums them up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from core import run_log
from core.dataset import Dataset
from core.errors import PoseFormatError
from core.training import Training
from core.training_config import DIVERGED
from core.workflows import ablate as workflow
from core.workflows.ablate import BY_NAME, VARIANTS, Ablation, ablate, chosen_recipe, table
from core.workflows.recipes import Recipe
from tests.workflows.test_train import data, made

__all__ = ["data", "made"]

QUICK = {"epochs": 2, "train_batch": 16, "at_most": 24}


def ablation(folder: Path, *names: str, **fields: object) -> Ablation:
    known = {"seeds": (0, 1), "options": QUICK, **fields}
    return Ablation("made", folder, tuple(BY_NAME[name] for name in names), **known)  # type: ignore


def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let variants differ as they do, but keep every network small."""
    whole = workflow.chosen_recipe

    def small(*arguments: object) -> Recipe:
        chosen = whole(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(
            chosen, network=dataclasses.replace(chosen.network, linear_size=8)
        )

    monkeypatch.setattr(workflow, "chosen_recipe", small)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow(monkeypatch)
    monkeypatch.setattr(workflow, "open_dataset", lambda _: made())


def test_each_variant_differs_from_the_published_recipe_in_what_it_says(tmp_path: Path) -> None:
    found = {}
    for variant in VARIANTS:
        chosen = chosen_recipe(Ablation("d", tmp_path), variant, 0)
        parts = [getattr(chosen, part) for part in ("network", "training", "exposure")]
        published = [getattr(Recipe(), part) for part in ("network", "training", "exposure")]
        found[variant.name] = {
            field.name: getattr(part, field.name)
            for part, plain in zip(parts, published, strict=True)
            for field in dataclasses.fields(part)
            if getattr(part, field.name) != getattr(plain, field.name)
        }
    assert found == {
        "full": {},
        "no_batch_norm": {"batch_norm": False},
        "no_dropout": {"dropout": 0.0},
        "neither": {"batch_norm": False, "dropout": 0.0},
        "no_residual": {"residual": False},
        "stages_1": {"num_stage": 1},
        "stages_4": {"num_stage": 4},
        "width_512": {"linear_size": 512},
        "width_2048": {"linear_size": 2048},
        "world_frame": {"frame": "world"},
        "weight_clipping": {"clip_weights": True, "max_norm": None},
    }


def test_every_variant_trains_and_has_its_row(tmp_path: Path, data: Dataset) -> None:
    wanted = ablation(tmp_path, *BY_NAME, seeds=(0,), options={**QUICK, "epochs": 1})
    list(ablate(wanted))
    laid_out = table(wanted)
    assert [row[0] for row in laid_out.rows] == [variant.title for variant in VARIANTS]
    assert all(isinstance(row[3], float) for row in laid_out.rows)
    assert all(row[2] == 1 and row[4] == "" for row in laid_out.rows), "one seed has no spread"


def test_the_table_has_mean_spread_and_difference(tmp_path: Path, data: Dataset) -> None:
    wanted = ablation(tmp_path, "full", "no_dropout")
    list(ablate(wanted))
    full, other = table(wanted).rows
    logs = [run_log.read_log(tmp_path / "full" / f"seed_{seed}") for seed in (0, 1)]
    one, two = (log.epochs[-1].test_mpjpe_mm or 0.0 for log in logs)
    assert full[2] == 2
    assert full[3] == pytest.approx((one + two) / 2)
    assert full[4] == pytest.approx(abs(one - two) / 2**0.5)
    assert other[5] == pytest.approx(float(other[3]) - float(full[3]))


def test_all_variants_are_trained_with_a_seed_before_the_next(
    tmp_path: Path, data: Dataset
) -> None:
    wanted = ablation(tmp_path, "full", "no_dropout")
    order = list(dict.fromkeys((m.seed, m.variant.name) for m in ablate(wanted)))
    assert order == [(0, "full"), (0, "no_dropout"), (1, "full"), (1, "no_dropout")]


def test_what_is_done_is_passed_over_and_what_was_stopped_goes_on(
    tmp_path: Path, data: Dataset
) -> None:
    wanted = ablation(tmp_path, "full", "no_dropout", seeds=(0,))
    moments = ablate(wanted)
    list(islice(moments, 3))  # both epochs of the first, one of the second
    moments.close()  # type: ignore[attr-defined]
    again = [(m.variant.name, m.progress and m.progress.epoch) for m in ablate(wanted)]
    assert again == [("full", None), ("no_dropout", 2)]
    whole = ablation(tmp_path / "whole", "full", "no_dropout", seeds=(0,))
    list(ablate(whole))
    assert table(wanted) == table(whole)


def test_a_run_that_diverges_is_a_result_and_the_rest_goes_on(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Training.run

    def broken(self: Training, report_steps: int | None = None) -> Iterator[object]:
        if self.config.clip_weights:
            raise FloatingPointError(f"the loss is nan: {DIVERGED}")
        yield from honest(self, report_steps)

    monkeypatch.setattr(Training, "run", broken)
    wanted = ablation(tmp_path, "weight_clipping", "full", seeds=(0,))
    assert [m.diverged for m in ablate(wanted)] == [True, False, False]
    assert [m.diverged for m in ablate(wanted)] == [True, False], "it is not tried again"
    assert [row[3] == "diverged" for row in table(wanted).rows] == [True, False]


def test_runs_of_other_options_are_not_mixed_in(tmp_path: Path, data: Dataset) -> None:
    list(ablate(ablation(tmp_path, "full", seeds=(0,))))
    other = ablation(tmp_path, "full", seeds=(0,), options={**QUICK, "epochs": 3})
    with pytest.raises(PoseFormatError, match="was trained with other options or data"):
        list(ablate(other))


def test_data_is_known_by_its_content_and_not_by_its_path(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ablation(tmp_path, "full", seeds=(0,))
    list(ablate(wanted))
    moved = dataclasses.replace(wanted, data_dir="./made")
    assert len(list(ablate(moved))) == 1, "it is there"
    assert table(moved).rows == table(wanted).rows
    changed = dataclasses.replace(made(), digest="4567")
    monkeypatch.setattr(workflow, "open_dataset", lambda _: changed)
    with pytest.raises(PoseFormatError, match="was trained with other options or data"):
        list(ablate(wanted))


def test_before_any_run_the_table_is_empty(tmp_path: Path) -> None:
    assert table(ablation(tmp_path, "full")).rows == (("full: 2 stages, width 1024", *[""] * 7),)
