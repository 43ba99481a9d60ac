"""Make ``data/hanbit`` and ``data/manifest.toml`` anew, after a change of the generator."""  # noqa: INP001 - a script

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from kcity_geo.config import read_table
from kcity_geo.demo.make import make_demo


def main() -> None:
    """Replace the town and list its files."""
    here = Path(__file__).parent
    town = here / "hanbit"
    shutil.rmtree(town, ignore_errors=True)
    make_demo(town, size="town", seed=7)
    table = read_table("demo")
    lines = [
        "# Every file of this folder. All of it is synthetic: made by kcity_geo, about a city that does not exist.",
        'title = "Hanbit (synthetic), town, seed 7"',
        "synthetic = true",
    ]
    for path in sorted(p for p in town.rglob("*") if p.is_file()):
        lines += [
            "",
            "[[file]]",
            f'path = "{path.relative_to(here).as_posix()}"',
            f'sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"',
            f"bytes = {path.stat().st_size}",
            f'licence = "{table["licence"]}"',
            f'date = "{table["date"][:10]}"',
            'url = "made by kcity_geo.demo.make"',
        ]
    (here / "manifest.toml").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
