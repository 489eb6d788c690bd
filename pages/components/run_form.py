"""The form that starts a training run: data, recipe, main options, and the command it comes to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.workflows import launch
from pages.components import conversion, frame, loaders, pickers

BY_PATH = "Another, by its path…"
NORMS = {
    "Gradient to 1": (),
    "Weights to 1": ("no_max", "clip_weights"),
    "None": ("no_max",),
}
RECIPES = {
    "paper": "the published one: the recorded views, 200 epochs, batch 64, Adam 0.001",
    "fixed-rig": "short and tuned to the data's own cameras: 20 epochs, batch 512",
    "general-gt": "for any camera and exact 2D: 30 epochs, batch 512",
    "general-detector": "for any camera and a detector's 2D: 30 epochs, batch 512",
}


@dataclass(frozen=True)
class Number:
    """A number that may be left to the recipe.

    Attributes:
        option: of `train`.
        label, help: for people, in the paper's terms.
        kind: int or float.
        low, high: what it may be.
        step: of the buttons.
        form: how it is written.
    """

    option: str
    label: str
    help: str
    kind: Callable[[Any], int | float]
    low: float
    high: float | None
    step: float
    form: str | None = None


FIRST = (
    Number("epochs", "Epochs", "Passes over all training samples.", int, 1, None, 1),
    Number("train_batch", "Batch", "Poses in one step. The paper takes 64.", int, 2, None, 64),
    Number("lr", "Learning rate", "Adam's at the start. The paper takes 0.001; it decays by 0.96 "
           "every 100,000 steps.", float, 1e-6, 1.0, 1e-4, "%g"),
)  # fmt: skip
SECOND = (
    Number("linear_size", "Width", "Units of each hidden layer. The paper takes 1024.",
           int, 1, 8192, 128),
    Number("num_stage", "Residual blocks", "Each has two linear layers and a skip around them. "
           "The paper takes 2.", int, 1, 16, 1),
    Number("dropout", "Dropout", "Share of hidden units left out in each step. "
           "The paper takes 0.5.", float, 0.0, 0.95, 0.05, "%g"),
    Number("seed", "Seed", "Decides weights, order and dropout: the same seed gives the same "
           "run.", int, 0, None, 1),
)  # fmt: skip


def show(folder: Path, taken: set[str], used: Sequence[str]) -> Path | None:
    """Draw the form.

    Args:
        folder: of all runs.
        taken: names that runs have already.
        used: data that they learned from.

    Returns:
        The folder of a run that was started just now.
    """
    left, middle, right = st.columns([2, 1.4, 1.4])
    with left:
        spec = pick_data(used)
    recipe = middle.selectbox(
        "Recipe",
        tuple(RECIPES),
        key="start_recipe",
        help="  \n".join(f"**{name}**: {words}" for name, words in RECIPES.items()),
    )
    name = right.text_input(
        "Name",
        value=free_name(recipe, taken),
        key=f"start_name_{recipe}_{len(taken)}",
        max_chars=64,
        help=f"The run's own folder in {frame.escape(str(folder))}.",
    ).strip()
    data = opened(spec)
    options: dict[str, launch.Value] = {"recipe": recipe}
    options |= ask(FIRST, recipe)
    with st.expander("Network, input and chance"):
        options |= ask(SECOND, recipe)
        options |= choose(data, recipe)
    order = launch.Order(spec, folder, name, options)
    return offer(order, data)


def pick_data(used: Sequence[str]) -> str:
    """Ask for the data set: one that is open here or was learned from, or a path."""
    options = tuple(
        dict.fromkeys(("synthetic", *st.session_state.get(loaders.DATASETS_OPENED, ()), *used))
    )
    chosen = st.selectbox(
        "Data set",
        (*options, BY_PATH),
        key="start_data",
        format_func=lambda s: pickers.DATASET_TITLES.get(s) or s,
        help="*Synthetic* is generated; results on it compare with nothing.",
    )
    if chosen != BY_PATH:
        return chosen or options[0]
    typed = st.text_input(
        "Path on this machine",
        key="start_data_path",
        placeholder="/data/cmu.safetensors",
        help="A file that `python -m core prepare` wrote, or a folder with the "
        "re-implementation's `train_2d.pth.tar` and so on.",
    ).strip()
    return str(pickers.path_typed(typed)) if typed else ""


def opened(spec: str) -> Dataset | None:
    """Open the data set and say what there is to learn from; None where there is nothing."""
    if not spec:
        st.caption("Type the path of a data set first.")
        return None
    try:
        data = loaders.dataset(spec)
    except loaders.NotConvertedError:
        conversion.show(spec, leave=lambda: st.session_state.pop("start_data_path", None))
        return None
    except PoseFormatError as error:
        st.error(frame.escape(str(error)), icon=":material/error:")
        return None
    train, test = data.select(split="train"), data.select(split="test")
    if not train:
        st.error(
            f"{frame.escape(data.title)} has no training subjects: there is nothing to learn from.",
            icon=":material/error:",
        )
        return None
    tested = f"tested on {sum(e.frames for e in test):,}" if test else "without a test"
    st.caption(
        f"{frame.escape(data.title)}: {sum(e.frames for e in train):,} training frames of "
        f"{len({e.key.subject for e in train})} subjects, {tested}. "
        f"2D inputs: {frame.escape(', '.join(data.sources))}."
    )
    return data


def ask(numbers: tuple[Number, ...], recipe: str) -> dict[str, launch.Value]:
    """Ask for numbers; what is left empty is the recipe's, which the field shows."""
    given: dict[str, launch.Value] = {}
    defaults = recipe_values(recipe)
    for place, number in zip(st.columns(len(numbers)), numbers, strict=True):
        kind: Any = number.kind
        default = defaults.get(number.option)
        value = place.number_input(
            number.label,
            min_value=kind(number.low),
            max_value=None if number.high is None else kind(number.high),
            value=None,
            step=kind(number.step),
            format=number.form,
            placeholder=f"{default:g}, the recipe's" if default is not None else "the recipe's",
            key=f"start_{number.option}",
            help=number.help,
        )
        if value is not None:
            given[number.option] = kind(value)
    return given


def choose(data: Dataset | None, recipe: str) -> dict[str, launch.Value]:
    """Ask what is chosen by name or is on or off; the paper's choice comes first."""
    given: dict[str, launch.Value] = {}
    first, second, third, fourth = st.columns(4)
    sources = data.sources if data else ("gt",)
    source = first.selectbox(
        "2D input",
        sorted(sources, key=lambda name: name != "gt"),
        key="start_source",
        help="What is lifted: the exact 2D (gt), or a detector's.",
    )
    if source not in (None, "gt"):
        given["source"] = source
    norm = second.selectbox(
        "Maximum norm",
        tuple(NORMS),
        key="start_norm",
        help="The paper clips each weight matrix to norm 1, the re-implementation the gradient, "
        "under the same name. The default is the re-implementation's.",
    )
    given |= dict.fromkeys(NORMS[norm or next(iter(NORMS))], True)
    axes = third.selectbox(
        "Axes of the 3D",
        ("camera", "world") if recipe == "paper" else ("camera",),
        key=f"start_frame_{recipe == 'paper'}",
        help="Camera, as published; the world's axes are one of the paper's ablations.",
    )
    if axes == "world":
        given["frame"] = "world"
    most = fourth.number_input(
        "Samples at most", min_value=64, value=None, step=1000, placeholder="all",
        key="start_at_most", help="Evenly spaced, for a quick try.", disabled=recipe != "paper",
    )  # fmt: skip
    if most is not None and recipe == "paper":
        given["at_most"] = int(most)
    with st.container(horizontal=True, gap="medium"):
        batch_norm = st.toggle(
            "Batch normalisation", value=True, key="start_batch_norm",
            help="Off is one of the paper's ablations.",
        )  # fmt: skip
        residual = st.toggle(
            "Residual connections", value=True, key="start_residual",
            help="Off is one of the paper's ablations.",
        )  # fmt: skip
    off = {"no_batch_norm": not batch_norm, "no_residual": not residual}
    return given | {name: True for name, on in off.items() if on}


def offer(order: launch.Order, data: Dataset | None) -> Path | None:
    """Show the command, and start it at a press."""
    try:
        spelled = launch.arguments(order)
    except PoseFormatError as error:
        st.error(frame.escape(error.problem), icon=":material/error:")
        return None
    if launch.holds_a_run(order.folder):
        can_resume = launch.can_resume(order.folder)
        way_out = ", or go on with the run that is there" if can_resume else ""
        st.warning(
            f"**{frame.escape(order.exp)}** is the name of a run in this folder. Take another "
            f"name to start anew{way_out}.",
            icon=":material/folder:",
        )
        if can_resume and st.button("Resume it", key="start_resume", icon=":material/resume:"):
            return attempt(order.folder, launch.resume)
        return None
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Start training",
            key="start_now",
            type="primary",
            icon=":material/play_arrow:",
            disabled=data is None,
        )
        st.caption("It goes on when this page, or the app, is closed.")
    with st.expander("The same on the command line"):
        st.code(shlex.join(["python", "-m", "core", *spelled]), language="sh", wrap_lines=True)
    return attempt(order.folder, lambda _: launch.start(order)) if pressed else None


def attempt(folder: Path, act: Callable[[Path], None]) -> Path | None:
    """Do something to a run and say in words why it could not be done."""
    try:
        act(folder)
    except PoseFormatError as error:
        st.error(frame.escape(str(error)), icon=":material/error:")
        return None
    return folder


def free_name(recipe: str, taken: set[str]) -> str:
    """Propose a name that no run has."""
    return next(name for n in range(1, len(taken) + 2) if (name := f"{recipe}-{n}") not in taken)


@st.cache_resource(show_spinner=False)
def recipe_values(recipe: str) -> Mapping[str, float]:
    """Look up what a recipe takes for the numbers of the form."""
    return launch.recipe_values(recipe)
