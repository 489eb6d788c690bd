"""Laws and edges of the restricted unpickler; every attack here must leave no trace."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import PoseFormatError
from core.formats import restricted_pickle
from core.formats.restricted_pickle import LEGACY_MAGIC, LEGACY_VERSION, read_pickle
from tests.formats.writers import legacy_torch_file, python2_array_pickle


def read_bytes(data: bytes, name: str = "some.pth.tar"):
    return restricted_pickle.read_torch_file(io.BytesIO(data), name)


def torch_bytes(content, *, legacy: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
@given(
    array=hnp.arrays(
        st.sampled_from(["<f8", ">f8", "<f4", "<i8", "|u1", "|b1"]),
        hnp.array_shapes(max_dims=3, max_side=4, min_side=0),
    )
)
@settings(max_examples=25, deadline=None)
def test_arrays_come_back_as_torch_saved_them(array, legacy):
    found = read_bytes(torch_bytes({("S", 1): [array, array.T]}, legacy=legacy))
    np.testing.assert_array_equal(found["S", 1][0], array)
    np.testing.assert_array_equal(found["S", 1][1], array.T)


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_tensors_come_back_whatever_their_strides(legacy, dtype):
    base = torch.arange(24).reshape(4, 6).to(dtype)
    content = OrderedDict(a=base, view=base.T[1:3], same=base, parameter=torch.nn.Parameter(base))
    found = read_bytes(torch_bytes(content, legacy=legacy))
    for name, tensor in content.items():
        np.testing.assert_array_equal(found[name], tensor.detach().float().numpy())


def test_numbers_and_containers_come_back():
    content = {"err": np.float64(67.1), "n": np.int64(3), "x": (1, [2.5, None, {True}]), "b": b""}
    assert read_bytes(torch_bytes(content, legacy=True)) == content


def test_a_pickle_of_python_2_is_read_with_latin1_strings():
    array = np.arange(6, dtype="<f8").reshape(2, 3) - 1 / 3
    pickled = python2_array_pickle({(9, "Directions", "Directions 1.54138969.h5"): array})
    assert b"numpy.core.multiarray" in pickled
    found = read_bytes(legacy_torch_file(pickled))
    np.testing.assert_array_equal(found[9, "Directions", "Directions 1.54138969.h5"], array)


def test_reading_needs_no_torch():
    code = (
        "import sys\n"
        "from core.formats import restricted_pickle, reimplementation\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Attack:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("packing", ["zip", "legacy", "storage keys"])
@pytest.mark.parametrize("form", ["os.system", "eval", "deep"])
def test_a_malicious_file_is_refused_by_name_and_never_runs(tmp_path: Path, packing, form):
    marker = tmp_path / "it_ran"
    attack = {
        "os.system": Attack(os.system, f"touch {marker}"),
        "eval": Attack(eval, f"open({str(marker)!r}, 'w')"),
        "deep": {"state_dict": [Attack(os.mkdir, str(marker))]},
    }[form]
    named = {"os.system": "posix.system", "eval": "builtins.eval", "deep": "posix.mkdir"}[form]
    if form == "eval":
        named = "__builtin__.eval"  # protocol 2 calls it so
    if packing == "storage keys":
        data = legacy_torch_file(pickle.dumps({}, 2), keys=pickle.dumps(attack, 2))
    else:
        data = torch_bytes(attack, legacy=packing == "legacy")
    path = tmp_path / "evil.pth.tar"
    path.write_bytes(data)
    with pytest.raises(PoseFormatError, match=rf"evil\.pth\.tar: refused: .* {named},"):
        restricted_pickle.read_torch_file(path)
    assert not marker.exists()
    # The same file does run where it is unpickled freely, so the test tests something.
    torch.load(io.BytesIO(torch_bytes(attack, legacy=True)), weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        "numpy.load", "numpy.core.multiarray.fromfile", "torch.load", "builtins.getattr",
        "builtins.type", "builtins.__import__", "builtins.bytearray", "copyreg._reconstructor",
        "torch._utils._rebuild_device_tensor_from_numpy", "collections.OrderedDict.fromkeys",
        "core.formats.pickle_names.AllowedName", "functools.partial",
    ],
)  # fmt: skip
def test_names_near_the_allowed_ones_are_refused(name):
    module, _, attribute = name.rpartition(".")
    data = b"\x80\x02c" + f"{module}\n{attribute}\n".encode() + b"."
    with pytest.raises(PoseFormatError, match="refused: it would run") as error:
        read_pickle(io.BytesIO(data), "x")
    assert name in str(error.value)


def ops(*parts: bytes | str) -> bytes:
    return (
        b"\x80\x02"
        + b"".join(p.encode("latin1") if isinstance(p, str) else p for p in parts)
        + b"."
    )


ARRAY = "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
END = "J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
DTYPE = "cnumpy\ndtype\n(U\x02f8K\x00K\x01tR(K\x03U\x01<NNN" + END


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ops(ARRAY + "(K\x01(J\xff\xff\xff\x7ft" + DTYPE + "\x89U\x01xtb"), "content"),
        (ops(ARRAY + "(K\x01(K\x01t" + DTYPE + "\x89U\x07sevenbytb"), "damaged"),
        (ops("cnumpy\nndarray\n(J\xff\xff\xff\x7ftR"), "only named here"),
        (ops("cnumpy\ndtype\n(U\x05V9999tR"), "array of numbers was expected"),
        (ops("c__builtin__\nbytes\n(J\xff\xff\xff\x7ftR"), "bytes are not made"),
        (ops("ccollections\nOrderedDict\n(N}U\x05itemsNstb"), "damaged"),
        (ops("cnumpy\ndtype\n}U\x04codeNsb"), "tries to change"),
        (ops("cnumpy\ndtype\n(N}U\x05_callNstb"), "tries to change"),
        (ops(b"\x8b\xff\xff\xff\x7f"), "damaged|cut off"),
        (ops(b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"), "damaged|cut off"),
    ],
    ids=[
        "array larger than the file", "array not filled", "ndarray called", "void type",
        "bytes of a size", "class written to", "stand-in replaced", "slot of a stand-in written",
        "long of 2 GB", "bytes of 8 EB",
    ],
)  # fmt: skip
def test_allowed_names_can_not_be_abused(data, said):
    with pytest.raises(PoseFormatError, match=said):
        read_pickle(io.BytesIO(data), "x")
    # The next file is read as ever.
    fine = torch_bytes({"a": np.arange(3.0)}, legacy=True)
    np.testing.assert_array_equal(read_bytes(fine)["a"], np.arange(3.0))


def test_an_object_array_without_its_flag_does_not_turn_bytes_into_pointers():
    honest = pickle.dumps(np.array([1.5, None], dtype=object), 2)
    assert read_pickle(io.BytesIO(honest), "x").tolist() == [1.5, None]
    pointers = struct.pack("<2Q", 0x41414141, 0x42424242).decode("latin1")
    forged = ops(
        ARRAY
        + "(K\x01(K\x02tcnumpy\ndtype\n(U\x01OK\x00K\x01tR"
        + "(K\x03U\x01|NNN"
        + END
        + "\x89U\x10"
        + pointers
        + "tb"
    )
    with pytest.raises(PoseFormatError, match="does not fit its content"):
        read_pickle(io.BytesIO(forged), "x")


def test_a_tensor_can_not_look_beyond_its_storage():
    data = torch_bytes(torch.arange(8.0), legacy=True)
    forged = data.replace(b"K\x08\x85", b"K\x09\x85")
    assert forged != data
    with pytest.raises(PoseFormatError, match="reaches beyond its storage"):
        read_bytes(forged)


@pytest.mark.parametrize(
    "rest",
    ["K\x00s", "(h\x00K\x00u", "c__builtin__\nset\n(]h\x00atR"],
    ids=["SETITEM", "SETITEMS", "set"],
)
def test_a_deeply_nested_key_does_not_crash_the_interpreter(rest):
    deep = "})" + "\x85" * 300_000 + "q\x00" + rest
    with pytest.raises(PoseFormatError, match="tuples within tuples"):
        read_pickle(io.BytesIO(ops(deep)), "x")


def test_a_deeply_nested_list_is_an_error():
    with pytest.raises(PoseFormatError, match="damaged"):
        read_pickle(io.BytesIO(ops("]" * 100_000 + "a" * 99_999)), "x")


def test_a_million_steps_of_memo_cost_no_memory():
    with pytest.raises(PoseFormatError):
        read_pickle(io.BytesIO(ops("}r\xff\xff\xff\x7f", "X")), "x")


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "zip"])
def test_a_file_cut_anywhere_is_an_error_that_names_it(legacy):
    data = torch_bytes({"a": torch.arange(50.0), "b": np.arange(50.0)}, legacy=legacy)
    for length in range(0, len(data) - 1, max(1, len(data) // 60)):
        with pytest.raises(PoseFormatError, match=r"^cut\.pth\.tar"):
            read_bytes(data[:length], "cut.pth.tar")


@given(st.binary(max_size=200), st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_noise_gives_an_error_or_data_but_nothing_else(noise, at):
    data = torch_bytes({"a": torch.arange(5.0), "b": np.arange(5.0)}, legacy=True)
    at %= len(data)
    for broken in (noise, data[:at] + noise + data[at + len(noise) :]):
        try:
            read_bytes(broken)
        except PoseFormatError as error:
            assert str(error).startswith("some.pth.tar")


def test_other_files_are_refused_in_words():
    with pytest.raises(PoseFormatError, match="the file is empty"):
        read_bytes(b"")
    with pytest.raises(PoseFormatError, match=r"not a file that torch\.save wrote"):
        read_bytes(b"hello, this is text")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(PoseFormatError, match=r"not one by torch\.save"):
        read_bytes(buffer.getvalue())
    with pytest.raises(PoseFormatError, match=r"format 1001 was expected, not 7"):
        read_bytes(pickle.dumps(LEGACY_MAGIC, 2) + pickle.dumps(7, 2))
    big = legacy_torch_file(pickle.dumps({}, 2), little_endian=False)
    with pytest.raises(PoseFormatError, match="big-endian"):
        read_bytes(big)
    assert LEGACY_VERSION == 1001


def test_compressed_entries_are_refused_before_they_are_unpacked():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(10_000_000))
    with pytest.raises(PoseFormatError, match="compressed"):
        read_bytes(buffer.getvalue())


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(PoseFormatError, match=r"none\.pth\.tar: can't be read \(No such file"):
        restricted_pickle.read_torch_file(tmp_path / "none.pth.tar")


@pytest.mark.parametrize("letter", ["é", "ă", "a"])
def test_a_long_text_is_read_as_it_was_written(letter):
    text = letter * 20_000
    found = restricted_pickle.read_pickle(io.BytesIO(pickle.dumps([text, text], 2)), "a")
    assert found == [text, text]


def test_long_bytes_that_are_no_text_are_refused():
    data = pickle.dumps("a" * 20_000, 2).replace(b"aaaa", b"\xff\xffaa", 1)
    with pytest.raises(PoseFormatError, match=r"damaged or cut off \(UnicodeDecodeError"):
        restricted_pickle.read_pickle(io.BytesIO(data), "a")


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_progress_tells_how_far_a_file_is_read_and_may_stop_it(tmp_path, is_zip):
    path = tmp_path / "a.pth.tar"
    arrays = {n: np.random.default_rng(n).normal(size=(3000, 32)) for n in range(3)}
    torch.save(arrays, path, _use_new_zipfile_serialization=is_zip)
    told: list[int] = []
    found = restricted_pickle.read_torch_file(path, progress=told.append)
    np.testing.assert_array_equal(found[2], arrays[2])
    assert len(told) == 3, "after each of the long parts"
    assert told == sorted(told)
    assert 0.9 * path.stat().st_size < told[-1] <= path.stat().st_size

    def stop(_: int) -> None:
        raise ArithmeticError("enough")

    with pytest.raises(ArithmeticError, match="enough"):
        restricted_pickle.read_torch_file(path, progress=stop)


def test_an_array_written_as_long_text_is_read_to_the_bit(tmp_path):
    array = np.random.default_rng(0).normal(size=(3000, 32))
    data = io.BytesIO(pickle.dumps({"a": array}, 2))
    assert b"X" in data.getvalue()
    found = restricted_pickle.read_pickle(data, "a")
    np.testing.assert_array_equal(found["a"], array)


def test_long_text_that_is_no_array_stays_text():
    text = "é" * 40_000
    assert restricted_pickle.read_pickle(io.BytesIO(pickle.dumps({"a": text}, 2)), "a")["a"] == text
