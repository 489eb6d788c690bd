from __future__ import annotations

import numpy as np

from core.skeleton import INPUT_16
from core.viz.robustness import Line, Seen, curves, strip
from core.viz.style import RUN_COLORS, RUN_DASHES, SIDE_COLORS

LEVELS = (0.0, 5.0, 10.0)


def pose(shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(0).normal(500, 60, (16, 2)) + shift


def test_actions_are_thin_beneath_one_bold_mean() -> None:
    figure = curves(
        [
            Line("Average", LEVELS, (50, 60, 70)),
            Line("Walking", LEVELS, (40, 50, 60), slot=None),
            Line("Sitting", LEVELS, (60, 70, 80), slot=None),
            Line("Eating", LEVELS, (55, 65, 75), slot=None),
        ],
        "noise σ (px)",
        "MPJPE (mm)",
    )
    assert [trace.name for trace in figure.data] == ["Walking", "Sitting", "Eating", "Average"]
    assert figure.data[-1].line.width > figure.data[0].line.width
    assert [trace.showlegend for trace in figure.data] == [False, False, False, True]
    assert list(figure.data[0].y) == [40, 50, 60]
    named = [note.text for note in figure.layout.annotations]
    assert sorted(named) == ["Sitting", "Walking"], "the highest and the lowest are named"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
        "noise σ (px)",
        "MPJPE (mm)",
    )
    assert list(figure.layout.xaxis.tickvals) == list(LEVELS)


def test_checkpoints_differ_in_colour_and_beyond_the_colours_in_their_dashes() -> None:
    count = len(RUN_COLORS) + 1
    lines = [Line(f"c{i}", LEVELS, (1, 2, 3), slot=i) for i in range(count)]
    looks = [(t.line.color, t.line.dash) for t in curves(lines, "a", "b").data]
    assert len(set(looks)) == count
    assert looks[0] == (RUN_COLORS[0], RUN_DASHES[0])


def test_a_line_that_is_not_whole_yet_is_drawn_as_far_as_it_is() -> None:
    figure = curves([Line("a", LEVELS[:1], (1,)), Line("b", (), (), slot=1)], "a", "b")
    assert [len(trace.x) for trace in figure.data] == [1, 0]
    assert not curves([], "a", "b").data


def test_the_strip_has_a_panel_for_each_level_on_one_scale() -> None:
    figure = strip(pose(), [Seen("0 px", pose(), "50 mm"), Seen("9 px", pose(30), "60 mm")])
    layout = figure.layout
    assert tuple(layout.xaxis.domain) == (0.0, 0.5)
    assert tuple(layout.xaxis2.domain) == (0.5, 1.0)
    assert tuple(layout.xaxis.range) == tuple(layout.xaxis2.range)
    assert layout.yaxis.range[0] > layout.yaxis.range[1], "px run downwards"
    texts = [note.text for note in layout.annotations]
    assert texts == ["<b>0 px</b>", "50 mm", "<b>9 px</b>", "60 mm"]
    inside = np.stack([pose(), pose(30)])
    assert layout.xaxis.range[0] < inside[..., 0].min()
    assert layout.xaxis.range[1] > inside[..., 0].max()


def test_each_side_has_its_colour_and_the_clean_pose_is_pale() -> None:
    figure = strip(pose(), [Seen("9 px", pose(30))])
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [trace.line.color for trace in lines] == 2 * [
        SIDE_COLORS[side] for side in ("middle", "left", "right")
    ]
    assert lines[0].opacity < lines[3].opacity
    marked = [trace for trace in figure.data if trace.mode == "markers"][3:]
    names = [name for trace in marked for name in trace.text]
    assert sorted(names) == sorted(joint.replace("_", " ") for joint in INPUT_16.joints)
    place = names.index("left wrist")
    x = np.concatenate([trace.x for trace in marked])[place]
    assert x == pose(30)[INPUT_16.index("left_wrist"), 0]
