"""Recipes: all choices of a training by name, the published ones first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from core.framing import Framing
from core.model import LifterConfig
from core.training_config import TrainingConfig


@dataclass(frozen=True)
class Exposure:
    """How training samples are made out of recordings.

    Attributes:
        cameras: "recorded" takes the recordings' 2D and 3D as they are, as published; "rig"
            projects the 3D with the recordings' own cameras; "any" with cameras drawn at random.
        source: the 2D source that is taken as it is, and with which the network is tested.
        framing: how 2D px are prepared.
        flip, turn, bones, limbs, heads, views, jitter_deg, noise_px: see `samples.Views`; `flip`
            and `noise_px` also vary recorded samples.
        frame: the axes of the 3D: the camera's, as published, or the world's, for the ablation.
        actions: the only actions to train and test on; None for all.
        at_most: train on so many recorded samples at most, evenly spaced; None takes all.
        detector: simulate a detector's errors, in training and in the test.
    """

    cameras: Literal["recorded", "rig", "any"] = "recorded"
    source: str = "gt"
    framing: Framing = "image"
    flip: bool = False
    turn: bool = False
    bones: float = 0.0
    limbs: float = 0.0
    heads: float = 0.0
    views: int = 4
    detector: bool = False
    jitter_deg: float = 0.0
    noise_px: float = 0.0
    frame: Literal["camera", "world"] = "camera"
    actions: tuple[str, ...] | None = None
    at_most: int | None = None

    def __post_init__(self) -> None:
        recorded = self.cameras == "recorded"
        if recorded and self.jitter_deg:
            raise ValueError("recorded 2D can't be seen from other cameras; take the cameras 'rig'")
        if not recorded and self.frame == "world":
            raise ValueError("the world's axes are for recorded views only")
        if recorded and self.noise_px and self.framing == "person":
            raise ValueError("2D noise in px needs the framing 'image', or the cameras 'rig'")
        if self.jitter_deg < 0 or self.noise_px < 0:
            raise ValueError("camera jitter and 2D noise can't be below 0")


@dataclass(frozen=True)
class Recipe:
    """All choices of a training; the defaults are the published ones."""

    name: str = "paper"
    network: LifterConfig = field(default_factory=LifterConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    exposure: Exposure = field(default_factory=Exposure)


# With poses, bodies and views that never repeat, half of the units need no dropping.
VARIED = LifterConfig(dropout=0.1)
FAST = TrainingConfig(
    epochs=30,
    train_batch=512,
    lr=2e-3,
    schedule="one_cycle",
    loss="distance",
    precision="bfloat16",
    average=0.999,
    test_at_most=20_000,
)
GENERAL = Exposure("any", framing="person", flip=True, bones=0.05, limbs=0.2, heads=0.6)
RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("paper"),
        Recipe(
            "fixed-rig",
            LifterConfig(dropout=0.2),
            replace(FAST, epochs=20),
            Exposure("rig", flip=True, turn=True, bones=0.05, limbs=0.2),
        ),
        Recipe("general-gt", VARIED, FAST, GENERAL),
        Recipe("general-detector", VARIED, FAST, replace(GENERAL, detector=True)),
    )
}


def recipe(name: str = "paper", **overrides: Any) -> Recipe:
    """Take a named recipe and change single options by their names; None leaves an option.

    Options are the fields of `LifterConfig`, `TrainingConfig` and `Exposure`; `no_max=True`
    switches the clipping of the gradient off.

    Raises:
        ValueError: an unknown recipe or option, or a value that an option can't have.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}; the recipes are {', '.join(RECIPES)}")
    chosen = RECIPES[name]
    given = {key: value for key, value in overrides.items() if value is not None}
    no_max = given.pop("no_max", False)
    parts: dict[str, Any] = {}
    for part in ("network", "training", "exposure"):
        config = getattr(chosen, part)
        known = {f.name for f in fields(config)} & given.keys()
        parts[part] = replace(config, **{key: given.pop(key) for key in known})
    if given:
        raise ValueError(f"training has no option {', '.join(sorted(given))}")
    if no_max:
        parts["training"] = replace(parts["training"], max_norm=None)
    return replace(chosen, **parts)


def options_of(chosen: Recipe) -> dict[str, Any]:
    """Write a recipe as JSON has it: its name, and the options by part."""
    return asdict(chosen)


def recipe_of(options: Mapping[str, Any]) -> Recipe:
    """Read back what `options_of` wrote.

    Raises:
        ValueError: an unknown option, or a value that an option can't have.
    """
    try:
        exposure = dict(options["exposure"])
        if exposure.get("actions") is not None:
            exposure["actions"] = tuple(exposure["actions"])
        return Recipe(
            str(options["name"]),
            LifterConfig(**options["network"]),
            TrainingConfig(**options["training"]),
            Exposure(**exposure),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are not the options of a training ({error})") from None
