"""The training loop: the published recipe by default, and a loop that learns and can be stopped."""

from __future__ import annotations

import dataclasses
import json
from itertools import islice
from typing import Literal

import pytest
import torch

from core import backprop, metrics, rig
from core.augmentation import AnyCamera, Detector, Lenses, mirror
from core.model import LifterConfig
from core.samples import (
    Pairs,
    Scales,
    Views,
    jittered,
    measure,
    mirror_inputs,
    mirror_outputs,
)
from core.training import Progress, Training, new_model
from core.training_config import TrainingConfig, learning_rate
from tests.test_augmentation import people

TINY = LifterConfig(linear_size=32, num_stage=1, dropout=0.0)
QUICK = TrainingConfig(epochs=4, train_batch=16, lr=3e-3)


def pairs(count: int = 64, seed: int = 0) -> Pairs:
    """Samples whose 3D follows from their 2D, so that there is something to learn."""
    generator = torch.Generator().manual_seed(seed)
    inputs = 300 + 50 * torch.randn((count, 32), generator=generator)
    mixing = torch.randn((32, 48), generator=torch.Generator().manual_seed(99))
    return Pairs(inputs, (inputs - 300) @ mixing)


def training(
    config: TrainingConfig = QUICK, network: LifterConfig = TINY, **fields: object
) -> Training:
    samples = fields.pop("samples", pairs())
    scales = Scales.of(*measure(samples, seed=0))  # type: ignore[arg-type]
    model = new_model(network, config.seed)
    return Training(config, model, samples, scales, **fields)  # type: ignore[arg-type]


def epochs(run: Training) -> list[Progress]:
    return [progress for progress in run.run() if progress.epoch_done]


def test_the_defaults_are_the_re_implementations() -> None:
    config = TrainingConfig()
    assert (config.epochs, config.train_batch, config.lr) == (200, 64, 1e-3)
    assert (config.lr_decay, config.lr_gamma, config.max_norm) == (100_000, 0.96, 1.0)
    assert (config.schedule, config.loss, config.precision) == ("stairs", "mse", "float32")
    assert config.average == 0


def test_stairs_fall_by_gamma_every_decay_steps() -> None:
    config = TrainingConfig()
    rates = [learning_rate(config, step, 10**7) for step in (0, 99_999, 100_000, 350_000)]
    assert rates == pytest.approx([1e-3, 1e-3, 0.96e-3, 1e-3 * 0.96**3])


def test_one_cycle_warms_up_to_lr_and_ends_near_zero() -> None:
    config = TrainingConfig(schedule="one_cycle", warm_up=0.1)
    rates = [learning_rate(config, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1e-5)
    assert max(rates) == rates[99] == rates[100] == pytest.approx(1e-3)
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[-1] < 1e-8


@pytest.mark.parametrize("loss", ["mse", "distance"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_learns_a_set_that_can_be_memorised(
    loss: Literal["mse", "distance"], precision: Literal["float32", "bfloat16"]
) -> None:
    config = dataclasses.replace(QUICK, epochs=40, loss=loss, precision=precision)
    run = training(config, test=pairs())
    done = epochs(run)
    assert done[-1].loss < 0.35 * done[0].loss
    first, last = done[0].test_mpjpe_mm, done[-1].test_mpjpe_mm
    assert first is not None and last is not None and last < 0.5 * first


def test_training_learns_from_views() -> None:
    samples = Views(people(32), AnyCamera(), "person", flip=True, views=2)
    done = epochs(training(dataclasses.replace(QUICK, epochs=15), samples=samples))
    assert done[-1].loss < 0.8 * done[0].loss


def test_progress_counts_epochs_steps_and_samples() -> None:
    done = epochs(training())
    assert [p.epoch for p in done] == [1, 2, 3, 4]
    assert [p.step for p in done] == [4, 8, 12, 16]
    assert all(p.steps == 16 and p.samples_per_s > 0 for p in done)
    assert all(p.test_mpjpe_mm is None for p in done)


def test_a_last_sample_alone_is_left_out_since_batch_norm_cant_use_it() -> None:
    assert training(samples=pairs(33)).steps_per_epoch == 2
    assert training(samples=pairs(34)).steps_per_epoch == 3
    assert epochs(training(samples=pairs(33)))[-1].step == 8


def test_a_seed_decides_the_whole_run() -> None:
    network = dataclasses.replace(TINY, dropout=0.5)
    samples = Views(people(16), AnyCamera(), "person", flip=True, limbs=0.5, heads=0.5, bones=0.1,
                    detector=Detector())  # fmt: skip
    results = []
    for seed in (3, 3, 4):
        run = training(dataclasses.replace(QUICK, seed=seed), network, samples=samples)
        epochs(run)
        results.append(torch.cat([t.flatten().float() for t in run.weights.values()]))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_the_gradient_is_clipped_to_max_norm_and_only_then() -> None:
    norms = {}
    for max_norm in (1e-3, None):
        run = training(dataclasses.replace(QUICK, epochs=1, max_norm=max_norm))
        list(run.run())
        gradients = [p.grad for p in run.model.parameters() if p.grad is not None]
        norms[max_norm] = float(torch.stack([g.norm() for g in gradients]).norm())
    assert norms[1e-3] <= 1.001e-3
    assert norms[None] > 0.05


def test_averaged_weights_follow_the_models_slowly() -> None:
    run = training(dataclasses.replace(QUICK, average=0.9))
    list(run.run())
    averaged, last = run.weights, run.model.state_dict()
    assert not torch.equal(averaged["w1.weight"], last["w1.weight"])
    assert int(averaged["batch_norm1.num_batches_tracked"]) == 16


def test_the_average_soon_forgets_the_fresh_weights() -> None:
    run = training(dataclasses.replace(QUICK, average=0.9999))
    fresh = run.weights["w2.weight"]
    list(run.run())
    to_fresh = (run.weights["w2.weight"] - fresh).norm()
    to_last = (run.weights["w2.weight"] - run.model.state_dict()["w2.weight"]).norm()
    assert float(to_last) < float(to_fresh)


def test_without_averaging_the_weights_are_the_models_but_copies() -> None:
    run = training()
    before = run.weights["w1.weight"]
    list(run.run())
    assert not torch.equal(before, run.weights["w1.weight"])
    assert torch.equal(run.weights["w1.weight"], run.model.w1.weight)


def test_a_run_can_be_stopped_at_any_report_and_keeps_what_it_reached() -> None:
    run = training(dataclasses.replace(QUICK, epochs=1000))
    reports = run.run()
    list(islice(reports, 3))
    reports.close()  # type: ignore[attr-defined]
    assert int(run.weights["batch_norm1.num_batches_tracked"]) >= 4


def test_a_diverged_run_says_so() -> None:
    samples = pairs()
    broken = Pairs(samples.inputs, samples.outputs.clone().index_fill_(0, torch.tensor(0), 1e38))
    run = training(samples=samples)
    run.samples = broken
    with pytest.raises(FloatingPointError, match="training has diverged"):
        list(run.run())


def test_the_error_counts_the_root_with_zero_error() -> None:
    run = training()
    zeros = Pairs(pairs().inputs, torch.zeros(64, 48))
    run.scales = dataclasses.replace(
        run.scales, output_mean=torch.tensor([3.0, 4.0, 0.0] * 16), output_std=torch.zeros(48)
    )
    assert run.error_mm(zeros) == pytest.approx(5.0 * 16 / 17)


def test_between_epochs_a_part_of_the_test_may_do_but_the_last_takes_all() -> None:
    test = pairs(50)
    run = training(dataclasses.replace(QUICK, epochs=2, test_at_most=7), test=test)
    sizes = []
    measured = run.tested
    run.tested = lambda part, **_: sizes.append(len(part)) or measured(part)  # type: ignore
    list(run.run())
    assert [size for size in sizes if size != len(run.samples)] == [7, 50]


def test_an_epoch_of_a_rig_shows_each_pose_to_each_camera_once() -> None:
    lenses = Lenses.of(rig.four_cameras())
    samples = Views(people(3), lenses, "image")
    assert len(samples) == 12
    inputs, outputs = samples.batch(torch.arange(12), torch.Generator())
    assert inputs.shape == (12, 32) and outputs.shape == (12, 48)
    in_camera, _ = lenses.see(people(3)[[1]], torch.tensor([2]))
    torch.testing.assert_close(
        outputs[6], (in_camera[:, 1:] - in_camera[:, :1]).flatten(), rtol=1e-4, atol=0.05
    )


def test_people_too_near_to_a_rigs_camera_are_left_out() -> None:
    near = people(2)
    near[1] += Lenses.of(rig.four_cameras()).t[0] - near[1, 0]
    inputs, _ = Views(near, Lenses.of(rig.four_cameras()), "image").batch(
        torch.tensor([0, 4]), torch.Generator()
    )
    assert len(inputs) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "at least 1 epoch and batches of at least 2"),
        ({"train_batch": 1}, "at least 1 epoch and batches of at least 2"),
        ({"lr": 0.0}, "lr must be above 0, not 0.0"),
        ({"average": 1.0}, r"average must be in \[0, 1\), not 1.0"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**options)  # type: ignore[arg-type]


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 1 training samples; 2 are the least"):
        training(samples=pairs(1))


def same(one: Training, other: Training) -> bool:
    pairs = zip(one.weights.values(), other.weights.values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("clipped", [False, True], ids=["free", "clipped"])
def test_late_gradients_and_coarse_products_teach_the_same(
    clipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = dataclasses.replace(TINY, linear_size=256)
    curves: dict[tuple[str, int], list[float]] = {}
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
    for precision in precisions:
        config = dataclasses.replace(QUICK, precision=precision, clip_weights=clipped)
        for late_from in (16, 1000):
            monkeypatch.setattr(backprop, "LATE_FROM", late_from)
            run = training(config, network, samples=pairs(160))
            curves[precision, late_from] = [progress.loss for progress in epochs(run)]
    known = curves["float32", 1000]
    assert curves["float32", 16] == pytest.approx(known, rel=1e-3)
    for late_from in (16, 1000):
        assert curves["bfloat16", late_from] == pytest.approx(known, rel=0.03)


VARIED = Views(people(24), AnyCamera(), "person", flip=True, limbs=0.5, heads=0.5, bones=0.1,
               detector=Detector(), views=3)  # fmt: skip


@pytest.mark.parametrize("steps", [1, 3, 5, 8, 9, 14])
@pytest.mark.parametrize("width", [32, 256], ids=["narrow", "wide"])
@pytest.mark.parametrize(
    ("config", "samples"),
    [
        (QUICK, pairs(72)),
        (dataclasses.replace(QUICK, average=0.9, schedule="one_cycle", loss="distance"), VARIED),
        (dataclasses.replace(QUICK, precision="bfloat16", clip_weights=True), pairs(72)),
        (dataclasses.replace(QUICK, precision="bfloat16"), pairs(72)),
    ],
    ids=["published", "averaged", "bfloat16 and clipped", "bfloat16"],
)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    config: TrainingConfig, samples: Pairs | Views, width: int, steps: int
) -> None:
    network = dataclasses.replace(TINY, linear_size=width, dropout=0.4)
    whole = training(config, network, samples=samples)
    curve = [p.loss for p in whole.run() if p.epoch_done]
    first = training(config, network, samples=samples)
    reports = first.run(report_steps=1)
    before = [p.loss for p in islice(reports, steps) if p.epoch_done]
    tensors, numbers = first.state()
    list(islice(reports, 2))  # what happens after the state was taken must not matter
    second = training(dataclasses.replace(config), network, samples=samples)
    second.restore(tensors, json.loads(json.dumps(numbers)))
    after = [p.loss for p in second.run() if p.epoch_done]
    assert before + after == curve
    assert second.step == whole.step
    assert same(second, whole)


def test_a_run_asked_to_stop_reports_once_more_and_can_go_on() -> None:
    whole, stopped = training(), training()
    list(whole.run())
    for progress in stopped.run(report_steps=1):
        if progress.step == 6:
            stopped.stop()
    assert stopped.step == 7
    resumed = training()
    resumed.restore(*stopped.state())
    list(resumed.run())
    assert same(resumed, whole)


def test_a_state_of_other_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="the run had 64 training samples, now there are 32"):
        training(samples=pairs(32)).restore(*training().state())


def test_clipped_weights_have_at_most_norm_1() -> None:
    run = training(dataclasses.replace(QUICK, clip_weights=True, epochs=1))
    list(run.run())
    norms = {n: float(w.norm()) for n, w in run.weights.items() if w.dim() == 2}
    assert all(norm <= 1.0001 for norm in norms.values()), norms
    assert max(norms.values()) > 0.9


def test_the_error_is_told_by_action_too() -> None:
    test = dataclasses.replace(
        pairs(6), actions=("a", "none", "b"), action=torch.tensor([0, 0, 2, 2, 2, 2])
    )
    run = training()
    tested = run.tested(test)
    assert list(tested.by_action) == ["a", "b"]
    parts = [run.error_mm(Pairs(test.inputs[s], test.outputs[s])) for s in (slice(2), slice(2, 6))]
    assert list(tested.by_action.values()) == pytest.approx(parts)
    assert tested.mpjpe_mm == pytest.approx((2 * parts[0] + 4 * parts[1]) / 6)


def test_mirrored_pairs_are_those_of_a_mirrored_person() -> None:
    lens = Lenses.of(rig.four_cameras()[:1])
    ahead = torch.tensor([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]])
    straight = {"radial": torch.zeros(1, 3), "tangential": torch.zeros(1, 2)}
    front = dataclasses.replace(lens, R=ahead, t=torch.tensor([[0.0, -5000, 1000]]), **straight)
    poses = people(5)
    generator = torch.Generator()
    about = float(front.centre_px[0, 0])
    here = Views(poses, front, "image").batch(torch.arange(5), generator)
    there = Views(mirror(poses), front, "image").batch(torch.arange(5), generator)
    torch.testing.assert_close(mirror_inputs(here[0], about), there[0], rtol=1e-4, atol=0.05)
    torch.testing.assert_close(mirror_outputs(here[1]), there[1], rtol=1e-4, atol=0.05)


def test_half_of_the_pairs_are_mirrored_and_noise_is_as_large_as_asked() -> None:
    plain = pairs(4000)
    generator = torch.Generator().manual_seed(1)
    varied = dataclasses.replace(plain, mirror_about=300.0)
    inputs, outputs = varied.batch(torch.arange(4000), generator)
    mirrored = (inputs != plain.inputs).any(dim=1)
    assert 0.45 < float(mirrored.float().mean()) < 0.55
    assert torch.equal(mirrored, (outputs != plain.outputs).any(dim=1))
    noisy, same_outputs = dataclasses.replace(plain, noise=5.0).batch(torch.arange(4000), generator)
    assert float((noisy - plain.inputs).std()) == pytest.approx(5.0, rel=0.02)
    assert torch.equal(same_outputs, plain.outputs)


def test_jittered_cameras_stay_where_they_are_and_turn_by_the_asked_spread() -> None:
    lenses = Lenses.of(rig.four_cameras())
    which = torch.arange(4).repeat(2000)
    own, mine = jittered(lenses, which, 2.0, torch.Generator().manual_seed(0))
    assert torch.equal(own.t[mine], lenses.t[which])
    between = own.R @ lenses.R[which].transpose(1, 2)
    cosine = ((between.diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2).clamp(-1, 1)
    turned = torch.rad2deg(cosine.acos())
    assert float(turned.square().mean().sqrt()) == pytest.approx(2.0 * 3**0.5, rel=0.05)


@pytest.mark.parametrize("at_most", [None, 7])
def test_protocol_2_is_that_of_the_metrics(
    at_most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.testing.PART", 5)
    run, samples = training(), pairs(33)
    taken = slice(None, None, 1 if at_most is None else 5)
    scales = run.scales
    normalised = (samples.inputs[taken] - scales.input_mean) / scales.input_std
    predicted = run.model.eval()(normalised) * scales.output_std + scales.output_mean
    poses = [torch.cat([torch.zeros(len(p), 3), p], dim=1).reshape(-1, 17, 3).detach().numpy()
             for p in (predicted, samples.outputs[taken])]  # fmt: skip
    expected = metrics.p_mpjpe(*poses)
    assert run.tested(samples, align_at_most=at_most).p_mpjpe_mm == pytest.approx(expected)
    assert run.tested(samples).p_mpjpe_mm is None


def test_an_epoch_tells_both_protocols() -> None:
    done = epochs(training(test=pairs(20)))
    for progress in done:
        assert progress.test_mpjpe_mm is not None and progress.test_p_mpjpe_mm is not None
        assert progress.test_p_mpjpe_mm < progress.test_mpjpe_mm
