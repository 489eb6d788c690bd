"""The network: its published size, its options, its names."""

from __future__ import annotations

import pytest
import torch

from core.model import Lifter, LifterConfig, lift

TINY = LifterConfig(linear_size=8, num_stage=1)


def test_the_published_network_has_4_291_632_parameters() -> None:
    assert LifterConfig().parameters == 4_291_632


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("stages", [0, 1, 3])
def test_a_config_counts_the_parameters_that_its_network_has(stages: int, batch_norm: bool) -> None:
    config = LifterConfig(linear_size=5, num_stage=stages, batch_norm=batch_norm, inputs=7)
    assert config.parameters == sum(p.numel() for p in Lifter(config).parameters())


def test_weights_carry_the_re_implementations_names() -> None:
    layers = {name.rsplit(".", 1)[0] for name in Lifter(LifterConfig(linear_size=4)).state_dict()}
    blocks = {
        f"linear_stages.{i}.{layer}"
        for i in (0, 1)
        for layer in ("w1", "batch_norm1", "w2", "batch_norm2")
    }
    assert layers == {"w1", "batch_norm1", "w2"} | blocks


@pytest.mark.parametrize("size", [4, 16])
@pytest.mark.parametrize("stages", [0, 1, 3])
def test_width_and_stages_are_honoured(size: int, stages: int) -> None:
    model = Lifter(LifterConfig(linear_size=size, num_stage=stages))
    assert len(model.linear_stages) == stages
    assert model.w1.weight.shape == (size, 32)
    assert model.w2.weight.shape == (48, size)
    assert model.eval()(torch.zeros(5, 32)).shape == (5, 48)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5])
def test_the_dropout_rate_is_honoured_in_every_hidden_layer(rate: float) -> None:
    drops = [m for m in Lifter(LifterConfig(dropout=rate)).modules()
             if isinstance(m, torch.nn.Dropout)]  # fmt: skip
    assert len(drops) == 3
    assert all(m.p == rate for m in drops)


def test_dropout_acts_in_training_only() -> None:
    model = Lifter(LifterConfig(linear_size=64, num_stage=1, dropout=0.5, batch_norm=False))
    x = torch.ones(4, 32)
    assert not torch.equal(model.train()(x), model.train()(x))
    assert torch.equal(model.eval()(x), model.eval()(x))


def test_without_dropout_training_draws_nothing() -> None:
    model = Lifter(LifterConfig(linear_size=8, dropout=0.0, batch_norm=False)).train()
    x = torch.ones(4, 32)
    assert torch.equal(model(x), model(x))


def test_without_batch_norm_there_is_none() -> None:
    names = Lifter(LifterConfig(linear_size=8, batch_norm=False)).state_dict()
    assert not any("batch_norm" in name for name in names)


def test_residual_adds_the_blocks_input() -> None:
    config = LifterConfig(linear_size=8, num_stage=1, batch_norm=False)
    with_skip = Lifter(config).eval()
    without = Lifter(LifterConfig(**{**vars(config), "residual": False})).eval()
    without.load_state_dict(with_skip.state_dict())
    hidden = torch.rand(3, 8)
    difference = with_skip.linear_stages[0](hidden) - without.linear_stages[0](hidden)
    torch.testing.assert_close(difference, hidden)


def test_the_published_layers_compute_what_the_paper_draws() -> None:
    """A second implementation, in plain formulas over the state_dict."""
    model = Lifter(LifterConfig(linear_size=8, num_stage=2)).eval()
    state = model.state_dict()
    for name, tensor in state.items():
        if "running" in name:
            tensor.copy_(torch.rand_like(tensor) + 0.5)

    def hidden(x: torch.Tensor, linear: str, norm: str) -> torch.Tensor:
        y = x @ state[f"{linear}.weight"].T + state[f"{linear}.bias"]
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        y = (y - mean) / (var + 1e-5).sqrt() * state[f"{norm}.weight"] + state[f"{norm}.bias"]
        return y.clamp(min=0)

    x = torch.randn(6, 32)
    y = hidden(x, "w1", "batch_norm1")
    for i in (0, 1):
        stage = f"linear_stages.{i}."
        inner = hidden(y, stage + "w1", stage + "batch_norm1")
        y = y + hidden(inner, stage + "w2", stage + "batch_norm2")
    expected = y @ state["w2.weight"].T + state["w2.bias"]
    torch.testing.assert_close(model(x), expected)


def test_kaiming_weights_have_the_spread_of_he_et_al() -> None:
    torch.manual_seed(0)
    model = Lifter()
    for layer in (model.w1, model.linear_stages[0].w1, model.w2):
        weight = layer.weight  # type: ignore[union-attr]
        assert isinstance(weight, torch.Tensor)
        assert weight.std().item() == pytest.approx((2 / weight.shape[1]) ** 0.5, rel=0.03)


def test_lifting_in_batches_equals_lifting_at_once() -> None:
    model = Lifter(TINY).eval()
    x = torch.randn(10, 32)
    torch.testing.assert_close(lift(model, x, batch=3), model(x).detach())


def test_no_frames_lift_to_no_frames() -> None:
    assert lift(Lifter(TINY).eval(), torch.zeros(0, 32)).shape == (0, 48)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"linear_size": 0}, "linear_size must be at least 1, not 0"),
        ({"num_stage": -1}, "num_stage must be at least 0, not -1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), not 1.0"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LifterConfig(**options)  # type: ignore[arg-type]
