"""A stretch of a packet, as a packet of its own."""

from __future__ import annotations

from dataclasses import replace

from core.dataset import Pictures
from core.viz.packet import ImagePanel, Packet, ScenePanel


def cut(packet: Packet, frames: range) -> Packet:
    """Keep some frames: a range with a step above 0 that lies within the packet's frames.

    With a step of n the rate falls to a n-th, so that the pace stays.

    Raises:
        ValueError: the range is empty or leaves the packet.
    """
    if not frames or frames.step < 1 or frames[0] < 0 or frames[-1] >= packet.frames:
        raise ValueError(f"frames 0 to {packet.frames - 1} can be kept, not {frames}")
    if frames == range(packet.frames):
        return packet
    kept = slice(frames.start, frames.stop, frames.step)

    def panel_of(panel: ImagePanel | ScenePanel) -> ImagePanel | ScenePanel:
        if isinstance(panel, ScenePanel) or panel.pictures is None:
            return panel
        pictures = Pictures(panel.pictures.encoded[kept], panel.pictures.size_px)
        return replace(panel, pictures=pictures)

    return replace(
        packet,
        timeline=f"{packet.timeline}/{frames.start}-{frames.stop}-{frames.step}",
        fps=packet.fps / frames.step,
        panels=tuple(panel_of(panel) for panel in packet.panels),
        layers=tuple(
            replace(
                layer,
                positions=layer.positions[kept],
                aligned=None if layer.aligned is None else layer.aligned[kept],
            )
            for layer in packet.layers
        ),
        errors=tuple(
            replace(errors, values={p: v[kept] for p, v in errors.values.items()})
            for errors in packet.errors
        ),
    )
