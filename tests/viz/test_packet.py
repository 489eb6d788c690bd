"""A packet says the same to the browser as to Python, and refuses what does not fit together."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS
from core.viz.encoding import Encoded, decode
from core.viz.packet import (
    Errors,
    Heatmap,
    ImagePanel,
    Layer,
    Packet,
    ScenePanel,
    bounds,
    group_of,
    rows,
    short_name,
)
from core.viz.stage import Stage

FRAMES = 6
STAGE = Stage(np.eye(3), np.zeros((FRAMES, 3)), 0.0, (0.0, 1.0), "camera")


def poses(seed: int, joints: int = 17, coordinates: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-900, 900, (FRAMES, joints, coordinates))


def four_panels(**changes) -> Packet:
    """What the Compare page needs: two inputs, truth, two predictions, a difference."""
    fields: dict[str, Any] = {
        "title": "S9 · Walking",
        "timeline": "S9/Walking",
        "fps": 50.0,
        "layers": (
            Layer("2d_a", "gt", "input", INPUT_16, poses(0, 16, 2)),
            Layer("2d_b", "openpose", "second", INPUT_16, poses(1, 16, 2), errors="px"),
            Layer("truth", "Truth", "truth", H36M_17, poses(2)),
            Layer("a", "A", "prediction", H36M_17, poses(3), poses(4), errors="a"),
            Layer("b", "B", "prediction", H36M_17, poses(5), poses(6), errors="b"),
        ),
        "errors": (
            Errors("a", "A", H36M_17, {1: np.ones((FRAMES, 17)), 2: np.zeros((FRAMES, 17))}),
            Errors("b", "B", H36M_17, {1: np.ones((FRAMES, 17)), 2: np.zeros((FRAMES, 17))}),
            Errors("px", "2D", INPUT_16, {1: np.ones((FRAMES, 16))}, unit="px", limit=30),
        ),
        "panels": (
            ImagePanel("2D inputs", ("2d_a", "2d_b"), (1000, 1002)),
            ScenePanel("3D truth", ("truth",)),
            ScenePanel("From A", ("a",), ("truth",)),
            ScenePanel("From B", ("b",), ("truth",)),
        ),
        "heatmaps": (Heatmap("A", "a"), Heatmap("B − A", "b", minus="a")),
        "stage": STAGE,
    }
    return Packet(**(fields | changes))


def test_the_payload_decodes_to_the_positions() -> None:
    packet = four_panels()
    payload = packet.payload()
    spec = json.loads(payload["spec"])
    for i, layer in enumerate(packet.layers):
        for name, scale, positions in (
            (f"layer{i}", "scale", layer.positions),
            (f"layer{i}_aligned", "aligned_scale", layer.aligned),
        ):
            if positions is None:
                assert f"{name}_offsets" not in payload
                continue
            encoded = Encoded(
                payload[f"{name}_centres"].reshape(FRAMES, -1),
                payload[f"{name}_offsets"].reshape(positions.shape),
                spec["layers"][i][scale],
            )
            np.testing.assert_allclose(decode(encoded), positions, atol=0.05)


def test_the_payload_is_what_the_component_can_carry() -> None:
    for name, value in four_panels().payload().items():
        assert name == "spec" or value.ndim == 1, name


def test_the_digest_follows_every_number_and_ignores_the_protocol() -> None:
    base = four_panels()
    assert four_panels().digest == base.digest
    assert four_panels(protocol=2).digest == base.digest
    assert four_panels(title="S11").digest != base.digest
    moved = list(base.layers)
    positions = poses(3)
    positions[-1, -1, -1] += 1
    moved[3] = Layer("a", "A", "prediction", H36M_17, positions, poses(4), errors="a")
    assert four_panels(layers=tuple(moved)).digest != base.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"panels": (ScenePanel("3D", ("nobody",)),)}, r"unknown layers or errors \['nobody'\]"),
        ({"heatmaps": (Heatmap("", "none"),)}, r"unknown layers or errors \['none'\]"),
        ({"stage": None}, "scenes need a stage"),
        ({"layers": (), "errors": ()}, "lengths differ or there is nothing"),
        (
            {"layers": (Layer("short", "", "truth", H36M_17, np.zeros((2, 17, 3))),)},
            "lengths differ",
        ),
    ],
    ids=["layer", "errors", "stage", "empty", "lengths"],
)
def test_what_does_not_fit_together_is_refused(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        four_panels(**changes)


def test_shapes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"layer x: positions must be \(F, 17, 2 or 3\)"):
        Layer("x", "", "truth", H36M_17, np.zeros((2, 16, 3)))
    with pytest.raises(ValueError, match=r"layer x: aligned is \(1, 17, 3\)"):
        Layer("x", "", "truth", H36M_17, np.zeros((2, 17, 3)), np.zeros((1, 17, 3)))
    with pytest.raises(ValueError, match=r"errors e, protocol 1: must be \(F, 17\)"):
        Errors("e", "", H36M_17, {1: np.zeros((2, 16))})
    with pytest.raises(ValueError, match="protocols are 1 or 1 and 2"):
        Errors("e", "", H36M_17, {2: np.zeros((2, 17))})


def test_rows_are_grouped_legs_spine_arms_and_lose_no_joint() -> None:
    listed = rows(H36M_17)
    assert [row["joint"] for row in listed] != sorted(row["joint"] for row in listed)
    assert sorted(row["joint"] for row in listed) == list(range(17))
    groups = [row["group"] for row in listed]
    assert groups == ["legs"] * 6 + ["spine"] * 5 + ["arms"] * 6


def test_the_hip_is_spine_and_the_hips_are_legs() -> None:
    assert [group_of(j) for j in ("hip", "left_hip", "head", "right_wrist")] == [
        "spine",
        "legs",
        "spine",
        "arms",
    ]
    assert short_name("right_knee") == "r knee"
    assert short_name("thorax") == "thorax"
    assert len({short_name(j) for j in OUTPUT_16_JOINTS}) == 16


def test_stray_joints_do_not_widen_the_box() -> None:
    positions = np.zeros((1000, 17, 2))
    positions[..., 0] = np.linspace(-1, 1, 17)
    positions[3, 4] = [1e6, np.nan]
    positions[5, 5] = 1e6
    assert bounds([positions], percent=0.5) == ([-1, 0], [1, 0])
    assert bounds([np.full((1, 2, 2), np.nan)], percent=1) is None
    assert bounds([], percent=1) is None
