"""What training sees of a pose: turned, mirrored, from other cameras, through a poor detector.

Batched torch formulas; every choice is drawn from a generator that the caller owns, so a seed
decides the whole run. World is z up with the floor at 0; the camera frame is x right, y down,
z away. Knows no files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.cameras import Camera
from core.skeleton import H36M_17, INPUT_16

Range = tuple[float, float]

FLIP_17 = list(H36M_17.flip_order)
INPUT_FROM_17 = H36M_17.indices(INPUT_16.joints)
HIP, THORAX, NECK, HEAD = H36M_17.indices(["hip", "thorax", "neck", "head"])
SHOULDERS = (H36M_17.index("right_shoulder"), H36M_17.index("left_shoulder"))

# Each limb's joints from the trunk outwards, and the pair of joints that its trunk's side runs
# along.
LIMBS = tuple(
    (
        H36M_17.indices([f"{side}_{joint}" for joint in joints]),
        (H36M_17.index(f"right_{joints[0]}"), H36M_17.index(f"left_{joints[0]}")),
    )
    for joints in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
    for side in ("right", "left")
)


def uniform(count: int, bounds: Range, generator: torch.Generator) -> Tensor:
    """Draw (count,) numbers evenly from [low, high)."""
    low, high = bounds
    return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)


def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Draw standard normal numbers."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


def rotation(axis: int, angles_rad: Tensor) -> Tensor:
    """Make rotations (B, 3, 3) about x (0), y (1) or z (2) from angles (B,)."""
    cosine, sine = angles_rad.cos(), angles_rad.sin()
    R = torch.zeros((len(angles_rad), 3, 3), device=angles_rad.device)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    R[:, axis, axis] = 1.0
    R[:, first, first] = R[:, second, second] = cosine
    R[:, second, first] = sine
    R[:, first, second] = -sine
    return R


def turn(points: Tensor, R: Tensor) -> Tensor:
    """Apply one rotation (B, 3, 3) to each pose (B, J, 3)."""
    return points @ R.transpose(1, 2)


def mirror(poses: Tensor, flip_order: Sequence[int] = FLIP_17) -> Tensor:
    """Mirror poses (..., J, C) left to right: x changes its sign, twin joints change places."""
    mirrored = poses[..., list(flip_order), :].clone()
    mirrored[..., 0] *= -1
    return mirrored


def mirror_half(poses: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror every other pose of a batch (B, J, 3), by the toss of a coin."""
    tossed = torch.rand(len(poses), generator=generator, device=generator.device) < 0.5
    return torch.where(tossed[:, None, None], mirror(poses), poses)


def turn_about_vertical(poses: Tensor, generator: torch.Generator) -> Tensor:
    """Turn each world pose (B, J, 3) about the world's z axis by any angle."""
    angles = uniform(len(poses), (0.0, 2 * math.pi), generator)
    return turn(poses, rotation(2, angles))


def vary_bones(poses: Tensor, spread: float, generator: torch.Generator) -> Tensor:
    """Give each pose (B, 17, 3) a body of its own: bones longer or shorter, alike on both sides.

    Args:
        poses: in the world or relative to the hip.
        spread: standard deviation of the bones' factors around 1.
        generator: decides the bodies.
    """
    factors = 1 + spread * normal((len(poses), len(H36M_17)), generator).clamp(-2.5, 2.5)
    factors = (factors + factors[:, FLIP_17]) / 2**0.5 - (2**0.5 - 1)
    varied = [poses[:, 0]]
    for parent, child in H36M_17.bones:
        bone = poses[:, child] - poses[:, parent]
        varied.append(varied[parent] + factors[:, child, None] * bone)
    return torch.stack(varied, dim=1)


def mix_limbs(poses: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Give some poses (B, 17, 3) an arm or leg of another pose of the batch.

    The limb keeps its place relative to the trunk: arms to the shoulders, legs to the hips. Poses
    of a small data set repeat; their combinations don't.

    Args:
        poses: in the world, mm.
        share: how often each of the four limbs is exchanged.
        generator: decides what is exchanged for what.
    """
    mixed = poses.clone()
    count = len(poses)
    for joints, across in LIMBS:
        other = poses[torch.randperm(count, generator=generator, device=generator.device)]
        limb = other[:, joints] - other[:, joints[:1]]
        moved = turn(limb, trunk_axes(poses, across) @ trunk_axes(other, across).transpose(1, 2))
        chosen = torch.rand(count, generator=generator, device=generator.device) < share
        placed = poses[:, joints[:1]] + moved
        mixed[:, joints] = torch.where(chosen[:, None, None], placed, poses[:, joints])
    return mixed


# People look at their hands, their feet and each other; those of motion capture look ahead. How
# far heads are bowed (mean, standard deviation), and leant to a side (standard deviation).
BOWED_DEG, LEANT_DEG = (15.0, 20.0), 8.0


def turn_heads(poses: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Let some people (B, 17, 3) look elsewhere, mostly down: the head turns, the neck by half.

    Args:
        poses: in the world, mm.
        share: how many of them.
        generator: decides who, and by how much.
    """
    count = len(poses)
    chosen = torch.rand(count, generator=generator, device=generator.device) < share
    mean, spread = BOWED_DEG
    bowed = torch.deg2rad(mean + spread * normal([count], generator)) * chosen
    leant = torch.deg2rad(LEANT_DEG * normal([count], generator)) * chosen
    axes = trunk_axes(poses, SHOULDERS)

    def turned(bone: Tensor, part: float) -> Tensor:
        R = axes @ rotation(0, -part * bowed) @ rotation(1, part * leant) @ axes.transpose(1, 2)
        return turn(bone[:, None], R)[:, 0]

    elsewhere = poses.clone()
    neck = poses[:, THORAX] + turned(poses[:, NECK] - poses[:, THORAX], 0.5)
    elsewhere[:, NECK] = neck
    elsewhere[:, HEAD] = neck + turned(poses[:, HEAD] - poses[:, NECK], 1.0)
    return torch.where(chosen[:, None, None], elsewhere, poses)


def trunk_axes(poses: Tensor, across: tuple[int, int]) -> Tensor:
    """Find the trunk's axes (B, 3, 3), as columns: to the right, forward, and along the spine."""
    right, left = across
    spine = poses[:, THORAX] - poses[:, HIP]
    up = nn.functional.normalize(spine, dim=-1)
    side = poses[:, right] - poses[:, left]
    side = nn.functional.normalize(side - (side * up).sum(-1, keepdim=True) * up, dim=-1)
    return torch.stack([side, torch.linalg.cross(up, side), up], dim=-1)


@dataclass(frozen=True)
class Lenses:
    """Cameras of a rig as tensors, one row a camera; fields as in `cameras.Camera`."""

    R: Tensor
    t: Tensor
    focal_px: Tensor
    centre_px: Tensor
    radial: Tensor
    tangential: Tensor
    tangential_factor: Tensor

    @classmethod
    def of(cls, cameras: Sequence[Camera]) -> Lenses:
        """Take the numbers of each camera."""

        def rows(values: list[object]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32)

        return cls(
            R=rows([c.rotation for c in cameras]),
            t=rows([c.centre_mm for c in cameras]),
            focal_px=rows([c.focal_px for c in cameras]),
            centre_px=rows([c.centre_px for c in cameras]),
            radial=rows([c.radial for c in cameras]),
            tangential=rows([c.tangential for c in cameras]),
            tangential_factor=rows([2.0 if c.distortion == "opencv" else 1.0 for c in cameras]),
        )

    def __len__(self) -> int:
        return len(self.R)

    def see(self, world: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        """Move world poses (B, J, 3) into cameras `which` (B,) and project them.

        Returns:
            (B, J, 3) in the camera's frame, mm, and (B, J, 2) in px. The same formulas as
            `cameras.camera_from_world` and `cameras.image_from_camera`; a joint behind the
            camera is not marked.
        """
        in_camera = turn(world - self.t[which, None], self.R[which])
        x, y = (in_camera[..., :2] / in_camera[..., 2:]).unbind(-1)
        k1, k2, k3 = (k[:, None] for k in self.radial[which].unbind(-1))
        p1, p2 = (p[:, None] for p in self.tangential[which].unbind(-1))
        r2 = x * x + y * y
        bracket = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        bracket = bracket + self.tangential_factor[which, None] * (p1 * y + p2 * x)
        bent = torch.stack([x * bracket + p2 * r2, y * bracket + p1 * r2], dim=-1)
        return in_camera, bent * self.focal_px[which, None] + self.centre_px[which, None]


@dataclass(frozen=True)
class AnyCamera:
    """Where a hand-held or mounted camera may stand, and how it may be held.

    Attributes:
        distance_mm: along the floor, from the person's hip.
        height_mm: above the floor; the middle of the range is drawn most often.
        pan_deg: how far the person stands left or right of the optical axis (standard deviation).
        tilt_deg: likewise up or down.
        roll_deg: how far the picture leans (standard deviation) ...
        leaning: ... in this share of pictures; the others are level to a tenth of it.
        nearest_mm: a camera nearer than this to a joint's depth steps back.
        focal_px: of the picture; the framing "person" does not depend on it.
    """

    distance_mm: Range = (2200.0, 7000.0)
    height_mm: Range = (300.0, 3300.0)
    pan_deg: float = 10.0
    tilt_deg: float = 5.0
    roll_deg: float = 15.0
    leaning: float = 0.35
    nearest_mm: float = 800.0
    focal_px: float = 1150.0

    def see(self, world: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Look at each world pose (B, J, 3) with a camera of its own.

        Returns:
            (B, J, 3) in the camera's frame, mm, and (B, J, 2) in px around the optical axis.
        """
        count = len(world)
        hip = world[:, :1] * world.new_tensor([1.0, 1.0, 0.0])
        around = turn_about_vertical(world - hip, generator)
        distance = uniform(count, self.distance_mm, generator)
        low, high = self.height_mm
        halves = torch.rand((2, count), generator=generator, device=generator.device)
        height = low + (high - low) * halves.mean(0)
        pan, tilt, roll = (
            math.radians(spread) * normal([count], generator)
            for spread in (self.pan_deg, self.tilt_deg, self.roll_deg)
        )
        level_held = torch.rand(count, generator=generator, device=generator.device) > self.leaning
        roll = torch.where(level_held, 0.1 * roll, roll)
        # Axes x right, y down, z away of a level camera that looks along the world's y.
        right, away, up = around.unbind(-1)
        level = torch.stack([right, height[:, None] - up, away + distance[:, None]], dim=-1)
        down = torch.atan2(height - around[:, 0, 2], distance)
        held = rotation(2, roll) @ rotation(0, down + tilt) @ rotation(1, pan)
        in_camera = turn(level, held)
        step_back = (self.nearest_mm - in_camera[..., 2].amin(dim=1)).clamp(min=0.0)
        in_camera = in_camera + step_back[:, None, None] * world.new_tensor([0.0, 0.0, 1.0])
        return in_camera, self.focal_px * in_camera[..., :2] / in_camera[..., 2:]


@dataclass(frozen=True)
class Detector:
    """How a 2D detector errs, in parts of the person's size (see `framing.size_px`).

    By default a joint is off by 5.2 % of it (median; a tenth by 16 % and more): BlazePose was off
    by 6 %, OpenPose by 4 % where four calibrated cameras could tell.

    Attributes:
        jitter: standard deviation per coordinate at an average joint, drawn anew per pose from
            this range, so that good and poor detections are both seen.
        rarity: how rare the poor ones are: 1 draws evenly from that range, more draws less of its
            upper end.
        layout: standard deviation of the constant offset of a joint: detectors and motion capture
            don't mean the same point by "hip" or "head".
        meanings: how far hips, thorax and head move beyond that, in parts of the most that layouts
            differ by.
        outliers: share of joints with an error of `outlier_factor` times the jitter.
        outlier_factor: how much worse those are.
        swaps: share of poses in which left and right legs, or arms, are taken for each other.
    """

    jitter: Range = (0.0, 0.1)
    rarity: float = 1.8
    layout: float = 0.025
    meanings: float = 0.6
    outliers: float = 0.035
    outlier_factor: float = 5.0
    swaps: float = 0.02

    def see(self, joints_2d: Tensor, size: Tensor, generator: torch.Generator) -> Tensor:
        """Misplace joints (B, 16, 2), px, of people of a size (B, 1, 1), px."""
        count, joints = joints_2d.shape[:2]

        def share(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator, device=generator.device)

        seen = self._other_layout(joints_2d, generator)
        for limb in (LEGS, ARMS):
            swapped = seen[:, limb]
            seen = torch.where((share(count) < self.swaps)[:, None, None], swapped, seen)
        low, high = self.jitter
        jitter = (low + (high - low) * share(count) ** self.rarity)[:, None, None]
        error = normal((count, joints, 2), generator) * JOINT_JITTER[:, None].to(seen.device)
        worse = share(count, joints, 1) < self.outliers
        error = torch.where(worse, self.outlier_factor * error, error)
        offset = self.layout * normal((count, joints, 2), generator)
        return seen + size * (jitter * error + offset * JOINT_LAYOUT[:, None].to(seen.device))

    def _other_layout(self, joints_2d: Tensor, generator: torch.Generator) -> Tensor:
        """Move hips, spine and head as other layouts define them, per pose."""
        count = len(joints_2d)
        seen = joints_2d.clone()
        hip, thorax, head = (joints_2d[:, INPUT_16.index(j)] for j in ("hip", "thorax", "head"))

        def between(low: float, high: float) -> Tensor:
            return uniform(count, (self.meanings * low, self.meanings * high), generator)

        wider = (1 + between(-0.25, 0.4))[:, None, None]
        raised = between(-0.08, 0.12)[:, None]
        middle = hip + raised * (thorax - hip)
        sides = INPUT_16.indices(["right_hip", "left_hip"])
        seen[:, sides] = middle[:, None] + wider * (joints_2d[:, sides] - hip[:, None])
        seen[:, INPUT_16.index("hip")] = middle
        raised_thorax = between(-0.08, 0.14)[:, None]
        thorax = thorax + raised_thorax * (thorax - hip)
        seen[:, INPUT_16.index("thorax")] = thorax
        halfway = torch.rand(count, generator=generator, device=generator.device) < 0.5
        spine = INPUT_16.index("spine")
        seen[:, spine] = torch.where(halfway[:, None], (middle + thorax) / 2, seen[:, spine])
        longer = (1 + between(-0.2, 0.35))[:, None]
        seen[:, INPUT_16.index("head")] = thorax + longer * (head - thorax)
        return seen


def swapped(limbs: Sequence[str]) -> list[int]:
    """List the 16 input joints with left and right of the given ones exchanged."""
    order = INPUT_16.flip_order
    return [
        order[i] if any(limb in joint for limb in limbs) else i
        for i, joint in enumerate(INPUT_16.joints)
    ]


LEGS = swapped(["hip", "knee", "ankle"])
ARMS = swapped(["shoulder", "elbow", "wrist"])

# Detectors err most at the ends of limbs, least at the trunk: relative to an average joint.
_JITTER = {"ankle": 1.4, "knee": 1.0, "wrist": 1.6, "elbow": 1.2, "shoulder": 0.8, "hip": 0.8}
JOINT_JITTER = torch.tensor([_JITTER.get(j.split("_")[-1], 0.7) for j in INPUT_16.joints])
_LAYOUT = {"ankle": 0.7, "knee": 0.8, "wrist": 0.8, "elbow": 0.6, "shoulder": 1.0}
JOINT_LAYOUT = torch.tensor([_LAYOUT.get(j.split("_")[-1], 1.0) for j in INPUT_16.joints])
