"""Figures that others published for Human3.6M, and the rule for when they may stand beside ours.

Figures and facts only, each with its source. What could not be confirmed is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from core.dataset import ACTIONS, TEST_SUBJECTS, TRAIN_SUBJECTS, Dataset
from core.rig import HUMAN36M_INTRINSICS

PAPER = "https://arxiv.org/abs/1705.03098"
WEIGQ = "https://github.com/weigq/3d_pose_baseline_pytorch"


@dataclass(frozen=True)
class PublishedRow:
    """One row of a published table: subjects S9 and S11, 17 joints, mm.

    Attributes:
        name: who published it.
        protocol: 1 (root aligned) or 2 (Procrustes aligned).
        input: "GT", or "SH-FT" (Stacked Hourglass, fine-tuned).
        values: one figure per action in the paper's order; None where only the average is known.
        average: as published; None where it was not.
        source: where to read it.
        doubtful: actions whose figure does not mean what its column says; they take no part in
            a comparison.
        note: what a reader must know about the row.
    """

    name: str
    protocol: Literal[1, 2]
    input: Literal["GT", "SH-FT"]
    values: tuple[float, ...] | None
    average: float | None
    source: str
    doubtful: tuple[str, ...] = ()
    note: str = ""

    @property
    def by_action(self) -> MappingProxyType[str, float]:
        """Figures by the action's name; empty where only the average is known."""
        pairs = zip(ACTIONS, self.values, strict=True) if self.values else ()
        return MappingProxyType(dict(pairs))


# fmt: off
PUBLISHED = (
    PublishedRow(
        "Martinez et al. 2017", 1, "SH-FT",
        (51.8, 56.2, 58.1, 59.0, 69.5, 78.4, 55.2, 58.1, 74.0, 94.6, 62.3, 59.1, 65.1, 49.5, 52.4),
        62.9, PAPER,
    ),
    PublishedRow(
        "Martinez et al. 2017", 1, "GT",
        (37.7, 44.4, 40.3, 42.1, 48.2, 54.9, 44.4, 42.1, 54.6, 58.0, 45.1, 46.4, 47.6, 36.4, 40.4),
        45.5, PAPER,
    ),
    PublishedRow(
        "weigq, PyTorch", 1, "GT",
        (35.7, 42.3, 39.4, 40.7, 44.5, 53.3, 42.8, 40.1, 52.5, 53.9, 42.8, 43.1, 44.1, 33.4, 36.3),
        None, WEIGQ,
        doubtful=("SittingDown",),
        note="its SittingDown column also averages Sitting",
    ),
    PublishedRow(
        "motokimura, PyTorch", 1, "GT",
        (35.7, 41.6, 40.1, 40.4, 45.0, 52.0, 42.9, 38.0, 53.2, 55.4, 43.5, 43.3, 43.3, 33.7, 35.6),
        43.3, "https://github.com/motokimura/3d-pose-baseline-pytorch",
        note="its average is not the mean of its actions, which is 42.9",
    ),
    PublishedRow(
        "lck1201, simple-effective", 1, "GT",
        (36.8, 43.5, 40.5, 43.0, 46.2, 54.7, 40.0, 43.6, 52.9, 59.7, 44.2, 44.5, 45.0, 34.6, 37.3),
        44.9, "https://github.com/lck1201/simple-effective-3Dpose-baseline",
        note="its average is not the mean of its actions, which is 44.4",
    ),
    PublishedRow(
        "MMPose, simplebaseline3d", 1, "GT", None, 43.4, "https://github.com/open-mmlab/mmpose",
    ),
    PublishedRow(
        "Martinez et al. 2017", 2, "SH-FT",
        (39.5, 43.2, 46.4, 47.0, 51.0, 56.0, 41.4, 40.6, 56.5, 69.4, 49.2, 45.0, 49.5, 38.0, 43.1),
        47.7, PAPER,
    ),
    PublishedRow(
        "MMPose, simplebaseline3d", 2, "GT", None, 34.3, "https://github.com/open-mmlab/mmpose",
    ),
)
# fmt: on


def is_human36m(dataset: Dataset) -> bool:
    """Tell whether published figures compare with this data set's.

    The rule: it was recorded; it has no subject but Human3.6M's, and both test subjects (S9 and
    S11) are held for testing; each of them performs all 15 actions; its cameras are Human3.6M's
    four, by name.
    """
    subjects = set(dataset.subjects)
    tested = {subject for subject in subjects if dataset.splits.get(subject) == "test"}
    performed = {(e.key.subject, e.key.action) for e in dataset.entries}
    return (
        dataset.kind == "recorded"
        and subjects <= {*TRAIN_SUBJECTS, *TEST_SUBJECTS}
        and tested == set(TEST_SUBJECTS)
        and set(dataset.actions) == set(ACTIONS)
        and performed >= {(subject, action) for subject in TEST_SUBJECTS for action in ACTIONS}
        and {e.key.camera for e in dataset.entries} == set(HUMAN36M_INTRINSICS)
    )
