"""`python -m core fetch`."""

from __future__ import annotations

from core.detector import models
from tests.cli.conftest import one_line


def test_weights_that_are_here_are_named_with_their_size(run, detector_weights):
    said = run("fetch", "detector")
    assert (said.code, said.err) == (0, "")
    for model in models.IN_WHEEL:
        path = detector_weights / model.name
        assert f"{path}: {path.stat().st_size:,} bytes, as published\n" in said.out


def test_it_says_what_can_be_fetched(run):
    assert "detector" in one_line(run("fetch", "everything"))
