"""Adam, by PyTorch's fused kernel.

`torch.optim.Adam` calls the same kernel. Its class loads PyTorch's compiler, which takes a second
that a run would wait at its start, and collects its lists anew in every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
        # Of each parameter: steps so far, and the running averages of its gradient and its square.
        self._states = {
            p: (torch.zeros((), device=p.device), *(torch.zeros_like(p.data) for _ in range(2)))
            for p in self._parameters
        }

    @torch.no_grad()
    def step(
        self,
        lr: float,
        divisor: Tensor | None = None,
        parts: Iterable[Sequence[nn.Parameter]] | None = None,
    ) -> None:
        """Take a step of rate `lr` down the gradient, which is first divided by `divisor` ().

        Args:
            lr: the rate.
            divisor: None for 1.
            parts: all parameters, as many at a time as have their `grad` then; None for all at
                once.
        """
        for part in [self._parameters] if parts is None else parts:
            steps, means, squares = zip(*(self._states[p] for p in part), strict=True)
            adam(
                [*part],
                [p.grad for p in part],  # type: ignore[misc]
                [*means],
                [*squares],
                [],
                [*steps],
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
        return {
            f"{name}.{parameter}": self._states[p][i]
            for i, name in enumerate(STATE)
            for parameter, p in zip(self._names, self._parameters, strict=True)
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave.

        Raises:
            KeyError, RuntimeError: it is another network's.
        """
        for name, value in self.state().items():
            value.copy_(state[name])
