"""The walls of the house: who may import whom, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each room and what it may import of this project and of the heavy libraries. A room is the
# longest prefix that matches a module's name.
FOUNDATION = {"core.errors", "core.skeleton", "core.sequence", "core.cameras"}
PURE = {"core.normalization", "core.framing", "core.alignment", "core.metrics", "core.errors"}
DATA = FOUNDATION | {"core.normalization", "core.dataset"}
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "core.whole_file": set(),
    "core.errors": set(),
    "core.skeleton": set(),
    "core.cameras": set(),
    "core.normalization": set(),
    "core.framing": {"core.skeleton"},
    "core.rotations": set(),
    "core.chunks": set(),
    "core.alignment": {"core.chunks", "core.rotations"},
    "core.metrics": {"core.alignment", "core.chunks"},
    "core.layers": {"torch"},
    "core.model": {"core.layers", "torch"},
    "core.adam": {"torch"},
    "core.averaging": {"torch"},
    "core.backprop": {"core.layers", "core.model", "torch"},
    "core.loss": {"core.training_config", "torch"},
    "core.workers": {"torch"},
    "core.inference": {"core.workers", "torch"},
    "core.human36m": {"core.normalization", "core.skeleton"},
    "core.sequence": {"core.skeleton"},
    "core.dataset": {"core.sequence", "core.cameras", "core.normalization", "core.skeleton"},
    "core.rig": DATA,
    "core.synthetic": DATA | {"core.rig", "core.synthetic", "core.human36m"},
    "core.triangulation": {"core.cameras"},
    "core.formats": DATA | {"core.rig", "core.formats", "core.human36m", "core.triangulation",
                            "core.whole_file", "torch"},
    "core.weights": {"core.errors", "core.model", "core.skeleton", "torch"},
    "core.checkpoint_metadata": PURE | {"core.model", "core.skeleton", "core.weights"},
    "core.checkpoint": PURE | {"core.checkpoint_metadata", "core.model", "core.skeleton",
                               "core.formats", "core.weights", "core.whole_file", "torch"},
    "core.augmentation": PURE | {"core.skeleton", "core.cameras", "core.rig", "torch"},
    "core.samples": PURE | {"core.augmentation", "core.skeleton", "torch"},
    "core.training_config": set(),
    "core.testing": PURE | {"core.model", "core.samples", "torch"},
    "core.training": PURE
    | {"core.adam", "core.averaging", "core.backprop", "core.layers", "core.loss", "core.model",
       "core.samples", "core.testing", "core.training_config", "torch"},
    "core.viz": DATA | {"core.viz"},
    "core.tables": {"core.dataset"},
    "core.published": DATA | {"core.rig"},
    "core.smoothing": set(),
    "core.store": {"core.errors"},
    "core.perturbation": {"core.framing", "core.skeleton", "core.augmentation", "torch"},
    "core.processes": set(),
    "core.scratch": {"core.processes"},
    "core.run_log": {"core.whole_file"},
    "core.runs": {"core.errors", "core.processes", "core.run_log", "core.whole_file"},
    "core.detector": {"core.errors", "core.detector", "ai_edge_litert"},
    "core.workflows": {"core", "torch"},
    "core.cli": {"core"},
    "core.__main__": {"core.cli"},
    "pages": {"core.dataset", "core.errors", "core.formats.plain_arrays",
              "core.formats.plausibility", "core.workflows", "core.viz", "core.skeleton",
              "core.published", "core.run_log", "core.runs", "core.scratch", "core.tables", "pages",
              "streamlit"},
    "app": {"core.dataset", "core.errors", "core.workflows", "core.viz", "core.skeleton",
            "pages", "streamlit"},
}  # fmt: skip
HEAVY = {"torch", "streamlit", "ai_edge_litert"}


def modules() -> dict[str, Path]:
    found = {"app": ROOT / "app.py"}
    for room in ("core", "pages"):
        for path in (ROOT / room).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs: a name that only types need is no arrow of the house."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node)


def imports(path: Path) -> Iterator[str]:
    for node in nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


def room_of(module: str) -> str:
    rooms = [room for room in ALLOWED if within(module, {room})]
    return max(rooms, key=len)


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_point_only_the_way_the_house_allows(module: str) -> None:
    room = room_of(module)
    assert room != "core" or module == "core", f"{module} has no room in ALLOWED"
    allowed = ALLOWED[room]
    for name in imports(modules()[module]):
        top = name.split(".", 1)[0]
        if top in {"core", "pages", "app"} or top in HEAVY:
            assert within(name, allowed | {room}), f"{module} ({room}) must not import {name}"


@pytest.mark.parametrize(
    "module", sorted(m for m in modules() if not m.startswith(("app", "pages")))
)
def test_core_never_imports_streamlit(module: str) -> None:
    assert not any(n.split(".", 1)[0] == "streamlit" for n in imports(modules()[module]))


@pytest.mark.parametrize("module", sorted(m for m in modules() if m.startswith("pages.")))
def test_no_page_imports_another_page(module: str) -> None:
    for name in imports(modules()[module]):
        if within(name, {"pages"}):
            assert within(name, {"pages.components"}), f"{module} imports the page {name}"


def test_every_python_file_starts_with_what_it_is_for() -> None:
    for name, path in modules().items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, f"{name} has no module docstring"


def test_what_pages_import_at_start_up_leaves_torch_out() -> None:
    import subprocess
    import sys

    code = (
        "import sys, core.dataset, core.synthetic, core.formats.dataset_file, core.viz.browse,"
        " core.workflows.open, core.workflows.lift, core.workflows.export,"
        " core.workflows.launch, core.workflows.watch;"
        " sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_nothing_stands_at_the_top_level_without_a_reason() -> None:
    allowed = {"app.py", "pages", "core", "assets", "tests", "requirements.txt",
               "requirements-detect.txt", "README.md", "LICENSE", "pyproject.toml"}  # fmt: skip
    import subprocess

    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    tops = {line.split("/", 1)[0] for line in listed}
    assert {t for t in tops if not t.startswith(".")} <= allowed
