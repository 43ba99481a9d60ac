"""
Plant bugs one at a time in a copy of the package, and tell which tests see them.

Usage: python benchmarks/planted.py [--only WORD ...]

The bugs are rows of ``planted.toml``. A bug that no test sees is printed as LET THROUGH, one whose place is gone says
so, and the exit code is 1. Takes about half a minute a bug.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COPIED = (
    "kcity_geo",
    "tests",
    "docs",
    "examples",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)


def copied(folder: Path) -> None:
    """Copy what tests look at."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / name)


def seen_by(bug: dict[str, Any], folder: Path) -> str:
    """Plant one bug, run its tests, take it out again; give the first test that fails, or what is wrong."""
    file = folder / "kcity_geo" / bug["file"]
    sound = file.read_text(encoding="utf-8")
    if sound.count(bug["old"]) != 1:
        return "NO LONGER THERE: mend the row"
    file.write_text(sound.replace(bug["old"], bug["new"]), encoding="utf-8")
    try:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            *bug["tests"],
        ]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(sound, encoding="utf-8")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", run.stdout, re.MULTILINE)
    if run.returncode == 0:
        return "LET THROUGH"
    return (
        failed.group(1) if failed and run.returncode == 1 else f"NO TEST RAN: {run.stdout[-200:]}"
    )


def main() -> int:
    """Print a line a bug."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=[""], help="bugs whose id holds one of these words"
    )
    asked = parser.parse_args().only
    bugs = tomllib.loads((Path(__file__).parent / "planted.toml").read_text(encoding="utf-8"))[
        "bug"
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        for bug in bugs:
            if any(word in bug["id"] for word in asked):
                found = seen_by(bug, folder)
                wrong += found.startswith(("NO ", "LET"))
                print(f"{bug['id']}: {found}", flush=True)
    print(f"{wrong} let through or not there")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
