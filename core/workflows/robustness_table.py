"""The tables of robustness: a column for each level, a row for each action of each checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.tables import ALL_FRAMES, AVERAGE, Cell, Table
from core.workflows.lift import PoseLifter, Protocol
from core.workflows.results import PROTOCOLS
from core.workflows.robustness import Point, Robustness, traits

MOVED = "Joints moved by (px)"


def as_table(
    found: Robustness,
    names: Mapping[str, str],
    *,
    protocols: tuple[Protocol, ...] = PROTOCOLS,
) -> Table:
    """Lay out what was measured; a level that was not is an empty cell.

    Args:
        found: points, perhaps not all of them.
        names: what to call each checkpoint, see `names_of`.
        protocols: in this order.
    """
    setting = found.setting
    # Averages over a single action say nothing that it does not say itself.
    averages = (AVERAGE, ALL_FRAMES) if len(found.actions) != 1 else ()
    rows: list[tuple[Cell, ...]] = []
    for lifter in found.lifters:
        checkpoint = lifter.checkpoint
        name = names[checkpoint.digest]
        by_level = {point.level: point for point in found.of(lifter)}
        points = [by_level.get(level) for level in setting.levels]
        for protocol in protocols:
            if rows:
                rows.append(())
            for action in (*found.actions, *averages):
                cells = (_figure(point, protocol, action) for point in points)
                rows.append((name, f"#{protocol}", action, *cells))
    if setting.perturbation.moves:
        rows.append(())
        of_level = {point.level: point.moved_px for point in found.points.values()}
        rows.append(("", "", MOVED, *(of_level.get(level, "") for level in setting.levels)))
    levels = (setting.perturbation.shown(level) for level in setting.levels)
    return Table(("Checkpoint (mm)", "Protocol", "Action", *levels), tuple(rows), words=3)


def names_of(titles: Sequence[str], lifters: Sequence[PoseLifter]) -> dict[str, str]:
    """Call each checkpoint, by its digest, by its title and what its file says that it lacks."""
    names = {}
    for title, lifter in zip(titles, lifters, strict=True):
        lacks = ", ".join(traits(lifter.checkpoint))
        names[lifter.checkpoint.digest] = f"{title} ({lacks})" if lacks else title
    return names


def error_of(point: Point, protocol: Protocol, action: str) -> float:
    """Give the error of an action, or of an average by its name, mm; NaN without frames."""
    evaluation = point.evaluation
    if action == AVERAGE:
        return evaluation.average(protocol)
    if action == ALL_FRAMES:
        return evaluation.frame_average(protocol)
    return evaluation.action_errors(protocol).get(action, float("nan"))


def _figure(point: Point | None, protocol: Protocol, action: str) -> Cell:
    return "" if point is None else error_of(point, protocol, action)


def notes(found: Robustness) -> list[str]:
    """Say what the figures are of, for people."""
    setting, evaluations = found.setting, [p.evaluation for p in found.points.values()]
    dataset, perturbation = setting.dataset, setting.perturbation
    told = dataset.kind != "synthetic" or "synthetic" in dataset.title.lower()
    data = f"{dataset.title}{'' if told else ' (synthetic)'}, digest {dataset.digest[:12]}"
    counted = int(evaluations[0].frames.sum()) if evaluations else 0
    left_out = evaluations[0].skipped if evaluations else 0
    sample = (
        f"{counted:,} frames, spread evenly over the {setting.split or 'train and test'} "
        "recordings; the same frames and draws at every level and for every checkpoint."
    )
    lines = [
        f"{perturbation.title} on {data}, 2D input {setting.source}, seed {setting.seed}.",
        perturbation.meaning,
        sample,
        "Mean joint error in mm, lower is better; 17 joints, the root counted.",
        "Protocol #1: root aligned (MPJPE). Protocol #2: Procrustes aligned (P-MPJPE).",
        f"{AVERAGE}: mean of the actions, as in the paper. {ALL_FRAMES}: mean of the frames.",
    ]
    if left_out:
        lines.append(f"{left_out:,} frames left out: a joint is missing.")
    return lines
