"""The simulated detector errs as detectors do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from core import synthetic
from core.sequence import FloatArray
from core.skeleton import INPUT_16
from core.synthetic.chance import generator
from core.synthetic.detector import detect, foreshortened, hidden


@dataclass(frozen=True)
class Found:
    """What the detector made of many views.

    Attributes:
        errors: (N, F, 16) px.
        confidences: (N, F, 16).
        places, truth: (N, F, 16, 2) px.
    """

    errors: FloatArray
    confidences: FloatArray
    places: FloatArray
    truth: FloatArray

    def error(self, *names: str) -> float:
        """Mean error of some joints, px."""
        return float(self.errors[..., list(INPUT_16.indices(names))].mean())


@pytest.fixture(scope="module")
def found() -> Found:
    dataset = synthetic.dataset(frames=500)
    recordings = [dataset.load(entry.key) for entry in dataset.select(split="test")[::2]]
    truth = np.stack([r.inputs[synthetic.GT].positions for r in recordings])
    detected = [r.inputs[synthetic.HOURGLASS] for r in recordings]
    places = np.stack([d.positions for d in detected])
    confidences = np.stack([d.confidence for d in detected if d.confidence is not None])
    return Found(np.linalg.norm(places - truth, axis=-1), confidences, places, truth)


def test_the_mean_error_is_that_of_a_fine_tuned_hourglass(found: Found) -> None:
    assert 6 < found.errors.mean() < 14


def test_wrists_and_ankles_are_worse_than_hips_and_thorax(found: Found) -> None:
    trunk = found.error("hip", "thorax", "head")
    assert found.error("left_wrist", "right_wrist") > 1.4 * trunk
    assert found.error("left_ankle", "right_ankle") > 1.05 * trunk


def test_errors_have_heavy_tails(found: Found) -> None:
    median, far = np.percentile(found.errors, [50, 99])
    # A Gaussian's 99th percentile would be 2.6 times its median.
    assert far > 4.5 * median


def test_hidden_and_foreshortened_joints_are_worse() -> None:
    dataset = synthetic.dataset(frames=800)
    covered, free, along, across = [], [], [], []
    for entry in dataset.select(split="test")[::6]:
        recording = dataset.load(entry.key)
        assert recording.truth is not None
        joints = recording.truth.positions[
            :, list(recording.truth.skeleton.indices(INPUT_16.joints))
        ]
        errors = np.linalg.norm(
            recording.inputs[synthetic.HOURGLASS].positions
            - recording.inputs[synthetic.GT].positions,
            axis=-1,
        )
        cover, short = hidden(joints), foreshortened(joints)
        for name in ("left_wrist", "right_wrist"):
            j = INPUT_16.index(name)
            covered.append(errors[cover[:, j] > 0.9, j])
            free.append(errors[cover[:, j] < 0.1, j])
            along.append(errors[(short[:, j] > 0.7) & (cover[:, j] < 0.1), j])
            across.append(errors[(short[:, j] < 0.1) & (cover[:, j] < 0.1), j])
    assert np.concatenate(covered).mean() > 1.7 * np.concatenate(free).mean()
    assert np.concatenate(along).mean() > 1.2 * np.concatenate(across).mean()


def test_a_wrist_behind_the_back_is_hidden_and_one_before_it_is_not() -> None:
    dataset = synthetic.dataset(frames=1)
    truth = dataset.load(dataset.entries[0].key).truth
    assert truth is not None
    joints = np.repeat(
        truth.positions[:, list(truth.skeleton.indices(INPUT_16.joints))].astype(float), 2, axis=0
    )
    belly = 0.5 * (joints[0, INPUT_16.index("hip")] + joints[0, INPUT_16.index("thorax")])
    joints[0, INPUT_16.index("right_wrist")] = belly * 1.06
    joints[1, INPUT_16.index("right_wrist")] = belly * 0.94
    wrist = hidden(joints)[:, INPUT_16.index("right_wrist")]
    assert wrist[0] > 0.9
    assert wrist[1] == 0


def test_left_and_right_are_exchanged_now_and_then(found: Found) -> None:
    left, right = (
        list(INPUT_16.indices([f"{side}_ankle", f"{side}_wrist"])) for side in ("left", "right")
    )
    own = np.linalg.norm(found.places[:, :, left] - found.truth[:, :, left], axis=-1)
    other = np.linalg.norm(found.places[:, :, left] - found.truth[:, :, right], axis=-1)
    apart = np.linalg.norm(found.truth[:, :, left] - found.truth[:, :, right], axis=-1)
    swapped = (other < 0.3 * apart) & (own > 0.7 * apart) & (apart > 60)
    share = swapped.sum() / (apart > 60).sum()
    assert 0.0005 < share < 0.05


def test_places_are_on_the_grid_of_a_heatmap() -> None:
    rng = np.random.default_rng(0)
    truth = np.tile(rng.uniform(300, 700, (1, 16, 2)), (50, 1, 1))
    joints = np.concatenate([truth * 4, np.full((50, 16, 1), 5000.0)], axis=-1)
    places, _ = detect(generator(0, "grid"), truth, joints, 50)
    cell = 1.25 * np.ptp(truth[0], axis=0).max() / 64 / 4
    steps = (places - places[:1, :1]) / cell
    assert np.abs(steps - np.round(steps)).max() < 1e-3


def test_confidence_falls_with_the_error(found: Found) -> None:
    assert found.confidences.min() >= 0
    assert found.confidences.max() <= 1
    assert np.corrcoef(found.errors.ravel(), found.confidences.ravel())[0, 1] < -0.5


def test_errors_are_alike_in_neighbouring_frames(found: Found) -> None:
    error = found.places - found.truth
    step = np.linalg.norm(np.diff(error, axis=1), axis=-1).mean()
    far = np.linalg.norm(error[:, 200:] - error[:, :-200], axis=-1).mean()
    assert step < 0.7 * far
