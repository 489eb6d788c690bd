"""Read what torch.save and NumPy pickled, without ever running a stranger's code.

A pickle is a program: it names functions and calls them. Here only a fixed list of names is
known, and each stands for code of this file that builds plain containers and NumPy arrays;
neither NumPy's nor torch's own rebuilding functions are called, because some of them can be
abused (a dtype without its object flag turns bytes into pointers). Every other name is refused.
Python 2's strings are read as latin1. Tensors come back as NumPy arrays; torch is not needed.
"""

from __future__ import annotations

import functools
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, cast

from core.errors import PoseFormatError
from core.formats.pickle_names import (
    ALLOWED,
    STORAGE_TYPES,
    AllowedName,
    LongText,
    PendingArray,
    PendingDtype,
    PendingTensor,
    Sealed,
    Storage,
    checked_key,
)

Source = str | Path | BinaryIO

# What torch.save writes first in its format from before 1.6, and then its version.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001

LONG_TEXT = 1 << 14

# Called with how many bytes of a file have been read.
Progress = Callable[[int], None]


def read_torch_file(
    source: Source,
    name: str | None = None,
    *,
    leave_out: Collection[str] = (),
    progress: Progress | None = None,
) -> Any:
    """Read an object that torch.save wrote, in its zip format or the older one.

    Args:
        source: a path, or a seekable binary file.
        name: how errors call it; the path where not given.
        leave_out: keys of a dict that are not wanted; the tensors there are not read.
        progress: called with the bytes read so far, after each long one of its parts; it may
            raise to stop.

    Returns:
        The object: dicts, lists, tuples, numbers, strings; arrays and tensors as NumPy arrays.

    Raises:
        PoseFormatError: not such a file, damaged, or it names a global that is not allowed.
    """
    with _opened(source, name) as (stream, label):
        if progress is not None:
            stream = cast(BinaryIO, _Heard(stream, progress))
        start = stream.read(4)
        stream.seek(0)
        if not start:
            raise PoseFormatError("the file is empty", file=label)
        try:
            read = _read_zip if start == b"PK\x03\x04" else _read_legacy
            return read(stream, label, leave_out)
        except _StoppedError as stopped:
            raise stopped.why from None


def read_pickle(stream: IO[bytes], name: str) -> Any:
    """Read one plain pickle of containers, numbers and NumPy arrays; errors as above."""
    return _finished(_load(_Unpickler(stream, name), name), name)


class _StoppedError(BaseException):
    """Carries what a progress report raised past whoever takes errors for a damaged file."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.why = why


class _Heard:
    """A file that says how far it has been read."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream, self._progress = stream, progress

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        if len(content) >= LONG_TEXT:
            try:
                self._progress(self._stream.tell())
            except Exception as error:
                raise _StoppedError(error) from None
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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


def _read_zip(stream: BinaryIO, name: str, leave_out: Collection[str]) -> Any:
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
                storage.read = functools.partial(archive.read, member)
            return _finished(_without(tree, leave_out), name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise PoseFormatError(f"damaged or cut off ({error})", file=name) from None


def _read_legacy(stream: BinaryIO, name: str, leave_out: Collection[str]) -> Any:
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
    start = stream.tell()
    size = stream.seek(0, io.SEEK_END)
    stream.seek(start)
    for key in keys if isinstance(keys, list) else ():
        storage = unpickler.storages.get(str(key))
        head = stream.read(8)
        if storage is None or len(head) < 8 or struct.unpack("<q", head)[0] != storage.count:
            raise PoseFormatError("damaged or cut off", file=name, place=f"storage {key}")
        first, length = stream.tell(), storage.count * storage.itemsize
        if first + length > size:
            problem = f"damaged or cut off (storage {key} is cut off)"
            raise PoseFormatError(problem, file=name)
        storage.read = functools.partial(_bytes_at, stream, first, length)
        stream.seek(first + length)
    return _finished(_without(tree, leave_out), name)


def _bytes_at(stream: BinaryIO, first: int, length: int) -> bytes:
    stream.seek(first)
    return stream.read(length)


def _without(tree: Any, keys: Collection[str]) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {key: value for key, value in tree.items() if key not in keys}


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


# The implementation in Python, not the one in C: that one reserves memory for any memo number
# that a file names, so that ten bytes can ask for gigabytes.
class _Unpickler(pickle._Unpickler):
    """An unpickler that knows the allowed names only and collects torch's storages."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        super().__init__(stream, fix_imports=False, encoding="latin1")
        self.file_name = name
        self.storages: dict[str, Storage] = {}

    # Of the base class, which has no type stubs for them.
    stack: list[Any]
    pop_mark: Callable[[], list[Any]]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def load_setitem(self) -> None:
        """Put one value into a dict."""
        self.stack[-3][checked_key(self.stack[-2])] = self.stack[-1]
        del self.stack[-2:]

    def load_setitems(self) -> None:
        """Put several values into a dict."""
        items = self.pop_mark()
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][checked_key(key)] = value

    def load_additems(self) -> None:
        """Put members into a set."""
        members = self.pop_mark()
        self.stack[-1].update(checked_key(member) for member in members)

    def load_frozenset(self) -> None:
        """Make a frozen set."""
        self.append(frozenset(checked_key(member) for member in self.pop_mark()))

    def load_binunicode(self) -> None:
        """Read a text; a long one is bytes in disguise, and is kept as bytes.

        Python 3 writes bytes into protocol 2 as latin1 text in UTF-8.
        """
        (length,) = struct.unpack("<I", self.read(4))
        text = str(self.read(length), "utf-8", "surrogatepass")
        if length >= LONG_TEXT:
            try:
                self.append(LongText(text.encode("latin1")))
                return
            except UnicodeEncodeError:  # a text after all
                pass
        self.append(text)

    dispatch[pickle.BINUNICODE[0]] = load_binunicode
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.ADDITEMS[0]] = load_additems
    dispatch[pickle.FROZENSET[0]] = load_frozenset

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

    def persistent_load(self, pid: Any) -> Storage:
        """Note a storage that the pickle refers to."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise ValueError("a torch storage was expected")
        kind = pid[1].what.rsplit(".", 1)[1] if isinstance(pid[1], AllowedName) else ""
        if kind not in STORAGE_TYPES or type(pid[4]) is not int or pid[4] < 0:
            raise ValueError("a torch storage of a known type was expected")
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("views of storages are not read")
        key = str(pid[2])
        return self.storages.setdefault(key, Storage(kind, key, pid[4]))


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
        elif isinstance(value, PendingArray):
            result = value.finish(convert)
            value.content = None
        elif isinstance(value, PendingTensor):
            result = value.finish()
        elif isinstance(value, LongText):
            result = value.content.decode("latin1")
        elif isinstance(value, PendingDtype):
            result = value.dtype
        elif isinstance(value, (Sealed, type)):
            raise ValueError("a name where data was expected")
        done[id(value)] = result
        return result

    try:
        return convert(tree)
    except (ValueError, TypeError, EOFError, RecursionError) as error:
        raise PoseFormatError(f"damaged or cut off ({error})", file=name) from None
    finally:
        # A function that calls itself is freed late, and would keep all arrays until then.
        done.clear()
