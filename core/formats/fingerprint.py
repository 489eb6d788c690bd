"""Tell whether files are still the ones they were, without reading all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from core.errors import PoseFormatError

# Of a larger file, its beginning, its end and places between are read: enough to know another
# recording, another conversion or a damaged copy, in milliseconds.
BLOCK = 1 << 16
BLOCKS = 16


def of_content(paths: Iterable[Path]) -> str:
    """Hash names, sizes and samples of the content of files; the same wherever they lie.

    Raises:
        PoseFormatError: a file can't be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(paths):
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                digest.update(f"{path.name}\0{size}\0".encode())
                if size <= BLOCK * BLOCKS:
                    digest.update(file.read())
                    continue
                for number in range(BLOCKS):
                    file.seek((size - BLOCK) * number // (BLOCKS - 1))
                    digest.update(file.read(BLOCK))
        except OSError as error:
            problem = f"can't be read ({error.strerror or error})"
            raise PoseFormatError(problem, file=path) from None
    return digest.hexdigest()


def of_files(paths: Iterable[Path]) -> str:
    """Hash where files lie, when they changed, and their content as `of_content` does.

    Raises:
        PoseFormatError: a file can't be read.
    """
    paths = sorted(paths)
    digest = hashlib.blake2b(of_content(paths).encode(), digest_size=16)
    for path in paths:
        status = path.stat()
        digest.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def refuse_links_out(files: Iterable[Path], folder: Path) -> None:
    """Refuse files of a folder that are links to somewhere outside it.

    A folder from a stranger could show what else lies on this machine. Files beside or above the
    folder, such as cameras that many folders share, were looked for there and are left alone.

    Raises:
        PoseFormatError: one leads out; it is named.
    """
    root = folder.resolve()
    for file in files:
        if file.is_relative_to(folder) and not file.resolve().is_relative_to(root):
            raise PoseFormatError("refused: it is a link out of the data's folder", file=file)
