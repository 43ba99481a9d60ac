"""Print the lowest versions that pyproject.toml declares, as constraints for pip."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement


def lowest(project: dict, extras: list[str]) -> list[str]:
    """Give ``name==version`` for each requirement with a lower bound."""
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    lines = []
    for text in wanted:
        requirement = Requirement(text)
        bounds = [s.version for s in requirement.specifier if s.operator in {">=", "=="}]
        if bounds:
            lines.append(f"{requirement.name}=={bounds[0]}")
    return sorted(lines)


if __name__ == "__main__":
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    sys.stdout.write("\n".join(lowest(table, sys.argv[1:])) + "\n")
