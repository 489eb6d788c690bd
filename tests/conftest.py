"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
