"""The sidebar's pickers, in the order of narrowing down; only what exists is offered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st

from core.dataset import Dataset, Entry, Key, Recording, in_paper_order
from core.viz.stage import DrawnSpace, can_show_world
from core.workflows import open as opening
from pages.components import choice, loaders

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint

Protocol = Literal[1, 2]

DATASET_TITLES = {"balancing": "Balancing (recorded)", "synthetic": "Synthetic (generated)"}
CHECKPOINT_TITLES = {"gt": "Trained on GT 2D", "detector": "Trained on detector 2D"}
# The choice to leave it to the 2D input which of those lifts.
SUITED = "suited"


@dataclass(frozen=True)
class Selection:
    """One recording, and what lifts it."""

    data: Dataset
    model: Checkpoint
    key: Key
    source: str


@dataclass(frozen=True)
class View:
    """How to look at it."""

    protocol: Protocol
    space: DrawnSpace


def path_typed(text: str) -> Path:
    """Make a path of what somebody typed; it may lead nowhere."""
    path = Path("".join(letter for letter in text if letter.isprintable()).strip())
    try:
        return path.expanduser().absolute()
    except RuntimeError:  # "~somebody" who has no home here
        return path.absolute()


def name_of_path(spec: str, beside: Iterable[str] = ()) -> str:
    """Shorten a path to its folder and name, or to more where another one `beside` has those."""
    return opening.told_apart([*beside, spec], least=2)[spec]


def checkpoint_title(spec: str) -> str:
    """Call a checkpoint as the picker does."""
    if spec == SUITED:
        return "Suited to the 2D input"
    opened = st.session_state.get(loaders.CHECKPOINTS_OPENED, {})
    return CHECKPOINT_TITLES.get(spec) or name_of_path(spec, opened)


def pick() -> Selection:
    """Draw the pickers of data set, checkpoint and recording."""
    data = pick_dataset()
    chosen = pick_checkpoint()
    entry = pick_recording(data)
    source = row_or_list("2D input", "input", list(entry.sources))
    steps(data, entry.key)
    return Selection(data, loaders.checkpoint(suited(chosen, source)), entry.key, source)


def suited(chosen: str, source: str) -> str:
    """Name the checkpoint that is meant by what was chosen, for a 2D source."""
    return opening.checkpoint_for(source) if chosen == SUITED else chosen


def motion_of(data: Dataset, key: Key) -> str:
    """Name what a moment in time belongs to: the camera may change under it."""
    return f"{data.digest}/{key.subject}/{key.action}/{key.take}"


def pick_view(recording: Recording) -> View:
    """Draw the pickers of protocol and frame of reference."""
    protocol = choice.pick_from_row(
        "Protocol",
        "protocol",
        ("1", "2"),
        show=lambda p: f"#{p}",
        help="#1: the error after the hips are put together (MPJPE). "
        "#2: after the best rotation, shift and scale (P-MPJPE); the prediction is drawn so. "
        "Lower is better.",
    )
    spaces = ("camera", "world") if can_show_world(recording) else ("camera",)
    space = choice.pick_from_row(
        "Frame of reference",
        "space",
        spaces,
        show=str.capitalize,
        help="Camera: level, centred on the hips, as the camera saw it. World: the person moves "
        "through the room; for data that says where camera and person stood.",
    )
    return View(1 if protocol == "1" else 2, "world" if space == "world" else "camera")


def pick_dataset() -> Dataset:
    """Offer what ships and what this session or its link opened."""
    opened: dict[str, str] = st.session_state.setdefault(loaders.DATASETS_OPENED, {})
    asked = choice.store().get("data", "")
    options = [*opening.BUILT_IN, *opened]
    if asked and asked not in options:
        # A link may name a folder on this machine: a wrong one must say so, not vanish.
        loaders.dataset(asked)
        opened[asked] = name_of_path(asked)
        options.append(asked)
    spec = choice.pick_from_list(
        "Data set",
        "data",
        options,
        show=lambda s: DATASET_TITLES.get(s) or opened.get(s) or name_of_path(s),
    )
    return loaders.dataset(spec)


def pick_checkpoint(
    name: str = "checkpoint",
    label: str = "Checkpoint",
    default: str | None = None,
    *,
    may_follow_input: bool = True,
) -> str:
    """Offer what ships and what this session or its link opened; return its name or path.

    Args:
        name: the field of the choice.
        label: for people.
        default: what is chosen first.
        may_follow_input: offer to leave it to the 2D input, too; `suited` resolves it.
    """
    opened: dict[str, Checkpoint | None] = st.session_state.setdefault(
        loaders.CHECKPOINTS_OPENED, {}
    )
    asked = choice.store().get(name, "")
    options = [*((SUITED,) if may_follow_input else ()), *CHECKPOINT_TITLES, *opened]
    if asked and asked not in options and Path(asked).exists():
        loaders.checkpoint(asked)
        opened[asked] = None
        options.append(asked)
    return choice.pick_from_list(
        label,
        name,
        options,
        default=default,
        show=checkpoint_title,
        help="Two ship: one trained on exact 2D, one on a detector's."
        + " “Suited” takes the one for the 2D input chosen below." * may_follow_input,
    )


def pick_other_checkpoints(spec: str) -> list[str]:
    """Offer the checkpoints beside one that is chosen, to be laid over it."""
    opened: dict[str, Checkpoint | None] = st.session_state.setdefault(
        loaders.CHECKPOINTS_OPENED, {}
    )
    for asked in choice.several("others") or ():
        if asked not in CHECKPOINT_TITLES and asked not in opened and Path(asked).exists():
            loaders.checkpoint(asked)
            opened[asked] = None
    options = [other for other in (*CHECKPOINT_TITLES, *opened) if other != spec]
    return choice.pick_several(
        "Compare with",
        "others",
        options,
        default=[other for other in options if other in CHECKPOINT_TITLES],
        show=checkpoint_title,
        help="Other checkpoints, such as your own trained without batch norm, dropout or residual "
        "connections. Open a checkpoint on “Open files” to find it here.",
    )


def pick_recording(data: Dataset) -> Entry:
    """Offer subject, action, take and camera, each narrowed by the ones before."""
    entries: tuple[Entry, ...] = data.entries
    tests = [s for s in data.subjects if data.splits.get(s) == "test"]
    subjects = [*tests, *(s for s in data.subjects if s not in tests)]
    subject = row_or_list("Subject", "subject", subjects)
    entries = tuple(e for e in entries if e.key.subject == subject)
    actions = in_paper_order(e.key.action for e in entries)
    default = "Walking" if "Walking" in actions else None
    action = choice.pick_from_list("Action", "action", actions, default=default)
    entries = tuple(e for e in entries if e.key.action == action)
    take = row_or_list("Take", "take", list(dict.fromkeys(e.key.take for e in entries)))
    entries = tuple(e for e in entries if e.key.take == take)
    cameras = [e.key.camera for e in entries]
    camera = choice.pick_from_row(
        "Camera",
        "camera",
        cameras,
        show=lambda c: str(cameras.index(c) + 1),
        help=" · ".join(f"{i}: {c}" for i, c in enumerate(cameras, 1)),
    )
    return next(e for e in entries if e.key.camera == camera)


def row_or_list(label: str, name: str, options: list[str], default: str | None = None) -> str:
    """Offer a row of buttons, which shows all choices at once, as long as they fit in one line."""
    if sum(len(option) + 4 for option in options) <= 34:
        return choice.pick_from_row(label, name, options, default=default)
    return choice.pick_from_list(label, name, options, default=default)


def steps(data: Dataset, key: Key) -> None:
    """Draw previous and next, which walk through the whole index."""
    place = list(data.by_key).index(key)
    before, after = st.columns(2)
    keys = list(data.by_key)
    before.button(
        "‹ Previous",
        key="previous",
        disabled=place == 0,
        on_click=_go,
        args=(keys[max(place - 1, 0)],),
        width="stretch",
    )
    after.button(
        "Next ›",
        key="next",
        disabled=place == len(keys) - 1,
        on_click=_go,
        args=(keys[min(place + 1, len(keys) - 1)],),
        width="stretch",
    )


def _go(key: Key) -> None:
    choice.put(subject=key.subject, action=key.action, take=key.take, camera=key.camera)
