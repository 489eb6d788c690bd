"""Adam without PyTorch's class: the same weights, the same state, and no compiler loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from core.adam import Adam


def parameters() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"weight": (5, 3), "bias": (5,)}
    return {n: nn.Parameter(torch.randn(s, generator=generator)) for n, s in shapes.items()}


def test_its_steps_are_those_of_pytorchs_optimizer() -> None:
    ours, plain = parameters(), parameters()
    one, other = Adam(ours), torch.optim.Adam(plain.values())
    for step in range(5):
        generator = torch.Generator().manual_seed(step)
        for name, parameter in ours.items():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
            plain[name].grad = parameter.grad / 3
        other.param_groups[0]["lr"] = 0.1 / (1 + step)
        other.step()
        one.step(0.1 / (1 + step), torch.tensor(3.0))
    for name, parameter in ours.items():
        torch.testing.assert_close(parameter, plain[name])
        for kind in ("step", "exp_avg", "exp_avg_sq"):
            torch.testing.assert_close(
                one.state()[f"{kind}.{name}"], other.state[plain[name]][kind]
            )


def test_what_was_kept_and_put_back_goes_on_to_the_same_bits() -> None:
    whole, resumed = parameters(), parameters()
    one = Adam(whole)
    for step in range(4):
        for parameter in whole.values():
            parameter.grad = parameter.detach() * (step + 1)
        if step == 2:
            kept = {name: value.clone() for name, value in one.state().items()}
            for name, parameter in resumed.items():
                parameter.data.copy_(whole[name])
        one.step(0.01)
    other = Adam(resumed)
    other.restore(kept)
    for step in (2, 3):
        for parameter in resumed.values():
            parameter.grad = parameter.detach() * (step + 1)
        other.step(0.01)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_state_of_another_network_is_refused() -> None:
    adam = Adam(parameters())
    with pytest.raises(KeyError):
        adam.restore({})


def test_training_never_loads_the_compiler() -> None:
    check = (
        "import sys, torch; from torch import nn; from core.adam import Adam\n"
        "p = nn.Parameter(torch.ones(3)); p.grad = torch.ones(3)\n"
        "Adam({'p': p}).step(0.1)\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
