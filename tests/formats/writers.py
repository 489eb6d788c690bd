"""Independent writers of foreign formats for tests: nothing here shares code with the readers."""

from __future__ import annotations

import pickle
import struct

import numpy as np


def python2_string(text: bytes) -> bytes:
    """A `str` as Python 2 pickles it: bytes without an encoding."""
    if len(text) < 256:
        return b"U" + struct.pack("<B", len(text)) + text
    return b"T" + struct.pack("<i", len(text)) + text


def python2_array(array: np.ndarray) -> bytes:
    """A NumPy array as NumPy 1.13 under Python 2 pickles it, without memo."""
    code = array.dtype.kind + str(array.dtype.itemsize)
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in array.shape) + b"t"
    dtype = (
        b"cnumpy\ndtype\n(" + python2_string(code.encode()) + b"K\x00K\x01tR"
        b"(K\x03" + python2_string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t"
        + python2_string(b"b")
        + b"tR(K\x01"
        + shape
        + dtype
        + b"\x89"
        + python2_string(array.tobytes())
        + b"tb"
    )


def python2_array_pickle(poses: dict[tuple[int, str, str], np.ndarray]) -> bytes:
    """A dict of arrays by (subject, action, file) as Python 2 pickles it with protocol 2."""
    items = b""
    for (subject, action, file), array in poses.items():
        items += b"(K" + struct.pack("<B", subject)
        items += python2_string(action.encode()) + python2_string(file.encode()) + b"t"
        items += python2_array(array) + b"s"
    return b"\x80\x02}" + items + b"."


def legacy_torch_file(
    pickled: bytes, *, keys: bytes | None = None, little_endian: bool = True
) -> bytes:
    """Wrap a pickle as torch.save did before version 1.6: magic, version, system, it, keys."""
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": 1001, "little_endian": little_endian, "type_sizes": sizes}
    head = [0x1950A86A20F9469CFC6C, 1001, system]
    return b"".join(pickle.dumps(x, 2) for x in head) + pickled + (keys or pickle.dumps([], 2))
