"""Every public function is reached: by the package itself, a row of a table or a public name."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import kcity_geo as kc

PACKAGE = Path(kc.__file__).parent
#: Finished parts of what is not put together yet; each leaves the list when something calls it.
WAITING = {
    "plan of a site, its economics and options": "known_profiles lorenz_curve levelised_cost "
    "sensitivity owner_gain futures no_regret compare_options schedule "
    "rule_of_half appraise_road park_rules",
}


def functions() -> Iterator[tuple[str, Path, ast.FunctionDef]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield node.name, path, node


def uses() -> dict[str, set[tuple[Path, int]]]:
    """Name -> places that read it; what only imports or lists it does not count."""
    found: dict[str, set[tuple[Path, int]]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(name, str):
                found.setdefault(name, set()).add((path, node.lineno))
    return found


def unreached() -> set[str]:
    read, named = uses(), set(kc.__all__)
    for module in pkgutil.walk_packages(kc.__path__, "kcity_geo."):
        if module.ispkg:
            named |= set(getattr(importlib.import_module(module.name), "__all__", ()))
    tables = "\n".join(p.read_text(encoding="utf-8") for p in (PACKAGE / "tables").rglob("*.toml"))
    rows = set(re.findall(r'function = "[\w.]+\.(\w+)"', tables))
    pages = "\n".join(p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.j2"))
    left = set()
    for name, path, node in functions():
        inside = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        elsewhere = {(p, line) for p, line in read.get(name, ()) if p != path or line not in inside}
        command = any("app." in ast.unparse(d) for d in node.decorator_list)
        if not (elsewhere or command or name in named | rows or re.search(rf"\b{name}\b", pages)):
            left.add(name)
    return left


def test_no_public_function_is_there_for_tests_alone() -> None:
    waiting = {name for names in WAITING.values() for name in names.split()}
    assert unreached() == waiting
