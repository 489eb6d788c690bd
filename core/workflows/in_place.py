"""A file that appears whole or not at all, and spares what stood in its place until then."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import PoseFormatError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, and its place at the end of the block.

    Whatever ends the block early, an error or a stop, leaves nothing behind.

    Raises:
        PoseFormatError: it can't be written.
    """
    temporary: Path | None = None
    try:
        # The ending stays: writers tell the kind of file by it.
        handle, name = tempfile.mkstemp(path.suffix, f".{path.stem}.", path.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        problem = f"it can't be written: {error.strerror or error}"
        raise PoseFormatError(problem, file=path) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
