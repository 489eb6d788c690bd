"""Augmentation: each step is a law about poses, and cameras agree with the NumPy formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core import rig
from core.augmentation import (
    INPUT_FROM_17,
    AnyCamera,
    Detector,
    Lenses,
    mirror,
    mirror_half,
    mix_limbs,
    rotation,
    trunk_axes,
    turn_about_vertical,
    turn_heads,
    vary_bones,
)
from core.cameras import camera_from_world, image_from_camera
from core.framing import FRAMINGS, frame, size_px
from core.skeleton import H36M_17, INPUT_16


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def people(count: int = 64, seed: int = 1) -> torch.Tensor:
    """Bodies of plausible size, each joint a little off, standing on the floor."""
    up = [0, 0, -430, -860, 0, -430, -860, 220, 460, 560, 650, 500, 250, 10, 500, 250, 10]
    right = [0, 90, 95, 100, -90, -95, -100, 0, 0, 0, 0, -180, -220, -240, 180, 220, 240]
    body = torch.tensor([[x, 0.0, z + 900] for x, z in zip(right, up, strict=True)])
    noise = torch.randn((count, 17, 3), generator=generator(seed))
    place = torch.randn((count, 1, 3), generator=generator(seed + 1)) * torch.tensor([300, 300, 0])
    poses = body + 60 * noise + place
    poses[:, 0] = (poses[:, 1] + poses[:, 4]) / 2
    return poses


def bone_lengths(poses: torch.Tensor) -> torch.Tensor:
    parents, children = zip(*H36M_17.bones, strict=True)
    return (poses[:, list(children)] - poses[:, list(parents)]).norm(dim=-1)


def test_mirroring_twice_gives_the_pose_back() -> None:
    assert torch.equal(mirror(mirror(people())), people())


def test_mirroring_keeps_bones_and_exchanges_sides() -> None:
    poses = people()
    mirrored = mirror(poses)
    left, right = H36M_17.index("left_wrist"), H36M_17.index("right_wrist")
    torch.testing.assert_close(mirrored[:, right, 1:], poses[:, left, 1:])
    torch.testing.assert_close(mirrored[:, right, 0], -poses[:, left, 0])
    torch.testing.assert_close(mirrored[:, :1].norm(dim=-1), poses[:, :1].norm(dim=-1))


def test_a_share_of_heads_is_turned_and_nothing_else_moves() -> None:
    poses = people(2000)
    turned = turn_heads(poses, 0.6, generator())
    moved = (turned - poses).norm(dim=-1) > 1e-3
    others = [i for i, joint in enumerate(H36M_17.joints) if joint not in ("neck", "head")]
    assert not moved[:, others].any()
    assert 0.55 < float(moved[:, H36M_17.index("head")].float().mean()) < 0.65
    assert torch.equal(turn_heads(poses, 0.0, generator()), poses)


def test_turned_heads_keep_their_bones_and_look_down_on_the_whole_wherever_people_face() -> None:
    poses = turn_about_vertical(people(4000), generator(5))
    turned = turn_heads(poses, 1.0, generator())
    torch.testing.assert_close(bone_lengths(turned), bone_lengths(poses), rtol=1e-4, atol=0.05)
    axes = trunk_axes(poses, (H36M_17.index("right_shoulder"), H36M_17.index("left_shoulder")))

    def of_the_trunk(bone: torch.Tensor) -> torch.Tensor:
        """Right, forward, up."""
        return torch.einsum("bji,bj->bi", axes, bone)

    head, neck, thorax = (H36M_17.index(joint) for joint in ("head", "neck", "thorax"))
    before = of_the_trunk(poses[:, head] - poses[:, neck])
    after = of_the_trunk(turned[:, head] - turned[:, neck])
    pitch = torch.rad2deg(
        torch.atan2(after[:, 1], after[:, 2]) - torch.atan2(before[:, 1], before[:, 2])
    )
    assert float(pitch.median()) == pytest.approx(15, abs=2), "degrees forward"
    of_neck = of_the_trunk(turned[:, neck] - turned[:, thorax])
    forward = torch.rad2deg(torch.atan2(of_neck[:, 1], of_neck[:, 2])).median()
    assert float(forward) == pytest.approx(7.5, abs=2), "the neck by half"
    sideways = (after - before)[:, 0]
    assert abs(float(sideways.median())) < 2, "mm: as often to the left as to the right"


def test_about_half_of_a_batch_is_mirrored() -> None:
    poses = people(1000)
    changed = (mirror_half(poses, generator()) != poses).any(dim=2).any(dim=1)
    assert 400 < int(changed.sum()) < 600


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rotations_are_rotations(axis: int) -> None:
    R = rotation(axis, torch.linspace(-3, 3, 7))
    torch.testing.assert_close(R @ R.transpose(1, 2), torch.eye(3).expand(7, 3, 3))
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(7))
    unit = torch.eye(3)[axis].expand(7, 3)
    torch.testing.assert_close(R[:, :, axis], unit)


def test_a_quarter_turn_about_z_brings_x_to_y() -> None:
    R = rotation(2, torch.tensor([torch.pi / 2]))
    torch.testing.assert_close(R[0] @ torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0]))


def test_turning_about_the_vertical_keeps_heights_and_bones() -> None:
    poses = people()
    turned = turn_about_vertical(poses, generator())
    torch.testing.assert_close(turned[..., 2], poses[..., 2])
    torch.testing.assert_close(bone_lengths(turned), bone_lengths(poses))


def test_bodies_vary_alike_on_both_sides_and_keep_their_directions() -> None:
    poses = people()
    varied = vary_bones(poses, 0.1, generator())
    factors = bone_lengths(varied) / bone_lengths(poses)
    twins = [order - 1 for order in H36M_17.flip_order[1:]]
    torch.testing.assert_close(factors, factors[:, twins], rtol=1e-3, atol=1e-3)
    assert 0.05 < float((factors - 1).std()) < 0.15
    torch.testing.assert_close(varied[:, 0], (varied[:, 1] + varied[:, 4]) / 2)


def test_no_spread_leaves_bodies_as_they_are() -> None:
    varied = vary_bones(people(), 0.0, generator())
    torch.testing.assert_close(varied, people(), rtol=1e-4, atol=1e-2)


def test_exchanged_limbs_keep_their_bones_lengths_and_the_trunk_its_place() -> None:
    poses = people()
    mixed = mix_limbs(poses, 1.0, generator())
    trunk = H36M_17.indices(["hip", "spine", "thorax", "neck", "head", "left_hip",
                             "right_hip", "left_shoulder", "right_shoulder"])  # fmt: skip
    assert torch.equal(mixed[:, trunk], poses[:, trunk])
    forearm = H36M_17.index("left_wrist") - 1
    lengths = bone_lengths(poses)[:, forearm]
    torch.testing.assert_close(bone_lengths(mixed)[:, forearm].sort()[0], lengths.sort()[0],
                               rtol=1e-4, atol=1e-2)  # fmt: skip


def test_a_share_of_zero_exchanges_nothing() -> None:
    assert torch.equal(mix_limbs(people(), 0.0, generator()), people())


def test_the_trunks_axes_are_a_right_handed_frame() -> None:
    axes = trunk_axes(people(), (H36M_17.index("right_hip"), H36M_17.index("left_hip")))
    torch.testing.assert_close(axes.transpose(1, 2) @ axes, torch.eye(3).expand(64, 3, 3),
                               rtol=1e-4, atol=1e-5)  # fmt: skip
    assert (torch.linalg.det(axes) > 0).all()


@pytest.mark.parametrize("distortion", ["opencv", "human36m"])
def test_a_rig_of_tensors_sees_what_the_numpy_cameras_see(distortion: str) -> None:
    cameras = rig.four_cameras(distortion)  # type: ignore[arg-type]
    poses = people(8)
    which = torch.arange(8) % 4
    in_camera, joints_2d = Lenses.of(cameras).see(poses, which)
    for i, c in enumerate(which.tolist()):
        expected = camera_from_world(poses[i].double().numpy(), cameras[c].R, cameras[c].t)
        np.testing.assert_allclose(in_camera[i], expected, atol=0.01)
        np.testing.assert_allclose(joints_2d[i], image_from_camera(expected, cameras[c]), atol=0.01)


def test_any_camera_stands_off_keeps_bones_and_sees_people_upright() -> None:
    poses = people(500)
    in_camera, joints_2d = AnyCamera().see(poses, generator())
    torch.testing.assert_close(bone_lengths(in_camera), bone_lengths(poses), rtol=1e-3, atol=0.1)
    assert float(in_camera[..., 2].min()) >= 799
    head, ankle = (joints_2d[:, H36M_17.index(j), 1] for j in ("head", "left_ankle"))
    assert float((head < ankle).float().mean()) > 0.99


def test_a_seed_decides_what_any_camera_sees() -> None:
    one, other, third = (AnyCamera().see(people(), generator(s))[1] for s in (4, 4, 5))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)


def test_a_detector_errs_by_parts_of_the_persons_size_and_most_at_the_wrists() -> None:
    _, all_joints = AnyCamera(leaning=0.0).see(people(2000), generator())
    joints_2d = all_joints[:, INPUT_FROM_17]
    calm = Detector(layout=0.0, outliers=0.0, swaps=0.0, jitter=(0.05, 0.05))
    size = size_px(joints_2d)
    seen = calm.see(joints_2d, size, generator())
    errors = ((seen - joints_2d) / size).norm(dim=-1).mean(0)
    knee, wrist = errors[2], errors[-1]
    assert float(wrist) > 1.3 * float(knee)
    assert 0.03 < float(knee) < 0.1
    larger = calm.see(3 * joints_2d, 3 * size, generator())
    torch.testing.assert_close(larger, 3 * seen, rtol=1e-3, atol=0.1)


def test_a_detector_errs_as_much_as_real_ones_do() -> None:
    """In % of the person's size; measured: BlazePose full 6.3, heavy 5.8, OpenPose 3.9."""
    _, all_joints = AnyCamera().see(people(4000), generator())
    joints_2d = all_joints[:, INPUT_FROM_17]
    size = size_px(joints_2d)
    off = 100 * ((Detector().see(joints_2d, size, generator()) - joints_2d) / size).norm(dim=-1)
    assert 3.9 < float(off.median()) < 6.3
    assert 12 < float(off.quantile(0.9)) < 20


def test_layouts_differ_by_as_much_as_is_asked_for() -> None:
    _, all_joints = AnyCamera().see(people(4000), generator())
    joints_2d = all_joints[:, INPUT_FROM_17]
    size = size_px(joints_2d)
    limbs = [i for i, joint in enumerate(INPUT_16.joints) if "_" in joint and "hip" not in joint]
    off = {}
    for meanings in (0.0, 0.5, 1.0):
        exact = Detector((0.0, 0.0), layout=0.0, meanings=meanings, outliers=0.0, swaps=0.0)
        moved = ((exact.see(joints_2d, size, generator()) - joints_2d) / size).norm(dim=-1)
        off[meanings] = moved[:, INPUT_16.index("head")].mean()
        assert not (moved[:, limbs] > 1e-4).any()
    assert float(off[0.0]) < 1e-4
    torch.testing.assert_close(off[0.5], off[1.0] / 2, rtol=0.1, atol=0)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_framing_is_the_same_formula_in_numpy_and_torch(framing: str) -> None:
    joints_2d = 300 + 50 * np.random.default_rng(0).normal(size=(5, 16, 2))
    by_numpy = frame(joints_2d, framing)  # type: ignore[arg-type]
    by_torch = frame(torch.from_numpy(joints_2d), framing)  # type: ignore[arg-type]
    np.testing.assert_allclose(by_torch.numpy(), by_numpy)


def test_framing_around_the_person_forgets_place_and_scale() -> None:
    joints_2d = np.random.default_rng(0).normal(size=(5, 16, 2)) * 50
    moved = 3.7 * joints_2d + [640, 360]
    np.testing.assert_allclose(frame(moved, "person"), frame(joints_2d, "person"), atol=1e-6)


def test_framing_the_image_changes_nothing() -> None:
    joints_2d = np.ones((1, 16, 2))
    assert frame(joints_2d, "image") is joints_2d


def test_an_unknown_framing_is_refused() -> None:
    with pytest.raises(ValueError, match="a framing is one of image, person, not 'box'"):
        frame(np.ones((1, 16, 2)), "box")  # type: ignore[arg-type]


def test_a_person_of_no_size_stays_finite() -> None:
    assert np.isfinite(frame(np.ones((1, 16, 2)), "person")).all()
