"""Read what torch.save and NumPy pickled, without ever running a stranger's code.

A pickle is a program: it names functions and calls them. Here only a fixed list of names is
known, and each stands for code of this file that builds plain containers and NumPy arrays;
neither NumPy's nor torch's own rebuilding functions are called, because some of them can be
abused (a dtype without its object flag turns bytes into pointers). Every other name is refused.
Python 2's strings are read as latin1. Tensors come back as NumPy arrays; torch is not needed.
"""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn

import numpy as np

from core.errors import PoseFormatError

Source = str | Path | BinaryIO

# What torch.save writes first in its format from before 1.6, and then its version.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001
NUMBER_KINDS = re.compile(r"[|<>=]?([biufc][1-9][0-9]?|b1|\?)$")

# torch's storage names; bfloat16 has no NumPy type and is widened.
STORAGE_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


def read_torch_file(source: Source, name: str | None = None) -> Any:
    """Read an object that torch.save wrote, in its zip format or the older one.

    Args:
        source: a path, or a seekable binary file.
        name: how errors call it; the path where not given.

    Returns:
        The object: dicts, lists, tuples, numbers, strings; arrays and tensors as NumPy arrays.

    Raises:
        PoseFormatError: not such a file, damaged, or it names a global that is not allowed.
    """
    with _opened(source, name) as (stream, label):
        start = stream.read(4)
        stream.seek(0)
        if not start:
            raise PoseFormatError("the file is empty", file=label)
        if start == b"PK\x03\x04":
            return _read_zip(stream, label)
        return _read_legacy(stream, label)


def read_pickle(stream: IO[bytes], name: str) -> Any:
    """Read one plain pickle of containers, numbers and NumPy arrays; errors as above."""
    return _finished(_load(_Unpickler(stream, name), name), name)


@contextmanager
def _opened(source: Source, name: str | None) -> Iterator[tuple[BinaryIO, str]]:
    if isinstance(source, (str, Path)):
        label = name or str(source)
        try:
            with Path(source).open("rb") as stream:
                yield stream, label
        except OSError as error:
            problem = f"can't be read ({error.strerror or error})"
            raise PoseFormatError(problem, file=label) from None
    else:
        source.seek(0)
        yield source, name or str(getattr(source, "name", "upload"))


def _read_zip(stream: BinaryIO, name: str) -> Any:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = {member.filename: member for member in archive.infolist()}
            index = next((n for n in members if n.count("/") == 1 and n.endswith("/data.pkl")), "")
            if not index:
                problem = "a zip file, but not one by torch.save (it has no data.pkl)"
                raise PoseFormatError(problem, file=name)
            if any(m.compress_type != zipfile.ZIP_STORED for m in members.values()):
                problem = "its zip entries are compressed, which torch.save never does"
                raise PoseFormatError(problem, file=name)
            root = index.removesuffix("data.pkl")
            order = archive.read(root + "byteorder") if root + "byteorder" in members else b"little"
            _require_little_endian(order.strip() == b"little", name)
            with archive.open(index) as content:
                unpickler = _Unpickler(content, name)
                tree = _load(unpickler, name)
            for storage in unpickler.storages.values():
                member = members.get(f"{root}data/{storage.key}")
                if member is None:
                    raise PoseFormatError("its numbers are missing", file=name, place=storage.place)
                storage.fill(archive.read(member))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise PoseFormatError(f"damaged or cut off ({error})", file=name) from None
    return _finished(tree, name)


def _read_legacy(stream: BinaryIO, name: str) -> Any:
    try:
        magic = _Unpickler(stream, name).load()
    except Exception:
        magic = None
    if magic != LEGACY_MAGIC:
        raise PoseFormatError("not a file that torch.save wrote", file=name)
    version = _load(_Unpickler(stream, name), name)
    if version != LEGACY_VERSION:
        problem = f"torch.save's format {LEGACY_VERSION} was expected, not {version}"
        raise PoseFormatError(problem, file=name)
    system = _load(_Unpickler(stream, name), name)
    _require_little_endian(isinstance(system, dict) and system.get("little_endian", True), name)
    unpickler = _Unpickler(stream, name)
    tree = _load(unpickler, name)
    keys = _load(_Unpickler(stream, name), name)
    for key in keys if isinstance(keys, list) else ():
        storage = unpickler.storages.get(str(key))
        head = stream.read(8)
        if storage is None or len(head) < 8 or struct.unpack("<q", head)[0] != storage.count:
            raise PoseFormatError("damaged or cut off", file=name, place=f"storage {key}")
        storage.fill(stream.read(storage.count * storage.itemsize))
    return _finished(tree, name)


def _require_little_endian(little: bool, name: str) -> None:
    if not little:
        raise PoseFormatError("written on a big-endian machine, which is not read", file=name)


def _load(unpickler: _Unpickler, name: str) -> Any:
    try:
        return unpickler.load()
    except PoseFormatError:
        raise
    except EOFError:
        raise PoseFormatError("cut off: the file ends inside its data", file=name) from None
    except Exception as error:  # a damaged pickle can raise anything; none of it may escape
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise PoseFormatError(f"damaged or cut off ({said})", file=name) from None


class _Sealed:
    """Something that a pickle may hold but whose attributes it can't set."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise ValueError(f"the pickle tries to change {type(self).__name__}")


class _Allowed(_Sealed):
    """A name that a pickle may use: called, it runs code of this file.

    Not the function itself, since the pickle's BUILD could write into that.
    """

    __slots__ = ("_call", "what")
    _call: Callable[..., Any]
    what: str

    def __init__(self, what: str, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "what", what)
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"the pickle tries to change {self.what}")

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)


class _Dtype(_Sealed):
    """A NumPy dtype of plain numbers; the byte order comes with BUILD."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_flags: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)
        self.order = ""
        if self.code != "O" and not NUMBER_KINDS.match(self.code):
            raise ValueError(f"an array of numbers was expected, not of type {self.code!r}")

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        order = order.decode("latin1") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise ValueError("a dtype of plain numbers was expected")
        self.order = "" if order in "|=" else order

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code.lstrip("|<>=") if self.order else self.code)


class _Array(_Sealed):
    """A NumPy array; its content comes with BUILD."""

    __slots__ = ("content", "dtype", "fortran", "shape")

    def __init__(self) -> None:
        self.content: bytes | list[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, self.fortran, content = state if len(state) == 5 else (0, *state)
        if not isinstance(dtype, _Dtype) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError("an array's shape and type were expected")
        self.shape = tuple(shape)
        self.dtype = dtype.dtype
        if isinstance(content, str):
            content = content.encode("latin1")
        size = 1
        for n in self.shape:
            size *= n
        wanted = size if self.dtype.hasobject else size * self.dtype.itemsize
        if type(content) is not (list if self.dtype.hasobject else bytes) or len(content) != wanted:
            raise ValueError(f"an array of shape {self.shape} does not fit its content")
        self.content = content

    def finish(self, convert: Callable[[Any], Any]) -> np.ndarray[Any, Any]:
        if self.content is None:
            raise ValueError("an array without content")
        order: Any = "F" if self.fortran else "C"
        if isinstance(self.content, list):
            array = np.empty(len(self.content), dtype=object)
            for i, item in enumerate(self.content):
                array[i] = convert(item)
            return array.reshape(self.shape, order=order)
        return np.frombuffer(self.content, dtype=self.dtype).reshape(self.shape, order=order)


class _Storage(_Sealed):
    """The flat numbers behind tensors; they follow the pickle in the file."""

    __slots__ = ("count", "itemsize", "key", "kind", "values")

    def __init__(self, kind: str, key: str, count: int) -> None:
        self.kind, self.key, self.count = STORAGE_TYPES[kind], key, count
        self.itemsize = 2 if self.kind == "bfloat16" else np.dtype(self.kind).itemsize
        self.values: np.ndarray[Any, Any] | None = None

    @property
    def place(self) -> str:
        return f"storage {self.key}"

    def fill(self, content: bytes) -> None:
        if len(content) < self.count * self.itemsize:
            raise EOFError(f"storage {self.key} is cut off")
        content = content[: self.count * self.itemsize]
        if self.kind == "bfloat16":
            high = np.frombuffer(content, "<u2").astype("<u4") << 16
            self.values = high.view("<f4")
        else:
            self.values = np.frombuffer(content, self.kind)


class _Tensor(_Sealed):
    """A view into a storage."""

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage: object, offset: int, shape: Any, strides: Any, *_: object) -> None:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, _Storage) or any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError("a tensor's storage, offset, shape and strides were expected")
        self.storage, self.offset = storage, offset
        self.shape, self.strides = tuple(shape), tuple(strides)
        size = 1
        for n in self.shape:
            size *= n
        last = offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if size and (last >= storage.count or size > storage.count):
            raise ValueError(f"a tensor of shape {self.shape} reaches beyond its storage")

    def finish(self) -> np.ndarray[Any, Any]:
        values = self.storage.values
        if values is None:
            raise EOFError("the numbers of a tensor are missing")
        strides = tuple(s * values.itemsize for s in self.strides)
        view = np.lib.stride_tricks.as_strided(
            values[self.offset :], self.shape, strides, writeable=False
        )
        return np.array(view)


def _reconstruct(kind: object, _shape: object, _typecode: object) -> _Array:
    if not (isinstance(kind, _Allowed) and kind.what == "numpy.ndarray"):
        raise ValueError("only plain NumPy arrays are rebuilt")
    return _Array()


def _scalar(dtype: object, content: object) -> Any:
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(dtype, _Dtype) or type(content) is not bytes or dtype.dtype.hasobject:
        raise ValueError("a NumPy number was expected")
    return np.frombuffer(content, dtype=dtype.dtype, count=1)[0]


def _encode(text: str, encoding: str = "latin1", *_: object) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"latin1 bytes were expected, not {encoding!r}")
    return text.encode("latin1")


def _empty_bytes(*content: object) -> bytes:
    if content:
        raise ValueError("bytes are not made from arguments")
    return b""


def _text(text: object = "", *_: object) -> str:
    # str() of nested lists can grow without bound.
    if not isinstance(text, str):
        raise ValueError("text was expected")
    return text


def _size(dimensions: Any = ()) -> tuple[int, ...]:
    return tuple(int(n) for n in dimensions)


def _parameter(data: object, *_: object) -> object:
    if not isinstance(data, _Tensor):
        raise ValueError("a parameter's tensor was expected")
    return data


def _not_callable(*_: object) -> NoReturn:
    raise ValueError("only named here, not to be called")


def _allowed_names() -> dict[str, Any]:
    calls: dict[str, Callable[..., Any]] = {
        "numpy.ndarray": _not_callable,
        "numpy.dtype": _Dtype,
        "numpy.core.multiarray._reconstruct": _reconstruct,
        "numpy._core.multiarray._reconstruct": _reconstruct,
        "numpy.core.multiarray.scalar": _scalar,
        "numpy._core.multiarray.scalar": _scalar,
        "_codecs.encode": _encode,
        "torch.Size": _size,
        "torch._utils._rebuild_tensor": _Tensor,
        "torch._utils._rebuild_tensor_v2": _Tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "collections.defaultdict": lambda *_: {},
    }
    for module in ("torch", "torch.cuda"):
        calls |= {f"{module}.{kind}": _not_callable for kind in STORAGE_TYPES}
    for module in ("builtins", "__builtin__"):
        calls |= {f"{module}.bytes": _empty_bytes}
        calls |= {f"{module}.str": _text, f"{module}.unicode": _text}
    names: dict[str, Any] = {what: _Allowed(what, call) for what, call in calls.items()}
    # Types of C: a pickle can't write into them, and calling them with what it has is harmless.
    for module in ("builtins", "__builtin__"):
        for kind in (set, frozenset, list, dict, tuple, int, float, bool, complex):
            names[f"{module}.{kind.__name__}"] = kind
        names[f"{module}.long"] = int
    names["collections.OrderedDict"] = OrderedDict
    return names


ALLOWED = _allowed_names()


# The implementation in Python, not the one in C: that one reserves memory for any memo number
# that a file names, so that ten bytes can ask for gigabytes.
class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """An unpickler that knows the allowed names only and collects torch's storages."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        super().__init__(stream, fix_imports=False, encoding="latin1")
        self.file_name = name
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Look up a name on the list; refuse any other, whatever it is."""
        try:
            return ALLOWED[f"{module}.{name}"]
        except KeyError:
            problem = (
                f"refused: it would run {module}.{name}, and only arrays and plain containers "
                "are read from such a file. Nothing was run"
            )
            raise PoseFormatError(problem, file=self.file_name) from None

    def persistent_load(self, pid: Any) -> _Storage:
        """Note a storage that the pickle refers to."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise ValueError("a torch storage was expected")
        kind = pid[1].what.rsplit(".", 1)[1] if isinstance(pid[1], _Allowed) else ""
        if kind not in STORAGE_TYPES or type(pid[4]) is not int or pid[4] < 0:
            raise ValueError("a torch storage of a known type was expected")
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("views of storages are not read")
        key = str(pid[2])
        return self.storages.setdefault(key, _Storage(kind, key, pid[4]))


def _finished(tree: Any, name: str) -> Any:
    """Replace what stands for arrays and tensors by NumPy arrays, each object once."""
    done: dict[int, Any] = {}

    def convert(value: Any) -> Any:
        if id(value) in done:
            return done[id(value)]
        result = value
        if isinstance(value, dict):
            result = done[id(value)] = {}
            result.update((convert(k), convert(v)) for k, v in value.items())
        elif isinstance(value, list):
            result = done[id(value)] = []
            result.extend(convert(v) for v in value)
        elif isinstance(value, (tuple, set, frozenset)):
            kind = next(k for k in (tuple, set, frozenset) if isinstance(value, k))
            result = kind(convert(v) for v in value)
        elif isinstance(value, _Array):
            result = value.finish(convert)
            value.content = None
        elif isinstance(value, _Tensor):
            result = value.finish()
        elif isinstance(value, _Dtype):
            result = value.dtype
        elif isinstance(value, (_Sealed, type)):
            raise ValueError("a name where data was expected")
        done[id(value)] = result
        return result

    try:
        return convert(tree)
    except (ValueError, TypeError, EOFError, RecursionError) as error:
        raise PoseFormatError(f"damaged or cut off ({error})", file=name) from None
