"""Bring trials of the CMU motion-capture database from its own site, and prepare them.

The site has them as subjects/NN/NN.asf and subjects/NN/NN_TT.amc. Which trials, and what is done
in them, a list says: `assets/cmu_trials.csv`, or one of the user's own with the columns `subject`,
`trial` and, where known, `action`, `split`, `fps`, `first`, `last`, `every`, `description` (as in
`core.formats.cmu`) and `sha256` (of the .amc file).
"""

from __future__ import annotations

import csv
import functools
import io
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PoseFormatError
from core.formats.cmu import INDEX
from core.workflows.download import (
    LISTEN_S,
    SILENCE_S,
    WAITS_S,
    UnreachableError,
    download,
    open_session,
)
from core.workflows.in_place import whole_file
from core.workflows.prepare import Prepared, prepare_cmu
from core.workflows.prepare import Progress as PrepareStep

if TYPE_CHECKING:
    import requests

SITE = "http://mocap.cs.cmu.edu"
TRIALS = Path(__file__).resolve().parents[2] / "assets" / "cmu_trials.csv"
# Of the default list, for those who ask before they download. An estimate.
ABOUT_MB = 250

# The site is a university's old machine.
CONNECTIONS = 2
# So many files that can't be reached one after another, and the site counts as gone; so many that
# fail for any reason before one has come, too.
FAILURES_TO_GIVE_UP = 4

# Files that are there, files in all, the one that came last, and what keeps the next away, "" if
# nothing does.
Report = Callable[[int, int, str, str], None]

_STARTS = {".asf": re.compile(r"^\s*:(?:version|name|units)\b", re.MULTILINE),
           ".amc": re.compile(r"^\s*:(?:FULLY-SPECIFIED|DEGREES)\b", re.MULTILINE)}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One line of the list; `row` is what the index of the folder says of it."""

    subject: str
    trial: str
    sha256: str | None
    row: dict[str, str]

    @property
    def name(self) -> str:
        """CMU's name of it ("02_01")."""
        return f"{self.subject}_{self.trial}"


@dataclass(frozen=True)
class Fetched:
    """What came.

    Attributes:
        folder: the files, with an index of the trials that are there.
        trials: how many are there.
        missing: trial or skeleton -> why it is not there.
    """

    folder: Path
    trials: int
    missing: dict[str, str]


class _StoppedError(Exception):
    """Ends the other downloads when one asks for the end."""


def fetch_cmu(
    folder: str | Path,
    *,
    trials: str | Path = TRIALS,
    site: str = SITE,
    progress: Report | None = None,
    waits_s: tuple[float, ...] = WAITS_S,
    silence_s: float = SILENCE_S,
) -> Fetched:
    """Download what is not there yet. Stopped or broken off, the next call goes on.

    Args:
        folder: made if it is not there.
        trials: the list.
        site: where `subjects/` lies.
        progress: called after each file, and now and then; raise in it to stop.
        waits_s: as `download` takes it.
        silence_s: as `download` takes it.

    Raises:
        PoseFormatError: the list can't be read, the site can't be reached, nothing came, or the
            folder can't be written.
    """
    folder = Path(folder)
    wanted = read_trials(trials)
    files = _files(wanted)
    missing: dict[str, str] = {}
    failed: list[PoseFormatError] = []
    arrived = unreachable = 0
    waiting: dict[str, str] = {}
    name = ""
    stop = threading.Event()

    def watch(_: int, __: int) -> None:
        if stop.is_set():
            raise _StoppedError

    with _sessions() as session_of, ThreadPoolExecutor(CONNECTIONS) as pool:
        pending: dict[Future[Path], str] = {}

        def get(path: str, sha256: str | None) -> Path:
            return download(
                f"{site.rstrip('/')}/{path}",
                folder / path,
                sha256=sha256,
                progress=watch,
                retrying=functools.partial(waiting.__setitem__, path),
                check=_check,
                session=session_of(),
                waits_s=waits_s,
                silence_s=silence_s,
            )

        try:
            for path, sha256 in files.items():
                pending[pool.submit(get, path, sha256)] = path
            while pending:
                finished, _ = wait(pending, LISTEN_S, return_when=FIRST_COMPLETED)
                for each in finished:
                    path = pending.pop(each)
                    waiting.pop(path, None)
                    try:
                        each.result()
                        arrived += 1
                        unreachable = 0
                        name = Path(path).name
                    except PoseFormatError as error:
                        unreachable += isinstance(error, UnreachableError)
                        missing[Path(path).stem] = str(error)
                        failed.append(error)
                        is_here = error.file == str(folder / path)
                        in_vain = unreachable if arrived else len(failed)
                        if is_here or in_vain >= FAILURES_TO_GIVE_UP:
                            raise
                if progress is not None:
                    problem = next((f"{what}; trying again" for what in [*waiting.values()]), "")
                    progress(arrived, len(files), name, problem)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    there = [t for t in wanted if not {t.name, t.subject} & missing.keys()]
    if not there:
        raise failed[0]
    _write_index(folder, there)
    return Fetched(folder, len(there), missing)


def fetch_and_prepare(
    folder: str | Path,
    out: str | Path,
    *,
    trials: str | Path = TRIALS,
    site: str = SITE,
    progress: Report | None = None,
) -> tuple[Fetched, Prepared]:
    """Fetch the trials, and make the data set of them that `prepare cmu` makes.

    `progress` hears of files and then of clips, as parts of one count.

    Raises:
        PoseFormatError: as `fetch_cmu` and `prepare_cmu` do.
    """
    wanted = read_trials(trials)
    files = len(_files(wanted))

    def of_files(done: int, in_all: int, name: str, problem: str) -> None:
        if progress is not None:
            progress(done, in_all + len(wanted), name, problem)

    def of_clips(step: PrepareStep) -> None:
        if progress is not None:
            progress(files + step.done, files + step.total, step.name, "")

    fetched = fetch_cmu(folder, trials=trials, site=site, progress=of_files)
    return fetched, prepare_cmu(folder, out, progress=of_clips)


def read_trials(path: str | Path) -> tuple[Trial, ...]:
    """Read a list of trials.

    Raises:
        PoseFormatError: naming the line that is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PoseFormatError(f"it can't be read as a table: {error}", file=path) from None
    found: dict[str, Trial] = {}
    for number, row in enumerate(rows, start=2):
        trial = _trial_of(row, path, number)
        if trial.name in found:
            problem = f"the trial {trial.name} is listed twice"
            raise PoseFormatError(problem, file=path, place=f"line {number}")
        found[trial.name] = trial
    if not found:
        raise PoseFormatError("a list with columns subject and trial was expected", file=path)
    return tuple(found.values())


def _trial_of(row: dict[str, str | None], path: Path, number: int) -> Trial:
    fields = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    subject, trial = fields.pop("subject", ""), fields.pop("trial", "")
    sha256 = fields.pop("sha256", "").lower()
    # They become parts of paths and addresses.
    if not (re.fullmatch(r"\d{1,3}", subject) and re.fullmatch(r"\d{1,3}", trial)):
        problem = f"numbers as CMU writes them (02, 01) were expected, not {subject!r}, {trial!r}"
        raise PoseFormatError(problem, file=path, place=f"line {number}")
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        problem = f"a SHA-256 has 64 hex digits, unlike {sha256!r}"
        raise PoseFormatError(problem, file=path, place=f"line {number}")
    return Trial(subject.zfill(2), trial.zfill(2), sha256 or None, fields)


def _files(trials: tuple[Trial, ...]) -> dict[str, str | None]:
    """Path on the site, and in the folder -> its SHA-256: skeletons before motions."""
    files: dict[str, str | None] = {f"subjects/{t.subject}/{t.subject}.asf": None for t in trials}
    return files | {f"subjects/{t.subject}/{t.name}.amc": t.sha256 for t in trials}


@contextmanager
def _sessions() -> Iterator[Callable[[], requests.Session]]:
    """Give each thread a session of its own, and close them all in the end."""
    mine = threading.local()
    opened: list[requests.Session] = []

    def session_of() -> requests.Session:
        if not hasattr(mine, "session"):
            mine.session = open_session()
            opened.append(mine.session)
        session: requests.Session = mine.session
        return session

    try:
        yield session_of
    finally:
        for session in opened:
            session.close()


def _check(part: Path) -> None:
    """Refuse what is no ASF or AMC, such as a page that asks to log in."""
    suffix = Path(part.stem).suffix
    with part.open(encoding="latin-1") as file:
        start = file.read(4096)
    if not _STARTS[suffix].search(start):
        raise PoseFormatError(f"the server's answer is no {suffix} file", file=part.stem)


def _write_index(folder: Path, trials: list[Trial]) -> None:
    """Write the folder's index, so that it opens as `core.formats.cmu` says."""
    own = [name for name in trials[0].row if name not in ("file", "skeleton")]
    text = io.StringIO()
    table = csv.DictWriter(
        text, ["subject", "trial", "file", "skeleton", *own], lineterminator="\n",
        extrasaction="ignore",
    )  # fmt: skip
    table.writeheader()
    for trial in trials:
        beside = f"subjects/{trial.subject}/"
        places = {"file": f"{beside}{trial.name}.amc", "skeleton": f"{beside}{trial.subject}.asf"}
        table.writerow({**trial.row, **places, "subject": trial.subject, "trial": trial.trial})
    with whole_file(folder / INDEX) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
