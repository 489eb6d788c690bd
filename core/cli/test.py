"""`python -m core test`: the errors of a checkpoint, per action, under both protocols."""

from __future__ import annotations

import argparse
import functools
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core.cli.arguments import Commands, names, whole_number
from core.cli.judging import add_format, add_judged, add_split, open_judged, split_of
from core.cli.progress import ProgressLine

if TYPE_CHECKING:
    from concurrent.futures import Future

    from core.dataset import Dataset
    from core.workflows.evaluate import Evaluation
    from core.workflows.lift import PoseLifter, Protocol
    from core.workflows.results import Results

# Options of the re-implementation that only training needs: taken, and said to do nothing here,
# so that its users' command lines run as they are.
WITHOUT_EFFECT = ("exp", "ckpt", "linear_size", "num_stage", "lr", "lr_decay", "lr_gamma",
                  "epochs", "dropout", "train_batch", "job")  # fmt: skip
FLAGS_WITHOUT_EFFECT = ("test", "resume", "max_norm", "no_max", "max")

# Characters of a digest that people compare.
SHOWN = 12


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "test",
        help="measure a checkpoint per action, Protocol #1 and #2",
        description="Measure a checkpoint on a data set: mean joint error per action in mm, under\n"
        "Protocol #1 (root aligned) and Protocol #2 (Procrustes aligned).",
        epilog="example: python -m core test --data_dir balancing --load detector --use_hg",
    )
    add = parser.add_argument
    add_judged(parser)
    add("--action", type=names, default=None, metavar="NAME[,NAME]",
        help="only these actions, by their exact names (default: All)")  # fmt: skip
    add("--subject", type=names, default=None, metavar="NAME[,NAME]", help="only these subjects")
    add_split(parser)
    add("--procrustes", action="store_true",
        help="show Protocol #2 first; both are always computed")  # fmt: skip
    add("--joints", type=int, choices=(17, 16, 14), default=17,
        help="joints that count: 17 (the paper's, root counted), 16 (without the hip), 14 "
        "(without hip, spine and neck)")  # fmt: skip
    add("--test_batch", type=whole_number, metavar="N",
        help="poses that go through the network at once (default: what suits a CPU); changes "
        "speed, not figures")  # fmt: skip
    add("--out", metavar="DIR",
        help="also write each recording's prediction and errors there, as .npz")  # fmt: skip
    add_format(parser)
    add("--json", dest="format", action="store_const", const="json", default="text",
        help="the same as --format json")  # fmt: skip
    add("--measures", action="store_true",
        help="print N-MPJPE, PCK, AUC, MPJVE, bone-length error and left-right difference by "
        "action instead, beside both protocols; json always has them")  # fmt: skip
    add("--clear_results", action="store_true",
        help="first remove all results kept from earlier tests; what is asked for again is "
        "computed again")  # fmt: skip
    for name in WITHOUT_EFFECT:
        add(f"--{name}", help=argparse.SUPPRESS)
    for name in FLAGS_WITHOUT_EFFECT:
        add(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    _say_what_has_no_effect(options)
    likely = options.load or ("detector" if options.use_hg else "gt")
    ahead = _Ahead(likely, options)
    dataset, source = open_judged(options, meanwhile=ahead.start)
    split = split_of(options)
    # Imported while the weights load: the data could be begun the sooner.
    from core.cli.statistics import with_statistics
    from core.workflows import evaluate as evaluation

    # Wrong names are told before wrong weights.
    evaluation.chosen(
        dataset, source, subjects=options.subject, actions=options.action, split=split
    )
    load = options.load or ("gt" if source == evaluation.GROUND_TRUTH else "detector")
    lifter = ahead.lifter() if load == likely else _lifter(load, options)
    lifter = with_statistics(lifter, options.statistics)
    out = None if options.out is None else _folder(options.out)
    choice = {"subjects": options.subject, "actions": options.action}
    found = _judged(dataset, lifter, source, options)
    result = found.evaluation(options.joints, **choice)
    if out is not None:
        _write_each(result, dataset, lifter, source, out)
    if options.format == "json":
        print(json.dumps({**result.as_dict(), "measures": _measures(found, options)}, indent=1))
    else:
        print(_report(result, found, dataset, lifter, source, options))
    return 0


class _Ahead:
    """Loads weights, and PyTorch with them, while a process of its own converts the data."""

    def __init__(self, load: str, options: argparse.Namespace) -> None:
        self._load = functools.partial(_lifter, load, options)
        self._found: Future[PoseLifter] | None = None

    def start(self) -> None:
        """Begin, if that is still to be done."""
        if self._found is None:
            from concurrent.futures import ThreadPoolExecutor

            pool = ThreadPoolExecutor(1)
            self._found = pool.submit(self._load)
            pool.shutdown(wait=False)

    def lifter(self) -> PoseLifter:
        """Give what came out, or raise what went wrong."""
        return self._load() if self._found is None else self._found.result()


def _lifter(load: str, options: argparse.Namespace) -> PoseLifter:
    """Load a checkpoint and make it ready."""
    from core.workflows.lift import PoseLifter
    from core.workflows.open import open_checkpoint

    checkpoint = open_checkpoint(load)
    lifter = PoseLifter(checkpoint, precision=options.precision, batch=options.test_batch)
    if checkpoint.saved is None:
        lifter.engine  # noqa: B018 - built at first use
    return lifter


def _measures(found: Results, options: argparse.Namespace) -> dict[str, dict[str, float | None]]:
    """Give the measures by action for JSON, which has no NaN."""
    from core.workflows import measures

    rows = measures.sums(found).by_action(subjects=options.subject, actions=options.action)
    return {
        action: {name: mm if math.isfinite(mm) else None for name, mm in row.items()}
        for action, row in rows.items()
    }


def _judged(
    dataset: Dataset, lifter: PoseLifter, source: str, options: argparse.Namespace
) -> Results:
    """Take the kept results, which pages read too, or compute them.

    A part of a split is taken out of the whole's results if they were kept; computed, it is not.
    """
    from core.store import default_store
    from core.workflows import results

    if options.clear_results:
        store = default_store()
        print(f"{store.clear():,} bytes removed from {store.folder}", file=sys.stderr)
    split = split_of(options)
    whole = options.subject is None and options.action is None
    found = None
    with ProgressLine("testing", "frames") as progress:
        if options.test_batch is None and whole:
            found = results.judge(dataset, lifter, source, split=split, progress=progress)
        elif options.test_batch is None:
            found = results.kept(dataset, lifter, source, split=split)
        if found is None:
            found = results.judge_part(
                dataset,
                lifter,
                source,
                subjects=options.subject,
                actions=options.action,
                split=split,
                progress=progress,
            )
    if found.note:
        print(f"note: {found.note}", file=sys.stderr)
    return found


def _say_what_has_no_effect(options: argparse.Namespace) -> None:
    given = [
        f"--{name}"
        for name in (*WITHOUT_EFFECT, *FLAGS_WITHOUT_EFFECT)
        if name not in ("test", "job") and getattr(options, name)
    ]
    if given:
        print(f"note: {', '.join(given)}: no effect in test", file=sys.stderr)


def _folder(out: str) -> Path:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_each(
    result: Evaluation, dataset: Dataset, lifter: PoseLifter, source: str, folder: Path
) -> None:
    """Write one file for each recording that was tested."""
    from core.workflows.export import file_name, npz_bytes
    from core.workflows.lift import lift_recording

    with ProgressLine("writing", "recordings") as progress:
        for done, key in enumerate(result.keys, start=1):
            lifted = lift_recording(lifter, dataset, dataset.load(key), source)
            (folder / file_name(lifted, ".npz")).write_bytes(npz_bytes(lifted))
            progress(done, len(result.keys), str(key))
    print(f"{len(result.keys):,} files written to {folder}", file=sys.stderr)


def _report(
    result: Evaluation,
    found: Results,
    dataset: Dataset,
    lifter: PoseLifter,
    source: str,
    options: argparse.Namespace,
) -> str:
    """Write the table, and what its figures mean where the format has a place for it."""
    from core import tables
    from core.workflows import measures

    protocols: tuple[Protocol, ...] = (2, 1) if options.procrustes else (1, 2)
    if options.measures:
        of_all = measures.sums(found).by_action(subjects=options.subject, actions=options.action)
        table, meaning = measures.as_table(of_all), measures.meanings(found)
    else:
        table = tables.errors_by_action(result, protocols)
        meaning = _meaning(result, options.joints)
    if options.format == "csv":
        return tables.as_csv(table)
    origin = _origin(result, dataset, lifter, source)
    if options.format == "text":
        lines = [f"{name:<12}{value}" for name, value in origin.items()]
        return "\n".join([*lines, "", tables.as_text(table), "", *meaning])
    notes = [*(f"{name}: {value}" for name, value in origin.items()), *meaning]
    write = tables.as_latex if options.format == "latex" else tables.as_markdown
    return write(table, notes)


def _origin(
    result: Evaluation, dataset: Dataset, lifter: PoseLifter, source: str
) -> dict[str, str]:
    """Say what the figures are of."""
    checkpoint = lifter.checkpoint
    told = dataset.kind != "synthetic" or "synthetic" in dataset.title.lower()
    synthetic = "" if told else " (synthetic)"
    from_network: dict[str, str] = {}
    if checkpoint.saved is None:
        known = lifter.suited_to(dataset, source).statistics()
        origins = [s.origin or "of the checkpoint" for s in known]
        from_network = {
            "Statistics": f"2D {origins[0]}; 3D {origins[1]}",
            "Precision": lifter.computed_in,
        }
    return {
        "Data set": f"{dataset.title}{synthetic}, digest {dataset.digest[:SHOWN]}",
        "Subjects": ", ".join(result.subject_errors(1)),
        "2D input": source,
        "Checkpoint": f"{checkpoint.name}, digest {checkpoint.digest[:SHOWN]}",
        **from_network,
    }


def _meaning(result: Evaluation, joints: int) -> list[str]:
    counted = {
        17: "17 joints, the root counted",
        16: "16 joints, the hip left out",
        14: "14 joints, without hip, spine and neck",
    }[joints]
    lines = [
        f"Mean joint error in mm, lower is better; {counted}.",
        "Protocol #1: root aligned. Protocol #2: Procrustes aligned (rotation, scale, shift).",
        f"Average: mean of the actions ({len(result.actions)}), as in the paper.",
        "All frames: mean of the frames, so that long actions count more.",
    ]
    if joints == 17:
        without = result.average(1) * 17 / 16
        lines.append(f"Without the hip, 16 joints: {without:.1f} mm under Protocol #1.")
    if result.skipped:
        lines.append(f"{result.skipped:,} frames left out: a joint is missing.")
    return lines
