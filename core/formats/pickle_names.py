"""What a pickle may name, and what stands for it while it is read.

Each allowed name stands for code of this file that notes what the pickle says; the arrays are
made afterwards. Nothing here lets a pickle write into code that outlives it.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

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


class Sealed:
    """Something that a pickle may hold but whose attributes it can't set."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise ValueError(f"the pickle tries to change {type(self).__name__}")


class AllowedName(Sealed):
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
        """Run what stands for the name."""
        return self._call(*arguments)


class LongText(Sealed):
    """A text too long to be anything but bytes in disguise: kept as its latin1 bytes."""

    __slots__ = ("content",)

    def __init__(self, content: bytes) -> None:
        self.content = content


class PendingDtype(Sealed):
    """A NumPy dtype of plain numbers; the byte order comes with BUILD."""

    __slots__ = ("code", "order")

    def __init__(self, code: object, *_flags: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)
        self.order = ""
        if self.code not in ("O", "O8") and not NUMBER_KINDS.match(self.code):
            raise ValueError(f"an array of numbers was expected, not of type {self.code!r}")

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        order = order.decode("latin1") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise ValueError("a dtype of plain numbers was expected")
        self.order = "" if order in "|=" else order

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, once its byte order is known."""
        return np.dtype(self.order + self.code.lstrip("|<>=") if self.order else self.code)


class PendingArray(Sealed):
    """A NumPy array; its content comes with BUILD."""

    __slots__ = ("content", "dtype", "fortran", "shape")

    def __init__(self) -> None:
        self.content: bytes | list[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, self.fortran, content = state if len(state) == 5 else (0, *state)
        if not isinstance(dtype, PendingDtype) or not all(type(n) is int and n >= 0 for n in shape):
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
        """Make the array; `convert` finishes what an array of objects holds."""
        if self.content is None:
            raise ValueError("an array without content")
        order: Any = "F" if self.fortran else "C"
        if isinstance(self.content, list):
            array = np.empty(len(self.content), dtype=object)
            for i, item in enumerate(self.content):
                array[i] = convert(item)
            return array.reshape(self.shape, order=order)
        return np.frombuffer(self.content, dtype=self.dtype).reshape(self.shape, order=order)


class Storage(Sealed):
    """The flat numbers behind tensors; they follow the pickle in the file.

    Attributes:
        read: gets its bytes out of the file, once they are needed; `EOFError` if it ends before.
    """

    __slots__ = ("_values", "count", "itemsize", "key", "kind", "read")

    def __init__(self, kind: str, key: str, count: int) -> None:
        self.kind, self.key, self.count = STORAGE_TYPES[kind], key, count
        self.itemsize = 2 if self.kind == "bfloat16" else np.dtype(self.kind).itemsize
        self.read: Callable[[], bytes] | None = None
        self._values: np.ndarray[Any, Any] | None = None

    @property
    def place(self) -> str:
        """How errors call it."""
        return f"storage {self.key}"

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """Its numbers; `EOFError` if there are too few."""
        if self._values is None:
            if self.read is None:
                raise EOFError("the numbers of a tensor are missing")
            content = self.read()
            if len(content) < self.count * self.itemsize:
                raise EOFError(f"storage {self.key} is cut off")
            if self.kind == "bfloat16":
                high = np.frombuffer(content, "<u2", self.count).astype("<u4") << 16
                self._values = high.view("<f4")
            else:
                self._values = np.frombuffer(content, self.kind, self.count)
        return self._values


class PendingTensor(Sealed):
    """A view into a storage."""

    __slots__ = ("offset", "shape", "storage", "strides")

    def __init__(self, storage: object, offset: int, shape: Any, strides: Any, *_: object) -> None:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, Storage) or any(type(n) is not int or n < 0 for n in numbers):
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
        """Make the tensor's array, once its storage is filled."""
        values = self.storage.values
        strides = tuple(s * values.itemsize for s in self.strides)
        view = np.lib.stride_tricks.as_strided(
            values[self.offset :], self.shape, strides, writeable=False
        )
        return np.array(view)


def _reconstruct(kind: object, _shape: object, _typecode: object) -> PendingArray:
    if not (isinstance(kind, AllowedName) and kind.what == "numpy.ndarray"):
        raise ValueError("only plain NumPy arrays are rebuilt")
    return PendingArray()


def _frombuffer(buffer: object, dtype: object, shape: Any, order: object) -> PendingArray:
    content = bytes(buffer) if isinstance(buffer, (bytes, bytearray)) else buffer
    array = PendingArray()
    array.__setstate__((shape, dtype, order == "F", content))
    return array


def _scalar(dtype: object, content: object) -> Any:
    if isinstance(content, str):
        content = content.encode("latin1")
    if not isinstance(dtype, PendingDtype) or type(content) is not bytes or dtype.dtype.hasobject:
        raise ValueError("a NumPy number was expected")
    return np.frombuffer(content, dtype=dtype.dtype, count=1)[0]


def _encode(text: str | LongText, encoding: str = "latin1", *_: object) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"latin1 bytes were expected, not {encoding!r}")
    if isinstance(text, LongText):
        return text.content
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


def checked_key(key: Any) -> Any:
    """Return a key of a dict or member of a set if it is plain.

    Hashing tuples within tuples within tuples a million times would crash the interpreter.
    """
    parts = key if isinstance(key, (tuple, frozenset)) else (key,)
    if any(isinstance(part, (tuple, frozenset)) for part in parts):
        raise ValueError("a plain key was expected, not tuples within tuples")
    return key


def _set(members: Any = ()) -> set[Any]:
    return {checked_key(member) for member in members}


def _frozenset(members: Any = ()) -> frozenset[Any]:
    return frozenset(_set(members))


def _dict(pairs: Any = ()) -> dict[Any, Any]:
    pairs = pairs.items() if isinstance(pairs, dict) else pairs
    return {checked_key(key): value for key, value in pairs}


def _ordered_dict(pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict(_dict(pairs))


def _size(dimensions: Any = ()) -> tuple[int, ...]:
    return tuple(int(n) for n in dimensions)


def _parameter(data: object, *_: object) -> object:
    if not isinstance(data, PendingTensor):
        raise ValueError("a parameter's tensor was expected")
    return data


def _not_callable(*_: object) -> NoReturn:
    raise ValueError("only named here, not to be called")


def _allowed_names() -> dict[str, Any]:
    calls: dict[str, Callable[..., Any]] = {
        "numpy.ndarray": _not_callable,
        "numpy.dtype": PendingDtype,
        "numpy.core.multiarray._reconstruct": _reconstruct,
        "numpy._core.multiarray._reconstruct": _reconstruct,
        "numpy.core.numeric._frombuffer": _frombuffer,
        "numpy._core.numeric._frombuffer": _frombuffer,
        "numpy.core.multiarray.scalar": _scalar,
        "numpy._core.multiarray.scalar": _scalar,
        "_codecs.encode": _encode,
        "torch.Size": _size,
        "torch._utils._rebuild_tensor": PendingTensor,
        "torch._utils._rebuild_tensor_v2": PendingTensor,
        "torch._utils._rebuild_parameter": _parameter,
        "collections.defaultdict": lambda *_: {},
        "collections.OrderedDict": _ordered_dict,
    }
    for module in ("torch", "torch.cuda"):
        calls |= {f"{module}.{kind}": _not_callable for kind in STORAGE_TYPES}
    for module in ("builtins", "__builtin__"):
        calls |= {f"{module}.bytes": _empty_bytes}
        calls |= {f"{module}.str": _text, f"{module}.unicode": _text}
        calls |= {f"{module}.set": _set, f"{module}.frozenset": _frozenset}
        calls |= {f"{module}.dict": _dict}
    names: dict[str, Any] = {what: AllowedName(what, call) for what, call in calls.items()}
    # Types of C: a pickle can't write into them, and calling them with what it has is harmless.
    for module in ("builtins", "__builtin__"):
        for kind in (list, tuple, int, float, bool, complex):
            names[f"{module}.{kind.__name__}"] = kind
        names[f"{module}.long"] = int
    return names


ALLOWED = _allowed_names()
