"""What training makes small: the two losses, each with its slope."""

from __future__ import annotations

from torch import Tensor

from core.training_config import Loss

# Keeps the root's slope finite where a joint is exactly right.
LEAST_SQUARE = 1e-8


def loss_and_slope(
    kind: Loss, predicted: Tensor, outputs: Tensor, std: Tensor
) -> tuple[Tensor, Tensor]:
    """Measure a batch, and how the loss changes with each number that was predicted.

    Args:
        kind: "mse", the mean squared error of normalised coordinates, as published, or
            "distance", the mean distance of the joints in units of the outputs' overall spread.
        predicted: (B, 3 J), normalised.
        outputs: (B, 3 J), normalised: the truth.
        std: (3 J,) what outputs were normalised with, mm.

    Returns:
        The loss, and its slope by `predicted` (B, 3 J).
    """
    off = predicted.detach() - outputs
    if kind == "mse":
        return off.square().mean(), off.mul_(2 / off.numel())
    spread = std / std.square().mean().sqrt()
    joints = (off * spread).unflatten(1, (-1, 3))  # (B, J, 3)
    distances = (joints.square().sum(-1, keepdim=True) + LEAST_SQUARE).sqrt()  # (B, J, 1)
    slope = (joints / (distances * distances.numel())).flatten(1) * spread
    return distances.mean(), slope
