"""The --statistics option: means and deviations for a checkpoint that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import PoseFormatError

if TYPE_CHECKING:
    from core.workflows.lift import PoseLifter

HUMAN36M = ("human36m", "human3.6m", "h36m")


def with_statistics(lifter: PoseLifter, where: str | None, source: str = "gt") -> PoseLifter:
    """Give a lifter the statistics that the option names; None leaves it as it is.

    Args:
        lifter: its checkpoint's own statistics stay first.
        where: "human36m", or a data set that has statistics.
        source: whose 2D statistics are taken from a data set.

    Raises:
        PoseFormatError: the data set gives no statistics.
    """
    if where is None:
        return lifter
    from core.workflows.lift import published_statistics
    from core.workflows.open import open_dataset

    if where.lower() in HUMAN36M:
        return lifter.falling_back_on(*published_statistics())
    dataset = open_dataset(where)
    if not dataset.statistics:
        raise PoseFormatError("this data set gives no statistics", file=where)
    return lifter.suited_to(dataset, source)
