"""What a network learns from: pairs of 2D and 3D, taken as recorded or made anew in every epoch.

Knows no files; every choice is drawn from a generator that the caller owns.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from core.augmentation import (
    INPUT_FROM_17,
    AnyCamera,
    Detector,
    Lenses,
    mirror,
    mirror_half,
    mix_limbs,
    normal,
    rotation,
    turn_about_vertical,
    turn_heads,
    vary_bones,
)
from core.framing import Framing, frame, size_px
from core.normalization import Statistics
from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS

# A pose of which a joint is nearer than this to the camera's plane is left out of a batch.
NEAREST_MM = 1000.0

# The 16 output joints with left and right exchanged.
OUTPUT_FLIP = [
    OUTPUT_16_JOINTS.index(H36M_17.joints[H36M_17.flip_order[H36M_17.index(joint)]])
    for joint in OUTPUT_16_JOINTS
]


class Samples(Protocol):
    """Where batches come from: pairs of framed 2D (B, 32) and root-relative 3D (B, 48), mm."""

    def __len__(self) -> int:
        """Count the samples of one epoch."""
        ...

    def batch(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Make the batch of the samples `which` (B,)."""
        ...

    def to(self, device: torch.device) -> Samples:
        """Move to a device."""
        ...


@dataclass(frozen=True, eq=False)
class Pairs:
    """Samples as they were recorded: the same in every epoch, as published, or varied a little.

    Attributes:
        inputs: (N, 32) framed 2D.
        outputs: (N, 48) root-relative 3D, mm.
        actions: names of what is done in them.
        action: (N,) index into `actions` of each sample; None where it doesn't matter.
        mirror_about: mirror half of the samples, their 2D about this x; None mirrors none.
        noise: standard deviation of the noise added to the 2D, in the units of `inputs`.
    """

    inputs: Tensor
    outputs: Tensor
    actions: tuple[str, ...] = ()
    action: Tensor | None = None
    mirror_about: float | None = None
    noise: float = 0.0

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Take the pairs; nothing is drawn for those that are as published."""
        inputs, outputs = self.inputs.index_select(0, which), self.outputs.index_select(0, which)
        if self.mirror_about is not None:
            tossed = _toss(len(which), generator)
            inputs = torch.where(tossed, mirror_inputs(inputs, self.mirror_about), inputs)
            outputs = torch.where(tossed, mirror_outputs(outputs), outputs)
        if self.noise:
            inputs = inputs + self.noise * normal(inputs.shape, generator)
        return inputs, outputs

    def thinned(self, at_most: int | None) -> Pairs:
        """Take so many samples at most, evenly spaced."""
        stride = 1 if at_most is None else max(1, -(-len(self) // at_most))
        action = None if self.action is None else self.action[::stride]
        return dataclasses.replace(
            self, inputs=self.inputs[::stride], outputs=self.outputs[::stride], action=action
        )

    def to(self, device: torch.device) -> Pairs:
        """Move to a device."""
        moved: Pairs = _moved(self, device)
        return moved


def mirror_inputs(inputs: Tensor, about: float) -> Tensor:
    """Mirror 2D joints (B, 32) about a vertical line at x = `about`; left becomes right."""
    mirrored = inputs.unflatten(1, (-1, 2))[:, list(INPUT_16.flip_order)]
    mirrored = torch.stack([2 * about - mirrored[..., 0], mirrored[..., 1]], dim=-1)
    return mirrored.flatten(1)


def mirror_outputs(outputs: Tensor) -> Tensor:
    """Mirror root-relative 3D joints (B, 48) about the plane x = 0; left becomes right."""
    return mirror(outputs.unflatten(1, (-1, 3)), OUTPUT_FLIP).flatten(1)


@dataclass(frozen=True, eq=False)
class Views:
    """Samples made anew in every epoch: 3D poses seen by cameras, with or without noise.

    Attributes:
        world: (N, 17, 3) poses in the world, mm.
        cameras: a rig, of which each pose is seen once by each camera in an epoch, or `AnyCamera`,
            which sees each pose `views` times.
        framing: how the 2D is framed.
        flip: mirror half of the poses.
        turn: turn each pose about the world's vertical axis (`AnyCamera` always does).
        bones: spread of bone lengths, see `augmentation.vary_bones`; 0 leaves bodies as they are.
        limbs: share of limbs exchanged between poses, see `augmentation.mix_limbs`.
        heads: share of people whose head is turned, see `augmentation.turn_heads`.
        detector: None for exact 2D.
        views: how often an epoch shows each pose to `AnyCamera`.
        jitter_deg: turn each camera of a rig by so much about its own axes, anew for each sample
            (standard deviation).
        noise_px: standard deviation of noise on the 2D.
    """

    world: Tensor
    cameras: Lenses | AnyCamera
    framing: Framing
    flip: bool = False
    turn: bool = False
    bones: float = 0.0
    limbs: float = 0.0
    heads: float = 0.0
    detector: Detector | None = None
    views: int = 4
    jitter_deg: float = 0.0
    noise_px: float = 0.0

    def __len__(self) -> int:
        return len(self.world) * self._views

    @property
    def _views(self) -> int:
        return len(self.cameras) if isinstance(self.cameras, Lenses) else self.views

    def batch(self, which: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See the poses of a batch; those too near to a rig's camera are left out."""
        poses = self.world[which // self._views]
        if self.flip:
            poses = mirror_half(poses, generator)
        if self.limbs:
            poses = mix_limbs(poses, self.limbs, generator)
        if self.heads:
            poses = turn_heads(poses, self.heads, generator)
        if self.bones:
            poses = vary_bones(poses, self.bones, generator)
        if isinstance(self.cameras, AnyCamera):
            in_camera, joints_2d = self.cameras.see(poses, generator)
        else:
            if self.turn:
                poses = turn_about_vertical(poses, generator)
            lenses, chosen = self.cameras, which % self._views
            if self.jitter_deg:
                lenses, chosen = jittered(lenses, chosen, self.jitter_deg, generator)
            in_camera, joints_2d = lenses.see(poses, chosen)
            far = in_camera[..., 2].amin(dim=1) >= NEAREST_MM
            in_camera, joints_2d = in_camera[far], joints_2d[far]
        joints_2d = joints_2d[:, INPUT_FROM_17]
        if self.detector is not None:
            joints_2d = self.detector.see(joints_2d, size_px(joints_2d), generator)
        if self.noise_px:
            joints_2d = joints_2d + self.noise_px * normal(joints_2d.shape, generator)
        framed = frame(joints_2d, self.framing)
        relative = in_camera[:, 1:] - in_camera[:, :1]
        return framed.flatten(1), relative.flatten(1)

    def to(self, device: torch.device) -> Views:
        """Move to a device."""
        moved: Views = _moved(self, device)
        if isinstance(moved.cameras, Lenses):
            return dataclasses.replace(moved, cameras=_moved(moved.cameras, device))
        return moved


def jittered(
    lenses: Lenses, which: Tensor, jitter_deg: float, generator: torch.Generator
) -> tuple[Lenses, Tensor]:
    """Give each sample a camera of its own: camera `which` (B,), turned a little.

    Returns:
        B cameras, and the index (B,) of each sample's own.
    """
    angles = math.radians(jitter_deg) * normal((len(which), 3), generator)
    turned = lenses.R[which]
    for axis in range(3):
        turned = rotation(axis, angles[:, axis]) @ turned
    own = {f.name: getattr(lenses, f.name)[which] for f in dataclasses.fields(lenses)}
    return Lenses(**{**own, "R": turned}), torch.arange(len(which), device=which.device)


def _toss(count: int, generator: torch.Generator) -> Tensor:
    """Toss a coin for each sample: (count, 1)."""
    return torch.rand((count, 1), generator=generator, device=generator.device) < 0.5


def _moved(part: Any, device: torch.device) -> Any:
    """Move the tensors of a dataclass."""
    tensors = {
        f.name: value.to(device)
        for f in dataclasses.fields(part)
        if isinstance(value := getattr(part, f.name), Tensor)
    }
    return dataclasses.replace(part, **tensors)


@dataclass(frozen=True, eq=False)
class Scales:
    """Statistics as tensors, between the samples and the network's numbers."""

    input_mean: Tensor
    input_std: Tensor
    output_mean: Tensor
    output_std: Tensor

    @classmethod
    def of(cls, inputs: Statistics, outputs: Statistics) -> Scales:
        """Take both statistics in float32."""
        arrays = (inputs.mean, inputs.std, outputs.mean, outputs.std)
        return cls(*(torch.tensor(a, dtype=torch.float32) for a in arrays))

    def to(self, device: torch.device) -> Scales:
        """Move to a device."""
        moved: Scales = _moved(self, device)
        return moved


def measure(
    samples: Samples, *, seed: int, at_most: int = 200_000
) -> tuple[Statistics, Statistics]:
    """Measure the statistics of inputs and outputs over (some of) an epoch."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(samples), generator=generator)[:at_most]
    parts = [samples.batch(which, generator) for which in order.split(8192)]
    inputs = torch.cat([framed for framed, _ in parts])
    outputs = torch.cat([relative for _, relative in parts])
    return (
        Statistics.of(inputs.numpy(), "measured over the training samples"),
        Statistics.of(outputs.numpy(), "measured over the training samples"),
    )
