"""Preparing data sets: progress, what is kept, what is skipped and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.cameras import image_from_camera
from core.dataset import Key
from core.errors import PoseFormatError
from core.formats import dataset_file
from core.workflows.prepare import Progress, prepare_cmu, prepare_pose2sim
from tests.formats.mocap_writers import (
    amc_text,
    asf_text,
    random_frames,
    rest_frame,
    write_cmu_folder,
)

INDEX = """subject,trial,file,fps,action,split
02,01,subjects/02/02_01.amc,30,walk,test
02,02,subjects/02/02_02.amc,30,run,test
07,01,subjects/07/07_01.bvh,60,walk,train
"""


def cmu_folder(root: Path, *, index: str = "") -> Path:
    """Lay out clips that stay within the rig, as BVH's made-up root does not."""
    folder = write_cmu_folder(root, index=index)
    bvh = folder / "subjects/07/07_01.bvh"
    bvh.unlink()
    (folder / "subjects/07/07.asf").write_text(asf_text())
    still = [{**frame, "root": rest_frame()["root"]} for frame in random_frames(3, 6)]
    bvh.with_suffix(".amc").write_text(amc_text(still))
    index_file = folder / "index.csv"
    if index:
        index_file.write_text(index.replace("07_01.bvh", "07_01.amc"))
    for name, seed in (("02_01", 1), ("02_02", 2)):
        frames = [{**f, "root": rest_frame()["root"]} for f in random_frames(seed, 3 + seed)]
        (folder / f"subjects/02/{name}.amc").write_text(amc_text(frames))
    return folder


def test_every_clip_is_seen_by_four_cameras(tmp_path: Path) -> None:
    folder, out = cmu_folder(tmp_path / "cmu", index=INDEX), tmp_path / "cmu.safetensors"
    steps: list[Progress] = []
    prepared = prepare_cmu(folder, out, progress=steps.append)
    assert (prepared.path, prepared.recordings, prepared.frames) == (out, 12, 4 * (4 + 5 + 6))
    assert (prepared.skipped, prepared.left_out_views) == ({}, ())
    assert [(s.done, s.total, s.name, s.frames, s.problem) for s in steps] == [
        (1, 3, "02_01", 4, ""),
        (2, 3, "02_02", 5, ""),
        (3, 3, "07_01", 6, ""),
    ]
    dataset = dataset_file.read(out)
    assert dataset.frames == prepared.frames
    assert dataset.splits == {"02": "test", "07": "train"}
    assert dataset.credit.startswith("The data used in this project was obtained from mocap.cs.cmu")
    assert Key("07", "walk", "01", "58860488") in dataset.by_key
    assert {(e.key.subject, e.fps) for e in dataset.entries} == {("02", 30), ("07", 60)}


@pytest.mark.parametrize("distortion", ["opencv", "human36m"])
def test_the_2d_is_the_projection_of_the_3d(tmp_path: Path, distortion: str) -> None:
    out = tmp_path / "cmu.safetensors"
    prepare_cmu(cmu_folder(tmp_path / "cmu"), out, distortion=distortion)  # type: ignore[arg-type]
    dataset = dataset_file.read(out)
    for entry in dataset.entries:
        recording = dataset.load(entry.key)
        camera, truth, image = recording.camera, recording.truth, recording.inputs["gt"]
        assert camera is not None and truth is not None
        assert camera.distortion == distortion
        order = truth.skeleton.indices(image.skeleton.joints)
        expected = image_from_camera(truth.positions[:, order], camera)
        np.testing.assert_allclose(image.positions, expected, atol=0.01)


def test_without_an_index_there_is_no_split(tmp_path: Path) -> None:
    out = tmp_path / "cmu.safetensors"
    prepare_cmu(cmu_folder(tmp_path / "cmu"), out)
    dataset = dataset_file.read(out)
    assert dataset.splits == {}
    assert len(dataset.select(split="test")) == len(dataset.entries) == 12
    assert dataset.actions == ("motion",)


def test_a_broken_clip_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    folder, out = cmu_folder(tmp_path / "cmu"), tmp_path / "cmu.safetensors"
    broken = folder / "subjects/02/02_02.amc"
    broken.write_text(broken.read_text() + "6\nroot 1 2\n")
    steps: list[Progress] = []
    prepared = prepare_cmu(folder, out, progress=steps.append)
    assert list(prepared.skipped) == ["02_02"]
    assert "02_02.amc, line " in prepared.skipped["02_02"]
    assert "root has 2 numbers; the skeleton 02.asf gives it 6" in prepared.skipped["02_02"]
    assert [bool(s.problem) for s in steps] == [False, True, False]
    dataset = dataset_file.read(out)
    assert {(e.key.subject, e.key.take) for e in dataset.entries} == {("02", "01"), ("07", "01")}
    assert any(note == "skipped, unreadable: 02_02" for note in dataset.notes)


def test_a_view_that_somebody_walks_into_is_named(tmp_path: Path) -> None:
    folder, out = cmu_folder(tmp_path / "cmu"), tmp_path / "cmu.safetensors"
    # 78 units are 4.4 m: from the middle towards the two cameras at -z of CMU, world +y.
    near = [{**rest_frame(), "root": [0, 15, z, 0, 0, 0]} for z in (-78, 78)]
    far = [{**rest_frame(), "root": [0, 15, 0, 0, 0, 0]}]
    (folder / "subjects/02/02_01.amc").write_text(amc_text([near[0], *far * 3, near[1]]))  # type: ignore[list-item]
    prepared = prepare_cmu(folder, out)
    assert len(prepared.left_out_views) == 4
    assert prepared.left_out_views[0] == "02_01 · 54138969"
    assert any("a joint within 1 m of the camera" in note for note in dataset_file.read(out).notes)


def test_a_folder_of_broken_clips_alone_writes_nothing(tmp_path: Path) -> None:
    folder, out = cmu_folder(tmp_path / "cmu"), tmp_path / "out" / "cmu.safetensors"
    for skeleton in folder.rglob("*.asf"):
        skeleton.write_text("")
    with pytest.raises(PoseFormatError, match=r"none of its 3 clips can be used; the first: .*asf"):
        prepare_cmu(folder, out)
    assert list(out.parent.iterdir()) == []


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PoseFormatError, match="no clip is here"):
        prepare_cmu(tmp_path, tmp_path / "cmu.safetensors")


def test_a_pose2sim_project_is_written_with_all_its_cameras(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "balancing.safetensors"
    steps: list[Progress] = []
    prepared = prepare_pose2sim(
        shared / "data/pose2sim_demo", out, pictures=False, progress=steps.append
    )
    assert (prepared.recordings, prepared.frames) == (4, 400)
    assert [s.done for s in steps] == [1, 2, 3, 4]
    dataset = dataset_file.read(out)
    assert dataset.sources == ("gt", "openpose")
    for entry in dataset.entries:
        recording = dataset.load(entry.key)
        assert recording.camera is not None and recording.truth is not None
        assert recording.inputs["openpose"].confidence is not None
