from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.framing import frame
from core.perturbation import (
    PERTURBATIONS,
    Perturbation,
    add_gaussian,
    drop_joints,
    perturb,
    quantise,
    see_as_detector,
    swap_sides,
)
from core.skeleton import INPUT_16

EACH = pytest.mark.parametrize("kind", PERTURBATIONS.values(), ids=PERTURBATIONS)
RANDOM = [PERTURBATIONS[name] for name in ("gaussian", "detector", "dropped", "swaps")]


def poses(frames: int = 50, seed: int = 0) -> np.ndarray:
    """Draw 2D poses of a person about 100 px large."""
    return np.random.default_rng(seed).normal(500, 60, (frames, 16, 2)).astype(np.float32)


def worse(kind: Perturbation, level: float, joints_2d: Any = None, **changes: Any) -> np.ndarray:
    asked: dict[str, Any] = {"seed": 0, "name": "S9", **changes}
    return perturb(kind, poses() if joints_2d is None else joints_2d, level, **asked)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@EACH
def test_the_neutral_level_changes_no_bit(kind: Perturbation) -> None:
    np.testing.assert_array_equal(worse(kind, kind.neutral).astype(np.float32), poses())
    assert kind.neutral in kind.levels


@EACH
def test_every_other_level_of_the_defaults_changes_something(kind: Perturbation) -> None:
    assert list(kind.levels) == sorted(kind.levels)
    for level in set(kind.levels) - {kind.neutral}:
        assert level <= kind.most
        assert not np.allclose(worse(kind, level), poses())


@EACH
def test_the_same_seed_and_name_give_the_same(kind: Perturbation) -> None:
    level = kind.levels[-1] / 2
    np.testing.assert_array_equal(worse(kind, level), worse(kind, level))


@pytest.mark.parametrize("kind", RANDOM, ids=lambda k: k.name)
def test_another_seed_or_name_draws_anew(kind: Perturbation) -> None:
    for change in ({"seed": 1}, {"name": "S11"}):
        assert not np.array_equal(worse(kind, 30.0), worse(kind, 30.0, **change))


@EACH
def test_a_frame_without_all_joints_stays_without_and_touches_no_other(kind: Perturbation) -> None:
    holed = poses()
    holed[3, 5] = np.nan
    found = worse(kind, kind.levels[-1], holed)
    assert np.isnan(found[3]).all()
    others = np.arange(len(holed)) != 3
    np.testing.assert_array_equal(found[others], worse(kind, kind.levels[-1])[others])


@EACH
def test_nothing_is_made_worse_of_no_frames(kind: Perturbation) -> None:
    assert worse(kind, kind.levels[-1], poses(0)).shape == (0, 16, 2)


def test_gaussian_noise_has_the_standard_deviation_asked_for() -> None:
    apart = add_gaussian(poses(2000), 7.0, rng()) - poses(2000)
    assert apart.std() == pytest.approx(7.0, rel=0.02)
    assert abs(apart.mean()) < 0.1


def test_levels_share_their_draws_so_that_noise_only_grows() -> None:
    kind = PERTURBATIONS["gaussian"]
    np.testing.assert_allclose(
        worse(kind, 20.0) - poses(), 2 * (worse(kind, 10.0) - poses()), atol=1e-9
    )


def test_a_detectors_errors_are_in_proportion_to_the_person_and_least_at_the_trunk() -> None:
    small, large = poses(500), 2 * poses(500)
    near, far = (see_as_detector(p.astype(np.float64), 1.0, rng()) - p for p in (small, large))
    np.testing.assert_allclose(far, 2 * near, rtol=1e-4, atol=1e-3)
    of_joint = np.linalg.norm(near, axis=-1).mean(axis=0)
    assert of_joint[INPUT_16.index("left_wrist")] > of_joint[INPUT_16.index("thorax")]


def test_a_share_of_the_joints_is_lost_and_more_are_lost_of_the_same() -> None:
    clean = poses(500).astype(np.float64)
    few, many = (np.any(drop_joints(clean, p, rng()) != clean, axis=-1) for p in (10, 40))
    assert few.mean() == pytest.approx(0.10, abs=0.02)
    assert many.mean() == pytest.approx(0.40, abs=0.02)
    assert (few <= many).all(), "what is lost at 10 % is lost at 40 %, too"


class Drawn:
    """Loses exactly these joints at 50 %."""

    def __init__(self, lost: list[str]) -> None:
        self.lost = INPUT_16.indices(lost)

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        numbers = np.full(shape, 0.9)
        numbers[:, self.lost] = 0.1
        return numbers


def dropped(*lost: str) -> np.ndarray:
    chance: Any = Drawn(list(lost))
    return drop_joints(poses(1).astype(np.float64), 50.0, chance)[0]


def test_a_lost_joint_is_put_at_its_neighbour_towards_the_hip() -> None:
    clean, found = poses(1)[0], dropped("left_wrist")
    index = INPUT_16.index
    np.testing.assert_array_equal(found[index("left_wrist")], clean[index("left_elbow")])
    kept = np.arange(16) != index("left_wrist")
    np.testing.assert_array_equal(found[kept], clean[kept])


def test_a_whole_lost_arm_folds_onto_the_thorax() -> None:
    clean, found = poses(1)[0], dropped("left_shoulder", "left_elbow", "left_wrist")
    for joint in ("left_shoulder", "left_elbow", "left_wrist"):
        np.testing.assert_array_equal(found[INPUT_16.index(joint)], clean[INPUT_16.index("thorax")])


def test_a_lost_hip_is_put_in_the_middle_of_what_is_left() -> None:
    clean, found = poses(1)[0].astype(np.float64), dropped("hip")
    rest = np.delete(clean, INPUT_16.index("hip"), axis=0)
    np.testing.assert_allclose(found[INPUT_16.index("hip")], rest.mean(axis=0))


def test_one_joint_is_always_left() -> None:
    found = drop_joints(poses(20).astype(np.float64), 100.0, rng())
    assert np.isfinite(found).all()
    clean = poses(20).astype(np.float64)
    for pose, seen in zip(clean, found, strict=True):
        assert len(np.unique(seen, axis=0)) == 1
        assert any(np.array_equal(seen[0], joint) for joint in pose)


@given(st.floats(0.5, 100))
@settings(max_examples=20)
def test_a_grid_moves_no_coordinate_by_more_than_half_a_cell(step: float) -> None:
    found = quantise(poses().astype(np.float64), step, rng())
    assert np.abs(found - poses()).max() <= step / 2 + 1e-6
    np.testing.assert_allclose(quantise(found, step, rng()), found, atol=1e-9)


def test_all_sides_swapped_twice_is_where_it_began() -> None:
    once = swap_sides(poses(), 100.0, rng())
    np.testing.assert_array_equal(once, poses()[:, list(INPUT_16.flip_order)])
    np.testing.assert_array_equal(swap_sides(once, 100.0, rng()), poses())


def test_legs_and_arms_are_swapped_in_a_share_of_frames_each_on_their_own() -> None:
    many = poses(2000)
    found = swap_sides(many, 30.0, rng())
    apart = np.any(found != many, axis=-1)
    knees, wrists = (apart[:, INPUT_16.index(j)] for j in ("left_knee", "right_wrist"))
    assert knees.mean() == pytest.approx(0.3, abs=0.04)
    assert wrists.mean() == pytest.approx(0.3, abs=0.04)
    assert (knees & wrists).mean() == pytest.approx(0.09, abs=0.03)
    assert not apart[:, INPUT_16.index("thorax")].any()


@given(st.floats(0.05, 20))
@settings(max_examples=20)
def test_a_framed_person_is_the_same_at_any_scale(factor: float) -> None:
    found = worse(PERTURBATIONS["scale"], factor)
    np.testing.assert_allclose(frame(found, "person"), frame(poses(), "person"), atol=2e-5)


def test_levels_are_written_with_their_unit() -> None:
    assert PERTURBATIONS["gaussian"].shown(5) == "5 px"
    assert PERTURBATIONS["dropped"].shown(5.0) == "5%"
    assert PERTURBATIONS["scale"].shown(0.5) == "0.5×"
    assert PERTURBATIONS["gaussian"].axis == "noise σ (px)"
