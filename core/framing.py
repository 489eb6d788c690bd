"""How 2D pixels are framed before they are normalised: as they lie, or around the person.

Pure array formulas that work on NumPy arrays and torch tensors alike. Training and lifting both
call `frame`, so a checkpoint sees at work what it saw in training.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

Framing = Literal["image", "person"]
FRAMINGS: tuple[Framing, ...] = get_args(Framing)

# Guards the division where all joints fall on one point.
SMALLEST_SIZE_PX = 1e-6


def frame(joints_2d: Any, framing: Framing) -> Any:
    """Frame 2D joints (..., J, 2), px.

    "image" leaves the pixels as they are: the published way, for cameras and pictures like those
    of training. "person" puts the joints' centre at 0 and divides by the person's size, see
    `size_px`: the result does not depend on resolution, on focal length, or on where in the
    picture the person is. A joint at NaN makes its whole pose NaN.

    Raises:
        ValueError: the framing is none of the two.
    """
    if framing == "image":
        return joints_2d
    if framing != "person":
        raise ValueError(f"a framing is one of {', '.join(FRAMINGS)}, not {framing!r}")
    around = centred(joints_2d)
    return around / _size_of(around)


def centred(joints_2d: Any) -> Any:
    """Put the centre of the joints (..., J, 2) at 0: steadier than any one joint of a detector."""
    # A mean's own function would take as long as all else that one pose needs here.
    return joints_2d - (joints_2d.sum(-2) / joints_2d.shape[-2])[..., None, :]


def size_px(joints_2d: Any) -> Any:
    """Measure a person's size in a picture: the joints' RMS distance from their centre, px.

    Takes (..., J, 2) and gives (..., 1, 1). All joints count alike, so that one misplaced joint
    changes it little, and it needs no bone in particular to be seen unforeshortened.
    """
    return _size_of(centred(joints_2d))


def _size_of(around: Any) -> Any:
    squared = ((around**2).sum(-1).sum(-1) / around.shape[-2])[..., None, None]
    return squared**0.5 + SMALLEST_SIZE_PX
