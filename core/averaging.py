"""A running average of the weights, which is steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


class RunningAverage:
    """Follows weights slowly; shorter at the start, so that fresh weights are soon forgotten.

    Attributes:
        decay: how much of the average stays in a step, once it is under way.
        values: the average by the weights' names; None before the first step.
        followed: steps taken since then.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] | None = None
        self.followed = 0

    def follow(self, live: Mapping[str, Tensor]) -> None:
        """Take a step towards the weights; what can't be averaged is copied."""
        if self.values is None:
            self.values = {name: tensor.detach().clone() for name, tensor in live.items()}
            return
        self.followed += 1
        decay = min(self.decay, self.followed / (self.followed + 9))
        for name, kept in self.values.items():
            if kept.is_floating_point():
                kept.lerp_(live[name].detach(), 1 - decay)
            else:
                kept.copy_(live[name])
