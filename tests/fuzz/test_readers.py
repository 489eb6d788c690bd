"""Damaged files: each reader, on mutated bytes of a valid file, raises our own error or none."""

from __future__ import annotations

import io
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import PoseFormatError
from core.formats import arrays, videopose3d
from core.workflows.open import open_checkpoint, open_dataset
from tests.fuzz import targets

EXAMPLES = 12


class Seeds(dict[str, bytes]):
    def __repr__(self) -> str:
        return "seeds"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return Seeds(targets.seeds(tmp_path_factory.mktemp("seeds")))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


def test_every_target_has_a_seed(seeds):
    assert set(seeds) == set(targets.TARGETS)


edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "cut", "insert", "repeat", "huge"]),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, changes) -> bytes:
    content = bytearray(data)
    for place, kind, some in changes:
        at = int(place * max(len(content), 1))
        if kind == "flip":
            content[at : at + len(some)] = some
        elif kind == "cut":
            del content[at:]
        elif kind == "insert":
            content[at:at] = some
        elif kind == "repeat":
            content[at:at] = content[at : at + 200]
        else:
            content[at : at + 8] = b"\xff\xff\xff\xff\xff\xff\xff\x7f"
    return bytes(content)


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=edits)
def test_a_damaged_file_is_told_with_our_own_error(name, seeds, scratch, changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        targets.read(name, scratch / name, mutated(seeds[name], changes))


def memory_of(read) -> int:
    """Measure the most memory that a refused file took, bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(PoseFormatError) as raised:
            read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert raised


def test_a_zip_bomb_is_refused_without_unpacking_it(tmp_path):
    path = tmp_path / "data_3d_h36m.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("positions_3d.npy", bytes(100 << 20))
    assert path.stat().st_size < 200_000
    assert memory_of(lambda: arrays.read_npz(path, str(path))) < 5_000_000
    with pytest.raises(PoseFormatError, match="too large for poses, refused"):
        videopose3d.read(tmp_path)


def test_a_header_that_announces_10_gb_takes_no_memory(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1250000000, 1), }"
    header += b" " * (118 - len(header) % 64) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)
    (tmp_path / "a.npy").write_bytes(data)
    for read in (
        lambda: open_dataset(tmp_path / "a.npy"),
        lambda: open_checkpoint(tmp_path / "a.npy"),
    ):
        assert memory_of(read) < 5_000_000
    with pytest.raises(PoseFormatError, match="was announced, but only"):
        open_dataset(tmp_path / "a.npy")


def test_a_safetensors_header_of_10_gb_takes_no_memory(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", 10 << 30) + b"{}")
    assert memory_of(lambda: open_dataset(path)) < 5_000_000


class Evil:
    def __reduce__(self):
        return (exec, ("raise SystemExit('ran')",))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_object_arrays_from_a_stranger_run_nothing(tmp_path, name):
    content = np.empty(1, dtype=object)
    content[0] = Evil()
    save = np.save if name == "a.npy" else np.savez
    save(tmp_path / name, content, allow_pickle=True)
    for read in (open_dataset, open_checkpoint):
        with pytest.raises(PoseFormatError, match=r"refused|pickled objects"):
            read(tmp_path / name)


def test_a_pickle_that_nests_itself_does_not_crash():
    deep = b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."
    with pytest.raises(PoseFormatError):
        targets.restricted_pickle.read_pickle(io.BytesIO(deep), "a")


def test_a_header_that_ends_in_the_middle_is_told(tmp_path):
    # Found by the coverage-guided fuzzer.
    header = b"{'descr': '<f8', 'shape': (3L"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with pytest.raises(PoseFormatError, match="is no NPY array"):
        arrays.read_npy(data, "a")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("part.npy", data)
    with pytest.raises(PoseFormatError, match="is no NPZ file"):
        arrays.mapped(tmp_path / "a.npz", "part")


def test_an_encoding_that_nobody_knows_is_told(tmp_path):
    # Found by the coverage-guided fuzzer.
    path = tmp_path / "a.qca.txt"
    path.write_bytes(b'<?xml version="1.0" encoding="ESCII"?><calibration/>')
    with pytest.raises(PoseFormatError, match="not readable as XML"):
        targets.qualisys.read(path)


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    "name",
    ["json", "sequence json", "detections", "openpose", "info json", "run folder"],
)
def test_json_that_nests_without_end_is_told(name, tmp_path):
    for data in (DEEP, b'{"people": ' + DEEP, DEEP + b"\0" + DEEP):
        with pytest.raises(PoseFormatError):
            targets.TARGETS[name](tmp_path, data)


@pytest.mark.parametrize("name", ["checkpoint", "data set file", "info safetensors"])
def test_a_header_that_nests_without_end_is_told(name, tmp_path):
    with pytest.raises(PoseFormatError):
        targets.TARGETS[name](tmp_path, struct.pack("<Q", len(DEEP)) + DEEP)


@pytest.mark.parametrize("key", ["config", "index", "provenance", "statistics"])
def test_metadata_that_nests_without_end_is_told(key, tmp_path):
    from safetensors.numpy import save

    for kind, name in (("pose-baseline-dataset", "data set file"), ("", "checkpoint")):
        said = {key: DEEP.decode(), "version": "1", "format": kind or "pose-baseline-checkpoint"}
        with pytest.raises(PoseFormatError):
            targets.TARGETS[name](tmp_path, save({"a": np.zeros(1)}, said))


@pytest.mark.parametrize("layout", ["videopose3d", "openpose", "h5", "mmpose"])
def test_a_link_out_of_a_folder_is_refused(layout, seeds, tmp_path):
    folder, outside = tmp_path / "data", tmp_path / "outside"
    inside = {
        "videopose3d": ("data_2d_h36m_gt.npz", "videopose3d 2d"),
        "openpose": ("a_000000000000_keypoints.json", "openpose"),
        "h5": ("S9/MyPoses/3D_positions/Walking.h5", "h5 poses"),
        "mmpose": ("h36m_test.npz", "mmpose npz"),
    }
    name, seed = inside[layout]
    targets.writers.metadata_xml(tmp_path / "metadata.xml")
    outside.write_bytes(seeds[seed])
    link = folder / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    read = targets.openpose.read if layout == "openpose" else open_dataset
    with pytest.raises(PoseFormatError, match="a link out of the data's folder") as raised:
        read(folder)
    assert str(link) in str(raised.value)


def test_numbers_of_a_kind_that_no_machine_has_are_told(seeds, tmp_path):
    # Found by the coverage-guided fuzzer: HDF5 can describe floats that NumPy lacks.
    float64 = b"\x40\x00\x34\x0b\x00\x34\xff\x03\x00\x00"
    data = seeds["h5 cameras"]
    assert float64 in data
    damaged = data.replace(float64, float64[:6] + b"\xff\xff\x00\x00")
    with pytest.raises(PoseFormatError, match="is damaged"):
        targets.TARGETS["h5 cameras"](tmp_path, damaged)
