"""The other measures by action: equal to the metrics on the poses themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core import metrics
from core.dataset import Key
from core.skeleton import H36M_17
from core.store import Store
from core.tables import ALL_FRAMES, AVERAGE, as_csv
from core.workflows import measures, results
from core.workflows.evaluate import evaluate
from core.workflows.lift import PoseLifter, lift_recording
from core.workflows.result_columns import LEFT, RIGHT
from tests.toys import toy_checkpoint, toy_dataset


@pytest.fixture(params=[False, True], ids=["complete", "with missing joints"])
def missing(request) -> bool:
    return request.param


@pytest.fixture
def found(tmp_path, missing) -> results.Results:
    data = toy_dataset(missing=missing)
    return results.judge(data, toy_checkpoint(), "gt", store=Store(tmp_path))


def poses(missing: bool, *actions: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lift each test recording of some actions again: predictions and truth."""
    data, lifter = toy_dataset(missing=missing), PoseLifter(toy_checkpoint())
    pairs = []
    for entry in data.select(split="test", actions=actions):
        lifted = lift_recording(lifter, data, data.load(entry.key), "gt")
        assert lifted.truth is not None
        pairs.append((lifted.prediction.positions, lifted.truth.positions))
    return pairs


@pytest.mark.parametrize("action", ["Directions", "Sitting", "SittingDown"])
def test_every_measure_is_what_the_metric_says_of_the_poses(found, missing, action):
    row = measures.sums(found).by_action()[action]
    pairs = poses(missing, action)
    prediction, truth = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    complete = np.isfinite(prediction + truth).all(axis=(1, 2))
    errors = metrics.joint_errors(prediction, truth)
    steps = np.concatenate([metrics.velocity_errors(p, t).mean(axis=1) for p, t in pairs])
    expected = {
        "mpjpe": metrics.mpjpe(prediction, truth),
        "p_mpjpe": metrics.p_mpjpe(prediction, truth),
        "n_mpjpe": metrics.n_mpjpe(prediction, truth),
        "pck_150": metrics.pck(errors),
        "auc": metrics.auc(errors),
        "mpjve": float(np.nanmean(steps)),
        "bones": metrics.bone_length_error(prediction, truth, H36M_17.bones),
        "asymmetry": metrics.left_right_asymmetry(prediction[complete], LEFT, RIGHT),
        "frames": complete.sum(),
    }
    assert row == pytest.approx(expected, rel=1e-5)


def test_the_average_is_of_the_actions_and_all_frames_is_of_the_frames(found):
    rows = measures.sums(found).by_action()
    actions = [row for name, row in rows.items() if name not in (AVERAGE, ALL_FRAMES)]
    assert rows[AVERAGE]["n_mpjpe"] == pytest.approx(np.mean([r["n_mpjpe"] for r in actions]))
    weighted = sum(r["n_mpjpe"] * r["frames"] for r in actions) / sum(r["frames"] for r in actions)
    assert rows[ALL_FRAMES]["n_mpjpe"] == pytest.approx(weighted)
    assert rows[ALL_FRAMES]["n_mpjpe"] != pytest.approx(rows[AVERAGE]["n_mpjpe"])


def test_both_protocols_are_the_papers_table_to_the_last_digit(found, missing):
    rows = measures.sums(found).by_action()
    evaluation = evaluate(toy_dataset(missing=missing), PoseLifter(toy_checkpoint()), "gt")
    assert rows[AVERAGE]["mpjpe"] == pytest.approx(evaluation.average(1), rel=1e-12)
    assert {a: rows[a]["p_mpjpe"] for a in evaluation.actions} == pytest.approx(
        evaluation.action_errors(2), rel=1e-12
    )


def test_a_part_computed_alone_has_the_figures_of_the_whole(found, missing):
    part = results.judge_part(
        toy_dataset(missing=missing), PoseLifter(toy_checkpoint()), "gt", actions=["Sitting"]
    )
    assert part.actions == ("Sitting",), "and not SittingDown"
    alone = measures.sums(part).by_action()["Sitting"]
    assert alone == pytest.approx(measures.sums(found).by_action(actions=["Sitting"])["Sitting"])


def test_a_recording_of_one_frame_has_no_step_and_no_invented_velocity(found):
    single = results.Results(
        **{
            **{name: getattr(found, name) for name in found.__dataclass_fields__},
            "keys": (Key("S9", "Sitting", "1", "a"), Key("S9", "Sitting", "2", "a")),
            "fps": (50.0, 50.0),
            "offsets": np.array([0, 1, 2]),
            "errors": {p: np.array([[10.0] * 17, [150.0] * 17], dtype=np.float32) for p in (1, 2)},
            "velocity": np.full(2, np.nan, dtype=np.float32),
            "scaled": np.ones(2, dtype=np.float32),
            "bones": np.ones(2, dtype=np.float32),
            "asymmetry": np.ones(2, dtype=np.float32),
            "counted": {17: np.array([1, 1])},
            "sums": {(p, 17): np.full((2, 17), 10.0) for p in (1, 2)},
        }
    )
    rows = measures.sums(single).by_action()
    assert rows["Sitting"]["pck_150"] == 50.0, "150 mm is not below 150 mm"
    assert rows["Sitting"]["auc"] == pytest.approx(100 * 28 / 31 / 2), "10 is below 15 to 150"
    assert math.isnan(rows["Sitting"]["mpjve"])
    assert math.isnan(rows[AVERAGE]["mpjve"])
    assert as_csv(measures.as_table(rows)).splitlines()[1].split(",")[6] == ""


def test_what_the_columns_are_names_the_frame_rate(found):
    assert "50 frames per second" in measures.meanings(found)[-1]
