"""The one error that a reader raises for a file it can't accept."""

from __future__ import annotations

from pathlib import Path


class PoseFormatError(ValueError):
    """A file is not what its reader needs.

    The message names the file, the place in it, and what was expected there, so that
    pages and the command line can show it as it is.

    Args:
        problem: what is wrong and what was expected, one sentence.
        file: the file or folder that was read.
        place: where in the file (a line, a key, an array), empty where the whole file is meant.
    """

    def __init__(self, problem: str, *, file: str | Path, place: str = "") -> None:
        self.problem = problem
        self.file = str(file)
        self.place = place
        where = f"{self.file}, {place}" if place else self.file
        super().__init__(f"{where}: {problem}")
