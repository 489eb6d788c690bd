"""Every colour, width and scale of the figures and the viewer. Knows no data and no geometry."""

from __future__ import annotations

from typing import Literal

from core.skeleton import Side

Role = Literal["input", "truth", "prediction", "second"]
Theme = Literal["light", "dark"]

# Background and text of the two themes as Streamlit has them, for what is drawn outside of it.
THEMES: dict[Theme, dict[str, str]] = {
    "light": {"background": "#FFFFFF", "text": "#31333F"},
    "dark": {"background": "#0E1117", "text": "#FAFAFA"},
}
# How much of the text's colour is in each tone over the background; the viewer has the same.
TONES = {"panel": 0.035, "grid": 0.16, "line": 0.18, "shadow": 0.22, "muted": 0.72}

# Okabe and Ito's colour-blind-safe blue and vermilion; grey belongs to neither side.
SIDE_COLORS: dict[Side, str] = {"left": "#0072B2", "right": "#D55E00", "middle": "#6B7280"}

# One scale for every error in mm, so that a colour means the same millimetres everywhere.
ERROR_LIMIT_MM = 150.0
ERROR_LIMIT_PX = 30.0
DOUBT_LIMIT_PERCENT = 100.0
DELTA_LIMIT_MM = 60.0
# Viridis, sampled; perceptually even, and readable without colour vision.
VIRIDIS = (
    "#440154", "#481467", "#482576", "#453781", "#404688", "#39558c", "#33638d", "#2d718e",
    "#287d8e", "#238a8d", "#1f968b", "#20a386", "#29af7f", "#3dbc74", "#56c667", "#75d054",
    "#95d840", "#bade28", "#dde318", "#fde725",
)  # fmt: skip
# Beyond the scale: a colour that viridis does not have, so that a clipped value can't be misread.
CLIPPED_COLOR = "#D81B60"
# What figures in a coloured cell are written in, whatever the page's theme is.
INKS = ("#FFFFFF", "#000000")
# Differences B - A: below zero A is worse and B better, above zero the other way round.
DIVERGING = ("#D55E00", "#F0B58A", "#F2F2F2", "#8DBFDD", "#0072B2")
# Training runs laid over each other: none is a side's colour, and each has a contrast of 3 on the
# light and on the dark page. Beyond these the lines are dashed.
RUN_COLORS = ("#009E73", "#C7519C", "#B8860B", "#7E6BD6", "#0E8FA3", "#A0623A")
RUN_DASHES = ("solid", "dash", "dot")

# Width in px and opacity of bones, and the joints' diameter, by what the figure is.
BONES: dict[Role, dict[str, float]] = {
    "input": {"width": 3.0, "opacity": 1.0, "joint": 6.0},
    "truth": {"width": 7.0, "opacity": 1.0, "joint": 6.0},
    "prediction": {"width": 10.0, "opacity": 1.0, "joint": 7.0},
    "second": {"width": 2.0, "opacity": 0.6, "joint": 5.0},
}
# Truth beneath a prediction: the same hues, thin and pale, so that the two stay apart.
GHOST = {"width": 4.0, "opacity": 0.45, "joint": 3.0}


def error_color(error_mm: float, limit: float = ERROR_LIMIT_MM) -> str:
    """Find the colour of an error on the one scale, with a colour of its own beyond the end."""
    if error_mm > limit:
        return CLIPPED_COLOR
    return VIRIDIS[round(error_mm / limit * (len(VIRIDIS) - 1))]


def contrast(one: str, other: str) -> float:
    """Measure the contrast of two colours ("#RRGGBB"), 1 to 21, as WCAG 2.1 defines it."""
    low, high = sorted(_luminance(color) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(color: str) -> str:
    """Pick black or white, whichever reads better on a colour."""
    return max(INKS, key=lambda ink: contrast(ink, color))


def viewer_style() -> dict[str, object]:
    """Collect what the viewer's JavaScript draws with."""
    return {
        "sides": SIDE_COLORS,
        "error_scale": VIRIDIS,
        "diverging_scale": DIVERGING,
        "clipped": CLIPPED_COLOR,
        "bones": BONES,
        "ghost": GHOST,
    }
