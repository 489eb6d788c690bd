"""Downloads of a lifted recording: what is in them, and that it reads back."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from core.dataset import Key
from core.errors import PoseFormatError
from core.formats import keypoints
from core.skeleton import H36M_17, INPUT_16
from core.workflows import own
from core.workflows.export import csv_bytes, file_name, npz_bytes
from core.workflows.export_file import size_of
from core.workflows.info import describe
from core.workflows.lift import LiftedRecording, PoseLifter, lift_recording
from core.workflows.open import open_dataset
from core.workflows.predict import read_2d
from tests.toys import toy_checkpoint, toy_dataset, toy_recording

KEY = Key("S9", "Sitting", "Sitting 1", "54138969")


@pytest.fixture(scope="module")
def lifted() -> LiftedRecording:
    recording = toy_recording(KEY, missing=True)
    return lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "gt")


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name] or "nan") for row in rows], dtype=np.float32)


def test_an_npz_reads_back_equal(lifted):
    with np.load(io.BytesIO(npz_bytes(lifted)), allow_pickle=False) as archive:
        found = dict(archive)
    np.testing.assert_array_equal(found["prediction"], lifted.prediction.positions)
    np.testing.assert_array_equal(found["truth"], lifted.truth.positions)
    np.testing.assert_array_equal(found["aligned"], lifted.aligned)
    np.testing.assert_array_equal(found["input"], lifted.recording.inputs["gt"].positions)
    for protocol in (1, 2):
        errors = lifted.errors[protocol].astype(np.float32)
        np.testing.assert_array_equal(found[f"errors_protocol_{protocol}"], errors)
    assert tuple(found["joints"]) == H36M_17.joints
    assert tuple(found["input_joints"]) == INPUT_16.joints
    assert found["fps"] == 50
    assert json.loads(str(found["units"]))["prediction"] == "mm"


def test_files_say_where_their_numbers_come_from(lifted):
    with np.load(io.BytesIO(npz_bytes(lifted)), allow_pickle=False) as archive:
        said = json.loads(str(archive["provenance"]))
    expected = {
        "subject": "S9",
        "action": "Sitting",
        "take": "Sitting 1",
        "camera": "54138969",
        "input": "gt",
        "data_set": "Toy",
        "data_set_kind": "synthetic",
        "data_set_digest": "0123456789ab0005",
        "checkpoint": "toy",
        "checkpoint_digest": toy_checkpoint().digest,
        "precision": "float32",
    }
    assert said == expected
    row = rows_of(csv_bytes(lifted))[3]
    assert {name: row[name] for name in expected} == expected


def test_a_csv_reads_back_equal(lifted):
    rows = rows_of(csv_bytes(lifted))
    assert [row["frame"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[4]["time_s"] == "0.08"
    for joint, name in enumerate(H36M_17.joints):
        for axis, letter in enumerate("xyz"):
            for kind, poses in (("prediction", lifted.prediction), ("truth", lifted.truth)):
                np.testing.assert_array_equal(
                    column(rows, f"{kind}_{name}_{letter}_mm"), poses.positions[:, joint, axis]
                )
        for protocol in (1, 2):
            np.testing.assert_array_equal(
                column(rows, f"error_p{protocol}_{name}_mm"),
                lifted.errors[protocol][:, joint].astype(np.float32),
            )
    seen = lifted.recording.inputs["gt"].positions
    np.testing.assert_array_equal(column(rows, "input_left_hip_y_px"), seen[:, 4, 1])
    mean = lifted.frame_errors(2).astype(np.float32)
    np.testing.assert_array_equal(column(rows, "p_mpjpe_mm"), mean)


def test_missing_joints_are_empty_cells(lifted):
    row = rows_of(csv_bytes(lifted))[1]
    assert row["input_left_hip_x_px"] == ""
    assert row["prediction_head_z_mm"] == ""
    assert row["mpjpe_mm"] == ""


@pytest.mark.parametrize("in_europe", [False, True])
def test_a_csv_opens_again_as_its_prediction_or_its_input(lifted, tmp_path, in_europe):
    path = tmp_path / "k.csv"
    text = csv_bytes(lifted).decode()
    path.write_text(text.replace(",", ";").replace(".", ",") if in_europe else text)
    again = keypoints.read(path)
    np.testing.assert_array_equal(again.positions, lifted.prediction.positions)
    assert (again.space, again.fps, again.source) == ("root", 50, "k.csv, prediction")
    np.testing.assert_array_equal(keypoints.read(path, coordinates=3).positions, again.positions)
    seen = read_2d(path)
    whole = np.isfinite(lifted.recording.inputs["gt"].positions).all(axis=2)
    np.testing.assert_array_equal(
        seen.positions[whole], lifted.recording.inputs["gt"].positions[whole]
    )
    assert seen.source == "k.csv, input"
    material = own.read_keypoints(path).sequence
    assert material is not None and material.space == "image"


def test_an_npz_opens_again_as_its_prediction_or_its_input(lifted, tmp_path):
    path = tmp_path / "k.npz"
    path.write_bytes(npz_bytes(lifted))
    again = keypoints.read(path)
    np.testing.assert_array_equal(again.positions, lifted.prediction.positions)
    assert (again.space, again.fps, again.source) == ("root", 50, "k.npz, prediction")
    seen = read_2d(path)
    np.testing.assert_array_equal(seen.positions, lifted.recording.inputs["gt"].positions)
    assert (seen.skeleton, seen.source) == (INPUT_16, "k.npz, input")
    material = own.read_keypoints(path).sequence
    assert material is not None and material.space == "image"
    found = describe(path)
    assert found.notes == (
        "it holds several poses: prediction, truth, input; predict lifts the input",
    )
    assert found.commands == (
        f"python -m core predict {path} --out poses_3d.npz",
        f"python -m core test --data_dir DATA --load {path}",
    )
    with pytest.raises(PoseFormatError, match="not certain which is to be the data set's 3D"):
        open_dataset(path)


def test_a_csv_with_prediction_and_truth_is_described_but_no_data_set(lifted, tmp_path):
    path = tmp_path / "k.csv"
    path.write_bytes(csv_bytes(lifted))
    found = describe(path)
    assert found.notes == (
        "it holds several poses: prediction, truth, input; predict lifts the input",
    )
    assert found.commands == (f"python -m core predict {path} --out poses_3d.npz",)
    with pytest.raises(PoseFormatError, match="not certain which is to be the data set's 3D"):
        open_dataset(path)
    recording = replace(toy_recording(KEY), truth=None)
    without = lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "gt")
    path.write_bytes(csv_bytes(without))
    assert open_dataset(path).frames == len(without.prediction)


def test_without_truth_there_are_no_errors():
    recording = replace(toy_recording(KEY), truth=None)
    lifted = lift_recording(PoseLifter(toy_checkpoint()), toy_dataset(), recording, "gt")
    with np.load(io.BytesIO(npz_bytes(lifted))) as archive:
        assert set(archive.files).isdisjoint({"truth", "aligned", "errors_protocol_1"})
    header = csv_bytes(lifted).decode().splitlines()[0]
    assert "truth_" not in header
    assert "error_" not in header


def test_names_of_downloads_hold_nothing_that_a_file_system_minds(lifted):
    assert file_name(lifted, ".csv") == "S9_Sitting_Sitting-1_54138969_gt.csv"
    odd = replace(lifted, source="../hourglass (simulated)")
    assert file_name(odd, ".npz") == "S9_Sitting_Sitting-1_54138969_..-hourglass-simulated.npz"


def test_a_name_that_a_spreadsheet_would_run_is_made_text(lifted):
    key = Key("=1+1", "Sitting", "@x", "c")
    odd = replace(lifted, recording=replace(lifted.recording, key=key))
    row = rows_of(csv_bytes(odd))[0]
    assert (row["subject"], row["take"]) == ("'=1+1", "'@x")


@pytest.mark.parametrize(
    ("count", "said"),
    [(12, "1 kB"), (30_208, "30 kB"), (100_000, "0.1 MB"), (3_313_533, "3.3 MB")],
)
def test_no_file_that_holds_something_is_called_0_mb(count, said):
    assert size_of(count) == said
