"""Download one file: continued where it broke off, checked, and in its place only when whole.

Until then it lies beside its place with `.part` at the end of its name, which no reader opens.
Knows no data sets; `fetch_cmu` and others say what to get.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PoseFormatError

if TYPE_CHECKING:
    import requests

# Bytes that are there, and bytes in all (0 where the server does not say).
Progress = Callable[[int, int], None]

PART, VALIDATOR = ".part", ".part-of"
AGENT = "pose-baseline-studio (one reader, few connections)"
CHUNK_BYTES = 1 << 16
CONNECT_S, SILENCE_S = 10.0, 30.0
LARGEST_BYTES = 4 << 30

# Before each new attempt; a server that says Retry-After is asked again when it says.
WAITS_S = (1.0, 2.0, 4.0, 8.0)
# How long a wish to stop may stay unheard.
LISTEN_S = 0.5
LONGEST_WAIT_S = 60.0
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class UnreachableError(PoseFormatError):
    """All attempts are used up: the line or the server is out of order, not the file."""


class _TryAgainError(Exception):
    """What was wrong may be over soon; the message says what it was."""

    def __init__(self, problem: str, wait_s: float | None = None) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


def open_session() -> requests.Session:
    """Open a session that says who asks; share it, so that connections are used again."""
    import requests

    session = requests.Session()
    # Identity: the bytes on the way are the file's own, so that a part of it can be asked for.
    session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "identity"})
    return session


def download(
    url: str,
    path: str | Path,
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    retrying: Callable[[str], None] | None = None,
    check: Callable[[Path], object] | None = None,
    session: requests.Session | None = None,
    waits_s: tuple[float, ...] = WAITS_S,
    silence_s: float = SILENCE_S,
) -> Path:
    """Download a file, or keep the one that is there.

    Args:
        url: http or https.
        path: where it goes; its folder is made. A file there is kept where `sha256` is right or
            not known.
        sha256: what it must be, in hex digits.
        progress: called as bytes arrive, and with zeros between two attempts; raise in it to
            stop. What has arrived stays as a part, and the next call goes on from there, if the
            server's file is still the same.
        retrying: called with what was wrong, before the wait for another attempt.
        check: called with the whole file before it gets its place; raises `PoseFormatError` if
            it is not what it should be, and the file is thrown away.
        session: of `open_session`.
        waits_s: before the second attempt, the third and so on; then it gives up.
        silence_s: a server that sends nothing for so long counts as gone.

    Raises:
        PoseFormatError: it can't be had (`UnreachableError`: for now), is not what it should be,
            or can't be written.
    """
    path = Path(path)
    if path.is_file() and (sha256 is None or _digest(path) == sha256.lower()):
        return path
    part = path.with_name(path.name + PART)
    with open_session() if session is None else _borrowed(session) as asked, _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for wait_s in (*waits_s, None):
            try:
                _receive(asked, url, part, sha256, progress, silence_s)
                break
            except _TryAgainError as error:
                if wait_s is None:
                    raise UnreachableError(
                        f"it could not be downloaded in {len(waits_s) + 1} attempts: {error}; "
                        "what has arrived is kept, and the next attempt goes on from there",
                        file=url,
                    ) from None
                if retrying is not None:
                    retrying(str(error))
                _wait(min(error.wait_s or wait_s, LONGEST_WAIT_S), progress)
        _examine(part, url, sha256, check)
        part.replace(path)
        _validator_of(part).unlink(missing_ok=True)
    return path


def _wait(seconds: float, progress: Progress | None) -> None:
    """Wait before the next attempt, and hear meanwhile whether to stop."""
    while seconds > 0:
        _tell(progress, 0, 0)
        time.sleep(min(seconds, LISTEN_S))
        seconds -= LISTEN_S


@contextmanager
def _borrowed(session: requests.Session) -> Iterator[requests.Session]:
    yield session


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say what the disk has to say; what came from the server is handled before."""
    try:
        yield
    except OSError as error:
        problem = f"it can't be written: {error.strerror or error}"
        part = path.with_name(path.name + PART)
        if os.path.exists(part):  # noqa: PTH110  Path.exists raises where it may not look
            problem += f"; what has arrived is kept as {part.name}"
        raise PoseFormatError(problem, file=path) from None


def _receive(
    session: requests.Session,
    url: str,
    part: Path,
    sha256: str | None,
    progress: Progress | None,
    silence_s: float,
) -> None:
    """Bring `part` to its full length; `_TryAgainError` where another attempt may help."""
    import requests

    start, headers = _where_to_go_on(part, sha256)
    try:
        answer = session.get(url, headers=headers, stream=True, timeout=(CONNECT_S, silence_s))
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _TryAgainError(f"the server can't be reached ({_reason(error)})") from None
    except (requests.RequestException, ValueError) as error:
        raise PoseFormatError(f"it can't be asked for: {_reason(error)}", file=url) from None
    with answer:
        if answer.status_code == 416:  # what is here is no part of what is there
            part.unlink(missing_ok=True)
            raise _TryAgainError("the server's file has changed")
        if answer.status_code in TRY_AGAIN:
            problem = f"the server answered {answer.status_code} {answer.reason}"
            raise _TryAgainError(problem, _seconds(answer.headers.get("Retry-After")))
        if not answer.ok:
            problem = f"the server answered {answer.status_code} {answer.reason}"
            raise PoseFormatError(problem, file=url)
        if answer.status_code != 206:
            start = 0
        length = answer.headers.get("Content-Length", "")
        in_all = start + int(length) if length.isdecimal() else 0
        if in_all > LARGEST_BYTES:
            raise PoseFormatError(f"it has {in_all:,} bytes, which is too much", file=url)
        if start == 0:
            _keep_validator(part, answer.headers.get("ETag") or answer.headers.get("Last-Modified"))
        done = start
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            _tell(progress, done, in_all)
            chunks = answer.iter_content(CHUNK_BYTES)
            while chunk := _next_of(chunks):
                file.write(chunk)
                done += len(chunk)
                if done > LARGEST_BYTES:
                    raise PoseFormatError(f"it has over {LARGEST_BYTES:,} bytes", file=url)
                _tell(progress, done, in_all)
            file.truncate()
    if in_all and done < in_all:
        raise _TryAgainError(f"the connection broke off after {done:,} of {in_all:,} bytes")


def _next_of(chunks: Iterator[bytes]) -> bytes:
    import requests

    try:
        return next(chunks, b"")
    except requests.RequestException as error:
        raise _TryAgainError(f"the connection broke off ({_reason(error)})") from None


def _where_to_go_on(part: Path, sha256: str | None) -> tuple[int, dict[str, str]]:
    """Find how much is there, and the headers that ask for the rest of the same file."""
    try:
        there = part.stat().st_size
    except FileNotFoundError:
        return 0, {}
    try:
        validator = _validator_of(part).read_text(encoding="ascii")
    except (OSError, ValueError):
        validator = ""
    if not there or not (validator or sha256):
        return 0, {}
    headers = {"Range": f"bytes={there}-"}
    if validator:
        headers["If-Range"] = validator
    return there, headers


def _validator_of(part: Path) -> Path:
    return part.with_name(part.name.removesuffix(PART) + VALIDATOR)


def _keep_validator(part: Path, validator: str | None) -> None:
    # A weak tag can't vouch for bytes.
    if validator and validator.isascii() and not validator.startswith("W/"):
        _validator_of(part).write_text(validator, encoding="ascii")
    else:
        _validator_of(part).unlink(missing_ok=True)


def _examine(
    part: Path, url: str, sha256: str | None, check: Callable[[Path], object] | None
) -> None:
    try:
        if sha256 is not None and (found := _digest(part)) != sha256.lower():
            raise PoseFormatError(
                f"its SHA-256 was expected to be {sha256.lower()}, not {found}; it was thrown away",
                file=url,
            )
        if check is not None:
            check(part)
    except PoseFormatError:
        part.unlink(missing_ok=True)
        _validator_of(part).unlink(missing_ok=True)
        raise


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tell(progress: Progress | None, done: int, in_all: int) -> None:
    if progress is not None:
        progress(done, in_all)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None


def _reason(error: Exception) -> str:
    """Say the innermost cause, without the addresses of objects around it."""
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    return str(cause) or type(error).__name__
