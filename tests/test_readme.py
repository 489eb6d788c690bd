"""What the README claims of files is backed by a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = [line for line in README.splitlines() if line.startswith("|") and "tests/" in line]


def test_every_layout_names_a_test():
    table = README.split("| layout | who writes it | status | tested by |")[1].split("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) >= 15
    assert all("tests/formats/" in row for row in rows), "a row has no test"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rsplit("::", 1)[-1].strip(" |`"))
def test_a_test_that_the_readme_names_exists(row):
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row):
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in there, f"{path} has no test {name}"


def test_each_status_is_one_that_people_understand():
    for row in ROWS:
        status = row.split("|")[3].strip()
        assert status.split(",")[0] in ("read", "written", "round trip"), status
