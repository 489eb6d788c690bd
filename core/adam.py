"""Adam, by PyTorch's fused kernel.

`torch.optim.Adam` calls the same kernel. Its class loads PyTorch's compiler, which takes a second
that a run would wait at its start, and collects its lists anew in every step.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

# Of both running averages, and what keeps the division finite: Adam's own defaults, which the
# paper's code leaves as they are.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
STATE = ("step", "exp_avg", "exp_avg_sq")


class Adam:
    """Kingma and Ba 2015, without weight decay.

    Args:
        parameters: what is learnt, by name; `step` takes each one's `grad`.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._names = list(parameters)
        self._parameters = list(parameters.values())
        self._steps = [torch.zeros((), device=p.device) for p in self._parameters]
        self._means = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._squares = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]

    @torch.no_grad()
    def step(self, lr: float, divisor: Tensor | None = None) -> None:
        """Take a step of rate `lr` down the gradient, which is first divided by `divisor` ()."""
        adam(
            self._parameters,  # type: ignore[arg-type]
            [p.grad for p in self._parameters],  # type: ignore[misc]
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            grad_scale=divisor,
            found_inf=None,
            amsgrad=False,
            beta1=BETA_1,
            beta2=BETA_2,
            lr=lr,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def forget_gradients(self) -> None:
        """Let the next backward pass begin with none."""
        for parameter in self._parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Give the running averages and counts as "NAME.PARAMETER", with PyTorch's names."""
        kept = (self._steps, self._means, self._squares)
        return {
            f"{name}.{parameter}": value
            for name, values in zip(STATE, kept, strict=True)
            for parameter, value in zip(self._names, values, strict=True)
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave.

        Raises:
            KeyError, RuntimeError: it is another network's.
        """
        for name, value in self.state().items():
            value.copy_(state[name])
