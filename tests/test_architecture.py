"""The house holds: the order of the rooms is checked by a tool, and the check can fail."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_order_of_the_rooms_holds() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("analysis/gaps/combine.py", "from kcity_geo.sources.local import vectors"),
        ("sources/local/vectors.py", "from kcity_geo.analysis.gaps import combine"),
        ("city.py", "from kcity_geo import cube"),
        ("analysis/gaps/combine.py", "import folium"),
        ("analysis/water/flood.py", "from kcity_geo.analysis.energy import grid"),
        ("analysis/terrain/relief.py", "from kcity_geo.analysis.network import graph"),
        ("sources/osm/tags.py", "from kcity_geo.sources.local import vectors"),
        ("planning/land_budget.py", "from kcity_geo.planning import concept"),
        ("planning/cost.py", "from kcity_geo.outputs import folder"),
        ("sources/products/tiles.py", "from kcity_geo.sources.pack import pack"),
        ("analysis/gaps/parts.py", "from kcity_geo.analysis.sites import rank"),
        ("demo/plan.py", "from kcity_geo.analysis.gaps import combine"),
        ("result.py", "from kcity_geo.analysis.gaps import combine"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path, file, planted) -> None:
    shutil.copytree(
        ROOT / "kcity_geo",
        tmp_path / "kcity_geo",
        ignore=shutil.ignore_patterns("__pycache__", "assets"),
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    target = tmp_path / "kcity_geo" / file
    target.write_text(target.read_text(encoding="utf-8") + f"\n{planted}\n", encoding="utf-8")
    assert lint_imports(tmp_path).returncode != 0


def imports_of(folder: Path) -> nx.DiGraph:
    """Which module of the package imports which, also inside functions; for type checkers only: not."""
    files = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (folder / "kcity_geo").rglob("*.py")
    }
    graph = nx.DiGraph()
    graph.add_nodes_from(files)
    for module, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        hidden = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for body in node.body
            for inner in ast.walk(body)
        }
        for node in ast.walk(tree):
            if node in hidden:
                continue
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                target = name if name in files else name.rpartition(".")[0]
                if target in files:
                    graph.add_edge(module, target)
    return graph


def circles(graph: nx.DiGraph) -> list[list[str]]:
    """Groups of modules that import each other, directly or by way of others."""
    return [sorted(g) for g in nx.strongly_connected_components(graph) if len(g) > 1]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = imports_of(ROOT)
    assert graph.number_of_edges() > 500  # the reader of imports found them
    assert circles(graph) == []
    assert list(nx.selfloop_edges(graph)) == []


@pytest.mark.parametrize(
    "planted",
    [
        "from kcity_geo.analysis.gaps import tables",
        "from kcity_geo.analysis.gaps.tables import city_table",
        "def later():\n    import kcity_geo.analysis.gaps.tables",
    ],
)
def test_a_planted_circle_of_two_files_is_found(tmp_path, planted) -> None:
    gaps = tmp_path / "kcity_geo" / "analysis" / "gaps"
    gaps.mkdir(parents=True)
    (gaps / "tables.py").write_text("from kcity_geo.analysis.gaps import parts\n", encoding="utf-8")
    (gaps / "parts.py").write_text(planted + "\n", encoding="utf-8")
    assert circles(imports_of(tmp_path)) == [
        ["kcity_geo.analysis.gaps.parts", "kcity_geo.analysis.gaps.tables"]
    ]


def test_no_file_mentions_a_registry_or_a_path_of_one_machine() -> None:
    if (ROOT / ".git").exists():
        tracked = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
    else:  # a copy without its history
        folders = ("benchmarks", "docs", "examples", "kcity_geo", "notebooks", "tests")
        found = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.is_file()]
        tracked = [
            p.relative_to(ROOT).as_posix()
            for p in [*found, *(p for p in ROOT.iterdir() if p.is_file())]
            if "_build" not in p.parts
        ]
    assert len(tracked) > 500
    words = ("/wo" + "rk/", "pypi" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org")
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".cff", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not [w for w in words if w in text], name
            assert not re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE), f"{name}: a merge is open"


def test_the_picture_of_the_house_is_the_real_one() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = text.split("```text\nkcity_geo/\n")[1].split("```")[0].splitlines()
    drawn, folder = {}, ""
    for line in lines:
        name, _, words = line.strip().partition(" ")
        deep = line.startswith("    ")
        folder = folder if deep else name
        drawn[f"{folder}{name}" if deep else name] = words.strip()
    real = {"tables/": drawn.get("tables/")}
    for place in ("", "analysis/", "sources/"):
        for path in (ROOT / "kcity_geo" / place).iterdir():
            inner = path / "__init__.py"
            if path.suffix != ".py" and not inner.is_file():
                continue
            if path.name != "__init__.py":
                tree = ast.parse((inner if path.is_dir() else path).read_text(encoding="utf-8"))
                about = str(ast.get_docstring(tree)).splitlines()[0]
                real[f"{place}{path.name}" + "/" * path.is_dir()] = about
    assert drawn == real, "draw the house in CONTRIBUTING.md anew"
