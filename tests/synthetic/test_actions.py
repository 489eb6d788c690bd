"""Each action's mark: what tells it from the others when it is watched."""

from __future__ import annotations

import numpy as np
import pytest

from core import synthetic
from tests.synthetic.takes import Take, take

somebody = pytest.mark.parametrize(
    ("subject", "number"), [("S9", 0), ("S9", 1), ("S1", 0), ("S11", 1)]
)


def wrists_move(made: Take) -> float:
    """Mean speed of the wrists against the hip, m/s."""
    wrists = np.stack([made.at(f"{side}_wrist") - made.at("hip") for side in ("left", "right")])
    return float(np.linalg.norm(np.diff(wrists, axis=1), axis=-1).mean() * synthetic.FPS / 1000)


def highest_hand(made: Take) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Height (F,) of the higher wrist above its shoulder, as a share of the stature."""
    return np.maximum(
        *(
            made.height(f"{side}_wrist") - made.height(f"{side}_shoulder")
            for side in ("left", "right")
        )
    )


def stretched_arm(made: Take) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Reach (F,) of the higher hand's arm, as a share of the arm."""
    arm = made.body.arm / made.body.stature
    reaches = [made.apart(f"{side}_wrist", f"{side}_shoulder") / arm for side in ("left", "right")]
    left_is_higher = made.height("left_wrist") > made.height("right_wrist")
    return np.where(left_is_higher, *reaches)


def times(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """Count how often something begins."""
    return int(np.sum(np.diff(flags.astype(int)) == 1))


@somebody
def test_directions_are_shown_with_a_stretched_arm(subject: str, number: int) -> None:
    made = take("Directions", subject, number)
    pointing = (stretched_arm(made) > 0.85) & (highest_hand(made) > -0.12)
    assert 0.05 < pointing.mean() < 0.9


@somebody
def test_discussion_talks_with_the_hands(subject: str, number: int) -> None:
    talking = take("Discussion", subject, number)
    assert wrists_move(talking) > 1.5 * wrists_move(take("Waiting", subject, number))
    assert highest_hand(talking).max() < 0.05


@somebody
def test_eating_brings_the_hand_to_the_mouth_again_and_again(subject: str, number: int) -> None:
    made = take("Eating", subject, number)
    at_mouth = made.nearest("neck") < 0.16
    assert times(at_mouth) >= 4
    assert 0.1 < at_mouth.mean() < 0.6


def test_eating_is_done_seated_in_one_take_and_standing_in_the_other() -> None:
    assert take("Eating", number=0).height("hip").max() < 0.3
    assert take("Eating", number=1).height("hip").min() > 0.48


@somebody
def test_greeting_waves_shakes_hands_or_bows(subject: str, number: int) -> None:
    made = take("Greeting", subject, number)
    hand_raised = highest_hand(made) > 0.05
    bowed = made.trunk_lean > 25
    assert times(hand_raised) + times(bowed) >= 2
    assert 0.1 < (hand_raised | bowed).mean() < 0.9


@somebody
def test_phoning_holds_one_hand_at_the_ear_and_paces(subject: str, number: int) -> None:
    made = take("Phoning", subject, number)
    assert (made.nearest("neck") < 0.13).mean() > 0.98
    beside = min(made.apart(f"{side}_wrist", "neck").mean() for side in ("left", "right"))
    assert beside < 0.11
    assert np.ptp(made.at("hip")[:, :2], axis=0).max() > 400


@somebody
def test_photo_holds_both_hands_before_the_face(subject: str, number: int) -> None:
    made = take("Photo", subject, number)
    wrists = [made.apart(f"{side}_wrist", "neck") for side in ("left", "right")]
    shooting = (np.maximum(*wrists) < 0.20) & (made.apart("left_wrist", "right_wrist") < 0.12)
    assert shooting.mean() > 0.3
    assert made.before("left_wrist")[shooting].min() > 0.1


@somebody
def test_posing_holds_different_poses(subject: str, number: int) -> None:
    made = take("Posing", subject, number)
    against = made.joints - made.joints[:, :1]
    speeds = np.linalg.norm(np.diff(against, axis=0), axis=-1).max(axis=1) * 0.05
    assert (speeds < 0.25).mean() > 0.3
    assert (speeds > 0.6).mean() > 0.1


@somebody
def test_purchases_take_from_shelves_and_put_into_a_bag(subject: str, number: int) -> None:
    made = take("Purchases", subject, number)
    reaching = (stretched_arm(made) > 0.8) & (made.before("right_wrist", "hip") > 0.12)
    stooped = made.height("hip") < 0.46
    assert times(reaching) + times(stooped) >= 2
    low_hand = np.minimum(made.height("left_wrist"), made.height("right_wrist"))
    assert (low_hand < 0.62).mean() > 0.6


@somebody
def test_sitting_keeps_the_hips_at_the_height_of_a_chair(subject: str, number: int) -> None:
    made = take("Sitting", subject, number)
    assert made.height("hip").min() > 0.24
    assert made.height("hip").max() < 0.29
    rise = made.height("left_knee") - made.height("hip")
    assert np.abs(np.median(rise)) < 0.08


@somebody
def test_sitting_down_goes_from_standing_to_the_floor(subject: str, number: int) -> None:
    hip = take("SittingDown", subject, number, 2000).height("hip")
    assert hip.min() < 0.18
    assert hip.max() > 0.50
    assert times(hip < 0.25) >= 1
    assert times(hip > 0.45) >= 1


@somebody
def test_smoking_brings_one_hand_to_the_mouth_and_down_again(subject: str, number: int) -> None:
    made = take("Smoking", subject, number)
    at_mouth = made.nearest("neck") < 0.16
    assert times(at_mouth) >= 2
    assert at_mouth.mean() < 0.5


@somebody
def test_waiting_stays_about_with_low_hands_and_looks_around(subject: str, number: int) -> None:
    made = take("Waiting", subject, number)
    assert highest_hand(made).max() < 0
    assert made.height("hip").min() > 0.47
    assert made.speeds.max() < 4
    sideways = made.at("head")[:, :2] - made.at("hip")[:, :2]
    assert np.ptp(sideways, axis=0).max() > 20


@pytest.mark.parametrize("action", ["Walking", "WalkTogether"])
@somebody
def test_walking_has_a_gait_cycle(action: str, subject: str, number: int) -> None:
    made = take(action, subject, number)
    travel = np.linalg.norm(np.diff(made.at("hip")[:, :2], axis=0), axis=1)
    speed = travel.mean() * synthetic.FPS / 1000
    assert (0.85 if action == "Walking" else 0.6) < speed < 1.5

    left_first = made.before("left_ankle", "right_ankle")
    strides = times(left_first > 0) / (len(left_first) / synthetic.FPS)
    assert (0.75 if action == "Walking" else 0.6) < strides < 1.1
    assert left_first.max() > 0.2
    assert left_first.min() < -0.2
    # The arm of a side goes against its leg.
    if action == "Walking":
        right_arm = made.before("right_wrist", "right_shoulder")
        assert np.corrcoef(left_first, right_arm)[0, 1] > 0.7
    # Hips are highest when the legs pass each other, by a few centimetres.
    height = made.at("hip")[:, 2]
    assert 20 < np.ptp(height) < 110
    assert np.corrcoef(np.abs(left_first), height)[0, 1] < -0.5


@somebody
def test_a_walking_foot_rests_while_it_bears(subject: str, number: int) -> None:
    made = take("Walking", subject, number)
    for side, other in (("left", "right"), ("right", "left")):
        foot, lifted = made.at(f"{side}_ankle"), made.at(f"{other}_ankle")[1:, 2]
        bears = (lifted > made.body.ankle_height + 40) & (foot[1:, 2] < made.body.ankle_height + 10)
        slides = np.linalg.norm(np.diff(foot[:, :2], axis=0), axis=1)[bears]
        assert bears.mean() > 0.1
        assert np.percentile(slides, 95) * synthetic.FPS < 60


def test_walking_knees_bend_as_they_swing() -> None:
    made = take("Walking")
    thigh = made.at("left_knee") - made.at("left_hip")
    shank = made.at("left_ankle") - made.at("left_knee")
    cosine = np.sum(thigh * shank, axis=1) / made.body.thigh / made.body.shank
    flexion = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert 50 < flexion.max() < 75
    assert flexion.min() < 12


@somebody
def test_walk_together_is_slower_than_walking_and_turns_to_the_companion(
    subject: str, number: int
) -> None:
    alone, together = take("Walking", subject, number), take("WalkTogether", subject, number)
    assert together.speeds[:, 0].mean() < alone.speeds[:, 0].mean()
    turned = [
        np.arcsin(np.clip(_shoulders_against_hips(made), -1, 1)) for made in (alone, together)
    ]
    assert abs(turned[1].mean()) > abs(turned[0].mean())


def _shoulders_against_hips(made: Take) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    across = made.at("left_shoulder")[:, :2] - made.at("right_shoulder")[:, :2]
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    return np.asarray(np.sum(across * made.ahead, axis=1))


@somebody
def test_walk_dog_leads_with_one_hand_and_bends_down_to_the_dog(subject: str, number: int) -> None:
    made = take("WalkDog", subject, number, 2000)
    walks = made.speeds[:, 0] > 0.5
    assert walks.mean() > 0.25
    lead = [made.before(f"{side}_wrist")[1:][walks] for side in ("left", "right")]
    assert max(values.mean() for values in lead) > 0.15
    bent = made.trunk_lean > 40
    assert times(bent) >= 1
    assert made.height("hip")[bent].max() < 0.42
    hand = np.minimum(made.height("left_wrist"), made.height("right_wrist"))
    assert hand[bent].min() < 0.25
