"""The packet of the Browse page: 2D input, truth, prediction, and how wrong it is."""

from __future__ import annotations

from collections.abc import Mapping

from core.cameras import Array
from core.dataset import Recording
from core.normalization import root_relative
from core.sequence import PoseSequence
from core.viz.packet import Errors, Heatmap, ImagePanel, Layer, Packet, Protocol, ScenePanel
from core.viz.stage import DrawnSpace, set_stage


def browse_packet(
    recording: Recording,
    source: str,
    prediction: PoseSequence | None,
    aligned: Array | None,
    errors: Mapping[Protocol, Array] | None,
    *,
    protocol: Protocol = 1,
    space: DrawnSpace = "camera",
    note: str = "",
) -> Packet:
    """Make the packet of one recording, seen through one 2D source.

    Args:
        recording: 2D, truth, camera, pictures.
        source: which of the recording's inputs to show.
        prediction: H36M_17, root-relative, camera axes, mm; None draws the truth alone.
        aligned: (F, 17, 3) the prediction after Procrustes alignment onto the root-relative
            truth, camera axes, mm; drawn under Protocol #2.
        errors: protocol -> (F, 17) mm.
        protocol: drawn first.
        space: "camera" stands the root in the middle; "world" walks, see `stage.can_show_world`.
        note: one line that is shown with the panels.

    Raises:
        KeyError: the recording has no such 2D source.
        ValueError: nothing 3D to draw, or no world where "world" is asked for.
    """
    joints_2d = recording.inputs[source]
    stage = set_stage(recording, prediction, space)
    shown: tuple[Errors, ...] = ()
    if prediction is not None and errors:
        shown = (Errors("errors", "", prediction.skeleton, errors),)
    layers = [Layer("input", source, "input", joints_2d.skeleton, joints_2d.positions)]
    panels: list[ImagePanel | ScenePanel] = [
        ImagePanel(f"2D input · {source}", ("input",), recording.size_px, recording.pictures)
    ]
    if (truth := recording.truth) is not None:
        relative = root_relative(truth.positions, truth.skeleton.root)
        layers.append(Layer("truth", "Truth", "truth", truth.skeleton, stage.place(relative)))
        panels.append(ScenePanel("3D truth", ("truth",)))
    if prediction is not None:
        layers.append(
            Layer(
                "prediction",
                "Prediction",
                "prediction",
                prediction.skeleton,
                stage.place(prediction.positions),
                None if aligned is None else stage.place(aligned),
                "errors" if shown else None,
            )
        )
        under = () if truth is None else ("truth",)
        panels.append(ScenePanel("3D prediction", ("prediction",), under))
    key = recording.key
    return Packet(
        title=str(key),
        timeline=f"{key.subject}/{key.action}/{key.take}/{len(joints_2d)}",
        fps=joints_2d.fps,
        panels=tuple(panels),
        layers=tuple(layers),
        errors=shown,
        heatmaps=(Heatmap("", "errors"),) if shown else (),
        stage=stage,
        protocol=protocol,
        note=note,
    )
