"""The viewer's JavaScript modules as one script, for a page that may load nothing.

Modules of a folder import each other by `import { a, b } from "./other.js";` and export by
`export` before a function, class or const. Each becomes a function that returns what it exports,
so that names of one never meet another's. Other forms are refused rather than guessed at.
"""

from __future__ import annotations

import re
from pathlib import Path

IMPORT = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w.]+)";[ \t]*$', re.MULTILINE)
EXPORT = re.compile(
    r"^export\s+(?=(?:async\s+function|function|class|const)\s+(\w+))", re.MULTILINE
)
LEFT = re.compile(r"^\s*(?:import|export)\b.*$|\bimport\s*\(", re.MULTILINE)


def bundle(entry: Path) -> str:
    """Put a module and all that it needs into one script; `modules["main.js"]` has its exports.

    Raises:
        ValueError: a module imports or exports in another form, or modules need each other.
    """
    order: list[Path] = []
    _collect(entry, order, ())
    parts = ["const modules = {};"]
    for path in order:
        source, names = _as_function_body(path)
        body = f"{source}\nreturn {{ {', '.join(names)} }};"
        parts.append(f"modules[{path.name!r}] = (() => {{\n{body}\n}})();")
    return "\n".join(parts).replace("</script", "<\\/script")


def _collect(path: Path, order: list[Path], above: tuple[Path, ...]) -> None:
    if path in above:
        raise ValueError(f"{path.name} needs itself: {' > '.join(p.name for p in above)}")
    if path in order:
        return
    for _, other in IMPORT.findall(path.read_text(encoding="utf-8")):
        _collect(path.with_name(other), order, (*above, path))
    order.append(path)


def _as_function_body(path: Path) -> tuple[str, list[str]]:
    source = path.read_text(encoding="utf-8")
    names = EXPORT.findall(source)
    source = EXPORT.sub("", source)
    source = IMPORT.sub(lambda m: f"const {{{m[1]}}} = modules[{m[2]!r}];", source)
    if found := LEFT.search(source):
        raise ValueError(f"{path.name}: can't be bundled: {found[0].strip()!r}")
    return source, names
