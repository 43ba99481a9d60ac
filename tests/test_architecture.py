"""The house holds: the order of the rooms is checked by a tool, and the check can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

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


def test_no_file_mentions_a_registry_or_a_path_of_one_machine() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    words = ("/wo" + "rk/", "pypi" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org")
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".txt", ".cff", ""} and path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not [w for w in words if w in text], name
