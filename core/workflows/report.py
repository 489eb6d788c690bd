"""A report of one checkpoint on one test set: one HTML file that needs nothing beside it.

The same figures as on the page and from `test`. Without a date in it, the same input gives the
same file, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from core.dataset import Dataset
from core.published import is_human36m
from core.viz import still
from core.viz.errors import JOINT_ROWS
from core.workflows import measures, paper_html, paper_table, worst_table
from core.workflows.results import PROTOCOLS, By, Results

WORST = 25
TITLE = "Errors by action"
NAMES = {
    "data_set": "Data set",
    "data_set_digest": "Data set's digest",
    "checkpoint": "Checkpoint",
    "checkpoint_digest": "Checkpoint's digest",
    "input_2d": "2D input",
    "split": "Split",
}
STYLE = """<style>
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 24px 16px 64px; max-width: 1180px; line-height: 1.5;
  font-family: system-ui, sans-serif; font-variant-numeric: tabular-nums;
  background: #fff; color: #1f2430; overflow-wrap: anywhere; }
h1 { margin: 0; } h2 { margin: 40px 0 8px; font-size: 1.25rem; } h3 { margin: 20px 0 6px;
  font-size: 1rem; }
p, li, dd, dt { font-size: 0.875rem; } .muted { opacity: 0.75; } code { font-size: 0.8125rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 16px; } dd { margin: 0; }
@media (prefers-color-scheme: dark) { body { background: #0e1117; color: #fafafa; } }
@media (max-width: 640px) { dl { grid-template-columns: 1fr; } dt { margin-top: 8px; } }
</style>"""


def write(
    dataset: Dataset,
    of: measures.Sums,
    rows: Sequence[paper_table.Row],
    *,
    command: str = "",
    date: str = "",
) -> str:
    """Write the report.

    Args:
        dataset: what was judged.
        of: the results, summed.
        rows: of the paper's table, published ones first, 17 joints.
        command: that makes this very report; left out if empty.
        date: as it shall stand there; left out if empty.
    """
    found = of.found
    parts = [
        f"<h1>{TITLE}</h1>",
        _lead(dataset, found),
        "<h2>The paper's table</h2>",
        paper_html.table_html(rows),
        _notes(dataset, rows),
        "<h2>Other measures by action</h2>",
        paper_html.plain_html(measures.as_table(of.by_action())),
        "<ul>" + "".join(f"<li>{escape(m)}</li>" for m in measures.meanings(found)) + "</ul>",
        "<h2>Where the error sits (mm)</h2>",
        *_heatmaps(found),
        "<h2>How many frames have how much of it</h2>",
        still.curve({f"Protocol #{p}": found.frame_errors(p) for p in PROTOCOLS}),
        "<h2>Worst frames, Protocol #1</h2>",
        "<p>Mean of 17 joints, at most one frame in each second of a recording.</p>",
        paper_html.plain_html(worst_table.as_table(found, found.worst(1, WORST), "mpjpe")),
        "<h2>Where these figures come from</h2>",
        _provenance(found, command, date),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{TITLE}: {escape(found.dataset)}</title>"
        f"{STYLE}{paper_html.STYLE}{still.STYLE}</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _lead(dataset: Dataset, found: Results) -> str:
    evaluation = found.evaluation()
    told = dataset.kind != "synthetic" or "synthetic" in found.dataset.lower()
    synthetic = "" if told else " (synthetic)"
    actions = len(evaluation.actions)
    mean = "a single action" if actions == 1 else f"mean of {actions} actions"
    left_out = f"; {evaluation.skipped:,} left out, a joint is missing" * bool(evaluation.skipped)
    return (
        f"<p>{escape(found.dataset)}{synthetic}. Checkpoint {escape(found.checkpoint)}, 2D input "
        f"{escape(found.source)}: <b>{evaluation.average(1):.1f} mm</b> under Protocol #1, "
        f"<b>{evaluation.average(2):.1f} mm</b> under Protocol #2, {mean}, "
        f"{int(evaluation.frames.sum()):,} frames{left_out}.</p>"
    )


def _notes(dataset: Dataset, rows: Sequence[paper_table.Row]) -> str:
    counted = "17 joints, the root counted with zero error, as in the paper"
    notes = [f"Mean joint error in mm, lower is better; {counted}."]
    if not is_human36m(dataset):
        notes.append("Published figures are not shown: they were measured on Human3.6M's subjects "
                     "S9 and S11, and errors on other people, motion and cameras do not compare "
                     "with them.")  # fmt: skip
    notes += [f"{row.name}: {row.note}." for row in rows if row.note]
    return f'<p class="muted">{escape(" ".join(notes))}</p>'


def _heatmaps(found: Results) -> list[str]:
    parts: list[str] = []
    pairs: tuple[By, ...] = ("action", "camera")
    for protocol in PROTOCOLS:
        for by in pairs:
            names, joints, values = found.joint_table(protocol, by)
            order = [joints.index(joint) for joint in JOINT_ROWS]
            parts.append(f"<h3>Joint by {by}, Protocol #{protocol}</h3>")
            parts.append(still.heat_table(JOINT_ROWS, names, values.T[order], "joint"))
        subjects = tuple(found.table(protocol, by="subject"))
        of_each = [found.evaluation(subjects=[s]).action_errors(protocol) for s in subjects]
        grid = np.array([[row.get(a, np.nan) for a in found.actions] for row in of_each])
        parts.append(f"<h3>Subject by action, Protocol #{protocol}</h3>")
        parts.append(still.heat_table(subjects, found.actions, grid, "subject"))
    return parts


def _provenance(found: Results, command: str, date: str) -> str:
    said = {NAMES[name]: found.provenance[name] for name in NAMES if name in found.provenance}
    if "precision" in found.provenance:
        said["Precision"] = found.provenance["precision"]
    lines = [
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in said.items()
    ]
    if command:
        lines.append(f"<dt>Command</dt><dd><code>{escape(command)}</code></dd>")
    if date:
        lines.append(f"<dt>Date</dt><dd>{escape(date)}</dd>")
    return f"<dl>{''.join(lines)}</dl>"
