"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.detector import models
from core.errors import PoseFormatError
from core.workflows import fetch_detector

ROOT = Path(__file__).resolve().parent.parent
# Where the user keeps the detector's weights, before the tests get a store of their own.
WEIGHTS_AT_HOME = fetch_detector.folder()


@pytest.fixture(scope="session", autouse=True)
def store_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep results away from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSE_BASELINE_CACHE", str(tmp_path_factory.mktemp("results")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Material for tests that users do not have; CI has it beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI needs the test material at {folder}")
        pytest.skip("the shared test material is not on this machine")
    return folder


@pytest.fixture(scope="session")
def detector_weights(store_of_its_own: None) -> Path:
    """The detector's weights in the tests' store: the user's own, or downloaded; else skip."""
    if not models.is_installed():
        pytest.skip(f"the optional detector is not installed: {models.INSTALL}")
    folder = fetch_detector.folder()
    if models.are_here(WEIGHTS_AT_HOME):
        folder.mkdir(parents=True, exist_ok=True)
        for model in models.IN_WHEEL:
            shutil.copy(WEIGHTS_AT_HOME / model.name, folder)
    try:
        fetch_detector.fetch_detector()
    except PoseFormatError as error:
        pytest.skip(f"the detector's weights can't be had here: {error}")
    return folder
