"""Lift 2D sequences to 3D with a checkpoint, and judge what comes out against the truth.

Pages import this module as they start, so torch is imported only once a checkpoint is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.alignment import align_procrustes
from core.cameras import Camera, camera_from_world
from core.dataset import Dataset, Key, Recording
from core.errors import PoseFormatError
from core.framing import frame
from core.human36m import PUBLISHED_INPUT, PUBLISHED_OUTPUT
from core.metrics import joint_errors
from core.normalization import Statistics, normalize, root_relative, unnormalize
from core.sequence import PoseSequence
from core.skeleton import H36M_17, INPUT_16, OUTPUT_16_JOINTS

if TYPE_CHECKING:
    from core.checkpoint import Checkpoint
    from core.inference import Engine, Precision

Protocol = Literal[1, 2]
FloatArray = NDArray[np.floating[Any]]

# Under this name a data set keeps the statistics of its 3D.
OUTPUT = "3d"
# The hip stands first; the other joints follow in the network's order.
MOVING = slice(1, None)
# Poses that a worker lifts in one go, in the arithmetic around the network.
PART = 2048


@dataclass(frozen=True, eq=False)
class PoseLifter:
    """A checkpoint ready for work.

    Attributes:
        checkpoint: the weights and what is known about them.
        input_statistics, output_statistics: used where the checkpoint has none of its own.
        precision: "auto" takes what is fastest here among what is exact enough; "float32" is exact.
        batch: poses that go through the network at once; None takes what suits the machine.
        matched: the saved predictions of a data set's recordings, where the checkpoint has saved
            ones in a network's place; `suited_to` finds them.
    """

    checkpoint: Checkpoint
    input_statistics: Statistics | None = None
    output_statistics: Statistics | None = None
    precision: Precision = "auto"
    batch: int | None = None
    matched: Mapping[Key, FloatArray] | None = None

    @cached_property
    def engine(self) -> Engine:
        """The network as it predicts, built and checked at first use."""
        from core.inference import engine, folded

        self._require_network()
        config = self.checkpoint.config
        network = folded(
            self.checkpoint.state,
            stages=config.num_stage,
            batch_norm=config.batch_norm,
            residual=config.residual,
        )
        return engine(network, self.precision)

    @property
    def computed_in(self) -> str:
        """Name the numbers that predictions are computed in; "saved" where they were not here."""
        return "saved" if self.checkpoint.saved is not None else self.engine.kind

    def suited_to(self, dataset: Dataset, source: str) -> PoseLifter:
        """Fall back on a data set's statistics where the checkpoint has none; shares the engine."""
        if (saved := self.checkpoint.saved) is not None:
            return replace(self, matched=saved.matched(dataset, source))
        statistics = dataset.statistics
        return self.falling_back_on(statistics.get(source), statistics.get(OUTPUT))

    def falling_back_on(
        self, input_statistics: Statistics | None, output_statistics: Statistics | None
    ) -> PoseLifter:
        """Use these statistics where the checkpoint has none; what was there before stays."""
        if self.checkpoint.saved is not None:
            return self
        lifter = replace(
            self,
            input_statistics=input_statistics or self.input_statistics,
            output_statistics=output_statistics or self.output_statistics,
        )
        lifter.__dict__["engine"] = self.engine
        return lifter

    def statistics(self) -> tuple[Statistics, Statistics]:
        """Return what normalises 2D in (32 numbers) and 3D out (48 numbers).

        Raises:
            PoseFormatError: neither the checkpoint nor the fallback has them.
        """
        self._require_network()
        known = self.checkpoint
        # Borrowed statistics are of pixels as they lie: no match for 2D framed otherwise.
        borrowed = self.input_statistics if known.framing == "image" else None
        found_input = known.input_statistics or borrowed
        found_output = known.output_statistics or self.output_statistics
        missing = [
            name
            for name, found in (("2D input", found_input), ("3D output", found_output))
            if found is None
        ]
        if found_input is None or found_output is None:
            raise PoseFormatError(
                f"missing statistics: the checkpoint holds no mean and standard deviation of its "
                f"{' and '.join(missing)}, and the data gives none for this input either; use "
                "it with the data folder that it was trained on (stat_3d.pth.tar), with "
                "Human3.6M's published statistics, or take a checkpoint that has its own",
                file=known.name,
                place="statistics",
            )
        for statistics, size, what in (
            (found_input, known.config.inputs, "input"),
            (found_output, known.config.outputs, "output"),
        ):
            if statistics.mean.size != size:
                raise PoseFormatError(
                    f"the network's {what} has {size} numbers, but the statistics "
                    f"({statistics.origin or 'of unknown origin'}) have {statistics.mean.size}",
                    file=known.name,
                    place="statistics",
                )
        return found_input, found_output

    @cached_property
    def _statistics(self) -> tuple[Statistics, Statistics]:
        return self.statistics()

    def _require_network(self) -> None:
        if self.checkpoint.saved is not None:
            raise PoseFormatError(
                "these are saved predictions, not a network: they are judged beside the data that "
                "they were made for, and can't lift other 2D",
                file=self.checkpoint.name,
            )

    def saved_poses(self, key: Key, frames: int) -> FloatArray:
        """Take what was saved for a recording: (F, 17, 3) mm, NaN where nothing was."""
        nothing = np.full((frames, len(H36M_17), 3), np.nan, dtype=np.float32)
        return nothing if self.matched is None else self.matched.get(key, nothing)

    def lift_arrays(self, joints_2d: FloatArray) -> FloatArray:
        """Lift (F, 16, 2) px, joints as INPUT_16, to (F, 17, 3) mm, joints as H36M_17.

        The hip is at exactly 0. A frame with a missing joint comes back as NaN.

        Raises:
            PoseFormatError: statistics are missing.
        """
        from core import workers

        of_input, of_output = self._statistics
        engine = self.engine
        poses = np.empty((len(joints_2d), len(H36M_17), 3), dtype=np.float32)

        def lift(start: int) -> None:
            part, found = joints_2d[start : start + PART], poses[start : start + PART]
            there = np.isfinite(part)
            complete: Any = slice(None)
            if not there.all():
                complete = there.all(axis=(1, 2))
                found.fill(np.nan)
            framed = frame(part[complete].astype(np.float64), self.checkpoint.framing)
            flat = normalize(
                framed.reshape(len(framed), 2 * len(INPUT_16)), of_input.mean, of_input.std
            )
            output = engine.lift(flat.astype(np.float32), self.batch)
            moving = unnormalize(output.astype(np.float64), of_output.mean, of_output.std)
            lifted = np.zeros((len(framed), len(H36M_17), 3), dtype=np.float32)
            lifted[:, MOVING] = moving.reshape(len(framed), len(OUTPUT_16_JOINTS), 3)
            found[complete] = lifted

        starts = range(0, len(joints_2d), PART)
        # One part is spread over the workers by the engine.
        for _ in map(lift, starts) if len(starts) <= 1 else workers.each(lift, starts):
            pass
        return poses

    def to_camera_axes(
        self, poses: FloatArray, camera: Camera | None, place: str = ""
    ) -> FloatArray:
        """Turn what `lift_arrays` gave, (F, J, 3), into the camera's axes where it is not in them.

        Raises:
            PoseFormatError: it is in the world's, and how the camera stands is not known.
        """
        if self.checkpoint.axes == "camera":
            return poses
        if camera is None:
            raise PoseFormatError(
                "this checkpoint predicts in the world's axes, an ablation, and it is not known "
                "how the camera of this input stands; expected a recording with its camera",
                file=self.checkpoint.name,
                place=place,
            )
        return camera_from_world(poses, camera.R, np.zeros(3)).astype(poses.dtype)

    def lift(self, sequence: PoseSequence, camera: Camera | None = None) -> PoseSequence:
        """Lift a 2D sequence: image space, any skeleton that has INPUT_16's joints by name.

        Args:
            sequence: the 2D.
            camera: what saw it; only a checkpoint in the world's axes needs it.

        Returns:
            Root space, mm, skeleton H36M_17, hip at 0; NaN in frames with a missing joint.

        Raises:
            PoseFormatError: statistics are missing, or the camera where it is needed.
            ValueError: the sequence is not 2D, or lacks one of the 16 joints.
        """
        if sequence.space != "image":
            raise ValueError(f"a 2D sequence in px is lifted, not one in {sequence.space} space")
        joints_2d = sequence.select(INPUT_16).positions
        return PoseSequence(
            self.to_camera_axes(self.lift_arrays(joints_2d), camera),
            H36M_17,
            "root",
            sequence.fps,
            source=f"{self.checkpoint.name}, lifted from {sequence.source or '2D'}",
        )


@dataclass(frozen=True, eq=False)
class LiftedRecording:
    """A recording with its prediction and, where there is truth, its errors.

    Attributes:
        recording: what was lifted.
        source: the 2D source it was lifted from.
        prediction: root space, H36M_17, mm.
        truth: the recording's truth relative to the hip, or None.
        aligned: (F, 17, 3) the prediction after Protocol #2's alignment, or None without truth.
        errors: protocol -> (F, 17) mm, root-relative; None without truth. NaN where a joint is
            missing; under Protocol #2 a missing joint empties its frame.
        provenance: what the numbers come from: data set and checkpoint with their digests.
    """

    recording: Recording
    source: str
    prediction: PoseSequence
    truth: PoseSequence | None
    aligned: FloatArray | None
    errors: Mapping[Protocol, FloatArray] | None
    provenance: Mapping[str, str] = field(default_factory=dict)

    def frame_errors(self, protocol: Protocol) -> FloatArray | None:
        """Average over the 17 joints: (F,) mm, NaN where one is missing; None without truth."""
        return None if self.errors is None else self.errors[protocol].mean(axis=1)

    def error(self, protocol: Protocol) -> float | None:
        """Average over joints and complete frames, mm; None without truth or complete frames."""
        per_frame = self.frame_errors(protocol)
        if per_frame is None or not np.isfinite(per_frame).any():
            return None
        return float(np.nanmean(per_frame))


def lift_recording(
    lifter: PoseLifter, dataset: Dataset, recording: Recording, source: str
) -> LiftedRecording:
    """Lift one recording from one of its 2D sources and measure both protocols.

    Raises:
        PoseFormatError: the recording has no such source, or statistics are missing.
    """
    sequence = recording.inputs.get(source)
    if sequence is None:
        there = ", ".join(recording.inputs) or "none"
        raise PoseFormatError(
            f"no 2D source {source!r}; there is {there}",
            file=dataset.title,
            place=str(recording.key),
        )
    suited = lifter.suited_to(dataset, source)
    if suited.matched is None:
        prediction = suited.lift(sequence, recording.camera)
    else:
        found = suited.matched.get(recording.key)
        if found is None:
            raise PoseFormatError(
                "it holds no prediction of this recording",
                file=lifter.checkpoint.name,
                place=str(recording.key),
            )
        prediction = PoseSequence(
            found, H36M_17, "root", sequence.fps, source=f"saved in {lifter.checkpoint.name}"
        )
    truth = aligned = errors = None
    if recording.truth is not None:
        truth = relative_to_root(recording.truth)
        aligned, errors = judge(prediction.positions, truth.positions)
    provenance = {
        "data_set": dataset.title,
        "data_set_kind": dataset.kind,
        "data_set_digest": dataset.digest,
        "checkpoint": lifter.checkpoint.name,
        "checkpoint_digest": lifter.checkpoint.digest,
        "precision": lifter.computed_in,
    }
    return LiftedRecording(recording, source, prediction, truth, aligned, errors, provenance)


def relative_to_root(truth: PoseSequence) -> PoseSequence:
    """Move 3D truth, in camera axes, so that its hip is at 0."""
    root = truth.skeleton.root
    return truth.with_positions(root_relative(truth.positions, root), space="root")


def judge(
    prediction: FloatArray, truth: FloatArray
) -> tuple[FloatArray, dict[Protocol, FloatArray]]:
    """Align and measure root-relative poses (F, J, 3), mm.

    Returns:
        The aligned prediction (F, J, 3) float32, and protocol -> errors (F, J) float64.
    """
    aligned = align_procrustes(prediction, truth).aligned
    errors: dict[Protocol, FloatArray] = {
        1: joint_errors(prediction, truth),
        2: joint_errors(aligned, truth),
    }
    return aligned.astype(np.float32), errors


def published_statistics() -> tuple[Statistics, Statistics]:
    """Return Human3.6M's published statistics of 2D (px) and 3D (mm), for `falling_back_on`."""
    return PUBLISHED_INPUT, PUBLISHED_OUTPUT
