"""Convert a data set's files into the project's own form, in a process of its own.

Reading gigabytes takes memory that a server would keep; here it goes with the process, and the
pages of other visitors do not wait for it. The process says one JSON object a line on its output:
`step` [what is done, how far, out of what]; at the end `note`, why the form was not kept (empty if
it was), or `error` [problem, file, place].
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from core.dataset import Dataset
from core.errors import PoseFormatError
from core.formats import dataset_file
from core.store import Store

ROOT = Path(__file__).resolve().parents[2]

Progress = Callable[[str, int, int], None]

# Layout -> its reader, with files(path) and read(path, progress=...).
READERS = {
    "re-implementation's data folder": "core.formats.reimplementation",
    "VideoPose3D's archives": "core.formats.videopose3d",
    "Human3.6M's own files": "core.formats.human36m_official",
    "MMPose's Human3.6M": "core.formats.mmpose",
    "the original code's h5 files": "core.formats.original_h5",
}
# What a process returns that the system ended; not every system has the signal's name.
KILLED = -9
# The process says how far it is no oftener than this.
EVERY_S = 0.1
# glibc gives blocks of this size back as soon as they are free; by itself it learns to keep them.
GIVEN_BACK_BYTES = 1 << 17


def reader(layout: str) -> Any:
    """Import the reader of a layout."""
    return import_module(READERS[layout])


def read(path: Path, layout: str, progress: Progress | None) -> Dataset:
    """Read a data set by its layout's reader.

    Raises:
        PoseFormatError: it can't be read.
    """

    def report(done: int, in_all: int) -> None:
        if progress is not None:
            progress("reading", done, in_all)

    found: Dataset = reader(layout).read(path, progress=report)
    return found


def keep(path: Path, layout: str, store: Store, name: str, progress: Progress | None) -> str:
    """Read a data set and keep its converted form; return why it could not be kept, if so.

    Args:
        path: the folder or file.
        layout: one of `READERS`.
        store: where the form is kept.
        name: the form's.
        progress: called with "reading" or "converting", how far, and out of what.

    Raises:
        PoseFormatError: it can't be read.
    """

    def write(file: Path) -> None:
        dataset = read(path, layout, progress)
        done = 0

        def report(step: Any) -> None:
            nonlocal done
            done += step.frames
            if progress is not None:
                progress("converting", done, dataset.frames)

        dataset_file.write(file, dataset, progress=report)

    return store.adopt(name, write)


def keep_elsewhere(
    path: Path, layout: str, store: Store, name: str, progress: Progress | None
) -> str:
    """Do what `keep` does in a process of its own; `progress` may raise to stop it.

    Raises:
        PoseFormatError: it can't be read, or the process died.
    """
    command = [sys.executable, "-P", "-m", "core.workflows.conversion", str(path), layout,
               str(store.folder), str(store.limit_bytes), name]  # fmt: skip
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "MALLOC_MMAP_THRESHOLD_": str(GIVEN_BACK_BYTES),
    }
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - this very program, and no shell
            command, env=environment, stdout=subprocess.PIPE, stderr=complaints
        ) as process,
    ):
        try:
            if progress is not None:
                progress("reading", 0, 1)
            for line in process.stdout or ():
                said = json.loads(line)
                if "error" in said:
                    problem, file, place = said["error"]
                    raise PoseFormatError(problem, file=file, place=place)
                if "note" in said:
                    return str(said["note"])
                if progress is not None:
                    progress(*said["step"])
        except BaseException:
            process.terminate()
            raise
        process.wait()
        raise PoseFormatError(
            f"its conversion broke off: {_last_word(process.returncode, complaints)}", file=path
        )


def _last_word(code: int, complaints: IO[bytes]) -> str:
    if code == KILLED:
        return "the system ended it, as it does where memory runs out"
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {code}"


def main(arguments: list[str]) -> None:
    """Convert as another process asked for it."""
    path, layout, folder, limit, name = arguments
    # Ending in order takes the half-written files away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    told, last = "", 0.0

    def tell(**said: Any) -> None:
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    def report(what: str, done: int, in_all: int) -> None:
        nonlocal told, last
        now = time.monotonic()
        if what != told or done >= in_all or now - last >= EVERY_S:
            told, last = what, now
            tell(step=[what, done, in_all])

    try:
        tell(note=keep(Path(path), layout, Store(Path(folder), int(limit)), name, report))
    except PoseFormatError as error:
        tell(error=[error.problem, error.file, error.place])
    except MemoryError:
        tell(error=["memory ran out while it was converted", path, ""])


if __name__ == "__main__":
    main(sys.argv[1:])
